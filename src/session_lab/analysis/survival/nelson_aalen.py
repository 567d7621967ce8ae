"""The Nelson-Aalen estimate of a cumulative hazard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.results import Result
from session_lab.analysis.survival.hazard import Hazard, hazard_steps, smooth
from session_lab.analysis.survival.intervals import log_band
from session_lab.analysis.survival.kaplan_meier import total_of
from session_lab.analysis.survival.robust import robust_variances
from session_lab.analysis.survival.tables.event_table import tabulate, warn_if_weak
from session_lab.analysis.survival.tables.sample import check_aligned, check_sample, events_of
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from session_lab.analysis.survival.tables.time_axis import Time, Times

__all__ = ["CumulativeHazard", "nelson_aalen"]


@dataclass(frozen=True, repr=False, eq=False)
class CumulativeHazard(Result):
    """The hazard added up over time, as a step function.

    Attributes
    ----------
    time, at_risk, events, censored
        As in :class:`Survival`.
    hazard, lower, upper : ndarray of float, shape (m,)
        The cumulative hazard from the time until the next, and its pointwise interval.
    variance : ndarray of float, shape (m,)
        Aalen's variance of the estimate, or the robust one of fractional weights.
    level : float
        Of the intervals.
    """

    time: Times
    at_risk: NDArray[Any]
    events: NDArray[Any]
    censored: NDArray[Any]
    hazard: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    variance: NDArray[np.float64]
    level: float

    title: ClassVar[str] = "Nelson-Aalen cumulative hazard"
    formula: ClassVar[str] = (
        "H(t) = sum over t_i <= t of d_i / n_i; Aalen's variance sum d_i / n_i^2; pointwise log "
        "interval"
    )

    def smoothed(self, bandwidth: Time | None = None, *, points: int = 101) -> Hazard:
        """Estimate the rate of ending over time; see :class:`Hazard`."""
        return smooth(
            self.time,
            self.at_risk,
            self.events,
            bandwidth=bandwidth,
            points=points,
            level=self.level,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``time, at_risk, events, censored, hazard, lower, upper``."""
        names = ("time", "at_risk", "events", "censored", "hazard", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in names}, copy=False)

    def summary(self) -> pd.DataFrame:
        """Return one row: ``n, events, censored`` and the hazard at the last time with bounds."""
        last = self.to_frame().iloc[[-1]][["hazard", "lower", "upper"]].reset_index(drop=True)
        events, censored = total_of(self.events), total_of(self.censored)
        counts = pd.DataFrame({"n": [events + censored], "events": events, "censored": censored})
        return pd.concat([counts, last], axis=1)

    def overview(self) -> pd.DataFrame:
        """Return the summary: a curve has too many steps to be read one by one."""
        return self.summary()


@answer_mistyped
def nelson_aalen(
    durations: ArrayLike,
    observed: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> CumulativeHazard:
    """Estimate the cumulative hazard from right-censored, possibly late-entered durations.

    Parameters
    ----------
    durations, observed, entry, weights, level
        As in :func:`kaplan_meier`.

    Returns
    -------
    CumulativeHazard
        The step function. Ties count at once, ``d / n``, without pretending an order. The interval
        is ``H exp(-+ z se / H)``, and 0 on both sides before the first event.

    Raises
    ------
    DataError
        Input that cannot be used; the error says which row and why.

    Warns
    -----
    StatisticalWarning
        As in :func:`kaplan_meier`.

    Examples
    --------
    >>> nelson_aalen([1, 2, 2, 3], [1, 1, 1, 0]).hazard.round(4).tolist()
    [0.0, 0.25, 0.9167, 0.9167]
    """
    check_aligned(durations=durations, observed=observed, entry=entry, weights=weights)
    sample = check_sample(durations, events_of(observed), entry, weights)
    table = tabulate(sample)
    warn_if_weak(table)
    events = table.events[0]
    rises, variances = hazard_steps(table.at_risk, events)
    robust = robust_variances(sample, table)
    hazard, variance = np.cumsum(rises), np.cumsum(variances) if robust is None else robust.hazard
    lower, upper = log_band(hazard, np.sqrt(variance), level)
    return CumulativeHazard(
        table.time, table.at_risk, events, table.censored, hazard, lower, upper, variance, level
    )
