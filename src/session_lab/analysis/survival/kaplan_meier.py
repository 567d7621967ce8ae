"""The Kaplan-Meier estimate of a survival function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.survival.hazard import Hazard, smooth
from session_lab.analysis.survival.intervals import Transform, probability_band, z_value
from session_lab.analysis.survival.results import AssumingResult
from session_lab.analysis.survival.robust import ROBUST_NOTE, robust_variances
from session_lab.analysis.survival.tables.event_table import EventTable, tabulate, warn_if_weak
from session_lab.analysis.survival.tables.sample import check_aligned, check_sample, events_of
from session_lab.analysis.survival.tables.step_function import Estimate, first_at_or_below, table_at
from session_lab.analysis.survival.tables.time_axis import number_of, numbers, value_of
from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from session_lab.analysis.survival.tables.time_axis import Time, Times

__all__ = ["Survival", "estimate_survival", "kaplan_meier"]


@dataclass(frozen=True, repr=False, eq=False)
class Survival(AssumingResult):
    """The share of subjects still open after each time, as a step function.

    Attributes
    ----------
    time : ndarray, shape (m,)
        0 and every time at which a subject ends, is censored or enters late, ascending.
    at_risk, events, censored : ndarray of int64, shape (m,)
        Subjects at risk just before the time, and what happened to them at it; sums of weights,
        in float64, where these are fractional.
    survival, lower, upper : ndarray of float, shape (m,)
        The estimate from the time until the next, and its pointwise interval; where the estimate
        has reached 0 no interval can be told (NaN).
    variance : ndarray of float, shape (m,)
        Greenwood's variance of the estimate, or the robust one of fractional weights; 0 where the
        estimate is 0 or 1.
    level : float
        Of the intervals.
    interval : {"log-log", "log", "plain"}
        The scale on which they are symmetric.
    assumptions : tuple of str
        What was assumed.
    """

    time: Times
    at_risk: NDArray[Any]
    events: NDArray[Any]
    censored: NDArray[Any]
    survival: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    variance: NDArray[np.float64]
    level: float
    assumptions: tuple[str, ...] = ()
    interval: Transform = "log-log"

    title: ClassVar[str] = "Kaplan-Meier survival"
    formula: ClassVar[str] = (
        "S(t) = product over t_i <= t of (1 - d_i / n_i); Greenwood's variance "
        "S(t)^2 sum d_i / (n_i (n_i - d_i)); pointwise interval, log-log unless stated"
    )

    @property
    def n(self) -> float:
        """How many subjects there are, or the sum of their weights."""
        return total_of(self.events, self.censored)

    @property
    def median(self) -> Estimate:
        """The time by which half have ended, with the interval of :meth:`quantile`."""
        return self.quantile(0.5)

    def quantile(self, p: float) -> Estimate:
        """Estimate the time by which a share ``p`` has ended.

        It is the first time at which the curve is at or below ``1 - p`` (R takes the middle of a
        stretch at exactly that height); the interval inverts the pointwise band (Brookmeyer and
        Crowley 1982): it runs from the first time at which the lower bound is at or below ``1 - p``
        to the first at which the upper bound is. A bound that the band never reaches is None.

        Raises
        ------
        DataError
            ``p`` does not lie between 0 and 1.
        """
        try:
            is_share = 0 < p < 1
        except (TypeError, ValueError):  # A list, or an array.
            is_share = False
        if not is_share:
            raise DataError(f"{p!r} is not a share between 0 and 1; ask for one", column="p")
        value, lower, upper = (
            first_at_or_below(self.time, curve, 1 - p) for curve in self._curves()
        )
        return Estimate(value, lower, upper, self.level)

    def restricted_mean(self, horizon: Time | None = None) -> Estimate:
        """Estimate the mean time lived up to a horizon: the area under the curve.

        Its variance is the sum over events up to the horizon of ``A_i^2 d_i / (n_i (n_i - d_i))``
        with ``A_i`` the area from the event to the horizon (Klein and Moeschberger 2003, section
        4.5); the interval is normal, cut to what is possible.

        Parameters
        ----------
        horizon : number or duration, optional
            The last time seen by default.

        Raises
        ------
        DataError
            The horizon lies beyond the last time, where the curve is not known.
        """
        mean, variance, end = self._area(horizon)
        reach = z_value(self.level) * variance**0.5
        lower, upper = max(mean - reach, 0.0), min(mean + reach, end)
        value, low, high = (value_of(number, self.time) for number in (mean, lower, upper))
        return Estimate(value, low, high, self.level)

    def restricted_mean_difference(self, other: Survival, horizon: Time | None = None) -> Estimate:
        """Estimate how much longer subjects of another curve live, up to a common horizon.

        The other's restricted mean less this one's; the variances of independent samples add up
        (Royston and Parmar 2013), and the interval is normal, at this curve's level.

        Parameters
        ----------
        other : Survival
            A curve of other subjects, in the same unit.
        horizon : number or duration, optional
            By default the last time that both curves have seen.

        Raises
        ------
        DataError
            The horizon lies beyond what a curve knows, or one curve is in durations and the other
            in numbers.

        Examples
        --------
        >>> short = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1])
        >>> long = kaplan_meier([2, 4, 6, 8], [1, 1, 1, 0])
        >>> short.restricted_mean_difference(long, 4).value
        1.0
        """
        kind: object = type(other)
        if kind is not Survival:
            message = f"{type(other).__name__} is not a Kaplan-Meier curve"
            raise DataError(message, column="other")
        if (other.time.dtype.kind == "m") != (self.time.dtype.kind == "m"):
            message = f"its times are {other.time.dtype} beside {self.time.dtype}; use one unit"
            raise DataError(message, column="other")
        if horizon is None:
            ends = [value_of(numbers(curve.time)[-1], curve.time) for curve in (self, other)]
            horizon = min(ends[0], ends[1])
        areas, axis = [self._area(horizon), other._area(horizon)], self.time
        if self.time.dtype.kind == "m":
            units = [_unit_of(curve.time) for curve in (self, other)]
            axis = self.time if units[0] <= units[1] else other.time
            scales = [float(unit / min(units)) for unit in units]
        else:
            scales = [1.0, 1.0]
        (mean, variance), (others, others_variance) = (
            (area[0] * scale, area[1] * scale**2) for area, scale in zip(areas, scales, strict=True)
        )
        gain, reach = others - mean, z_value(self.level) * (variance + others_variance) ** 0.5
        bounds = (gain, gain - reach, gain + reach)
        value, low, high = (value_of(number, axis) for number in bounds)
        return Estimate(value, low, high, self.level)

    def _area(self, horizon: Time | None) -> tuple[float, float, float]:
        """Return the area under the curve up to a horizon, its variance, and the horizon."""
        times = numbers(self.time)
        last = float(times[-1])
        end = last if horizon is None else number_of(horizon, self.time, name="horizon")
        if end > last and self.survival[-1] > 0:
            message = f"{horizon!r} lies beyond the last time seen, {value_of(last, self.time)}"
            raise DataError(message, column="horizon")
        edges = np.minimum(np.append(times, end), end).astype(np.float64)
        pieces = np.diff(edges) * self.survival
        after = np.cumsum(pieces[::-1])[::-1]
        variance = float((after**2 * greenwood_terms(self.at_risk, self.events)).sum())
        return float(after[0]), variance, float(end)

    def hazard(self, bandwidth: Time | None = None, *, points: int = 101) -> Hazard:
        """Estimate the rate of ending over time; see :class:`Hazard`."""
        return smooth(
            self.time,
            self.at_risk,
            self.events,
            bandwidth=bandwidth,
            points=points,
            level=self.level,
            assumptions=self.assumptions,
        )

    def at(self, times: Sequence[Time]) -> pd.DataFrame:
        """Read the curve at chosen times.

        Returns
        -------
        DataFrame
            ``time``; ``at_risk`` at that time; ``events`` and ``censored`` up to and with it;
            ``survival``, ``lower`` and ``upper``, which are missing beyond the last time seen
            unless all had ended by then.
        """
        curves = {"survival": self.survival, "lower": self.lower, "upper": self.upper}
        counted = {"events": self.events, "censored": self.censored}
        ended = bool(self.survival[-1] == 0)
        return table_at(self.time, times, self.at_risk, counted, curves, ended=ended)

    def to_frame(self) -> pd.DataFrame:
        """Return ``time, at_risk, events, censored, survival, lower, upper``."""
        names = ("time", "at_risk", "events", "censored", "survival", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in names}, copy=False)

    def summary(self) -> pd.DataFrame:
        """Return one row: ``n, events, censored``, and median and restricted mean with bounds.

        A median or bound that the data do not reach is missing.
        """
        median, mean = self.median, self.restricted_mean()
        row: dict[str, Any] = {
            "n": self.n,
            "events": total_of(self.events),
            "censored": total_of(self.censored),
            "median": median.value,
            "median_lower": median.lower,
            "median_upper": median.upper,
            "restricted_mean": mean.value,
            "restricted_mean_lower": mean.lower,
            "restricted_mean_upper": mean.upper,
            "horizon": value_of(numbers(self.time)[-1], self.time),
        }
        return pd.DataFrame([row])

    def overview(self) -> pd.DataFrame:
        """Return the summary, but for the bounds of the mean: a curve has too many steps to read."""
        return self.summary().drop(columns=["restricted_mean_lower", "restricted_mean_upper"])

    def _curves(self) -> tuple[NDArray[np.float64], ...]:
        return self.survival, self.lower, self.upper


@answer_mistyped
def kaplan_meier(
    durations: ArrayLike,
    observed: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    interval: Transform = "log-log",
) -> Survival:
    """Estimate the survival function from right-censored, possibly late-entered durations.

    Parameters
    ----------
    durations : array of numbers or timedelta64, shape (n,)
        Time lived until the end or until last seen. Durations are reckoned in milliseconds (or
        what finer unit they have); floats that differ by rounding errors only are tied, as in R.
    observed : array of bool, shape (n,)
        Whether the end was seen; else the duration is censored.
    entry : array like durations, optional
        Age at which a subject came under observation; it is at risk after that. 0 means from the
        start.
    weights : array of numbers, shape (n,), optional
        How many subjects each row stands for (case weights), where all are whole numbers; else what
        each row counts by, as a sampling weight. One each by default.
    level : float
        Of the intervals.
    interval : {"log-log", "log", "plain"}
        The scale on which intervals are symmetric.

    Returns
    -------
    Survival
        The step function.

    Raises
    ------
    DataError
        Input that cannot be used; the error says which row and why.

    Warns
    -----
    StatisticalWarning
        The data can hardly support the curve: one subject, no events, all tied, or a risk set that
        runs empty.

    Notes
    -----
    The estimate is that of Kaplan and Meier (1958), the variance Greenwood's (1926), the interval
    ``S ** exp(-+ z se / (S log S))`` unless another is asked for (Kalbfleisch and Prentice 2002,
    section 1.4). With fractional weights the variance is robust (the infinitesimal jackknife), as
    in R; intervals of restricted means take these weights for counts, as R does too. Both bounds
    are 1 before the first event, and not estimable where the estimate is 0. Events come before censorings at equal times.

    Examples
    --------
    The example of Kaplan and Meier's own paper:

    >>> curve = kaplan_meier(
    ...     [0.8, 1.0, 2.7, 3.1, 5.4, 7.0, 9.2, 12.1], [1, 0, 0, 1, 1, 0, 1, 0]
    ... )
    >>> curve.at([1, 4, 6, 10])["survival"].round(4).tolist()
    [0.875, 0.7, 0.525, 0.2625]
    >>> curve.median.value
    9.2
    """
    check_aligned(durations=durations, observed=observed, entry=entry, weights=weights)
    sample = check_sample(durations, events_of(observed), entry, weights)
    table = tabulate(sample)
    warn_if_weak(table)
    robust = robust_variances(sample, table)
    variance = None if robust is None else robust.survival
    return estimate_survival(
        table,
        level=level,
        interval=interval,
        variance=variance,
        assumptions=() if robust is None else (ROBUST_NOTE,),
    )


def estimate_survival(
    table: EventTable,
    *,
    level: float,
    assumptions: tuple[str, ...] = (),
    interval: Transform = "log-log",
    variance: NDArray[np.float64] | None = None,
) -> Survival:
    """Estimate the survival function, all causes taken together, from an event table.

    Its variance is Greenwood's, unless another is given for each time.
    """
    events = table.events.sum(axis=0)
    at_risk = table.at_risk
    # The curve moves only at events, which may be few among the times.
    moves = np.flatnonzero(events)
    n, d = at_risk[moves], events[moves]
    survival = np.cumprod((n - d) / n)
    # Where all end, the estimate is 0 from there on, and so is its variance.
    moved = survival**2 * np.cumsum(greenwood_terms(n, d)) if variance is None else variance[moves]
    lower, upper = probability_band(survival, np.sqrt(moved), level, interval)
    step = np.cumsum(events > 0)
    # Step 0, before the first event, is certain.
    one, none = np.ones(1), np.zeros(1)
    return Survival(
        time=table.time,
        at_risk=at_risk,
        events=events,
        censored=table.censored,
        survival=np.concatenate([one, survival])[step],
        lower=np.concatenate([one, lower])[step],
        upper=np.concatenate([one, upper])[step],
        variance=np.concatenate([none, moved])[step],
        level=level,
        assumptions=assumptions,
        interval=interval,
    )


def _unit_of(times: Times) -> np.timedelta64:
    one: np.timedelta64 = np.ones(1, np.int64).view(times.dtype)[0]
    return one


def total_of(*counts: NDArray[Any]) -> float:
    """Add up counts of subjects, or weights: whole numbers stay whole."""
    total: float = np.concatenate(counts).sum().item()
    return total


def greenwood_terms(at_risk: NDArray[Any], events: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``d / (n (n - d))``, and 0 where all who are at risk end or none is."""
    product = at_risk.astype(np.float64) * (at_risk - events)
    terms: NDArray[np.float64] = np.divide(
        events, product, out=np.zeros(len(product)), where=product > 0
    )
    return terms
