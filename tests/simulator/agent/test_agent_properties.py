"""Whatever happens to a scripted agent, what was read stays, and its accounts add up."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.simulator import ENVIRONMENT, Snapshot, World
from session_lab.simulator.model.records import StreamKey
from tests.strategies import replays

STEPS: list[Any] = [
    "a b",
    {"wait": "3ms"},
    {"tool": "t", "takes": "2ms", "output": 1},
    {"echo": True},
]
ENDS: list[Any] = [{"error": "e"}, {"crash": True}, "end"]

scripts = st.lists(
    st.builds(
        lambda upgrade, steps, end: [*upgrade, *steps, end],
        st.sampled_from([[], [], [{"upgrade": True}]]),
        st.lists(st.sampled_from(STEPS), max_size=3),
        st.sampled_from(ENDS),
    ),
    min_size=1,
    max_size=3,
)
happenings = st.lists(
    st.tuples(
        st.sampled_from(["message", "message", "stop", "stop", "write", "kill", "close", "start"]),
        st.integers(0, 5),
    ),
    max_size=14,
)
policies = st.builds(
    lambda turns, cap: sl.RunPolicy(
        idle_timeout="4ms",
        turn_timeout="8ms",
        max_turns=turns,
        max_duration=None if cap is None else timedelta(milliseconds=cap),
    ),
    st.integers(1, 4),
    st.none() | st.integers(1, 20),
)
platforms = st.builds(
    lambda boot, rate: sl.Platform(boot_time=timedelta(milliseconds=boot), crash_rate=rate),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.0, 0.3]),
)


OUT = StreamKey(ENVIRONMENT, "chat", "out")


def happen(world: World, what: str) -> None:
    if what == "start":
        world.start("chat")
    elif what == "message":
        world.append("chat", json.dumps({"kind": "message", "payload": {"message": "x y"}}))
    elif what == "stop":
        world.append("chat", json.dumps({"kind": "stop"}))
    elif what == "write":
        world.append("chat", "foreign", io="out")
    elif what == "kill":
        record = world.current_run("chat")
        if record is not None:
            world.cancel_run(record.run_id)
    else:
        world.close("chat")


@replays
@given(scripts, happenings, policies, platforms, st.integers(0, 2))
def test_what_was_read_stays_and_accounts_add_up(
    script: Any, history: list[tuple[str, int]], policy: Any, platform: Any, pace: int
):
    agent = sl.ScriptedAgent(script, pace=timedelta(milliseconds=pace))
    world = World(agent=agent, policy=policy, platform=platform)
    world.start("chat", trigger_config={"basePayload": {"message": "a b c"}})
    seen: list[Any] = []

    def look() -> None:
        records = list(world.records("chat"))
        assert records[: len(seen)] == seen
        assert [record.seq for record in records] == list(range(len(records)))
        assert world.tail(OUT).seq == len(records)
        assert list(world.stream_records(OUT, 2, 3)) == records[2:5]
        assert all(record.at <= world.now for record in records)
        ids = [record.part_id for record in records if record.part_id]
        assert len(ids) == len(set(ids))
        following = world.next_record_at(OUT)
        assert following is None or following > world.now
        seen[:] = records

    for what, passed in history:
        look()
        happen(world, what)
        look()
        world.clock.advance(timedelta(milliseconds=passed))
    copy = World()
    copy.restore(Snapshot.from_json(world.snapshot().to_json()))
    for one in (world, copy):
        one.clock.advance("1s")
    look()
    assert copy.records("chat") == world.records("chat")
    assert copy.snapshot().to_json() == world.snapshot().to_json()
    turns = world.turns("chat")
    for record in world.runs:
        own = [turn for turn in turns if turn.run_id == record.run_id]
        assert sum(turn.ended_at - turn.started_at for turn in own) == record.run.active
        assert all(turn.started_at <= turn.ended_at for turn in own)
        # One that its run was killed at the very start of has lasted no time, and is no turn here.
        assert record.run.turns - len(own) in (
            {0, 1} if record.run.end_cause == "cancelled" else {0}
        )
    live = [record for record in world.runs if record.run.ended_at is None]
    assert live == []
    spans = sorted((turn.started_at, turn.ended_at) for turn in turns)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
