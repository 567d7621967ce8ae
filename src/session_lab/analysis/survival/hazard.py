"""The rate of ending over time: the steps of the cumulative hazard, smoothed by a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.survival.intervals import log_band
from session_lab.analysis.survival.results import AssumingResult
from session_lab.analysis.survival.tables.time_axis import number_of, numbers, value_of
from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.survival.tables.time_axis import Time, Times

__all__ = ["Hazard", "hazard_steps", "smooth"]


@dataclass(frozen=True, repr=False, eq=False)
class Hazard(AssumingResult):
    """The rate of ending among those still open, per unit of time, on an even grid.

    Attributes
    ----------
    time : ndarray, shape (points,)
        From 0 to the last event.
    hazard, lower, upper : ndarray of float, shape (points,)
        Per second where times are durations, else per unit of the times given.
    bandwidth : float or Timedelta
        Half the width of the kernel: events within it count.
    level : float
        Of the intervals.
    assumptions : tuple of str
        The bandwidth, and what was assumed.
    """

    time: Times
    hazard: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    bandwidth: float | pd.Timedelta
    level: float
    assumptions: tuple[str, ...] = ()

    title: ClassVar[str] = "Smoothed hazard"
    formula: ClassVar[str] = (
        "h(t) = sum K((t - t_i) / b) d_i / n_i / b, Epanechnikov kernel K of bandwidth b, divided "
        "by its mass between 0 and the last event; variance sum K^2 d_i / n_i^2 / b^2; log interval"
    )

    def to_frame(self) -> pd.DataFrame:
        """Return ``time, hazard, lower, upper``."""
        names = ("time", "hazard", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def summary(self) -> pd.DataFrame:
        """Return one row: the ``bandwidth``, and the highest rate and when it is reached."""
        peak = self.hazard.argmax()
        when = value_of(numbers(self.time)[peak], self.time)
        row = {"bandwidth": self.bandwidth, "peak": self.hazard[peak], "peak_at": when}
        return pd.DataFrame([row])

    def overview(self) -> pd.DataFrame:
        """Return the summary: a curve has too many steps to be read one by one."""
        return self.summary()


def hazard_steps(
    at_risk: NDArray[np.int64], events: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps ``d / n`` of the cumulative hazard and ``d / n^2`` of its variance."""
    present = at_risk > 0
    steps = np.divide(events, at_risk, out=np.zeros(len(events)), where=present)
    return steps, np.divide(steps, at_risk, out=np.zeros(len(events)), where=present)


def smooth(
    time: Times,
    at_risk: NDArray[np.int64],
    events: NDArray[np.int64],
    *,
    bandwidth: Time | None,
    points: int,
    level: float,
    assumptions: tuple[str, ...] = (),
) -> Hazard:
    """Smooth the steps of a cumulative hazard.

    The bandwidth is by default an eighth of the span up to the last event, divided by the fifth
    root of the number of events (the pilot bandwidth of Müller and Wang 1994). Near both ends,
    where part of the kernel would reach past the data, it is divided by the mass that is left.

    Raises
    ------
    DataError
        There are no events after time 0, a bandwidth of 0, or fewer than two points.
    """
    happened = events > 0
    at = numbers(time)[happened].astype(np.float64)
    if not len(at) or at[-1] == 0:
        message = "there is no event after time 0, so there is no rate to smooth; observe longer"
        raise DataError(message, column="events")
    if points < 2:
        raise DataError(f"{points} points draw no curve; give at least 2", column="points")
    last = float(at[-1])
    width = last / (8 * float(events.sum()) ** 0.2)
    if bandwidth is not None:
        width = number_of(bandwidth, time, name="bandwidth")
    if width == 0:
        raise DataError("a bandwidth of 0 covers no event", column="bandwidth")
    grid = np.linspace(0, last, points)
    rises = hazard_steps(at_risk[happened], events[happened])
    rate, variance = _weighted(grid, at, rises, width)
    unit = _units_per_second(time)
    lower, upper = log_band(rate * unit, np.sqrt(variance) * unit, level)
    shown = value_of(width, time)
    return Hazard(
        time=grid if unit == 1 else np.round(grid).astype(np.int64).view(time.dtype),
        hazard=rate * unit,
        lower=lower,
        upper=upper,
        bandwidth=shown,
        level=level,
        assumptions=(f"bandwidth {shown}", *assumptions),
    )


def _weighted(
    grid: NDArray[np.float64],
    at: NDArray[np.float64],
    rises: tuple[NDArray[np.float64], NDArray[np.float64]],
    width: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum the steps near each point of the grid, and their variances, by the kernel."""
    steps, variances = rises
    mass = _mass_below((grid[-1] - grid) / width) - _mass_below(-grid / width)
    first = np.searchsorted(at, grid - width)
    beyond = np.searchsorted(at, grid + width, side="right")
    rate, variance = np.empty(len(grid)), np.empty(len(grid))
    for i, here in enumerate(grid):
        near = slice(first[i], beyond[i])
        kernel = 0.75 * np.maximum(0, 1 - ((here - at[near]) / width) ** 2) / (width * mass[i])
        rate[i], variance[i] = kernel @ steps[near], kernel**2 @ variances[near]
    return rate, variance


def _mass_below(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the kernel lies below ``x`` bandwidths from its middle."""
    x = np.clip(x, -1, 1)
    return 0.5 + 0.75 * x - 0.25 * x**3


def _units_per_second(time: Times) -> float:
    """Return how many units of an axis of durations make a second; 1 on one of numbers."""
    if time.dtype.kind != "m":
        return 1.0
    return float(np.timedelta64(1, "s") / np.ones(1, np.int64).view(time.dtype)[0])
