"""Variances of curves whose rows have fractional weights: the infinitesimal jackknife.

A row of weight 2.5 is not two and a half subjects, so formulas that count subjects, as Greenwood's
does, do not hold. What does is the sum over rows of ``(w_i D_i(t))^2`` with ``D_i(t)`` the
derivative of the estimate by the weight of the row, which is what the R package survival gives for
such weights (T. Therneau, "Methods for the survival package", section on the infinitesimal
jackknife). With weights of 1 and without late entry it equals Greenwood's variance, and for the
incidence of a cause that of Dinse and Larson.

The derivatives of one row are sums of few functions of time, with coefficients of its own while it
is at risk and others once it has left, so the squares of all rows add up in one pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.analysis.survival.tables.time_axis import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.analysis.survival.tables.event_table import EventTable
    from session_lab.analysis.survival.tables.sample import Sample

__all__ = ["ROBUST_NOTE", "RobustVariances", "robust_variances"]

ROBUST_NOTE = "fractional weights: the variance is robust (infinitesimal jackknife)"


class RobustVariances(NamedTuple):
    """Variances at each time of an event table.

    Attributes
    ----------
    survival, hazard : ndarray of float, shape (m,)
        Of the Kaplan-Meier curve and of the Nelson-Aalen cumulative hazard.
    incidence : ndarray of float, shape (causes, m)
        Of the Aalen-Johansen curves.
    """

    survival: NDArray[np.float64]
    hazard: NDArray[np.float64]
    incidence: NDArray[np.float64]


def robust_variances(sample: Sample, table: EventTable) -> RobustVariances | None:
    """Compute the variances of a sample with fractional weights; None for other samples."""
    weights = sample.weights
    if weights is None or weights.dtype.kind != "f":
        return None
    # Estimates do not depend on the unit of weights; squares of small ones would be 0.
    unit = float(weights.max())
    rows = _Rows(sample, weights / unit, table)
    counts = table.events / unit
    n, d = table.at_risk / unit, counts.sum(axis=0)
    rise = _over(d, n)
    before = np.concatenate([[1.0], np.cumprod(1 - rise)[:-1]])
    survival = before * (1 - rise)
    hazard = _summed(_over(rise, n))
    # log S changes by -1 / (n - d) with an end, and by d / (n (n - d)) while at risk.
    left = np.maximum(n - d, 0)
    log_s = _summed(_over(d, n * left))
    gain = rows.at_end(log_s) - rows.at_start(log_s) - rows.is_end * rows.at(_over(1.0, left))
    of_log_s = rows.squares(
        ([log_s, None], [1.0, -rows.at_start(log_s)]),
        ([None], [gain]),
    )
    of_hazard = rows.squares(
        ([hazard, None], [-1.0, rows.at_start(hazard)]),
        (
            [None],
            [rows.at_start(hazard) - rows.at_end(hazard) + rows.is_end * rows.at(_over(1.0, n))],
        ),
    )
    of_causes = [
        _of_cause(rows, events, (n, before, log_s, gain), code)
        for code, events in enumerate(counts, start=1)
    ]
    return RobustVariances(survival**2 * of_log_s, of_hazard, np.array(of_causes))


def _of_cause(
    rows: _Rows,
    events: NDArray[np.float64],
    shared: tuple[NDArray[np.float64], ...],
    code: int,
) -> NDArray[np.float64]:
    """Return the variance of the incidence of one cause, ``F(t) = sum S(s-) d / n``."""
    n, before, log_s, gain = shared
    steps = before * _over(events, n)
    incidence = _summed(steps)
    # By the way of log S, which each step is multiplied by, less what the step itself loses.
    indirect = _summed(log_s[:-1] * steps - before * _over(events, n**2))
    start_f, start_g = rows.at_start(incidence), rows.at_start(log_s)
    constant = start_g * start_f - rows.at_start(indirect)
    at_end = rows.at_end(indirect) - start_g * rows.at_end(incidence) + constant
    at_end += (rows.outcome == code) * rows.at(_over(before, n))
    return rows.squares(
        ([indirect, incidence, None], [1.0, -start_g, constant]),
        ([None, incidence], [at_end - gain * rows.at_end(incidence), gain]),
    )


class _Rows:
    """Rows of a sample, and where on the axis of the table each enters and leaves.

    Functions of time have a value before the first time, then one at each.
    """

    def __init__(self, sample: Sample, weights: NDArray[np.float64], table: EventTable) -> None:
        axis = numbers(table.time)
        counted = weights > 0
        self.outcome = sample.outcome[counted].astype(np.int64)
        self.is_end = self.outcome > 0
        self._squared = weights[counted] ** 2
        self._end = np.searchsorted(axis, sample.durations[counted])
        entry = np.zeros(len(self._end)) if sample.entry is None else sample.entry[counted]
        self._start = np.where(entry > 0, np.searchsorted(axis, entry) + 1, 0)
        self._m = len(axis)

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read values of the times at each row's end."""
        return values[self._end]

    def at_end(self, function: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read a function of time when each row ends."""
        return function[self._end + 1]

    def at_start(self, function: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read a function of time when each row enters."""
        return function[self._start]

    def squares(self, at_risk: _Sum, left: _Sum) -> NDArray[np.float64]:
        """Add up the squared derivatives of all rows, each times its squared weight, at each time.

        Each of the two is a list of functions of time (None for 1) and one of their coefficients,
        of all rows or row by row.
        """
        total = self._of(at_risk, self._start, self._end + 1) + self._of(left, self._end + 1, None)
        return np.maximum(total[1:], 0)

    def _of(
        self, what: _Sum, since: NDArray[np.intp], until: NDArray[np.intp] | None
    ) -> NDArray[np.float64]:
        functions, coefficients = what
        total = np.zeros(self._m + 1)
        for i, one in enumerate(functions):
            for j, other in enumerate(functions[: i + 1]):
                weights = self._squared * coefficients[i] * coefficients[j] * (1 + (i != j))
                change = np.bincount(since, weights, self._m + 2)
                if until is not None:
                    change -= np.bincount(until, weights, self._m + 2)
                product = (1.0 if one is None else one) * (1.0 if other is None else other)
                total += np.cumsum(change)[: self._m + 1] * product
        return total


_Sum = tuple[
    "Sequence[NDArray[np.float64] | None]",
    "Sequence[NDArray[np.float64] | float]",
]


def _summed(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(steps)])


def _over(part: NDArray[np.float64] | float, whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; where nobody is left, there is nothing to add."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
