"""How long sessions live, and what ends them.

A session's life begins when it is created and ends when it is closed or expires, whichever comes
first. One that is still open when the frame was observed is censored: it has lived at least that
long. Expiry is known in advance, so every analysis says how it takes it; and it prints what it
assumed with its numbers.

The estimators on arrays know nothing of sessions: :func:`kaplan_meier`, :func:`nelson_aalen`,
:func:`aalen_johansen`, :func:`turnbull` and :func:`logrank`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.survival import (
    CoxModel,
    CumulativeHazard,
    Estimate,
    GroupComparison,
    Hazard,
    Incidence,
    IntervalSurvival,
    LogRank,
    Survival,
    aalen_johansen,
    kaplan_meier,
    logrank,
    nelson_aalen,
    turnbull,
)
from session_lab.analysis.survival.aalen_johansen import estimate_incidence
from session_lab.analysis.survival.cox import design_matrix, fit_cox
from session_lab.analysis.survival.groups import (
    IncidenceByGroup,
    SurvivalByGroup,
    commonest,
    groups_of,
    warn_of_weak_groups,
)
from session_lab.analysis.survival.kaplan_meier import estimate_survival
from session_lab.analysis.survival.logrank import compare_groups, warn_of_weak_comparison
from session_lab.analysis.survival.tables.event_table import tabulate, warn_if_weak, weakness_of
from session_lab.analysis.survival.tables.sample import check_sample
from session_lab.analysis.survival.tables.session_durations import CAUSES, lives_of
from session_lab.errors import DataError
from session_lab.frames import column_of
from session_lab.mistyped import answer_mistyped, no_attribute

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.analysis.survival.cox import Ties
    from session_lab.analysis.survival.groups import By, Groups
    from session_lab.analysis.survival.intervals import Transform
    from session_lab.analysis.survival.logrank import Weighting
    from session_lab.analysis.survival.tables.event_table import EventTable
    from session_lab.analysis.survival.tables.session_durations import Expiry, SessionDurations
    from session_lab.timing import Duration, Instant

__all__ = [
    "COMPETING_NOTE",
    "EXPIRY_NOTES",
    "CoxModel",
    "CumulativeHazard",
    "Estimate",
    "GroupComparison",
    "Hazard",
    "Incidence",
    "IncidenceByGroup",
    "IntervalSurvival",
    "LogRank",
    "Survival",
    "SurvivalByGroup",
    "aalen_johansen",
    "compare",
    "cox",
    "incidence",
    "kaplan_meier",
    "logrank",
    "nelson_aalen",
    "survival",
    "turnbull",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # To a type checker it would stand for every name.

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name, __all__)


EXPIRY_NOTES = {
    "competes": (
        "expiry competes: any end ends a session, so the curve is the share of sessions that is "
        "neither closed nor expired"
    ),
    "censors": (
        "expiry censors: the curve is the time to a close if nothing expired, assuming that "
        "sessions which expire would have been closed like others of their age"
    ),
}
"""How each analysis of one curve takes expiry."""

COMPETING_NOTE = "closed and expired compete: what has ended one way cannot end the other"
"""How the analyses of two curves take it."""

_OVERLAP = (
    "a session counts in each of its values of {by}, so groups overlap and are not independent"
)


@overload
def survival(
    df: AnyFrame,
    *,
    by: None = None,
    expiry: Expiry = "competes",
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
    level: float = 0.95,
    interval: Transform = "log-log",
) -> Survival: ...
@overload
def survival(
    df: AnyFrame,
    *,
    by: By,
    top: int | None = None,
    expiry: Expiry = "competes",
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
    level: float = 0.95,
    interval: Transform = "log-log",
) -> SurvivalByGroup: ...
@answer_mistyped
def survival(
    df: AnyFrame,
    *,
    by: By | None = None,
    top: int | None = None,
    expiry: Expiry = "competes",
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
    level: float = 0.95,
    interval: Transform = "log-log",
) -> Survival | SurvivalByGroup:
    """Estimate how long sessions live, by Kaplan and Meier.

    Parameters
    ----------
    df : DataFrame, LazyFrame, Table or relation
        A sessions frame of any engine.
    by : str or list of str, optional
        A column to group by, or several; with ``tags`` a session counts in each of its tags.
    top : int, optional
        How many groups to keep apart, those with the most sessions; the others become one group.
        All by default.
    expiry : {"competes", "censors"}
        Whether expiry is an end like a close, so that the curve is the share of sessions still
        open; or censors, so that the curve is the time to a close if nothing expired.
    entry : str or datetime, optional
        When sessions came under observation, where the frame only holds those that were still open
        then: an instant, or a column of instants or of ages (durations). Sessions are at risk
        after it.
    resolution : str or timedelta, optional
        Round lifetimes up to whole multiples of it, as in ``"1s"``. The curve is then right at
        these multiples (apart from censorings in between). Milliseconds by default.
    level : float
        Of the intervals.
    interval : {"log-log", "log", "plain"}
        The scale on which intervals are symmetric.

    Returns
    -------
    Survival or SurvivalByGroup
        Times are ages of a session.

    Raises
    ------
    DataError
        No rows, a column that is missing or of the wrong kind, or a lifetime that is missing or
        negative.

    Warns
    -----
    DataWarning
        Rows that were left out: without a group, or ended before their entry. Rows that stand for
        a session another row stands for.
    StatisticalWarning
        A curve that its data can hardly support.

    See Also
    --------
    kaplan_meier : The formulas, on arrays.
    incidence : Closed and expired apart.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> sessions = sl.replay(events, until="2026-01-01T06:00:00Z").sessions
    >>> sl.lifetimes.survival(sessions).at(["1h", "3h"])[["time", "at_risk", "survival"]]
                 time  at_risk  survival
    0 0 days 01:00:00      232  0.668588
    1 0 days 03:00:00      229  0.659942
    """
    df = pandas_frame(df, "sessions")
    lives = lives_of(df, entry=entry, resolution=resolution)
    outcome = lives.ends(expiry)
    assumptions = (EXPIRY_NOTES[expiry], *lives.assumptions)
    if by is None:
        table = _table(lives, outcome)
        warn_if_weak(table)
        return estimate_survival(table, level=level, assumptions=assumptions, interval=interval)
    groups = _groups(df, by, lives, top)
    assumptions = (*assumptions, *group_notes(_named(by), groups.rest, overlap=groups.overlap))
    tables = _tables(lives, outcome, groups)
    warn_of_weak_groups({name: weakness_of(table) for name, table in tables.items()}, _named(by))
    parts = {
        name: estimate_survival(table, level=level, assumptions=assumptions, interval=interval)
        for name, table in tables.items()
    }
    return SurvivalByGroup(_by(by), parts, assumptions)


@overload
def incidence(
    df: AnyFrame,
    *,
    by: None = None,
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
    level: float = 0.95,
) -> Incidence: ...
@overload
def incidence(
    df: AnyFrame,
    *,
    by: By,
    top: int | None = None,
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
    level: float = 0.95,
) -> IncidenceByGroup: ...
@answer_mistyped
def incidence(
    df: AnyFrame,
    *,
    by: By | None = None,
    top: int | None = None,
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
    level: float = 0.95,
) -> Incidence | IncidenceByGroup:
    """Estimate the share of sessions closed and the share expired by each age.

    Parameters
    ----------
    df, by, top, entry, resolution, level
        As in :func:`survival`.

    Returns
    -------
    Incidence or IncidenceByGroup
        For the causes ``closed`` and ``expired``, which compete.

    Raises
    ------
    DataError
        As in :func:`survival`.

    Warns
    -----
    DataWarning, StatisticalWarning
        As in :func:`survival`.

    See Also
    --------
    aalen_johansen : The formulas, on arrays.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> sessions = sl.replay(events, until="2026-01-01T06:00:00Z").sessions
    >>> sl.lifetimes.incidence(sessions).at(["1h", "3h"], "closed")[["time", "incidence"]]
                 time  incidence
    0 0 days 01:00:00   0.331412
    1 0 days 03:00:00   0.340058
    """
    df = pandas_frame(df, "sessions")
    lives = lives_of(df, entry=entry, resolution=resolution)
    assumptions = (COMPETING_NOTE, *lives.assumptions)
    if by is None:
        table = _table(lives, lives.outcome, causes=len(CAUSES))
        warn_if_weak(table)
        return estimate_incidence(table, CAUSES, level=level, assumptions=assumptions)
    groups = _groups(df, by, lives, top)
    assumptions = (*assumptions, *group_notes(_named(by), groups.rest, overlap=groups.overlap))
    tables = _tables(lives, lives.outcome, groups, causes=len(CAUSES))
    warn_of_weak_groups({name: weakness_of(table) for name, table in tables.items()}, _named(by))
    parts = {
        name: estimate_incidence(table, CAUSES, level=level, assumptions=assumptions)
        for name, table in tables.items()
    }
    return IncidenceByGroup(_by(by), parts, assumptions)


@answer_mistyped
def compare(
    df: AnyFrame,
    by: By,
    *,
    expiry: Expiry = "competes",
    entry: str | Instant | None = None,
    strata: By | None = None,
    weighting: Weighting = "logrank",
) -> GroupComparison:
    """Test by log-rank whether groups of sessions live equally long.

    Parameters
    ----------
    df : DataFrame, LazyFrame, Table or relation
        A sessions frame of any engine.
    by : str or list of str
        A column whose groups do not overlap, or several.
    expiry, entry
        As in :func:`survival`.
    strata : str or list of str, optional
        Columns within whose values groups are compared.
    weighting : {"logrank", "gehan", "tarone-ware", "peto"}
        What a time of ends counts by; see :func:`logrank`.

    Returns
    -------
    GroupComparison
        Of all groups and of every two.

    Raises
    ------
    DataError
        As in :func:`survival`; and fewer than two groups, overlapping groups, or no ends at all.

    Warns
    -----
    DataWarning, StatisticalWarning
        As in :func:`survival` and :func:`logrank`.

    See Also
    --------
    logrank : The formulas, on arrays.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> sessions = sl.replay(events, until="2026-01-01T06:00:00Z").sessions
    >>> sessions["plan"] = sessions["tags"].map(lambda tags: tags[0])
    >>> sl.lifetimes.compare(sessions, "plan").to_frame()
           group    n  observed   expected
    0  plan:free  282       105  99.157274
    1   plan:pro   65        19  24.842726
    """
    df = pandas_frame(df, "sessions")
    lives = lives_of(df, entry=entry)
    groups = _groups(df, by, lives)
    if groups.overlap:
        message = (
            "sessions belong to several groups, and a log-rank test compares groups that do not "
            "overlap; make a column that tells the sessions with one value from all others"
        )
        raise DataError(message, column=_named(by))
    rows, codes, layers = groups.rows, groups.codes, None
    if strata is not None:
        layered = _groups(df, strata, lives)
        if layered.overlap:
            message = "sessions belong to several strata; stratify by a column of single values"
            raise DataError(message, column=_named(strata))
        rows, here, there = np.intersect1d(rows, layered.rows, return_indices=True)
        codes, layers = codes[here], layered.codes[there]
    picked = lives.take(rows)
    result = compare_groups(
        check_sample(picked.durations, picked.ends(expiry), picked.entry),
        codes,
        groups.names,
        strata=layers,
        weighting=weighting,
        assumptions=(EXPIRY_NOTES[expiry], *lives.assumptions),
    )
    warn_of_weak_comparison(result)
    return result


@answer_mistyped
def cox(
    df: AnyFrame,
    covariates: Sequence[str],
    *,
    expiry: Expiry = "competes",
    entry: str | Instant | None = None,
    strata: By | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
) -> CoxModel:
    """Estimate what each covariate does to the rate at which sessions end, the others held fixed.

    Needs statsmodels, which the extra ``stats`` brings.

    Parameters
    ----------
    df : DataFrame, LazyFrame, Table or relation
        A sessions frame of any engine.
    covariates : list of str
        Columns of numbers, flags, text or categories. Of the last two each value but the first in
        order is compared with that first one.
    expiry, entry
        As in :func:`survival`.
    strata : str or list of str, optional
        Columns whose values each have a baseline rate of their own.
    ties : {"efron", "breslow"}
        How ends at one time are taken.
    level : float
        Of the intervals.

    Returns
    -------
    CoxModel
        Hazard ratios, with intervals.

    Raises
    ------
    DataError
        As in :func:`survival`; a covariate is missing somewhere, has one value only, or can be told
        from the others; or the data do not tell what the covariates do.
    MissingDependencyError
        statsmodels is not installed.

    Warns
    -----
    DataWarning, StatisticalWarning
        As in :func:`survival`; and a hazard ratio runs to 0 or infinity.

    Notes
    -----
    D. R. Cox (1972), "Regression models and life-tables". The ratio of rates is taken to be the
    same at every age; compare the curves of :func:`survival` on a log-log scale to see whether it
    is.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> sessions = sl.replay(events, until="2026-01-01T06:00:00Z").sessions
    >>> sessions["plan"] = sessions["tags"].map(lambda tags: tags[0])
    >>> sl.lifetimes.cox(sessions, ["plan"]).to_frame()[["term", "hazard_ratio"]]
                term  hazard_ratio
    0  plan=plan:pro      0.722071
    """
    df = pandas_frame(df, "sessions")
    lives = lives_of(df, entry=entry)
    terms, matrix, notes = design_matrix(df.iloc[lives.rows], covariates, source="sessions")
    layers = None
    if strata is not None:
        layered = _groups(df, strata, lives)
        if layered.overlap or len(layered.rows) < len(lives.rows):
            message = "every session needs one stratum; stratify by a column of single values"
            raise DataError(message, column=_named(strata))
        layers = layered.codes[np.argsort(layered.rows)]
    return fit_cox(
        check_sample(lives.durations, lives.ends(expiry), lives.entry),
        terms,
        matrix,
        strata=layers,
        ties=ties,
        level=level,
        assumptions=(*notes, EXPIRY_NOTES[expiry], *lives.assumptions),
    )


def _table(
    lives: SessionDurations, outcome: NDArray[np.int64] | NDArray[np.bool_], *, causes: int = 1
) -> EventTable:
    return tabulate(check_sample(lives.durations, outcome, lives.entry), causes=causes)


def _tables(
    lives: SessionDurations,
    outcome: NDArray[np.int64] | NDArray[np.bool_],
    groups: Groups,
    *,
    causes: int = 1,
) -> dict[Hashable, EventTable]:
    return {
        name: _table(lives.take(rows), outcome[rows], causes=causes)
        for name, rows in groups.members()
    }


def _groups(df: pd.DataFrame, by: By, lives: SessionDurations, top: int | None = None) -> Groups:
    """Group the lives by columns of the frame they stand in."""
    if top is not None and top < 1:
        raise DataError(f"{top} groups show nothing; give a number from 1", column="top")
    names = [by] if isinstance(by, str) else by
    if not isinstance(names, (list, tuple)) or not names or len({*map(str, names)}) < len(names):
        message = "give the name of a column of the frame, or a list of different names"
        raise DataError(f"{message}, not {type(by).__name__}", source="sessions", column="by")
    values = {str(name): column_of(df, name, source="sessions") for name in names}
    if not len(lives.rows):
        message = "there are no sessions, so there is nothing to estimate; check what was selected"
        raise DataError(message, source="sessions")
    groups = groups_of(pd.DataFrame(values).iloc[lives.rows])
    return groups if top is None else commonest(groups, top)


def _by(by: By) -> str | tuple[str, ...]:
    if isinstance(by, str):
        return by
    return tuple(by) if len(by) > 1 else by[0]


def _named(by: By) -> str:
    return by if isinstance(by, str) else ", ".join(by)


def group_notes(by: str, rest: str, *, overlap: bool) -> tuple[str, ...]:
    """Return what is to be said of groups: that they overlap, and which were put together."""
    return (*((_OVERLAP.format(by=by),) if overlap else ()), *((rest,) if rest else ()))
