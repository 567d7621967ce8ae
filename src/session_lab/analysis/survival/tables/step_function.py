"""Reading a step function: its value, its area, its quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.survival.tables.time_axis import number_of, numbers, value_of
from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.analysis.survival.tables.time_axis import Time, Times

__all__ = ["Estimate", "first_at_or_below", "rows_at", "table_at"]


class Estimate(NamedTuple):
    """A number with its interval; None is what the data do not reach.

    Attributes
    ----------
    value, lower, upper : float, Timedelta or None
        In the unit of the durations given.
    level : float
        Of the interval.
    """

    value: float | pd.Timedelta | None
    lower: float | pd.Timedelta | None
    upper: float | pd.Timedelta | None
    level: float


def first_at_or_below(
    time: Times, curve: NDArray[np.float64], height: float
) -> float | pd.Timedelta | None:
    """Return the first time at which a falling curve is at or below a height, if ever.

    Sums of rounding errors must not decide whether a curve that meets the height has met it, so
    heights are compared with a tolerance of 1e-12.
    """
    with np.errstate(invalid="ignore"):  # Bounds may be missing.
        reached = curve <= height + 1e-12
    return value_of(numbers(time)[reached.argmax()], time) if reached.any() else None


def rows_at(time: Times, points: Sequence[Time]) -> NDArray[np.intp]:
    """Return for each point the row of the step it lies on.

    Raises
    ------
    DataError
        A point lies before 0 or is not in the unit of the times.
    """
    wanted = np.array([number_of(point, time, name="times") for point in points])
    return np.searchsorted(numbers(time), wanted, side="right") - 1


def table_at(
    time: Times,
    points: Sequence[Time],
    at_risk: NDArray[np.int64],
    counted: dict[str, NDArray[np.int64]],
    stepped: dict[str, NDArray[np.float64]],
    *,
    ended: bool,
) -> pd.DataFrame:
    """Read columns at chosen points: those at risk there, counts up to there, and curves.

    Subjects at risk at a point have not ended before it: the number at risk of the first row that
    does not lie before it, and none after the last row. Beyond the last time, curves are known
    only if all have ``ended`` there; else they are missing.
    """
    if isinstance(points, str) or not hasattr(points, "__len__"):
        raise DataError(f"{points!r} is not a list of times", column="times")
    if not len(points):
        raise DataError("give at least one time", column="times")
    wanted = np.array([number_of(point, time, name="times") for point in points])
    rows = rows_at(time, points)
    following = np.searchsorted(numbers(time), wanted, side="left")
    columns: dict[str, Any] = {
        "time": pd.Series([value_of(number, time) for number in wanted]),
        "at_risk": np.append(at_risk, 0)[following],
    }
    columns |= {name: np.cumsum(counts)[rows] for name, counts in counted.items()}
    beyond = (wanted > numbers(time)[-1]) & (not ended)
    columns |= {name: np.where(beyond, np.nan, curve[rows]) for name, curve in stepped.items()}
    return pd.DataFrame(columns)
