"""How many rows share a time, per outcome: by sorting or by counting, with one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tally", "tally", "tally_by_counting", "tally_by_sorting"]

_BLOCK = 1 << 18
"""Rows counted at a time, so that what is in between stays in the processor's cache."""

_FEW = 1 << 15
"""Below this number of rows sorting takes less time than a table of counts."""


class Tally(NamedTuple):
    """Distinct times, in order, and the rows of each outcome at them."""

    time: NDArray[Any]
    counts: NDArray[np.int64]


def tally(
    times: NDArray[Any], outcome: NDArray[np.integer] | NDArray[np.bool_], outcomes: int
) -> Tally:
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

    Returns
    -------
    Tally
        With ``counts`` of shape (outcomes, distinct times).
    """
    n = len(times)
    if n >= _FEW and times.dtype.kind == "i" and (int(times.max()) + 1) * outcomes <= n:
        return tally_by_counting(times, outcome, outcomes)
    return tally_by_sorting(times, outcome, outcomes)


def tally_by_counting(
    times: NDArray[np.int64], outcome: NDArray[np.integer] | NDArray[np.bool_], outcomes: int
) -> Tally:
    """Count in a table with a place for every value up to the largest."""
    span = int(times.max(initial=-1)) + 1
    counts = np.zeros(outcomes * span, np.int64)
    for start in range(0, len(times), _BLOCK):
        rows = slice(start, start + _BLOCK)
        found = np.bincount(times[rows] + span * outcome[rows].astype(np.int64))
        counts[: len(found)] += found
    table = counts.reshape(outcomes, span)
    present = np.flatnonzero(table.any(axis=0))
    return Tally(present, table[:, present])


def tally_by_sorting(
    times: NDArray[Any], outcome: NDArray[np.integer] | NDArray[np.bool_], outcomes: int
) -> Tally:
    """Count neighbours after sorting."""
    order = np.argsort(times)
    ordered = times[order]
    is_new = np.ones(len(times), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    distinct = ordered[is_new]
    m = len(distinct)
    places = np.cumsum(is_new) - 1 + m * outcome[order].astype(np.int64)
    counts = np.bincount(places, minlength=outcomes * m)
    return Tally(distinct, counts.reshape(outcomes, m))
