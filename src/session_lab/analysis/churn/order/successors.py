"""The order of a session's runs, and the gaps between them: by sorting, or in compiled passes.

Both ways give the same answer. Sorting needs no compiler and is quick enough for what it is used
for; the passes read every row a few times and sort only inside sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.frames import NAT

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

__all__ = [
    "NEVER",
    "Chain",
    "chain",
    "chain_by_passes",
    "chain_by_sorting",
    "counts_of",
    "passes",
    "previous_runs",
]

_FIRST = 1_000

LARGE = 200_000
"""Rows from which compiled passes pay."""

NEVER = NAT + 1
"""Stands in :attr:`Chain.last_end` for a session without runs; NAT is a run without an end."""


class Chain(NamedTuple):
    """How the runs of sessions follow one another.

    Attributes
    ----------
    gap : ndarray of int64
        For each row, milliseconds from the end of the run before it in its session to its trigger;
        NAT for a first run, and after a run without an end.
    last_end : ndarray of int64
        For each session, the end of its last run; NAT where it has none, NEVER without runs.
    known : int
        How many gaps are not NAT.
    """

    gap: NDArray[np.int64]
    last_end: NDArray[np.int64]
    known: int


def counts_of(codes: NDArray[np.integer], n_sessions: int) -> NDArray[np.int64]:
    """Count the rows of each session."""
    if len(codes) < LARGE:
        return np.bincount(codes[codes >= 0], minlength=n_sessions).astype(np.int64)
    # In half the memory more counts are at hand at a time.
    counts = np.zeros(n_sessions, dtype=np.int32)
    passes().count(codes, counts)
    return counts.astype(np.int64)


def previous_runs(
    codes: NDArray[np.integer], triggered: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of rows: a run, and the next one of its session."""
    if _stand_in_order(codes, triggered):
        after = 1 + np.flatnonzero((codes[1:] == codes[:-1]) & (codes[1:] >= 0))
        return after - 1, after
    order = np.lexsort((triggered, codes))
    order = order[codes[order] >= 0]
    same = codes[order[1:]] == codes[order[:-1]]
    return order[:-1][same], order[1:][same]


def chain(
    codes: NDArray[np.integer],
    triggered: NDArray[np.int64],
    ended: NDArray[np.int64],
    n_sessions: int,
) -> Chain:
    """Follow every session's runs in order of trigger, ties in the order of rows.

    Parameters
    ----------
    codes : ndarray of int
        The session of each row, from 0; -1 for none.
    triggered, ended : ndarray of int64
        Milliseconds since 1970; an end may be NAT.
    n_sessions : int
        One more than the highest code.
    """
    is_quick = len(codes) < LARGE or _stand_in_order(codes, triggered)
    way = chain_by_sorting if is_quick else chain_by_passes
    return way(codes, triggered, ended, n_sessions)


def chain_by_sorting(
    codes: NDArray[np.integer],
    triggered: NDArray[np.int64],
    ended: NDArray[np.int64],
    n_sessions: int,
) -> Chain:
    """Follow runs after sorting all rows by session and trigger."""
    before, after = previous_runs(codes, triggered)
    gap = np.full(len(codes), NAT)
    gap[after] = np.where(ended[before] == NAT, NAT, triggered[after] - ended[before])
    is_last = codes >= 0
    is_last[before] = False
    last_end = np.full(n_sessions, NEVER)
    last_end[codes[is_last]] = ended[is_last]
    return Chain(gap, last_end, int(np.count_nonzero(gap != NAT)))


def chain_by_passes(
    codes: NDArray[np.integer],
    triggered: NDArray[np.int64],
    ended: NDArray[np.int64],
    n_sessions: int,
) -> Chain:
    """Follow runs in one pass where rows stand in order of trigger, else in three."""
    compiled = passes()
    gap, last_end = np.empty(len(codes), np.int64), np.empty(n_sessions, np.int64)
    known = compiled.follow(codes, triggered, ended, gap, last_end)
    if known < 0:
        starts, records = compiled.spread(codes, triggered, ended, n_sessions)
        known = compiled.follow_spread(starts, records, gap, last_end)
    return Chain(gap, last_end, known)


def _stand_in_order(codes: NDArray[np.integer], triggered: NDArray[np.int64]) -> bool:
    """Check that rows stand session by session in order of trigger, as a replay leaves them."""
    # Most that do not show it in their first rows.
    for part in (slice(_FIRST), slice(None)):
        code, at = codes[part], triggered[part]
        same, later = code[1:] == code[:-1], at[1:] >= at[:-1]
        if not ((code[1:] > code[:-1]) | (same & later)).all():
            return False
    return True


def passes() -> ModuleType:
    """Return the compiled passes."""
    # The compiler takes its time to load, and small frames never need it.
    from session_lab.analysis.churn.order import compiled  # noqa: PLC0415

    return compiled
