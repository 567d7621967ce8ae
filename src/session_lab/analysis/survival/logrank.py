"""The log-rank test: whether groups end at the same rate."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.survival.event_table import tabulate
from session_lab.analysis.survival.intervals import chi2_tail
from session_lab.analysis.survival.results import AssumingResult
from session_lab.analysis.survival.sample import check_sample, events_of
from session_lab.analysis.survival.time_axis import numbers
from session_lab.errors import DataError, StatisticalWarning

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from session_lab.analysis.survival.sample import Sample

__all__ = [
    "Comparison",
    "LogRank",
    "compare_groups",
    "holm",
    "logrank",
    "warn_of_weak_comparison",
]


class LogRank(NamedTuple):
    """One test: its statistic, degrees of freedom and p-value."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(AssumingResult):
    """A log-rank test of all groups, and of every two of them.

    Attributes
    ----------
    groups : tuple
        Their names, in order.
    n, observed, expected : tuple of numbers
        Subjects, events seen, and events expected if all groups ended at one rate, per group.
    test : LogRank
        Of all groups at once.
    pairs : dict
        The test of each two groups, on these two alone.
    assumptions : tuple of str
        The result in words, and what was assumed.
    """

    groups: tuple[Hashable, ...]
    n: tuple[int, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    test: LogRank
    pairs: dict[tuple[Hashable, Hashable], LogRank]
    assumptions: tuple[str, ...] = ()

    title: ClassVar[str] = "Log-rank test"
    formula: ClassVar[str] = (
        "(O - E)' V^- (O - E) with the hypergeometric covariance V, chi-square with the rank of V "
        "as degrees of freedom, one less than groups; pairs corrected by Holm (1979)"
    )

    @property
    def statistic(self) -> float:
        """Chi-square of all groups."""
        return self.test.statistic

    @property
    def df(self) -> int:
        """Degrees of freedom of the test of all groups."""
        return self.test.df

    @property
    def p_value(self) -> float:
        """Of the test of all groups."""
        return self.test.p_value

    def to_frame(self) -> pd.DataFrame:
        """Return ``group, n, observed, expected``."""
        columns = {"n": self.n, "observed": self.observed, "expected": self.expected}
        return pd.DataFrame({"group": list(self.groups), **columns})

    def pairwise(self) -> pd.DataFrame:
        """Return ``group, other, statistic, p_value, p_holm``: every two groups."""
        rows = [(*pair, test.statistic, test.p_value) for pair, test in self.pairs.items()]
        frame = pd.DataFrame(rows, columns=["group", "other", "statistic", "p_value"])
        return frame.assign(p_holm=holm(frame["p_value"].to_numpy()))

    def summary(self) -> pd.DataFrame:
        """Return one row: ``groups, statistic, df, p_value``."""
        return pd.DataFrame([{"groups": len(self.groups), **self.test._asdict()}])


def logrank(
    durations: ArrayLike,
    observed: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
) -> Comparison:
    """Test whether groups end at the same rate.

    Parameters
    ----------
    durations, observed
        As in :func:`kaplan_meier`.
    group : array, shape (n,)
        The group of each subject.
    entry : array like durations, optional
        As in :func:`kaplan_meier`.

    Returns
    -------
    Comparison
        The test of all groups (Mantel 1966; Peto and Peto 1972) and of every two.

    Raises
    ------
    DataError
        Fewer than two groups, no events, a missing group, or as in :func:`kaplan_meier`.

    Warns
    -----
    StatisticalWarning
        A group without events, or groups that nothing tells apart: whenever something happened,
        only one of them was at risk, or all who were at risk ended.

    Examples
    --------
    >>> result = logrank([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1], list("aabbbb"))
    >>> round(result.statistic, 3), result.df, round(result.p_value, 3)
    (5.628, 1, 0.018)
    """
    codes, names = pd.factorize(np.asarray(group), sort=True)
    missing = codes < 0
    if missing.any():
        raise DataError("is missing; leave it out", row=int(missing.argmax()), column="group")
    sample = check_sample(durations, events_of(observed), entry)
    result = compare_groups(sample, codes, names.tolist())
    warn_of_weak_comparison(result)
    return result


def compare_groups(
    sample: Sample,
    codes: NDArray[np.integer],
    names: Sequence[Hashable],
    *,
    assumptions: tuple[str, ...] = (),
) -> Comparison:
    """Test groups given as places in a list of names."""
    k = len(names)
    if k < 2:
        message = f"there is {k} group; a comparison needs two or more"
        raise DataError(message, column="group")
    if len(codes) != len(sample.outcome):
        message = f"there are {len(sample.outcome)} durations and {len(codes)} groups"
        raise DataError(message, column="group")
    if not sample.outcome.any():
        message = "no event was seen in any group, so there is nothing to compare; observe longer"
        raise DataError(message, column="observed")
    # Twice the group and one more if the end was seen: one table then tells all groups apart.
    outcome = 2 * codes + sample.outcome
    table = tabulate(sample._replace(outcome=outcome, entry=None), causes=2 * k - 1)
    counts = np.concatenate([table.censored[None], table.events])
    events = counts[1::2]
    leaving = counts[0::2] + events
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    if sample.entry is not None:
        at_risk = at_risk - _still_to_enter(numbers(table.time), sample.entry, codes, k)
    happened = events.any(axis=0)
    d, n = events[:, happened].astype(np.float64), at_risk[:, happened].astype(np.float64)
    test = _test(d, n)
    found = f"chi-square {test.statistic:.4g} on {test.df} df, p = {test.p_value:.3g}"
    return Comparison(
        groups=tuple(names),
        n=tuple(leaving.sum(axis=1).tolist()),
        observed=tuple(events.sum(axis=1).tolist()),
        expected=tuple(_expected(d, n).tolist()),
        test=test,
        pairs={
            (names[i], names[j]): _test(d[[i, j]], n[[i, j]]) for i, j in combinations(range(k), 2)
        },
        assumptions=(found, *assumptions),
    )


def warn_of_weak_comparison(result: Comparison) -> None:
    """Warn, on behalf of the caller's caller, of a test that its data can hardly support."""
    quiet = [str(name) for name, n in zip(result.groups, result.observed, strict=True) if not n]
    if not result.df:
        problem = (
            "nothing tells the groups apart: whenever something happened, only one group was at "
            "risk or all who were at risk ended; use a finer resolution, or observe longer"
        )
        warnings.warn(problem, StatisticalWarning, stacklevel=3)
    elif quiet:
        problem = (
            f"no event was seen in {', '.join(quiet)}, so the chi-square approximation is rough; "
            "observe longer, or put groups together"
        )
        warnings.warn(problem, StatisticalWarning, stacklevel=3)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p-values for their number, by Holm's (1979) step-down method.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def _still_to_enter(
    times: NDArray[Any], entry: NDArray[Any], codes: NDArray[np.integer], k: int
) -> NDArray[np.int64]:
    """Count, per group and time, who enters at the time or later; shape (k, m)."""
    waiting = np.empty((k, len(times)), np.int64)
    for place in range(k):
        late = np.sort(entry[(codes == place) & (entry > 0)])
        waiting[place] = len(late) - np.searchsorted(late, times)
    return waiting


def _expected(d: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    total = n.sum(axis=0)
    rate = np.divide(d.sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)
    expected: NDArray[np.float64] = n @ rate
    return expected


def _test(d: NDArray[np.float64], n: NDArray[np.float64]) -> LogRank:
    """Test the groups that were at risk when something happened; others have nothing to say."""
    present = (n * d.sum(axis=0)).any(axis=1)
    d, n = d[present], n[present]
    k, total = len(n), n.sum(axis=0)
    if k < 2:
        return LogRank(0.0, 0, 1.0)
    ended = d.sum(axis=0)
    spread = np.divide(
        ended * (total - ended),
        total**2 * (total - 1),
        out=np.zeros(len(total)),
        where=total > 1,
    )
    covariance = np.diag((n * total * spread).sum(axis=1)) - (n * spread) @ n.T
    excess = d.sum(axis=1) - _expected(d, n)
    # Excesses add up to 0 among groups that were at risk together, so at most k - 1 are free.
    df = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not df:
        return LogRank(0.0, 0, 1.0)
    statistic = float(excess @ np.linalg.pinv(covariance, hermitian=True) @ excess)
    return LogRank(statistic, df, chi2_tail(statistic, df))
