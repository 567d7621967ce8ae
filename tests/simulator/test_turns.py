"""The turns of a session, one by one, as traces and channels show them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError
from session_lab.simulator import World
from tests.strategies import ORIGIN, histories, policies, replays, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy

POLICY = {"policy": sl.RunPolicy(idle_timeout="30s"), "platform": sl.Platform(turn_duration="5s")}


def play(events: list[dict[str, Any]], policy: Policy) -> World:
    """Ask a world what a history asks, and let everything end."""
    world = World(seed=3, now=ORIGIN, **settings_of(policy))
    for event in events:
        world.clock.advance_to(event["at"])
        key, turn = event["external_id"], event.get("turn_duration")
        given = {} if turn is None else {"turn_duration": timedelta(milliseconds=turn)}
        if event["op"] == "start":
            world.start(key, expires_at=event["expires_at"], **given)
        elif event["op"] == "message":
            world.message(key, **given)
        elif event["op"] == "close":
            world.close(key)
    world.clock.advance("1h")
    return world


@replays
@given(events=histories(), policy=policies)
def test_turns_add_up_to_the_accounts_of_their_runs(events: list[dict[str, Any]], policy: Policy):
    world = play(events, policy)
    turns = [turn for row in world.sessions for turn in world.turns(row.session_id)]
    for record in world.runs:
        own = [turn for turn in turns if turn.run_id == record.run_id]
        assert [turn.number for turn in own] == list(range(1, record.run.turns + 1))
        assert sum(turn.ended_at - turn.started_at for turn in own) == record.run.active
        assert all(turn.arrived_at <= turn.started_at <= turn.ended_at for turn in own)
        assert sum(turn.start_kind == "resumed" for turn in own) == record.run.resumes


@replays
@given(events=histories(), policy=policies, cancelled_after=st.integers(0, 40))
def test_a_run_that_is_ended_from_outside_shows_what_it_came_to(
    events: list[dict[str, Any]], policy: Policy, cancelled_after: int
):
    world = World(seed=3, now=ORIGIN, **settings_of(policy))
    for event in events:
        world.clock.advance_to(event["at"])
        if event["op"] == "start":
            world.start(event["external_id"])
        else:
            world.message(event["external_id"])
        if event["at"] - ORIGIN == cancelled_after:
            for record in world.runs:
                world.cancel_run(record.run_id)
    world.clock.advance("1h")
    turns = [turn for row in world.sessions for turn in world.turns(row.session_id)]
    for record in world.runs:
        own = [turn for turn in turns if turn.run_id == record.run_id]
        assert sum(turn.ended_at - turn.started_at for turn in own) == record.run.active


def test_without_a_policy_there_are_no_turns_and_out_stays_empty():
    world = World()
    world.start("chat")
    world.append("chat", "hello")
    assert world.turns("chat") == []
    assert world.records("chat") == ()


def test_a_turn_that_has_ended_says_so_on_out_and_which_record_it_answers():
    world = World(**POLICY)
    world.start("chat")
    sent = world.append("chat", '{"kind":"message"}')
    world.clock.advance("4999ms")
    assert world.records("chat") == ()
    world.clock.advance("1ms")
    (record,) = world.records("chat")
    assert (record.control, record.at) == ("turn-complete", world.now)
    assert ("session-in-event-id", str(sent.reply.seq)) in record.headers


def test_what_an_agent_writes_stands_behind_the_turns_that_had_ended():
    world = World(**POLICY)
    world.start("chat")
    world.append("chat", "one")
    world.clock.advance("6s")
    world.append("chat", "two")
    assert world.append("chat", "chunk", io="out").reply.seq == 1
    world.clock.advance("6s")
    shown = [(record.control, record.data) for record in world.records("chat")]
    assert shown == [("turn-complete", ""), (None, "chunk"), ("turn-complete", "")]


def test_reading_changes_nothing():
    world = World(**POLICY)
    world.start("chat")
    world.append("chat", "one")
    world.clock.advance("6s")
    digest = world.digest()
    assert len(world.records("chat")) == 1
    assert world.digest() == digest


def test_a_restored_world_goes_on_with_its_turns():
    world = World(**POLICY)
    world.start("chat")
    world.append("chat", "one")
    world.clock.advance("6s")
    world.append("chat", "chunk", io="out")
    world.append("chat", "two")
    text = world.snapshot().to_json()
    again = World()
    again.restore(type(world.snapshot()).from_json(text))
    for one in (world, again):
        one.clock.advance("6s")
    assert again.turns("chat") == world.turns("chat")
    assert again.records("chat") == world.records("chat")
    assert again.snapshot().to_json() == world.snapshot().to_json()


def test_a_crashed_turn_is_never_complete():
    world = World(policy=sl.RunPolicy(), platform=sl.Platform(turn_duration="5s", crash_rate=1.0))
    world.start("chat")
    world.message("chat")
    world.clock.advance("1m")
    assert [turn.is_complete for turn in world.turns("chat")] == [False]
    assert world.records("chat") == ()


def test_a_messages_payload_says_how_long_its_turn_lasts():
    world = World(**POLICY)
    world.start(
        "chat", trigger_config={"basePayload": {"message": {}, "sessionLabTurnDuration": "7s"}}
    )
    world.append("chat", '{"kind":"message","payload":{"sessionLabTurnDuration":"1500ms"}}')
    world.append("chat", '{"kind":"message","payload":{}}')
    lasting = [turn.ended_at - turn.started_at for turn in world.turns("chat")]
    assert lasting == [7_000, 1_500, 5_000]


@pytest.mark.parametrize("value", ['"5"', "5", "[]", '"-1s"', '"soon"'])
def test_a_payload_with_no_duration_there_is_refused_and_changes_nothing(value: str):
    world = World(**POLICY)
    world.start("chat")
    digest = world.digest()
    with pytest.raises(DataError, match="sessionLabTurnDuration"):
        world.append("chat", f'{{"payload":{{"sessionLabTurnDuration":{value}}}}}')
    assert world.digest() == digest
