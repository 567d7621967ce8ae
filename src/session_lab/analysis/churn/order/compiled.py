"""Passes over the columns of runs, compiled at their first call.

:mod:`session_lab.analysis.churn.order.successors` calls them on large frames; loading this module loads the
compiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count", "count_active", "follow", "follow_spread", "spread"]

_NAT = -(2**63)
_NEVER = _NAT + 1
_SHIFT = 10
_SIZE = 1 << _SHIFT
"""Sessions are spread over buckets of this many, whose rows fit into a processor's cache."""

_FEW = 64
"""Runs of a session up to which shifting them into place beats a sort."""


@njit(cache=True)
def count(codes: NDArray[np.integer], counts: NDArray[np.int32]) -> None:
    """Add the rows of each session to its count."""
    for code in codes:
        if code >= 0:
            counts[code] += 1


@njit(cache=True)
def count_active(
    who: NDArray[np.int64],
    age: NDArray[np.int64],
    over: NDArray[np.int64],
    place: NDArray[np.int64],
    cells: NDArray[np.int64],
) -> bool:
    """Add each member to the cell of its place once for each age that was over, rows in order.

    Returns
    -------
    bool
        Whether no member's ages go back; else nothing added counts.
    """
    last = np.full(len(over), -1, np.int64)
    for i in range(len(who)):
        member = who[i]
        if age[i] < last[member]:
            return False
        if last[member] < age[i] < over[member]:
            cells[place[member], age[i]] += 1
        last[member] = age[i]
    return True


@njit(cache=True)
def follow(
    codes: NDArray[np.integer],
    triggered: NDArray[np.int64],
    ended: NDArray[np.int64],
    gap: NDArray[np.int64],
    last_end: NDArray[np.int64],
) -> int:
    """Fill in the gap before each row and the last end of each session, rows in order of trigger.

    Returns
    -------
    int
        How many gaps are known; -1 where a row is out of order, and then nothing filled in counts.
    """
    last_end[:] = _NEVER
    known = 0
    latest = _NAT
    for i in range(len(codes)):
        at = triggered[i]
        if at < latest:
            return -1
        latest = at
        code = codes[i]
        if code < 0:
            gap[i] = _NAT
        else:
            # The end of the run before is far away in memory: what hangs on it must not branch.
            end = last_end[code]
            last_end[code] = ended[i]
            is_known = end > _NEVER
            gap[i] = at - end if is_known else _NAT
            known += 1 if is_known else 0
    return known


@njit(cache=True)
def spread(
    codes: NDArray[np.integer],
    triggered: NDArray[np.int64],
    ended: NDArray[np.int64],
    n_sessions: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each bucket of sessions begins, and the rows by bucket, in their order.

    A record holds trigger, end, session and row. One pass over all rows brings those of a session
    near each other, so that the next finds them in the cache.
    """
    n_buckets = (n_sessions >> _SHIFT) + 1
    starts = np.zeros(n_buckets + 1, np.int64)
    for code in codes:
        if code >= 0:
            starts[(code >> _SHIFT) + 1] += 1
    for bucket in range(n_buckets):
        starts[bucket + 1] += starts[bucket]
    free = starts[:-1].copy()
    records = np.empty((starts[-1], 4), np.int64)
    for i in range(len(codes)):
        code = codes[i]
        if code >= 0:
            place = free[code >> _SHIFT]
            free[code >> _SHIFT] = place + 1
            records[place, 0] = triggered[i]
            records[place, 1] = ended[i]
            records[place, 2] = code
            records[place, 3] = i
    return starts, records


@njit(cache=True)
def follow_spread(
    starts: NDArray[np.int64],
    records: NDArray[np.int64],
    gap: NDArray[np.int64],
    last_end: NDArray[np.int64],
) -> int:
    """Fill in the same of rows by bucket; return how many gaps are known."""
    gap[:] = _NAT
    last_end[:] = _NEVER
    known = 0
    order = np.empty(np.diff(starts).max(), np.int64)
    for bucket in range(len(starts) - 1):
        rows = records[starts[bucket] : starts[bucket + 1]]
        first = 0
        for past in _group(rows, order):
            if past > first:
                mine = order[first:past]
                _sort(mine, rows)
                last = _NEVER
                for row in mine:
                    if last > _NEVER:
                        gap[rows[row, 3]] = rows[row, 0] - last
                        known += 1
                    last = rows[row, 1]
                last_end[rows[mine[0], 2]] = last
            first = past
    return known


@njit(cache=True)
def _group(rows: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order the rows of a bucket by session; return where each session's rows end."""
    ends = np.zeros(_SIZE + 1, np.int64)
    for i in range(len(rows)):
        ends[(rows[i, 2] & (_SIZE - 1)) + 1] += 1
    for own in range(_SIZE):
        ends[own + 1] += ends[own]
    for i in range(len(rows)):
        own = rows[i, 2] & (_SIZE - 1)
        order[ends[own]] = i
        ends[own] += 1
    return ends[:-1]


@njit(cache=True)
def _sort(mine: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    """Order the rows of a session by trigger; ties keep their order."""
    if len(mine) > _FEW:
        mine[:] = mine[np.argsort(rows[mine, 0], kind="mergesort")]
        return
    for place in range(1, len(mine)):
        row = mine[place]
        hole = place
        while hole > 0 and rows[mine[hole - 1], 0] > rows[row, 0]:
            mine[hole] = mine[hole - 1]
            hole -= 1
        mine[hole] = row
