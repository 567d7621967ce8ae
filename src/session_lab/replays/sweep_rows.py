"""The rows of a sweep: one policy played, and what comes of it in numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.frames import NAT
from session_lab.replays.grid import durations
from session_lab.traffic.engine.slots import SlotLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.analysis import churn
    from session_lab.simulator import Timings
    from session_lab.traffic.columnar import GroupedLog, Outcome, SweptLog
    from session_lab.traffic.coupled import LimitedOutcome

    Job = Callable[[Any, "Point"], dict[str, float]]

__all__ = [
    "Point",
    "measure",
    "measures",
    "outcome_of",
    "play_limited",
    "priced_columns",
    "row_of",
    "under_limits",
]

_TIMES = ("wait_mean", "wait_p50", "wait_p95", "wait_p99", "billed", "idle", "suspended")
_QUEUED = ("queued_p95", "queued_p99")


class Point(NamedTuple):
    """One policy of the grid as numbers; no expiry is the recorded one, and NAT is none at all."""

    timings: tuple[Timings, ...]
    expiry: int | None
    until: int | None
    limit: int | None = None


def measure(log: SweptLog, point: Point) -> dict[str, float]:
    """Play one policy, and keep the numbers of its row."""
    return row_of(outcome_of(log, point))


def outcome_of(log: SweptLog, point: Point) -> Outcome:
    """Play one policy."""
    if point.expiry is not None:
        log = log.expiring(point.expiry)
    return log.outcome(point.timings, until=point.until)


def measure_limited(log: GroupedLog, point: Point) -> dict[str, float]:
    """Play one policy under its limit, and keep the numbers of its row."""
    limited = play_limited(log, point)
    return {
        **row_of(limited.outcome),
        "peak_executing": limited.peak,
        "waited_for_slot": limited.waited_share,
        "queued_p95": limited.wait_for_slot(0.95),
        "queued_p99": limited.wait_for_slot(0.99),
        "drained": limited.drained,
        "at_once": limited.at_once,
    }


def play_limited(log: GroupedLog, point: Point) -> LimitedOutcome:
    """Play one policy under its limit."""
    from session_lab.traffic.coupled import play_outcome  # noqa: PLC0415  it loads numba

    if point.expiry is not None:
        log = log.expiring(point.expiry)
    limits = SlotLimits.of_one_task(point.limit, len(log.session))
    return play_outcome(log, point.timings, limits, until=point.until)


def under_limits(
    play: Callable[[Job, list[Point]], list[dict[str, float]]], points: list[Point]
) -> list[dict[str, float]]:
    """Play each policy without a limit, and then under those that it reaches."""
    free = list(dict.fromkeys(point._replace(limit=None) for point in points))
    without = dict(zip(free, play(measure_limited, free), strict=True))
    reached = [
        point
        for point in points
        if point.limit is not None and point.limit < without[point._replace(limit=None)]["at_once"]
    ]
    under = dict(zip(reached, play(measure_limited, reached), strict=True))
    rows = [under.get(point, without[point._replace(limit=None)]) for point in points]
    return [{name: row[name] for name in row if name != "at_once"} for row in rows]


def row_of(outcome: Outcome) -> dict[str, float]:
    """Return the numbers of a row; times are milliseconds."""
    kinds, turns = outcome.start_kinds, sum(outcome.start_kinds.values())
    return {
        "turns": turns,
        **(_waits(outcome) if turns else dict.fromkeys(_TIMES[:4], NAT)),
        "cold_starts": outcome.cold_starts / turns if turns else np.nan,
        "resumed": kinds["resumed"] / turns if turns else np.nan,
        "runs": outcome.runs,
        "refused": outcome.refused,
        "billed": outcome.billed,
        "idle": outcome.idle,
        "suspended": outcome.suspended,
    }


def _waits(outcome: Outcome) -> dict[str, int]:
    quantiles = {name: outcome.wait(int(name[-2:]) / 100) for name in _TIMES[1:4]}
    return {"wait_mean": round(outcome.mean_wait), **quantiles}


def measures(rows: list[dict[str, float]]) -> pd.DataFrame:
    """Return rows as a frame, times as durations."""
    frame = pd.DataFrame(rows)
    times = [name for name in (*_TIMES, *_QUEUED) if name in frame]
    return frame.assign(**{name: durations([row[name] for row in rows]) for name in times})


def priced_columns(frame: pd.DataFrame, priced: churn.Cost) -> dict[str, list[float]]:
    """Return a column of what it costs for each machine preset with a price."""
    costs = [
        replace(priced, billed=billed, runs=runs)
        for billed, runs in zip(frame["billed"], frame["runs"], strict=True)
    ]
    return {f"price_{machine}": [one.total(machine) for one in costs] for machine in priced.prices}
