"""How many rows share a time, per outcome: by sorting or by counting, with one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EventCounts", "tally", "tally_by_counting", "tally_by_sorting"]

_FEW = 1 << 15
"""Below this number of rows sorting takes less time than a table of counts."""

_MANY = 1 << 21
"""From this number of rows a compiled loop saves more time than numba takes to load."""

_PACKED = 1 << 62
"""Where a time and its outcome fit below this number, they are sorted as one."""


Outcome: TypeAlias = "NDArray[np.integer] | NDArray[np.bool_]"
"""A small number per row, or a bool."""


class EventCounts(NamedTuple):
    """Distinct times, in order, and the rows of each outcome at them."""

    time: NDArray[Any]
    counts: NDArray[Any]


def tally(
    times: NDArray[Any],
    outcome: Outcome,
    outcomes: int,
    weights: NDArray[Any] | None = None,
) -> EventCounts:
    """Count the rows at each distinct time, per outcome.

    Whole numbers that span no more values than there are rows are counted; all else is sorted.

    Parameters
    ----------
    times : ndarray of int64 or float64, shape (n,)
        Zero or more.
    outcome : ndarray of int, shape (n,)
        From 0 to ``outcomes - 1``.
    outcomes : int
        How many outcomes there are.
    weights : ndarray of int64 or float64, optional
        How often each row counts, or by what; once by default.

    Returns
    -------
    EventCounts
        With ``counts`` of shape (outcomes, distinct times).
    """
    n = len(times)
    if weights is not None:
        return _tally_weighted(times, outcome, outcomes, weights)
    if n >= _FEW and times.dtype.kind == "i":
        span = int(times.max()) + 1
        if span * outcomes <= n:
            return tally_by_counting(times, outcome, outcomes, span)
    return tally_by_sorting(times, outcome, outcomes)


def tally_by_counting(
    times: NDArray[np.int64], outcome: Outcome, outcomes: int, span: int
) -> EventCounts:
    """Count in a table with a place for every value below ``span``."""
    if len(times) >= _MANY:
        # Loading numba takes longer than most samples.
        from session_lab.analysis.survival.tables.compiled import count_into  # noqa: PLC0415

        counts = np.zeros(span * outcomes, np.int64)
        codes: NDArray[Any] = outcome.view(np.uint8) if outcome.dtype == bool else outcome
        count_into(counts, times.view(np.uint64), codes, np.uint64(outcomes))
    else:
        counts = np.bincount(times * outcomes + outcome, minlength=span * outcomes)
    table = counts.reshape(span, outcomes)
    present = np.flatnonzero(table.any(axis=1))
    return EventCounts(present, np.ascontiguousarray(table[present].T))


def tally_by_sorting(times: NDArray[Any], outcome: Outcome, outcomes: int) -> EventCounts:
    """Count neighbours after sorting."""
    ordered, ordered_outcome = _sorted(times, outcome, outcomes)
    is_new = np.ones(len(times), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    starts = np.flatnonzero(is_new)
    counts = np.empty((outcomes, len(starts)), np.int64)
    # What is left of each time's rows belongs to the last outcome.
    counts[-1] = np.diff(starts, append=len(times))
    for j in range(outcomes - 1):
        np.add.reduceat(ordered_outcome == j, starts, dtype=np.int64, out=counts[j])
        counts[-1] -= counts[j]
    return EventCounts(ordered[starts], counts)


def _tally_weighted(
    times: NDArray[Any], outcome: Outcome, outcomes: int, weights: NDArray[Any]
) -> EventCounts:
    counted = weights > 0
    time, place = np.unique(times[counted], return_inverse=True)
    counts = np.zeros((outcomes, len(time)), weights.dtype)
    np.add.at(counts, (outcome[counted].astype(np.int64), place.reshape(-1)), weights[counted])
    return EventCounts(time, counts)


def _sorted(
    times: NDArray[Any], outcome: Outcome, outcomes: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    bits = (outcomes - 1).bit_length()
    if times.dtype.kind == "i" and int(times.max()) < _PACKED >> bits:
        # Sorting numbers takes a fraction of the time of sorting places by numbers.
        packed = times << bits
        packed |= outcome
        packed.sort()
        return packed >> bits, packed & ((1 << bits) - 1)
    order = np.argsort(times)
    return times[order], outcome[order]
