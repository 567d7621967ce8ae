"""The Aalen-Johansen estimate of cumulative incidence under competing causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.survival.intervals import probability_band
from session_lab.analysis.survival.kaplan_meier import greenwood_terms
from session_lab.analysis.survival.results import AssumingResult
from session_lab.analysis.survival.robust import ROBUST_NOTE, robust_variances
from session_lab.analysis.survival.tables.event_table import EventTable, tabulate, warn_if_weak
from session_lab.analysis.survival.tables.sample import causes_of, check_aligned, check_sample
from session_lab.analysis.survival.tables.step_function import table_at
from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from session_lab.analysis.survival.tables.time_axis import Time, Times

__all__ = ["Incidence", "aalen_johansen", "estimate_incidence"]


@dataclass(frozen=True, repr=False, eq=False)
class Incidence(AssumingResult):
    """The share of subjects that has ended by each time, per cause, as step functions.

    Attributes
    ----------
    time : ndarray, shape (m,)
        As in :class:`Survival`.
    at_risk, censored : ndarray of int64, shape (m,)
        Subjects at risk just before the time, and last seen at it; as in :class:`Survival` with
        fractional weights.
    causes : tuple, length k
        Their numbers or names.
    events : ndarray of int64, shape (k, m)
        Ends at the time, per cause.
    incidence, lower, upper, variance : ndarray of float, shape (k, m)
        The estimates from the time until the next, their pointwise intervals (NaN where all have
        ended by one cause, so that no interval can be told) and variances.
    level : float
        Of the intervals.
    assumptions : tuple of str
        What was assumed.
    """

    time: Times
    at_risk: NDArray[Any]
    censored: NDArray[Any]
    causes: tuple[Hashable, ...]
    events: NDArray[Any]
    incidence: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    variance: NDArray[np.float64]
    level: float
    assumptions: tuple[str, ...] = ()

    title: ClassVar[str] = "Aalen-Johansen cumulative incidence"
    formula: ClassVar[str] = (
        "F_j(t) = sum over t_i <= t of S(t_i-) d_ij / n_i; variance by the delta method with "
        "Greenwood's terms; pointwise log-log interval of F_j"
    )

    def at(self, times: Sequence[Time], cause: Hashable) -> pd.DataFrame:
        """Read the curve of a cause at chosen times.

        Returns
        -------
        DataFrame
            ``time``; ``at_risk`` at that time; ``events`` of the cause up to and with it;
            ``incidence``, ``lower`` and ``upper``, which are missing beyond the last time seen
            unless all had ended by then.

        Raises
        ------
        DataError
            No such cause.
        """
        j = self._place(cause)
        curves = {name: getattr(self, name)[j] for name in ("incidence", "lower", "upper")}
        ended = bool(self.incidence[:, -1].sum() > 1 - 1e-12)
        counted = {"events": self.events[j]}
        return table_at(self.time, times, self.at_risk, counted, curves, ended=ended)

    def to_frame(self) -> pd.DataFrame:
        """Return ``cause, time, at_risk, events, incidence, lower, upper``, cause by cause."""
        k, m = self.events.shape
        columns: dict[str, Any] = {
            "cause": np.repeat(np.array(self.causes, dtype=object), m),
            "time": np.tile(self.time, k),
            "at_risk": np.tile(self.at_risk, k),
        }
        if isinstance(self.causes[0], int):
            columns["cause"] = columns["cause"].astype(np.int64)
        names = ("events", "incidence", "lower", "upper")
        return pd.DataFrame(columns | {name: getattr(self, name).ravel() for name in names})

    def summary(self) -> pd.DataFrame:
        """Return per cause its ``events`` and the ``incidence`` at the last time with bounds."""
        return pd.DataFrame(
            {
                "cause": list(self.causes),
                "events": self.events.sum(axis=1),
                "incidence": self.incidence[:, -1],
                "lower": self.lower[:, -1],
                "upper": self.upper[:, -1],
            }
        )

    def overview(self) -> pd.DataFrame:
        """Return the summary: a curve has too many steps to be read one by one."""
        return self.summary()

    def _place(self, cause: Hashable) -> int:
        if cause not in self.causes:
            known = ", ".join(map(str, self.causes))
            raise DataError(f"{cause!r} is not a cause; they are {known}", column="cause")
        return self.causes.index(cause)


@answer_mistyped
def aalen_johansen(
    durations: ArrayLike,
    cause: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Incidence:
    """Estimate the cumulative incidence of competing causes.

    Parameters
    ----------
    durations, entry, weights, level
        As in :func:`kaplan_meier`.
    cause : array of int, shape (n,)
        What ended the subject: 1, 2 and so on; 0 where it was censored.

    Returns
    -------
    Incidence
        One step function per cause, up to the largest number given.

    Raises
    ------
    DataError
        Input that cannot be used; the error says which row and why.

    Warns
    -----
    StatisticalWarning
        As in :func:`kaplan_meier`.

    Notes
    -----
    The variance is that of Dinse and Larson (1986) and Marubini and Valsecchi (1995), which
    extends Greenwood's: the sum over ``t_i <= t`` of ``(F(t) - F(t_i))^2 d_i / (n_i (n_i - d_i))
    + S(t_i-)^2 d_ij (n_i - d_ij) / n_i^3 - 2 (F(t) - F(t_i)) S(t_i-) d_ij / n_i^2``. The interval
    is ``F ** exp(-+ z se / (F log F))`` (Choudhury 2002). Without late entry it equals
    what R gives for curves of several states, the infinitesimal jackknife, which is used for
    fractional weights.

    Examples
    --------
    >>> result = aalen_johansen([1, 2, 3, 4], [1, 2, 0, 1])
    >>> result.summary()["incidence"].tolist()
    [0.75, 0.25]
    """
    check_aligned(durations=durations, cause=cause, entry=entry, weights=weights)
    causes = causes_of(cause)
    k = max(1, int(causes.max(initial=0)))
    sample = check_sample(durations, causes, entry, weights)
    table = tabulate(sample, causes=k)
    warn_if_weak(table)
    robust = robust_variances(sample, table)
    variance = None if robust is None else robust.incidence
    return estimate_incidence(
        table,
        tuple(range(1, k + 1)),
        level=level,
        variance=variance,
        assumptions=() if robust is None else (ROBUST_NOTE,),
    )


def estimate_incidence(
    table: EventTable,
    causes: tuple[Hashable, ...],
    *,
    level: float,
    assumptions: tuple[str, ...] = (),
    variance: NDArray[np.float64] | None = None,
) -> Incidence:
    """Estimate the cumulative incidence of each cause of an event table.

    Its variance is the one that :func:`aalen_johansen` states, unless another is given.
    """
    n, of_cause = _present(table), table.events
    survival = np.cumprod((n - of_cause.sum(axis=0)) / n)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * of_cause / n, axis=1)
    # Sums of rounding errors must not decide whether everyone has ended.
    incidence[incidence > 1 - 1e-12] = 1.0
    if variance is None:
        variance = _variance(table, before, incidence)
    lower, upper = probability_band(incidence, np.sqrt(variance), level)
    for bound in (lower, upper):
        bound[incidence == 0] = 0.0  # Before the first end by a cause.
    return Incidence(
        time=table.time,
        at_risk=table.at_risk,
        censored=table.censored,
        causes=causes,
        events=of_cause,
        incidence=incidence,
        lower=lower,
        upper=upper,
        variance=variance,
        level=level,
        assumptions=assumptions,
    )


def _present(table: EventTable) -> NDArray[np.float64]:
    """Return who is at risk, and 1 where nobody is: nothing happens there."""
    return np.where(table.at_risk > 0, table.at_risk, 1).astype(np.float64)


def _variance(
    table: EventTable, before: NDArray[np.float64], incidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Add up the variance that :func:`aalen_johansen` states, its squares written out."""
    n, d = _present(table), table.events
    # The formula only knows differences of F. Measured from its end, F is small where Greenwood's
    # terms are large, so that their sums do not cancel.
    f = incidence - incidence[:, -1:]
    a = greenwood_terms(table.at_risk, d.sum(axis=0))
    b = (before / n) ** 2 * (d * (n - d)) / n
    c = before * d / n**2
    variance = (
        f**2 * np.cumsum(a)
        - 2 * f * np.cumsum(f * a + c, axis=1)
        + np.cumsum(f**2 * a + b + 2 * f * c, axis=1)
    )
    return np.where(incidence > 0, np.maximum(variance, 0), 0)
