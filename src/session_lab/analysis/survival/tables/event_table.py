"""Who was at risk, who ended and who was censored, at each time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.analysis.survival.tables.event_counts import tally
from session_lab.errors import StatisticalWarning
from session_lab.mistyped import level_of_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.survival.tables.sample import Sample
    from session_lab.analysis.survival.tables.time_axis import Times

__all__ = ["EventTable", "tabulate", "warn_if_weak", "weakness_of"]


class EventTable(NamedTuple):
    """Counts at time 0 and at every time at which a subject ends, is censored or enters late.

    Of rows with fractional weights they are sums of these, and float64.

    Attributes
    ----------
    time : ndarray, shape (m,)
        Ascending, from 0.
    at_risk : ndarray of int64, shape (m,)
        Subjects with ``entry < time <= duration``; who was there from the start counts from time 0.
    events : ndarray of int64, shape (causes, m)
        Ends seen at the time, per cause.
    censored : ndarray of int64, shape (m,)
        Last seen, alive, at the time. At equal times events come before censorings.
    """

    time: Times
    at_risk: NDArray[Any]
    events: NDArray[Any]
    censored: NDArray[Any]


def tabulate(sample: Sample, *, causes: int = 1) -> EventTable:
    """Count a sample into its event table."""
    weights = sample.weights
    time, counts = tally(sample.durations, sample.outcome, causes + 1, weights)
    if time[0] != 0:
        time = np.concatenate([np.zeros(1, time.dtype), time])
        counts = np.concatenate([np.zeros((causes + 1, 1), counts.dtype), counts], axis=1)
    late, each = None, None
    if sample.entry is not None:
        is_late = sample.entry > 0 if weights is None else (sample.entry > 0) & (weights > 0)
        late, each = sample.entry[is_late], None if weights is None else weights[is_late]
        ends, time = time, np.union1d(time, late)
        rows = np.searchsorted(time, ends)
        counts, found = np.zeros((causes + 1, len(time)), counts.dtype), counts
        counts[:, rows] = found
    leaving = counts.sum(axis=0)
    at_risk = _from_here_on(leaving)
    if late is not None:
        entering = np.bincount(np.searchsorted(time, late), each, len(time))
        at_risk = _less(at_risk, _from_here_on(entering.astype(counts.dtype)), leaving)
    if sample.dtype.kind == "m":
        time = time.view(sample.dtype)
    return EventTable(time, at_risk, counts[1:], counts[0])


def _from_here_on(counts: NDArray[Any]) -> NDArray[Any]:
    return np.cumsum(counts[::-1])[::-1]


def _less(
    from_here_on: NDArray[Any], still_to_enter: NDArray[Any], leaving: NDArray[Any]
) -> NDArray[Any]:
    """Subtract who is still to enter; errors of rounding must not outlive those who have left."""
    at_risk: NDArray[Any] = from_here_on - still_to_enter
    if at_risk.dtype.kind == "i":
        return at_risk
    is_near = np.abs(at_risk - leaving) <= 1e-12 * from_here_on[0]
    present: NDArray[np.float64] = np.where(is_near, leaving, at_risk)
    return present


def weakness_of(table: EventTable) -> str | None:
    """Describe why the numbers of a table support less than their curve seems to say, if they do.

    It is so with one subject, no events, all events at one time, or a risk set that ran empty
    while subjects were still to enter.
    """
    ends = table.events.sum(axis=0)
    ended, censored = ends.sum(), table.censored.sum()
    exhausted = np.flatnonzero((ends > 0) & (ends == table.at_risk))
    # Fractional weights may add up to 1 and still be those of many.
    if table.at_risk.dtype.kind == "i" and ended + censored == 1:
        return "there is one subject, from which nothing follows for others; collect more"
    if not ended:
        return (
            "no event was seen, so the curve stays at its start and its interval says nothing; "
            "observe longer"
        )
    if len(exhausted) and exhausted[0] < len(table.time) - 1:
        return (
            f"all who were at risk ended at {table.time[exhausted[0]]} while others were still to "
            "enter, so the curve stays where it is from there; start at a later time"
        )
    if not censored and np.count_nonzero(ends) == 1:
        return "all events fall on one time, so intervals have no width; use a finer resolution"
    return None


def warn_if_weak(table: EventTable) -> None:
    """Warn with :func:`weakness_of` the table."""
    weakness = weakness_of(table)
    if weakness is not None:
        warnings.warn(weakness, StatisticalWarning, stacklevel=level_of_caller())
