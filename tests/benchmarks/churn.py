"""Runs per session and gaps against pandas: sort by session and trigger, then group."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.analysis import churn
from session_lab.frames import NAT, to_instants
from tests.benchmarks.harness import Benchmark, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BENCHMARKS", "runs_and_gaps"]

_START = 1_767_225_600_000
_MONTH = 30 * 86_400_000


@contextmanager
def runs_and_gaps(n_runs: int, *, in_order: bool) -> Iterator[tuple[Side, Side]]:
    """From a runs frame whose ids are categories, to runs per session and the gap of each row."""
    frame = _runs(n_runs, n_runs // 10, in_order=in_order)
    order = "in order of trigger" if in_order else "shuffled"
    yield (
        Side(f"churn, {n_runs:,} runs {order}", partial(_ours, frame), _of_ours),
        Side("pandas: sort_values, groupby, size, shift", partial(_pandas, frame), _of_pandas),
    )


BENCHMARKS = (
    Benchmark("churn-gaps", partial(runs_and_gaps, 10_000_000, in_order=True), "B/A", 30),
    # The hardest order of rows; told, not required.
    Benchmark(
        "churn-gaps-shuffled", partial(runs_and_gaps, 10_000_000, in_order=False), "B/A", None
    ),
)


def _runs(n: int, n_sessions: int, *, in_order: bool) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    codes = rng.integers(0, n_sessions, n)
    triggered = _START + rng.integers(0, _MONTH, n)
    if in_order:
        triggered.sort()
    ended = triggered + rng.integers(1_000, 7_200_000, n)
    ended[rng.random(n) < 0.02] = NAT
    return pd.DataFrame(
        {
            "session_id": pd.Categorical.from_codes(codes, categories=range(n_sessions)),
            "triggered_at": to_instants(triggered),
            "ended_at": to_instants(ended),
        }
    )


def _ours(frame: pd.DataFrame) -> tuple[churn.RunsPerSession, churn.Gaps]:
    return churn.runs_per_session(frame), churn.gaps(frame)


def _pandas(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    # A stable sort of two columns, so that ties keep the order of rows.
    ordered = frame.sort_values(["session_id", "triggered_at"], kind="stable")
    sessions = ordered.groupby("session_id", observed=True, sort=False)
    return sessions.size(), ordered["triggered_at"] - sessions["ended_at"].shift()


def _of_ours(made: tuple[churn.RunsPerSession, churn.Gaps]) -> dict[str, object]:
    counted, gaps = made
    table = counted.to_frame()
    return _outcome(dict(zip(table["runs"], table["sessions"], strict=True)), gaps.gap)


def _of_pandas(made: tuple[pd.Series, pd.Series]) -> dict[str, object]:
    sizes, gap = made
    in_rows = gap.sort_index().to_numpy().astype("timedelta64[ms]").view(np.int64)
    return _outcome(sizes.value_counts().to_dict(), in_rows)


def _outcome(sessions: dict[int, int], gap: NDArray[np.int64]) -> dict[str, object]:
    return {"sessions by runs": sessions, "gap of each row": gap.tobytes()}
