"""Replays against the same rules written as a SimPy simulation."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import session_lab as sl
from session_lab.frames import check_events, milliseconds
from session_lab.simulator import profile_named
from session_lab.traffic.engine.engine_frames import to_log
from session_lab.traffic.engine.engine_result import KINDS, NAT, NONE
from session_lab.traffic.engine.reference_engine import play
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.logs import DAY, MIDNIGHT, chats
from tests.oracles.simpy_model import Policy, simulate
from tests.strategies import events_frame, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from session_lab.traffic.engine.engine_result import EngineResult, Log

__all__ = [
    "BENCHMARKS",
    "as_log",
    "engine",
    "of_engine",
    "played_by_engine",
    "simpy_side",
    "whole_replay",
]

DEFAULT = Policy()
DEPLOYS = Policy(
    on_deploy="hand_over",
    idle_timeout=60_000,
    turn_timeout=1_800_000,
    max_turns=20,
    boot_time=2_500,
    resume_time=400,
    deploys=tuple(MIDNIGHT + hour * DAY // 24 for hour in (8, 11, 14, 17, 20)),
)

ACCOUNTS = ("active", "idle", "suspended")


@contextmanager
def whole_replay(policy: Policy, n_chats: int = 3_000) -> Iterator[tuple[Side, Side]]:
    """From an events frame to the frames of operations, sessions and runs."""
    events = chats(n_chats)
    frame, ours = events_frame(events), settings_of(policy)
    label = f"sl.replay, {len(events):,} events"
    yield Side(label, lambda: sl.replay(frame, **ours), _of_replay), simpy_side(events, policy)


@contextmanager
def engine(policy: Policy, n_chats: int = 3_000) -> Iterator[tuple[Side, Side]]:
    """The readable engine alone: from columns to columns."""
    events = chats(n_chats)
    log = as_log(events, policy)
    label = f"readable engine, {len(events):,} events"
    yield Side(label, partial(played_by_engine, log), of_engine), simpy_side(events, policy)


BENCHMARKS = (
    # With the making of frames, which the peer does not do; told, not required.
    Benchmark("replay-simpy", partial(whole_replay, DEFAULT), "B/A", None),
    Benchmark("replay-simpy-deploys", partial(whole_replay, DEPLOYS), "B/A", None),
    Benchmark("engine-simpy", partial(engine, DEFAULT), "B/A", 3),
    Benchmark("engine-simpy-deploys", partial(engine, DEPLOYS), "B/A", 3),
)


def as_log(events: list[dict[str, Any]], policy: Policy) -> Log:
    """Bring events into the columns that an engine plays."""
    return to_log(check_events(events_frame(events)), **settings_of(policy), seed=0)


def played_by_engine(log: Log) -> EngineResult:
    """Play a log to the end of every run."""
    return play(log, profile_named("2026-10"), until=None, progress=lambda _: None)


def simpy_side(events: list[dict[str, Any]], policy: Policy) -> Side:
    return Side("SimPy model", lambda: simulate(events, policy), _of_simpy)


def _of_simpy(made: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> dict[str, object]:
    operations, runs = made
    columns = ("status_code", "start_kind", "waited")
    return {
        **{name: [row[name] for row in operations] for name in columns},
        "runs": len(runs),
        **{name: sum(row[name] for row in runs) for name in ACCOUNTS},
    }


def of_engine(played: EngineResult) -> dict[str, object]:
    return {
        "status_code": played.status_code.tolist(),
        "start_kind": [None if code == NONE else KINDS[code] for code in played.start_kind],
        "waited": _with_none(played.waited),
        "runs": len(played.owner),
        **{name: int(getattr(played, name).sum()) for name in ACCOUNTS},
    }


def _of_replay(replay: sl.Replay) -> dict[str, object]:
    operations, runs = replay.operations, replay.runs
    kinds = operations["start_kind"].astype(object)
    return {
        "status_code": operations["status_code"].tolist(),
        "start_kind": kinds.where(kinds.notna(), None).tolist(),
        "waited": _with_none(milliseconds(operations["waited"])),
        "runs": len(runs),
        **{name: int(milliseconds(runs[name]).sum()) for name in ACCOUNTS},
    }


def _with_none(values: np.ndarray) -> list[int | None]:
    return [None if value == NAT else value for value in values.tolist()]
