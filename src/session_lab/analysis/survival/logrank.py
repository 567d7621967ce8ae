"""Log-rank tests, weighted and stratified: whether groups end at the same rate."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from session_lab.analysis.survival.intervals import chi2_tail
from session_lab.analysis.survival.results import AssumingResult
from session_lab.analysis.survival.tables.event_table import tabulate
from session_lab.analysis.survival.tables.sample import check_aligned, check_sample, events_of
from session_lab.analysis.survival.tables.time_axis import numbers
from session_lab.errors import DataError, StatisticalWarning
from session_lab.mistyped import answer_mistyped, level_of_caller

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from session_lab.analysis.survival.tables.sample import Sample

__all__ = [
    "GroupComparison",
    "LogRank",
    "Weighting",
    "compare_groups",
    "holm",
    "logrank",
    "warn_of_weak_comparison",
]


Weighting = Literal["logrank", "gehan", "tarone-ware", "peto"]
"""What a time of events counts by: 1, the number at risk, its root, or the survival before it."""


class Times(NamedTuple):
    """What happened in each group, at the times of events of one stratum.

    Attributes
    ----------
    events, at_risk : ndarray of float, shape (groups, m)
        Ends at the time, and subjects at risk just before it.
    weights : ndarray of float, shape (m,)
        What each time counts by.
    """

    events: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    weights: NDArray[np.float64]


class LogRank(NamedTuple):
    """One test: its statistic, degrees of freedom and p-value."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, repr=False, eq=False)
class GroupComparison(AssumingResult):
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
        "Z' V^- Z with Z = sum w (O - E) and the hypergeometric covariance V, chi-square with the "
        "rank of V as degrees of freedom, one less than groups; pairs corrected by Holm (1979)"
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


@answer_mistyped
def logrank(
    durations: ArrayLike,
    observed: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weighting: Weighting = "logrank",
) -> GroupComparison:
    """Test whether groups end at the same rate.

    Parameters
    ----------
    durations, observed
        As in :func:`kaplan_meier`.
    group : array, shape (n,)
        The group of each subject.
    entry : array like durations, optional
        As in :func:`kaplan_meier`.
    strata : array, shape (n,), optional
        Groups are compared within each stratum, and what is found there adds up.
    weighting : {"logrank", "gehan", "tarone-ware", "peto"}
        What a time of events counts by: all alike (Mantel 1966; most power where hazards are
        proportional); the number at risk (Gehan 1965, also Breslow's), or its root (Tarone and Ware
        1977); or the survival of all before it (Peto and Peto 1972, as R's ``survdiff(rho = 1)``).
        The last three look harder at early differences.

    Returns
    -------
    GroupComparison
        The test of all groups and of every two.

    Raises
    ------
    DataError
        Fewer than two groups, no events, a missing group or stratum, no such weighting, or as in
        :func:`kaplan_meier`.

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
    check_aligned(durations=durations, observed=observed, group=group, entry=entry, strata=strata)
    codes, names = _codes(group, "group")
    sample = check_sample(durations, events_of(observed), entry)
    layers = None if strata is None else _codes(strata, "strata")[0]
    result = compare_groups(sample, codes, names, strata=layers, weighting=weighting)
    warn_of_weak_comparison(result)
    return result


def compare_groups(
    sample: Sample,
    codes: NDArray[np.integer],
    names: Sequence[Hashable],
    *,
    strata: NDArray[np.integer] | None = None,
    weighting: Weighting = "logrank",
    assumptions: tuple[str, ...] = (),
) -> GroupComparison:
    """Test groups given as places in a list of names."""
    k = len(names)
    if k < 2:
        message = f"there is {k} group; a comparison needs two or more"
        raise DataError(message, column="group")
    if len(codes) != len(sample.outcome):
        message = f"there are {len(sample.outcome)} durations and {len(codes)} groups"
        raise DataError(message, column="group")
    if weighting not in get_args(Weighting):
        known = ", ".join(map(repr, get_args(Weighting)))
        raise DataError(f"{weighting!r} is not one of {known}", column="weighting")
    if strata is not None and len(strata) != len(codes):
        message = f"there are {len(codes)} durations and {len(strata)} strata"
        raise DataError(message, column="strata")
    if not sample.outcome.any():
        message = "no event was seen in any group, so there is nothing to compare; observe longer"
        raise DataError(message, column="observed")
    if strata is None:
        layers = [_at_times(sample, codes, k, weighting)]
    else:
        rows = [np.flatnonzero(strata == layer) for layer in np.unique(strata)]
        layers = [_at_times(_rows_of(sample, some), codes[some], k, weighting) for some in rows]
    test = _test(layers)
    found = f"chi-square {test.statistic:.4g} on {test.df} df, p = {test.p_value:.3g}"
    notes = () if weighting == "logrank" else (f"weighting: {weighting}",)
    if strata is not None:
        notes = (*notes, f"compared within {len(layers)} strata")
    return GroupComparison(
        groups=tuple(names),
        n=tuple(np.bincount(codes, minlength=k).tolist()),
        observed=tuple(np.bincount(codes[sample.outcome != 0], minlength=k).tolist()),
        expected=tuple(np.sum([_expected(layer).sum(axis=1) for layer in layers], axis=0).tolist()),
        test=test,
        pairs={
            (names[i], names[j]): _test([_only(layer, [i, j], weighting) for layer in layers])
            for i, j in combinations(range(k), 2)
        },
        assumptions=(found, *notes, *assumptions),
    )


def _codes(values: ArrayLike, name: str) -> tuple[NDArray[np.intp], list[Hashable]]:
    """Return the place of each value in the list of distinct ones."""
    # As objects, text "nan" is not a missing value, and a missing value is not text.
    given: Any = values
    if not hasattr(values, "__array__"):
        given = pd.Series(given, dtype=object)
    if np.ndim(given) != 1:
        message = f"has {np.ndim(given)} dimensions; give one value per row"
        raise DataError(message, column=name)
    column = given if isinstance(given, pd.Series) else pd.Series(np.asarray(given, object))
    try:
        codes, names = pd.factorize(column, sort=True)
    except TypeError:
        kind = type(column.iloc[0]).__name__
        raise DataError(f"holds values that name no group, such as {kind}", column=name) from None
    missing = codes < 0
    if missing.any():
        raise DataError("is missing; leave it out", row=int(missing.argmax()), column=name)
    return codes, names.tolist()


def _rows_of(sample: Sample, rows: NDArray[np.intp]) -> Sample:
    entry = None if sample.entry is None else sample.entry[rows]
    return sample._replace(
        durations=sample.durations[rows], outcome=sample.outcome[rows], entry=entry
    )


def _only(layer: Times, groups: list[int], weighting: Weighting) -> Times:
    """Return some of the groups, weighted as they would be alone."""
    d, n = layer.events[groups], layer.at_risk[groups]
    return Times(d, n, _weights_of(d.sum(axis=0), n.sum(axis=0), weighting))


def _at_times(sample: Sample, codes: NDArray[np.integer], k: int, weighting: Weighting) -> Times:
    """Count what happened in each group at each time of an event."""
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
    return Times(d, n, _weights_of(d.sum(axis=0), n.sum(axis=0), weighting))


def _weights_of(
    events: NDArray[np.float64], at_risk: NDArray[np.float64], weighting: Weighting
) -> NDArray[np.float64]:
    if weighting == "gehan":
        return at_risk
    if weighting == "tarone-ware":
        return np.sqrt(at_risk)
    if weighting == "peto":
        survival = np.cumprod(1 - events / np.maximum(at_risk, 1))
        return np.concatenate([[1.0], survival])[:-1]
    return np.ones(len(events))


def warn_of_weak_comparison(result: GroupComparison) -> None:
    """Warn of a test that its data can hardly support."""
    quiet = [str(name) for name, n in zip(result.groups, result.observed, strict=True) if not n]
    if not result.df:
        problem = (
            "nothing tells the groups apart: whenever something happened, only one group was at "
            "risk or all who were at risk ended; use a finer resolution, or observe longer"
        )
        warnings.warn(problem, StatisticalWarning, stacklevel=level_of_caller())
    elif quiet:
        problem = (
            f"no event was seen in {', '.join(quiet)}, so the chi-square approximation is rough; "
            "observe longer, or put groups together"
        )
        warnings.warn(problem, StatisticalWarning, stacklevel=level_of_caller())


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


def _expected(layer: Times) -> NDArray[np.float64]:
    """Return the events expected of each group at each time, if all ended at one rate."""
    total, ended = layer.at_risk.sum(axis=0), layer.events.sum(axis=0)
    rate = np.divide(ended, total, out=np.zeros(len(total)), where=total > 0)
    expected: NDArray[np.float64] = layer.at_risk * rate
    return expected


def _test(layers: list[Times]) -> LogRank:
    """Test the groups that were at risk when something happened; others have nothing to say."""
    k = len(layers[0].events)
    excess, covariance, present = np.zeros(k), np.zeros((k, k)), np.zeros(k, dtype=bool)
    for layer in layers:
        total, ended = layer.at_risk.sum(axis=0), layer.events.sum(axis=0)
        spread = np.divide(
            ended * (total - ended) * layer.weights**2,
            total**2 * (total - 1),
            out=np.zeros(len(total)),
            where=total > 1,
        )
        n = layer.at_risk
        covariance += np.diag((n * total * spread).sum(axis=1)) - (n * spread) @ n.T
        excess += (layer.events - _expected(layer)) @ layer.weights
        present |= (n * ended).any(axis=1)
    if present.sum() < 2:
        return LogRank(0.0, 0, 1.0)
    excess, covariance = excess[present], covariance[np.ix_(present, present)]
    # Excesses add up to 0 among groups that were at risk together, so at most k - 1 are free.
    df = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not df:
        return LogRank(0.0, 0, 1.0)
    statistic = float(excess @ np.linalg.pinv(covariance, hermitian=True) @ excess)
    return LogRank(statistic, df, chi2_tail(statistic, df))
