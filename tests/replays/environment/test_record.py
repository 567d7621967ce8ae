"""Recording an environment over HTTP: what comes back is what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl
from session_lab.timing import instant_text, to_instant
from tests.environments import SECRET, World, play

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(6, 200))]
TURNS = ["external_id", "number", "arrived_at", "started_at", "ended_at", "waited", "start_kind"]
WAITS = ["external_id", "triggered_at", "number", "started_at", "suspended_at", "ended_at"]
ACCOUNTS = ["turns", "resumes", "active", "idle", "suspended"]
RUNS = ["external_id", "triggered_at", "ended_at", "reason", "end_cause", "status", *ACCOUNTS]
TOLD = ["started_at", "billed", "cost_in_cents", "base_cost_in_cents", "machine", "version"]


def rows(frame: pd.DataFrame, of: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return the rows of a frame in one order, with names in place of the ids of a world."""
    names = of.sessions.set_index("session_id")["external_id"]
    triggers = of.runs.set_index("run_id")["triggered_at"]
    frame = frame.copy()
    if "session_id" in frame:
        frame["external_id"] = frame["session_id"].map(names)
    if "triggered_at" in columns and "triggered_at" not in frame:
        frame["triggered_at"] = frame["run_id"].map(triggers)
    for name in ("cost_in_cents", "base_cost_in_cents"):
        if name in columns:
            frame[name] = frame[name].round(6)
    plain = frame.reindex(columns=columns).astype(object)
    plain = plain.where(plain.notna(), None)
    return sorted(plain.itertuples(index=False, name=None), key=repr)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_played_is_recorded_and_replays_as_it_did(seed: int, tmp_path: Path):
    world = World(seed)
    sim = world.simulator()
    with sim.client() as client:
        play(world.events, client, sim.clock.now, sim.clock.advance)
        # The server tells whole seconds.
        sim.clock.advance(f"{7 * 60_000 + 1000 - to_instant(sim.clock.now) % 1000}ms")
        recording = sl.record(client, folder=tmp_path, rate=None)
    now = instant_text(to_instant(sim.clock.now))

    replay = world.replay(until=now)
    truth = sl.Recording.of_replay(replay, world.events)
    assert rows(recording.turns, recording, TURNS) == rows(truth.turns, truth, TURNS)
    assert rows(recording.waits, recording, WAITS) == rows(truth.waits, truth, WAITS)
    assert rows(recording.runs, recording, RUNS + TOLD) == rows(truth.runs, truth, RUNS + TOLD)
    assert recording.observed_at == truth.observed_at == now

    again = world.replay(recording.events, until=now)
    assert rows(again.runs, again, RUNS) == rows(replay.runs, replay, RUNS)
    assert sl.read_recording(tmp_path).digest() == recording.digest()
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.iterdir())
