"""Turnbull's estimate of a survival function from ends that are only known to lie in intervals."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.survival.results import AssumingResult
from session_lab.analysis.survival.tables.sample import check_aligned, check_times
from session_lab.analysis.survival.tables.time_axis import number_of, numbers, value_of
from session_lab.errors import DataError, StatisticalWarning
from session_lab.mistyped import answer_mistyped, level_of_caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from session_lab.analysis.survival.tables.time_axis import Time, Times

__all__ = ["IntervalSurvival", "turnbull"]

_TOLERANCE = 1e-7
"""How far the likelihood equations may be from met."""
_MOST_STEPS = 20_000


@dataclass(frozen=True, repr=False, eq=False)
class IntervalSurvival(AssumingResult):
    """The share of subjects still open, where ends are known to lie between two looks.

    The estimate says how much falls into each of some intervals, and nothing about where inside.

    Attributes
    ----------
    left, right : ndarray, shape (k,)
        The intervals ``(left, right]`` that hold some share, in order; one whose ends are equal is
        an end seen at that time.
    mass : ndarray of float, shape (k,)
        The share that ends in each. What is missing to 1 ends after all that was seen.
    n : int
        How many subjects there are.
    steps : int
        How many steps the algorithm took.
    assumptions : tuple of str
        What was assumed.
    """

    left: Times
    right: Times
    mass: NDArray[np.float64]
    n: int
    steps: int
    assumptions: tuple[str, ...] = ()

    title: ClassVar[str] = "Turnbull survival"
    formula: ClassVar[str] = (
        "maximum likelihood of the masses of Turnbull's (1976) innermost intervals, by EM steps "
        "that are extrapolated (Varadhan and Roland 2008); no interval is told"
    )

    @property
    def survival(self) -> NDArray[np.float64]:
        """The share alive after the right end of each interval."""
        return np.maximum(1 - np.cumsum(self.mass), 0.0)

    def at(self, times: Sequence[Time]) -> pd.DataFrame:
        """Return ``time, least, most``: between what the share alive at each time must lie.

        The two differ only inside an interval.
        """
        wanted = np.array([number_of(point, self.right, name="times") for point in times])
        after = np.concatenate([[1.0], self.survival])
        return pd.DataFrame(
            {
                "time": pd.Series([value_of(number, self.right) for number in wanted]),
                "least": after[_begun(self.left, self.right, wanted)],
                "most": after[np.searchsorted(numbers(self.right), wanted, side="right")],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``left, right, mass, survival``, the survival being that after ``right``."""
        columns = {"left": self.left, "right": self.right, "mass": self.mass}
        return pd.DataFrame({**columns, "survival": self.survival})

    def summary(self) -> pd.DataFrame:
        """Return one row: ``n, intervals``, and the ends of the interval that holds the median."""
        row: dict[str, Any] = {"n": self.n, "intervals": len(self.mass)}
        reached = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        for name, ends in (("median_after", self.left), ("median_by", self.right)):
            found = float(numbers(ends)[int(reached[0])]) if len(reached) else None
            row[name] = None if found is None else value_of(found, self.right)
        return pd.DataFrame([row])

    def overview(self) -> pd.DataFrame:
        """Return the summary: a curve has too many steps to be read one by one."""
        return self.summary()


@answer_mistyped
def turnbull(after: ArrayLike, by: ArrayLike) -> IntervalSurvival:
    """Estimate a survival function from ends that are known to lie in intervals.

    Polls tell of an end only that it came after one look and not later than the next, as
    :func:`session_lab.analysis.churn.handovers` says of each change of run. To take the middle, or
    the later look, for the end would bias the curve.

    Parameters
    ----------
    after : array of numbers or timedelta64, shape (n,)
        The last time at which each subject was seen alive; 0 where it never was.
    by : array like ``after``, shape (n,)
        The first time at which it was seen to have ended; infinite, NaN or NaT where it was not
        (right-censored). Equal to ``after`` where the end itself was seen.

    Returns
    -------
    IntervalSurvival
        How much falls into each interval.

    Raises
    ------
    DataError
        No rows, a negative or missing time, or an end before the last sight.

    Warns
    -----
    StatisticalWarning
        No end was seen at all, or the algorithm did not converge.

    Notes
    -----
    B. W. Turnbull (1976), "The empirical distribution function with arbitrarily grouped, censored
    and truncated data", J. R. Stat. Soc. B 38. What is found is checked by the likelihood
    equations: no interval would hold more at a higher likelihood.

    Examples
    --------
    >>> curve = turnbull([0, 1, 1, 2], [1, 2, 3, float("inf")])
    >>> curve.to_frame()
       left  right   mass  survival
    0   0.0    1.0  0.250     0.750
    1   1.0    2.0  0.375     0.375
    2   2.0    3.0  0.375     0.000
    """
    check_aligned(after=after, by=by)
    left, right, is_open = _intervals(after, by)
    axis = left.dtype
    low, high = numbers(left).astype(np.float64), numbers(right).astype(np.float64)
    begin, end, first, last = _innermost(low, high, is_open)
    mass, steps, converged = _maximise(first, last, len(begin))
    if not converged:
        problem = f"the masses still move after {steps:,} steps; read the curve as a rough one"
        warnings.warn(problem, StatisticalWarning, stacklevel=level_of_caller())
    finite = np.isfinite(end)
    if not finite.any():
        problem = "no end was seen, so the curve stays at 1; observe longer"
        warnings.warn(problem, StatisticalWarning, stacklevel=level_of_caller())
    held = finite & (mass > 1e-12)
    return IntervalSurvival(
        left=_as(begin[held], axis),
        right=_as(end[held], axis),
        mass=mass[held],
        n=len(low),
        steps=steps,
        assumptions=(
            f"right-censored: {int(is_open.sum()):,} of {len(low):,}",
            "when looks were taken must not depend on when subjects end",
        ),
    )


def _intervals(
    after: ArrayLike, by: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    left = check_times(after, "after")
    if not len(left):
        raise DataError("there are no rows, so there is nothing to estimate", column="after")
    given = np.asarray(by)
    if given.shape != left.shape:
        message = f"there are {len(left)} values of after and {given.size} of by"
        raise DataError(message, column="by")
    is_open = np.asarray(pd.isna(given), dtype=bool)
    if given.dtype.kind == "f":
        is_open |= np.isinf(given)
    filled = given
    if given.dtype.kind in "mfO" and is_open.any():
        # As what the others are: a list of numbers or durations with None is one of objects.
        filled = np.where(is_open, pd.Series(left).to_numpy(given.dtype), given)
    right = check_times(filled, "by")
    if (left.dtype.kind == "m") != (right.dtype.kind == "m"):
        message = f"holds {right.dtype} where after holds {left.dtype}; give both in one unit"
        raise DataError(message, column="by")
    if left.dtype.kind == "m":
        right = right.astype(left.dtype)
    wrong = (numbers(right) < numbers(left)) & ~is_open
    if wrong.any():
        row = int(wrong.argmax())
        message = f"{right[row]} lies before {left[row]}, when the subject was last seen alive"
        raise DataError(message, row=row, column="by")
    return left, right, is_open


def _innermost(
    low: NDArray[np.float64], high: NDArray[np.float64], is_open: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Find the intervals that can hold mass, and which of them lie inside each subject's own.

    An interval ``(low, high]`` begins just after ``low``, one that is a point at it. Mass can only
    lie where a beginning is followed at once by an end.
    """
    is_point = (low == high) & ~is_open
    # Just after a time is half a step behind it.
    axis = np.unique(np.concatenate([low, high[~is_open]]))
    starts = 2 * np.searchsorted(axis, low) + ~is_point
    stops = np.where(is_open, 2 * len(axis), 2 * np.searchsorted(axis, np.where(is_open, 0, high)))
    all_starts, all_stops = np.unique(starts), np.unique(stops)
    following = all_stops[np.searchsorted(all_stops, all_starts)]
    # Of beginnings with one next end, the last is the innermost.
    is_last = np.append(following[1:] != following[:-1], True)
    inner_starts, inner_stops = all_starts[is_last], following[is_last]
    ends = np.append(axis, np.inf)
    first = np.searchsorted(inner_starts, starts)
    last = np.searchsorted(inner_stops, stops, side="right")
    return axis[inner_starts // 2], ends[inner_stops // 2], first, last


def _maximise(
    first: NDArray[np.intp], last: NDArray[np.intp], k: int
) -> tuple[NDArray[np.float64], int, bool]:
    """Maximise the likelihood of the masses; return them, the steps taken, and whether it held."""
    n = len(first)
    ranges, weights = np.unique(np.stack([first, last]), axis=1, return_counts=True)
    first, last = ranges

    def pull(mass: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return by how much the likelihood asks each mass to change, and the log-likelihood."""
        below = np.concatenate([[0.0], np.cumsum(mass)])
        share = np.maximum(below[last] - below[first], 1e-300)
        change = np.zeros(k + 1)
        np.add.at(change, first, weights / share)
        np.subtract.at(change, last, weights / share)
        return np.cumsum(change)[:k] / n, float(weights @ np.log(share))

    mass = np.full(k, 1 / k)
    for step in range(1, _MOST_STEPS + 1):
        factor, likelihood = pull(mass)
        if factor.max() <= 1 + _TOLERANCE:
            return mass, step, True
        once = mass * factor
        twice = once * pull(once)[0]
        change, bend = once - mass, twice - 2 * once + mass
        curvature = float(np.linalg.norm(bend))
        stride = float(np.linalg.norm(change)) / curvature if curvature > 0 else 1.0
        leap = np.maximum(mass + 2 * stride * change + stride**2 * bend, once * 1e-3)
        leap /= leap.sum()
        mass = leap if stride > 1 and pull(leap)[1] >= likelihood else twice
    return mass, _MOST_STEPS, False


def _begun(left: Times, right: Times, wanted: NDArray[Any]) -> NDArray[np.intp]:
    """Count the intervals that have begun to end by each time."""
    is_point = numbers(left) == numbers(right)
    # An open beginning lies before the times after it, a point at its own time counts too.
    begun = np.searchsorted(numbers(left), wanted, side="left")
    points = np.isin(wanted, numbers(left)[is_point])
    return begun + points


def _as(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    return values.astype(np.int64).view(dtype) if dtype.kind == "m" else values
