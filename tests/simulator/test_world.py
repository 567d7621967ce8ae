"""What a world answers, what it keeps, and what it shows of its sessions, runs and channels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from session_lab.errors import DataError, SimulationError
from session_lab.simulator import Platform, RunPolicy, World
from session_lab.simulator.world.channels import PART_ID_LIFE
from session_lab.simulator.world.journal import to_line
from session_lab.wire.limits import MAX_RECORD_BYTES, record_bytes

OTHER = "env_other"


def a_world(**settings: Any) -> World:
    """Make a world; with settings its runs follow a policy of short times."""
    if not settings:
        return World(seed=1)
    assumed = {
        name: settings.pop(name, default)
        for name, default in (("turn_duration", "5ms"), ("boot_time", "0s"), ("deploys", ()))
    }
    short = {"idle_timeout": "10ms", "turn_timeout": "100ms", "on_deploy": "hand_over"}
    return World(seed=1, policy=RunPolicy(**short | settings), platform=Platform(**assumed))


def accounts(world: World) -> list[tuple[str, int, int | None, str, int]]:
    """Tell of each run its reason, its trigger and end since the world began, cause and turns."""
    began = world.journal[0].at
    return [
        (
            run.reason,
            run.triggered_at - began,
            None if run.ended_at is None else run.ended_at - began,
            run.end_cause,
            run.turns,
        )
        for run in (record.run for record in world.runs)
    ]


# Starting


def test_the_first_start_creates_the_session_and_its_run():
    world = a_world()
    entry = world.start(
        "chat",
        type="chat.agent",
        task_identifier="support",
        tags=["vip", "vip"],
        metadata={"plan": "pro"},
        expires_at="2026-01-02T00:00:00Z",
        trigger_config={"basePayload": {}},
    )
    assert (entry.reply.status_code, entry.reply.is_cached) == (201, False)
    row = world.session("chat")
    assert row is not None
    assert (row.session_id, row.external_id, row.type) == (entry.session_id, "chat", "chat.agent")
    assert (row.task_identifier, row.tags, row.metadata) == (
        "support",
        ("vip", "vip"),
        {"plan": "pro"},
    )
    assert (row.created_at, row.updated_at) == (world.now, world.now)
    assert row.expires_at == world.now + 86_400_000
    run = world.current_run("chat")
    assert run is not None
    assert (run.run_id, run.reason, run.run.status) == (entry.run_id, "initial", "PENDING")
    assert run.task_identifier == "support"


def test_a_later_start_finds_the_session_and_replaces_only_its_trigger_config():
    world = a_world()
    first = world.start("chat", type="a", tags=["old"], trigger_config={"basePayload": {"n": 1}})
    world.clock.advance("1s")
    again = world.start(
        "chat",
        type="b",
        task_identifier="other",
        tags=["new"],
        metadata={"new": True},
        expires_at=0,
        trigger_config={"basePayload": {"n": 2}},
    )
    assert (again.reply.status_code, again.reply.is_cached) == (200, True)
    assert (again.session_id, again.run_id) == (first.session_id, first.run_id)
    assert world.sessions == [
        again.before._replace(updated_at=world.now, trigger_config={"basePayload": {"n": 2}})
    ]


def test_starts_without_an_external_id_never_meet():
    world = a_world()
    entries = [world.start() for _ in range(3)]
    assert [entry.reply.status_code for entry in entries] == [201] * 3
    assert len({entry.session_id for entry in entries}) == 3


def test_environments_share_neither_external_ids_nor_sessions_nor_runs():
    world = a_world()
    here, there = world.start("chat"), world.start("chat", environment=OTHER)
    assert there.reply.status_code == 201
    assert here.session_id != there.session_id
    world.close("chat", environment=OTHER)
    assert world.session("chat").closed_at is None
    assert world.session(there.session_id) is None
    assert world.run(there.run_id) is None
    assert world.run(there.run_id, environment=OTHER).run_id == there.run_id
    assert world.retrieve(here.session_id, environment=OTHER).reply.status_code == 404


def test_a_session_answers_to_its_external_id_and_to_its_session_id():
    world = a_world()
    name = world.start("chat").session_id
    assert world.session("chat") == world.session(name)
    assert world.close(name).reply.status_code == 200
    assert world.session("chat").closed_at == world.now


def test_a_start_that_is_past_its_own_expiry_spends_the_external_id_and_triggers_nothing():
    world = a_world()
    entry = world.start("chat", expires_at=world.now - 1)
    assert (entry.reply.status_code, entry.run_id) == (409, None)
    assert world.session("chat").session_id == entry.session_id
    assert world.runs == []
    assert world.start("chat").reply.status_code == 409


def test_at_the_very_instant_of_its_expiry_a_session_is_still_open():
    world = a_world()
    world.start("chat", expires_at=world.now + 10)
    world.clock.advance("10ms")
    assert world.message("chat").reply.status_code == 200
    world.clock.advance("1ms")
    assert world.message("chat").reply.status_code == 400


@pytest.mark.parametrize("external_id", ["", "session_", "session_cmjuohs00000"])
def test_an_external_id_that_reads_like_the_apis_own_is_refused(external_id: str):
    world = a_world()
    with pytest.raises(DataError, match="session_"):
        world.start(external_id)
    assert world.sessions == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_session_ids_rise_with_creation_within_a_millisecond_and_beyond(seed: int):
    world = World(seed=seed)
    for _ in range(2):
        for _ in range(1_500):
            world.start()
            world.start(environment=OTHER)
        world.clock.advance("1ms")
    ids = [row.session_id for row in world.sessions]
    assert len(ids) == 2 * 2 * 1_500
    assert ids == sorted(set(ids))


# The profiles


@pytest.mark.parametrize("end", ["closed", "expired"])
@pytest.mark.parametrize(("profile", "rewrites"), [("2026-08", True), ("2026-10", False)])
def test_a_refused_start_rewrites_the_trigger_config_in_the_august_profile_only(
    end: str, profile: str, *, rewrites: bool
):
    world = World(profile=profile)
    expires_at = world.now if end == "expired" else None
    world.start("chat", expires_at=expires_at, trigger_config={"basePayload": {"n": 1}})
    if end == "closed":
        world.close("chat")
    world.clock.advance("1s")
    before = world.session("chat")
    refused = world.start("chat", tags=["new"], trigger_config={"basePayload": {"n": 2}})
    assert refused.reply.status_code == 409
    changed = {"trigger_config": {"basePayload": {"n": 2}}, "updated_at": world.now}
    assert world.session("chat") == before._replace(**changed if rewrites else {})
    assert len(world.runs) == 1


# Closing and updating


def test_a_close_is_final_and_keeps_its_first_reason():
    world = a_world()
    world.start("chat")
    closed_at = world.now
    world.close("chat", reason="done")
    row = world.session("chat")
    world.clock.advance("1s")
    assert world.close("chat", reason="again").reply.status_code == 200
    assert world.session("chat") == row
    assert (row.closed_at, row.closed_reason, row.updated_at) == (closed_at, "done", closed_at)


def test_a_close_cancels_no_run_without_a_policy():
    world = a_world()
    world.start("chat")
    world.close("chat")
    world.clock.advance("365d")
    assert world.current_run("chat").run.ended_at is None


def test_an_update_replaces_tags_and_metadata_even_of_a_closed_session():
    world = a_world()
    world.start("chat", tags=["a", "b"], metadata={"x": 1, "y": 2})
    world.close("chat")
    world.clock.advance("1s")
    world.update("chat", {"tags": ["c"], "metadata": None, "external_id": "chat"})
    row = world.session("chat")
    assert (row.tags, row.metadata, row.updated_at) == (("c",), None, world.now)


def test_an_update_of_nothing_leaves_the_row_alone():
    world = a_world()
    world.start("chat")
    before = world.session("chat")
    world.clock.advance("1s")
    assert world.update("chat", {}).reply.status_code == 200
    assert world.session("chat") == before


@pytest.mark.parametrize("external_id", ["other", None])
def test_an_update_cannot_give_a_session_another_external_id(external_id: str | None):
    world = a_world()
    world.start("chat", tags=["a"])
    before = world.session("chat")
    entry = world.update("chat", {"external_id": external_id, "tags": ["b"]})
    assert entry.reply.status_code == 422
    assert world.session("chat") == before


@pytest.mark.parametrize("op", ["message", "append", "update", "close", "retrieve", "hand over"])
@pytest.mark.parametrize("key", ["nobody", "session_nobody"])
def test_what_was_never_started_is_missing_and_stays_so(op: str, key: str):
    world = a_world()
    ask = {
        "message": lambda: world.message(key),
        "append": lambda: world.append(key, "hello"),
        "update": lambda: world.update(key, {"tags": []}),
        "close": lambda: world.close(key),
        "retrieve": lambda: world.retrieve(key),
        "hand over": lambda: world.end_and_continue(key, calling_run_id="run_x", reason="manual"),
    }
    assert ask[op]().reply.status_code == 404
    assert (world.sessions, world.runs, world.records(key)) == ([], [], ())
    assert (world.session(key), world.current_run(key), world.run("run_x")) == (None, None, None)


# Channels


def test_each_channel_counts_its_records_from_nothing():
    world = a_world()
    world.start("a")
    world.start("b")
    seqs = [
        world.append(key, "x", io=io).reply.seq
        for key, io in [("a", "in"), ("a", "in"), ("a", "out"), ("b", "in"), ("a", "in")]
    ]
    assert seqs == [0, 1, 0, 0, 2]


def test_one_channel_is_written_and_read_under_either_id():
    world = a_world()
    name = world.start("chat").session_id
    world.append("chat", "one")
    world.clock.advance("1s")
    world.append(name, "two")
    records = world.records("chat", io="in")
    assert records == world.records(name, io="in")
    assert [(record.data, record.at) for record in records] == [
        ("one", world.now - 1_000),
        ("two", world.now),
    ]
    assert world.records("chat") == ()
    assert world.records(name, io="in", environment=OTHER) == ()


def test_a_part_id_within_five_minutes_stores_nothing_and_at_five_minutes_stores_again():
    world = a_world()
    world.start("chat")
    assert world.append("chat", "one", part_id="p").reply.seq == 0
    world.clock.advance_to(world.now + PART_ID_LIFE - 1)
    repeat = world.append("chat", "again", part_id="p")
    assert (repeat.reply.status_code, repeat.reply.seq) == (200, None)
    world.clock.advance("1ms")
    assert world.append("chat", "two", part_id="p").reply.seq == 1
    world.clock.advance("4m")
    assert world.append("chat", "again", part_id="p").reply.seq is None
    assert [record.data for record in world.records("chat", io="in")] == ["one", "two"]


def test_a_part_id_is_known_by_channel():
    world = a_world()
    world.start("a")
    world.start("a", environment=OTHER)
    world.start("b")
    places = itertools.product(["a"], ["in", "out"], ["env_lab", OTHER])
    for key, io, environment in [*places, ("b", "in", "env_lab")]:
        entry = world.append(key, "x", io=io, part_id="p", environment=environment)
        assert entry.reply.seq == 0


def test_records_without_a_part_id_are_all_stored_under_ids_of_their_own():
    world = a_world()
    world.start("chat")
    for _ in range(50):
        world.append("chat", "same")
    assert len({record.part_id for record in world.records("chat", io="in")}) == 50


def test_a_repeated_part_id_still_makes_sure_that_a_run_lives():
    world = a_world()
    dead = world.start("chat").run_id
    world.append("chat", "x", part_id="p")
    world.set_run_status(dead, "CRASHED")
    repeat = world.append("chat", "x", part_id="p")
    assert (repeat.reply.seq, world.current_run("chat").reason) == (None, "continuation")
    assert repeat.run_id not in {dead, None}


def test_a_record_over_the_limit_is_refused_claims_no_part_id_and_is_no_turn():
    world = a_world(boot_time="0ms")
    world.start("chat")
    room = MAX_RECORD_BYTES - record_bytes("", "p")
    refused = world.append("chat", "x" * (room + 1), part_id="p")
    assert refused.reply.status_code == 413
    assert str(MAX_RECORD_BYTES + 1) in refused.reply.error
    assert world.append("chat", "x" * room, part_id="p").reply.seq == 0
    world.clock.advance("1h")
    assert accounts(world) == [("initial", 0, 5 + 10 + 100, "turn_timeout", 1)]


@pytest.mark.parametrize("op", ["read", "refused append"])
def test_what_writes_no_record_makes_no_channel(op: str):
    world = a_world()
    world.start("chat")
    fork = world.fork()
    if op == "read":
        world.records("chat")
        assert world.digest() == fork.digest()
    else:
        world.append("chat", "x" * (MAX_RECORD_BYTES + 1))
        assert [difference.kind for difference in world.diff(fork)] == ["request"]


@pytest.mark.parametrize("end", ["closed", "expired"])
def test_nothing_can_be_appended_to_a_session_that_is_over(end: str):
    for profile, status_code in [("2026-08", 400), ("2026-10", 409)]:
        world = World(profile=profile)
        world.start("chat", expires_at=world.now if end == "expired" else None)
        world.clock.advance("1ms")
        if end == "closed":
            world.close("chat")
        for io in ("in", "out"):
            entry = world.append("chat", "x", io=io)
            assert entry.reply.status_code == (400 if end == "expired" else status_code)
            assert world.records("chat", io=io) == ()


def test_control_records_count_like_all_others_and_claim_no_part_id():
    world = a_world()
    world.start("chat")
    world.close("chat")
    headers = {"session-in-event-id": "4"}
    seqs = [world.write_control("chat", "turn-complete", headers).reply.seq for _ in range(2)]
    assert seqs == [0, 1]
    (first, second) = world.records("chat")
    assert first._replace(seq=1) == second
    assert (first.data, first.part_id, first.control) == ("", "", "turn-complete")
    assert first.headers == (("trigger-control", "turn-complete"), ("session-in-event-id", "4"))
    assert world.records("chat", io="in") == ()


def test_a_control_record_needs_a_session():
    with pytest.raises(SimulationError, match="nobody"):
        a_world().write_control("nobody", "turn-complete")


# Reading lists


def test_the_newest_sessions_and_runs_of_an_environment_come_first():
    world = a_world()
    entries = []
    for name in ("a", "b", "c"):
        entries.append(world.start(name))
        world.start(name, environment=OTHER)
        world.clock.advance("1ms")
    names = [row.external_id for row in world.newest_sessions()]
    assert names == ["c", "b", "a"]
    ids = [entry.run_id for entry in reversed(entries)]
    assert [record.run_id for record in world.newest_runs()] == ids
    by = world.now - 2
    assert [row.external_id for row in world.newest_sessions(by=by)] == names[1:]
    assert [record.run_id for record in world.newest_runs(by=by)] == ids[1:]
    assert len(world.newest_sessions(environment="env_empty")) == 0
    assert list(world.newest_runs(environment="env_empty")) == []


def test_lists_of_a_restored_world_go_on_where_those_of_the_snapshot_stood():
    world = a_world(max_turns=1)
    world.start("a")
    world.message("a")
    world.message("a")
    snapshot = world.snapshot()
    world.start("lost")
    world.restore(snapshot)
    world.start("b")
    world.clock.advance("5ms")
    assert [row.external_id for row in world.newest_sessions()] == ["b", "a"]
    triggers = [record.run.triggered_at for record in world.newest_runs()]
    assert len(triggers) == 3
    assert triggers == sorted(triggers, reverse=True)


# Runs without a policy


def test_without_a_policy_a_run_lives_until_it_is_ended_from_outside():
    world = a_world()
    first = world.start("chat").run_id
    world.clock.advance("365d")
    assert world.append("chat", "x").run_id == first
    world.set_run_status(first, "COMPLETED_SUCCESSFULLY")
    second = world.append("chat", "x").run_id
    assert second != first
    assert [record.run.status for record in world.runs] == ["COMPLETED_SUCCESSFULLY", "PENDING"]
    assert [record.reason for record in world.runs] == ["initial", "continuation"]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("COMPLETED_SUCCESSFULLY", ""),
        ("COMPLETED_WITH_ERRORS", ""),
        ("INTERRUPTED", ""),
        ("CANCELED", "cancelled"),
        ("CRASHED", "crash"),
        ("SYSTEM_FAILURE", "crash"),
        ("EXPIRED", ""),
        ("TIMED_OUT", "max_duration"),
    ],
)
def test_a_final_status_ends_the_run_and_the_next_append_triggers_another(status: str, cause: str):
    world = a_world()
    run_id = world.start("chat").run_id
    world.clock.advance("1s")
    forced = world.set_run_status(run_id, status)
    assert [(event.event, event.run_id, event.at) for event in forced.events] == [
        ("run_ends", run_id, world.now)
    ]
    run = world.run(run_id).run
    assert (run.status, run.ended_at, run.end_cause) == (status, world.now, cause)
    assert world.append("chat", "x", io="out").run_id != run_id


@pytest.mark.parametrize(
    "status", ["DELAYED", "DEQUEUED", "EXECUTING", "WAITING_TO_RESUME", "PAUSED", "BRAND_NEW"]
)
def test_any_other_status_leaves_the_run_alive_or_revives_it(status: str):
    world = a_world()
    run_id = world.start("chat").run_id
    for _ in range(2):
        assert world.set_run_status(run_id, status).events == ()
        run = world.run(run_id).run
        assert (run.status, run.ended_at, run.end_cause) == (status, None, "open")
        assert world.message("chat").run_id == run_id
        world.set_run_status(run_id, "CRASHED")


def test_a_run_that_is_not_there_cannot_be_forced():
    world = a_world()
    with pytest.raises(SimulationError, match="run_nobody"):
        world.set_run_status("run_nobody", "CRASHED")
    assert len(world.journal) == 0


def test_a_run_is_told_what_the_trigger_config_says_when_it_is_triggered():
    world = a_world()
    config = {
        "basePayload": {"chat": 1, "message": "hi", "messages": [], "trigger": "submit-message"},
        "idleTimeoutInSeconds": 60,
        "machine": "micro",
        "queue": "",
        "region": "",
        "tags": ["chat:1", " "],
        "maxAttempts": 3,
    }
    first = world.start("chat", trigger_config=config)
    name = first.session_id
    run = world.run(first.run_id)
    assert run.payload == config["basePayload"] | {"idleTimeoutInSeconds": 60, "sessionId": name}
    assert run.options == {"machine": "micro", "maxAttempts": 3, "tags": ["chat:1", " "]}
    world.start("chat", trigger_config={"basePayload": {"message": "x", "n": 2}, "queue": "slow"})
    assert world.run(first.run_id) == run
    world.set_run_status(first.run_id, "CRASHED")
    run = world.run(world.message("chat").run_id)
    assert run.payload == {
        "n": 2,
        "sessionId": name,
        "continuation": True,
        "previousRunId": first.run_id,
    }
    assert run.options == {"queue": {"name": "slow"}}


def test_every_run_that_one_turn_triggers_follows_the_one_before_it():
    deploy = "2026-01-01T00:00:00.007Z"
    world = a_world(max_turns=1, boot_time="4ms", deploys=[deploy])
    world.start("chat", turn_duration="0ms")
    moved = world.message("chat")
    assert [event.cause for event in moved.events if event.event == "run_triggered"] == [
        "continuation",
        "upgrade",
    ]
    world.clock.advance("1h")
    ids = [record.run_id for record in world.runs]
    assert [record.payload.get("previousRunId") for record in world.runs] == [None, *ids[:-1]]


def test_a_cancelled_run_is_over_and_one_that_has_ended_stays_as_it_was():
    world = a_world()
    run_id = world.start("chat").run_id
    assert world.cancel_run(run_id, environment=OTHER) is None
    assert world.cancel_run("run_nobody") is None
    for _ in range(2):
        entry = world.cancel_run(run_id)
        assert (entry.reply.status_code, entry.run_id) == (200, run_id)
        run = world.run(run_id).run
        assert (run.status, run.end_cause) == ("CANCELED", "cancelled")
        assert run.ended_at == world.journal[1].at
        world.clock.advance("1s")
    crashed = world.message("chat").run_id
    world.set_run_status(crashed, "CRASHED")
    world.cancel_run(crashed)
    assert world.run(crashed).run.status == "CRASHED"


def test_under_a_policy_a_cancelled_run_keeps_what_it_had_served():
    world = a_world(max_turns=9)
    run_id = world.start("chat", turn_duration="20ms").run_id
    world.clock.advance("7ms")
    world.cancel_run(run_id)
    world.clock.advance("1h")
    assert accounts(world) == [("initial", 0, 7, "cancelled", 1)]
    assert world.run(run_id).run.active == 7


# Handing over


def test_a_hand_over_from_the_current_run_wins_and_leaves_the_old_run_to_end_by_itself():
    world = a_world()
    old = world.start("chat").run_id
    world.clock.advance("1s")
    entry = world.end_and_continue("chat", calling_run_id=old, reason="upgrade")
    assert (entry.reply.status_code, entry.reply.swapped) == (200, True)
    current = world.current_run("chat")
    assert (current.run_id, current.reason) == (entry.run_id, "upgrade")
    assert current.payload["previousRunId"] == old
    assert world.run(old).run.ended_at is None
    assert world.session("chat").updated_at == world.now
    assert world.message("chat").run_id == entry.run_id


def test_a_hand_over_from_another_run_loses_and_its_run_stays_visible_cancelled():
    world = a_world()
    world.start("other")
    caller = world.current_run("other").run_id
    current = world.start("chat").run_id
    before = world.session("chat")
    world.clock.advance("1s")
    entry = world.end_and_continue("chat", calling_run_id=caller, reason="upgrade")
    assert (entry.reply.swapped, entry.run_id) == (False, current)
    assert world.session("chat") == before
    lost = world.runs[-1]
    assert (lost.reason, lost.run.status, lost.run.ended_at) == (None, "CANCELED", world.now)
    assert lost.payload["previousRunId"] == caller
    assert world.current_run("chat").run_id == current


@pytest.mark.parametrize(
    ("reason", "label"), [("initial", "initial"), ("upgrade", "upgrade"), ("why not", "manual")]
)
def test_a_swap_is_recorded_by_a_reason_that_the_platform_knows(reason: str, label: str):
    world = a_world()
    old = world.start("chat").run_id
    world.end_and_continue("chat", calling_run_id=old, reason=reason)
    assert world.current_run("chat").reason == label


def test_a_hand_over_needs_an_open_session_and_a_run_of_the_environment():
    world = a_world()
    world.start("chat", expires_at=world.now + 1)
    world.start("there", environment=OTHER)
    elsewhere = world.current_run("there", environment=OTHER).run_id
    here = world.current_run("chat").run_id

    def end_and_continue(caller: str) -> tuple[int, str | None]:
        reply = world.end_and_continue("chat", calling_run_id=caller, reason="manual").reply
        return reply.status_code, reply.error

    assert end_and_continue(elsewhere) == (404, "callingRunId not found in this environment")
    world.clock.advance("2ms")
    assert end_and_continue(here) == (400, "Cannot end-and-continue an expired session")
    world.close("chat")
    assert end_and_continue(here) == (400, "Cannot end-and-continue a closed session")
    assert len(world.runs) == 2


def test_a_session_without_a_run_cannot_be_handed_over():
    world = a_world()
    caller = world.start("other").run_id
    world.trigger_fault = "throw"
    world.start("chat")
    world.trigger_fault = None
    entry = world.end_and_continue("chat", calling_run_id=caller, reason="manual")
    assert (entry.reply.status_code, world.current_run("chat")) == (500, None)


def test_under_a_policy_the_old_run_ends_when_it_has_served_what_it_accepted():
    world = a_world(max_turns=9)
    old = world.start("chat").run_id
    world.message("chat")
    world.clock.advance("2ms")
    world.end_and_continue("chat", calling_run_id=old, reason="upgrade")
    world.clock.advance("1h")
    assert accounts(world) == [
        ("initial", 0, 5, "upgrade", 1),
        ("upgrade", 2, 2 + 10 + 100, "turn_timeout", 0),
    ]


def test_a_hand_over_does_not_change_an_end_that_was_fixed_before():
    world = a_world(max_turns=1)
    old = world.start("chat").run_id
    world.message("chat")
    entry = world.end_and_continue("chat", calling_run_id=old, reason="upgrade")
    assert [(event.event, event.run_id) for event in entry.events] == [
        ("run_triggered", entry.run_id)
    ]
    world.clock.advance("5ms")
    assert accounts(world)[0] == ("initial", 0, 5, "max_turns", 1)


# Runs under a policy


def test_under_a_policy_a_record_on_in_is_a_turn_unless_it_is_a_stop():
    world = a_world(max_turns=9)
    world.start("chat")
    turn = world.append("chat", '{"kind": "message"}')
    assert (turn.reply.start_kind, turn.reply.start) == ("warm", world.now)
    for io, data in [("in", '{"kind": "stop"}'), ("out", "hello")]:
        assert world.append("chat", data, io=io).reply.start_kind is None
    assert world.append("chat", "not JSON").reply.start_kind == "queued"
    world.clock.advance("1h")
    assert world.run(turn.run_id).run.turns == 2


def test_a_repeated_part_id_is_no_second_turn():
    world = a_world(max_turns=9)
    world.start("chat")
    world.append("chat", "hello", part_id="p")
    assert world.append("chat", "hello", part_id="p").reply.start_kind is None
    world.clock.advance("1h")
    assert accounts(world) == [("initial", 0, 5 + 10 + 100, "turn_timeout", 1)]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"message": {"text": "hi"}}, "initial"),
        ({"message": None}, "initial"),
        ({"trigger": "submit-message"}, "initial"),
        ({"trigger": "preload"}, None),
        ({}, None),
    ],
)
def test_a_create_whose_payload_has_a_message_carries_a_turn(
    payload: dict[str, Any], kind: str | None
):
    world = a_world(max_turns=9)
    config = {"basePayload": payload}
    assert world.start("chat", trigger_config=config).reply.start_kind == kind
    assert world.start("chat", trigger_config=config).reply.start_kind is None
    plain = a_world().start("chat", trigger_config=config)
    assert (plain.reply.status_code, plain.reply.start_kind) == (201, None)


def test_the_trigger_config_overrides_idle_timeout_and_max_duration():
    world = a_world(turn_duration="3s")
    world.start("a", trigger_config={"basePayload": {}, "idleTimeoutInSeconds": 2})
    world.start("b", trigger_config={"basePayload": {}, "maxDuration": 1})
    world.message("b")
    world.clock.advance("1h")
    assert accounts(world) == [
        ("initial", 0, 2_000 + 100, "turn_timeout", 0),
        ("initial", 0, 1_000, "max_duration", 1),
    ]


def test_a_later_trigger_config_holds_for_later_runs_and_leaves_the_living_one_alone():
    world = a_world(turn_duration="3s", turn_timeout="10s")
    world.start("chat", trigger_config={"basePayload": {}, "idleTimeoutInSeconds": 60})
    world.message("chat")
    world.clock.advance("30s")
    again = world.start("chat", trigger_config={"basePayload": {}, "maxDuration": 1})
    assert world.current_run("chat").run_id == again.run_id
    assert world.message("chat").reply.start_kind == "warm"
    world.clock.advance("1h")
    assert world.message("chat").reply.start_kind == "continuation"
    world.clock.advance("1h")
    assert accounts(world) == [
        ("initial", 0, 33_000 + 60_000 + 10_000, "turn_timeout", 2),
        ("continuation", 3_630_000, 3_631_000, "max_duration", 1),
    ]


def test_a_run_to_which_a_deploy_moves_a_turn_keeps_what_held_for_the_run_before():
    deploy = "2026-01-01T00:00:10Z"
    world = a_world(turn_duration="3s", deploys=[deploy])
    world.start("chat", trigger_config={"basePayload": {}, "idleTimeoutInSeconds": 60})
    world.clock.advance("20s")
    world.start("chat", trigger_config={"basePayload": {}, "maxDuration": 1})
    assert world.message("chat").reply.start_kind == "upgrade"
    world.clock.advance("1h")
    assert accounts(world)[1] == ("upgrade", 20_000, 83_100, "turn_timeout", 1)


def test_a_refused_start_that_rewrites_the_trigger_config_wakes_no_dead_run():
    world = World(profile="2026-08", policy=RunPolicy(idle_timeout="1s", turn_timeout="1s"))
    world.start("chat", expires_at=world.now)
    world.clock.advance("10s")
    before = world.runs
    config = {"basePayload": {}, "idleTimeoutInSeconds": 60}
    assert world.start("chat", trigger_config=config).reply.status_code == 409
    assert world.runs == before


def test_a_run_that_lies_ahead_shows_and_touches_its_session_only_when_its_time_comes():
    world = a_world(max_turns=1)
    first = world.start("chat").run_id
    began = world.now
    world.message("chat")
    ahead = world.message("chat")
    assert ahead.reply.start == began + 5
    assert (world.run(ahead.run_id), len(world.runs)) == (None, 1)
    assert world.current_run("chat").run_id == first
    with pytest.raises(SimulationError, match="there is no run"):
        world.set_run_status(ahead.run_id, "CRASHED")
    world.clock.advance("4ms")
    assert world.session("chat").updated_at == began
    world.clock.advance("1ms")
    assert world.current_run("chat").run_id == ahead.run_id
    assert world.session("chat").updated_at == began + 5


def test_under_a_policy_runs_can_be_ended_but_not_moved_from_outside():
    world = a_world(max_turns=9)
    run_id = world.start("chat").run_id
    world.message("chat")
    world.message("chat")
    world.clock.advance("7ms")
    with pytest.raises(SimulationError, match="EXECUTING"):
        world.set_run_status(run_id, "EXECUTING")
    forced = world.set_run_status(run_id, "CRASHED")
    assert [(event.at, event.cause) for event in forced.events] == [(world.now, "crash")]
    run = world.run(run_id).run
    assert (run.turns, run.active, run.idle) == (2, 7, 0)
    world.clock.advance("1h")
    assert world.run(run_id).run == run
    assert world.message("chat").reply.start_kind == "continuation"


def test_an_end_forced_before_the_one_that_was_fixed_is_told_by_the_journal():
    world = a_world(max_turns=1)
    run_id = world.start("chat").run_id
    fixed = world.message("chat").events
    world.clock.advance("2ms")
    forced = world.set_run_status(run_id, "CANCELED").events
    assert [(event.cause, event.at - world.now) for event in (*fixed, *forced)] == [
        ("max_turns", 3),
        ("cancelled", 0),
    ]


def test_the_runs_of_a_policy_end_by_time_alone():
    world = a_world(max_turns=9)
    run_id = world.start("chat").run_id
    statuses = []
    for step in ("0ms", "9ms", "1ms", "99ms", "1ms"):
        world.clock.advance(step)
        statuses.append(world.run(run_id).run.status)
    assert statuses == [
        "EXECUTING",
        "EXECUTING",
        "WAITING_TO_RESUME",
        "WAITING_TO_RESUME",
        "COMPLETED_SUCCESSFULLY",
    ]


# When triggers of runs fail


@pytest.mark.parametrize(("fault", "status_code"), [("svc_error", 422), ("throw", 500)])
def test_a_start_whose_run_fails_leaves_a_row_and_the_next_start_triggers_a_continuation(
    fault: str, status_code: int
):
    world = a_world()
    world.trigger_fault = fault
    config = {"basePayload": {"message": "hi"}}
    failed = world.start("chat", trigger_config=config)
    assert (failed.reply.status_code, failed.run_id) == (status_code, None)
    assert world.session("chat").session_id == failed.session_id
    assert (world.current_run("chat"), world.runs) == (None, [])
    assert world.start("chat", trigger_config=config).reply.status_code == status_code

    world.trigger_fault = None
    again = world.start("chat", trigger_config=config)
    assert (again.reply.status_code, again.reply.is_cached) == (200, True)
    run = world.run(again.run_id)
    assert run.reason == "continuation"
    assert run.payload == {"message": "hi", "sessionId": failed.session_id}


def test_a_failing_trigger_disturbs_nobody_whose_run_lives():
    world = a_world()
    run_id = world.start("chat").run_id
    world.trigger_fault = "throw"
    assert world.start("chat").run_id == run_id
    assert world.message("chat").run_id == run_id
    assert world.append("chat", "x").reply.seq == 0


@pytest.mark.parametrize("policy", [{}, {"max_turns": 9}])
def test_an_append_hides_that_its_run_failed_and_stores_the_record(policy: dict[str, Any]):
    world = a_world(**policy)
    world.set_run_status(world.start("chat").run_id, "CRASHED")
    world.trigger_fault = "svc_error"
    hidden = world.append("chat", "hello")
    assert (hidden.reply.status_code, hidden.reply.seq, hidden.run_id) == (200, 0, None)
    assert world.message("chat").reply.status_code == 200
    assert len(world.runs) == 1
    world.trigger_fault = None
    assert world.append("chat", "again").reply.seq == 1
    assert [record.reason for record in world.runs] == ["initial", "continuation"]


def test_a_hand_over_whose_run_fails_changes_nothing():
    world = a_world()
    run_id = world.start("chat").run_id
    world.trigger_fault = "svc_error"
    before = world.fork()
    entry = world.end_and_continue("chat", calling_run_id=run_id, reason="manual")
    assert entry.reply.status_code == 500
    assert [difference.kind for difference in before.diff(world)] == ["request"]


# The journal


def test_the_journal_tells_what_was_asked_answered_and_set_off():
    world = World(seed=1, platform=Platform(turn_duration="1s", boot_time="2s"))
    first = world.start("chat", tags=["a"], turn_duration="3s")
    world.clock.advance("1s")
    world.message("chat")
    world.close("chat", reason="bye")
    assert [entry.seq for entry in world.journal] == [0, 1, 2]
    assert [entry.op for entry in world.journal] == ["start", "message", "close"]
    assert to_line(world.journal[0]) == (
        '{"seq":0,"at":"2026-01-01T00:00:00.000Z","op":"start","external_id":"chat",'
        '"environment":"env_lab","tags":["a"],"turn_duration":3000,"status_code":201,'
        f'"is_cached":false,"session_id":"{first.session_id}","run_id":"{first.run_id}",'
        '"start_kind":"initial","waited":2000,"events":[{"event":"run_triggered",'
        f'"run_id":"{first.run_id}","at":"2026-01-01T00:00:00.000Z","cause":"initial"}}]}}'
    )
    assert '"start_kind":"queued","waited":4000,"events":[]' in to_line(world.journal[1])
    assert '"at":"2026-01-01T00:00:06.000Z","cause":"session_closed"' in to_line(world.journal[2])


def test_reading_a_world_is_no_request():
    world = a_world()
    run_id = world.start("chat").run_id
    digest = world.digest()
    assert world.sessions == [world.session("chat")]
    assert world.runs == [world.run(run_id)] == [world.current_run("chat")]
    assert world.records("chat") == ()
    assert world.explain(world.journal[0]).startswith("201: ")
    assert (len(world.journal), world.digest()) == (1, digest)


def test_a_world_shows_how_much_it_holds():
    world = a_world()
    world.start("chat")
    world.message("chat")
    assert repr(world) == (
        "World(seed=1, now='2026-01-01T00:00:00.000Z', 1 sessions, 1 runs, 2 requests)"
    )
