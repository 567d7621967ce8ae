"""The rows of a sweep: what an outcome comes to in numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.frames import NAT
from session_lab.replays.grid import durations

if TYPE_CHECKING:
    from session_lab.analysis import churn
    from session_lab.traffic.columnar import Outcome

__all__ = ["measures", "priced_columns", "row_of"]

_COLD = ("initial", "continuation", "upgrade")
_TIMES = ("wait_mean", "wait_p50", "wait_p95", "wait_p99", "billed", "idle", "suspended")
_QUEUED = ("queued_p95", "queued_p99")


def row_of(outcome: Outcome) -> dict[str, float]:
    """Return the numbers of a row; times are milliseconds."""
    kinds, turns = outcome.start_kinds, sum(outcome.start_kinds.values())
    return {
        "turns": turns,
        **(_waits(outcome) if turns else dict.fromkeys(_TIMES[:4], NAT)),
        "cold_starts": sum(kinds[kind] for kind in _COLD) / turns if turns else np.nan,
        "resumed": kinds["resumed"] / turns if turns else np.nan,
        "runs": outcome.runs,
        "refused": sum(n for answer, n in outcome.answers.items() if answer.split()[1] >= "400"),
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
