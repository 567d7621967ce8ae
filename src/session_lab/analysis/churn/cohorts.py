"""Cohorts by first activity, and who of them comes back."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from session_lab.analysis.churn.activity import MOST_PERIODS, activity, warn_of_span
from session_lab.analysis.churn.order.successors import LARGE, passes
from session_lab.analysis.periods import (
    LENGTHS,
    Period,
    Periodic,
    calendar_period,
    numbers,
    period_name,
    starts,
)
from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import to_instants
from session_lab.mistyped import answer_mistyped
from session_lab.numbers import check_level
from session_lab.timing import Instant, instant_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.churn.activity import Activity
    from session_lab.analysis.engines import AnyFrame

__all__ = ["Cohorts", "Day", "Retention", "cohorts"]

Day = Literal["calendar", "elapsed"]
"""What a day is: one of the calendar, or 24 hours counted from the first activity."""

Retention = Literal["classic", "rolling"]
"""Who counts as retained at an age: who was active in that period, or in it or later."""

_RETENTION = {
    "classic": "classic retention: active in the period of that age",
    "rolling": "rolling retention: active in the period of that age or later",
}
_MOST_CELLS = 100_000_000
"""Up to so many pairs of a member and an age, marking them in a table beats sorting."""

_DAYS = {
    "calendar": "age: calendar periods in {tz} since that of the first activity",
    "elapsed": "age: full spans of {hours} hours since the instant of the first activity",
}


@dataclass(frozen=True, repr=False, eq=False)
class Cohorts(Result):
    """Retention by cohort and age.

    Attributes
    ----------
    start : ndarray of int64
        The first instant of each cohort's period, in milliseconds since 1970.
    members : ndarray of int64
        Who was first active in that period.
    observed : ndarray of int64, shape (cohorts, ages)
        The members whose period of that age was over at the observation.
    active : ndarray of int64, shape (cohorts, ages)
        Those of them who were active in it.
    freq, day, tz, kind : str
        Days, weeks or months, how they are counted, the time zone of the calendar, and who counts
        as retained.
    observed_at : int
        The observation, in milliseconds since 1970.
    """

    start: NDArray[np.int64]
    members: NDArray[np.int64]
    observed: NDArray[np.int64]
    active: NDArray[np.int64]
    freq: Period
    day: Day
    tz: str
    observed_at: int
    kind: Retention = "classic"

    title: ClassVar[str] = "Retention by cohort"
    formula: ClassVar[str] = (
        "retention = retained at that age / members for whom that age was over when observed"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """How days are counted, and what a first activity is."""
        hours = LENGTHS.get(self.freq, 0) // 3_600_000
        return (
            _RETENTION[self.kind],
            f"cohort: calendar {period_name(self.freq)} of the first activity in {self.tz}",
            _DAYS[self.day].format(tz=self.tz, hours=hours),
            f"observed {instant_text(self.observed_at)}; what came before the frame is not known",
        )

    @property
    def retention(self) -> NDArray[np.float64]:
        """Retention by cohort and age; NaN where nobody's period was over."""
        known = np.where(self.observed > 0, self.observed, 1)
        return np.where(self.observed > 0, self.active / known, np.nan)

    def names(self) -> list[str]:
        """Return the date on which each cohort's period begins, as in ``2026-01-05``."""
        days = to_instants(self.start).dt.tz_convert(self.tz)
        return [f"{day:%Y-%m-%d}" for day in days]

    def to_frame(self) -> pd.DataFrame:
        """Return ``cohort, age, members, observed, active, retention`` of the cells observed."""
        cohort, age = np.nonzero(self.observed)
        return pd.DataFrame(
            {
                "cohort": to_instants(self.start[cohort]).dt.tz_convert(self.tz),
                "age": age,
                "members": self.members[cohort],
                "observed": self.observed[cohort, age],
                "active": self.active[cohort, age],
                "retention": self.retention[cohort, age],
            }
        )

    def pooled(self, *, level: float = 0.95) -> pd.DataFrame:
        """Return ``age, observed, active, retention, lower, upper`` of all cohorts together.

        The interval is Wilson's score interval for a proportion; members are taken to act
        independently of each other. Later ages rest on fewer and older cohorts.
        """
        check_level(level)
        observed, active = self.observed.sum(axis=0), self.active.sum(axis=0)
        (age,) = np.nonzero(observed)
        n, share = observed[age], active[age] / observed[age]
        z = NormalDist().inv_cdf((1 + level) / 2)
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        return pd.DataFrame(
            {
                "age": age,
                "observed": n,
                "active": active[age],
                "retention": share,
                "lower": np.maximum(centre - half, 0),
                "upper": np.minimum(centre + half, 1),
            }
        )

    def summary(self) -> pd.Series:
        """Return members, cohorts, the oldest age observed, and the retention at age 1."""
        pooled = self.pooled()
        later = pooled.loc[pooled["age"] == 1, "retention"].tolist()
        return pd.Series(
            {
                "members": int(self.members.sum()),
                "cohorts": int(np.count_nonzero(self.members)),
                "oldest_age": int(pooled["age"].max()) if len(pooled) else 0,
                **({"retention_at_1": later[0]} if later else {}),
            },
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def cohorts(
    df: AnyFrame,
    freq: Periodic = "1d",
    *,
    day: Day = "calendar",
    retention: Retention = "classic",
    tz: str = "UTC",
    who: str | None = None,
    at: str | None = None,
    observed_at: Instant | None = None,
) -> Cohorts:
    """Group ids by the day, week or month of their first activity, and see who comes back.

    Two definitions of a day are in use. On calendar days, someone first active at 23:50 who writes
    again at 00:10 comes back on day 1; on elapsed days, counted from the first activity, that is
    still day 0. A period counts for a member once it is over, so recent cohorts are not mistaken
    for lost ones.

    Parameters
    ----------
    df : DataFrame, LazyFrame, Table or relation
        A frame of any engine with a row for each time an id was active: an operations frame (every operation counts, a
        refused one too), a runs frame (then of session ids), a sessions frame, or any other.
    freq : {"1d", "1w", "1mo"} or timedelta
        Days, weeks (from Monday on the calendar, or seven elapsed days) or calendar months; the
        letters of pandas, ``"D"``, ``"W"`` and ``"M"``, mean the same.
    day : {"calendar", "elapsed"}
        How days are counted.
    retention : {"classic", "rolling"}
        Who counts as retained at an age: members active in that period, or in that period or any
        later one up to the observation.
    tz : str
        The time zone of the calendar.
    who, at : str, optional
        The columns that tell who and when, where they are not those of the frames named above.
    observed_at : str or datetime, optional
        Until when the rows tell what happened; later rows are left out. By default what the
        frame's ``attrs`` say, else its latest time.

    Returns
    -------
    Cohorts
        Members, and at each age how many were observed and active.

    Raises
    ------
    DataError
        A column is missing or of the wrong kind, or the period, the definition of a day or of
        retention, or the zone is not known.

    Warns
    -----
    DataWarning
        Nothing tells when the rows were read, or activities span more than 1,000 periods: then
        cohorts without members are left out, and ages from 1,000 on are not followed.

    Examples
    --------
    >>> times = pd.to_datetime(["2026-01-01T23:50Z", "2026-01-02T00:10Z", "2026-01-02T08:00Z"])
    >>> df = pd.DataFrame({"external_id": ["a", "a", "b"], "at": times})
    >>> cohorts(df, observed_at="2026-01-03T00:00Z").pooled()[["age", "observed", "active"]]
       age  observed  active
    0    0         2       2
    1    1         1       1
    """
    if not isinstance(day, str) or day not in _DAYS:
        message = f'{day!r} is not a definition of a day; they are "calendar" and "elapsed"'
        raise DataError(message, column="day")
    if not isinstance(retention, str) or retention not in _RETENTION:
        message = f'{retention!r} is not a kind of retention; they are "classic" and "rolling"'
        raise DataError(message, column="retention")
    kind = calendar_period(freq)
    if day == "elapsed" and kind not in LENGTHS:
        raise DataError("months elapse in no fixed time; count calendar ones", column="freq")
    acts = activity(df, who, at, observed_at)
    first = acts.first()
    cohort = numbers(first, kind, tz)
    count = _by_calendar if day == "calendar" else _by_elapsed
    age, over = count(acts, first, kind, tz)
    periods = np.arange(cohort.min(), cohort.max() + 1) if len(cohort) else np.empty(0, np.int64)
    if max(len(periods), over.max(initial=0)) > MOST_PERIODS:
        left_out = f"cohorts without members are left out and ages from {MOST_PERIODS:,} on are not followed"
        warn_of_span(acts, kind, left_out)
        periods, over = np.unique(cohort), np.minimum(over, MOST_PERIODS)
    place = np.searchsorted(periods, cohort)
    shape = (len(periods), int(over.max(initial=0)))
    if retention == "classic":
        active = _active(acts.who, age, over, place, shape)
    else:
        last = np.zeros(acts.n, dtype=np.int64)
        np.maximum.at(last, acts.who, age)
        # Who was last active at age k is retained at all ages up to k.
        active = _at_each_age(place, np.minimum(last + 1, over), shape)
    return Cohorts(
        start=starts(periods, kind, tz),
        members=np.bincount(place, minlength=len(periods)).astype(np.int64),
        observed=_at_each_age(place, over, shape),
        active=active,
        freq=kind,
        day=day,
        tz=tz,
        observed_at=acts.observed_at,
        kind=retention,
    )


def _by_calendar(
    acts: Activity, first: NDArray[np.int64], period: Period, tz: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the age of each activity, and how many periods were over for each member."""
    born = numbers(first, period, tz)
    age = numbers(acts.at, period, tz) - born[acts.who]
    # The period that the observation falls in is not over.
    running = numbers(np.array([acts.observed_at], dtype=np.int64), period, tz)[0]
    return age, running - born


def _by_elapsed(
    acts: Activity, first: NDArray[np.int64], period: Period, _: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the age of each activity, and how many periods were over for each member."""
    length = LENGTHS[period]
    return (acts.at - first[acts.who]) // length, (acts.observed_at - first) // length


def _at_each_age(
    place: NDArray[np.int64], ages: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Count the members of each cohort who reach each age, given how many ages each reaches."""
    n_cohorts, n_ages = shape
    ended = np.bincount(place * (n_ages + 1) + ages, minlength=n_cohorts * (n_ages + 1))
    ended = ended.reshape(n_cohorts, n_ages + 1)
    # Age k is reached by those who reach more than k ages.
    return ended[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].astype(np.int64)


def _active(
    who: NDArray[np.int64],
    age: NDArray[np.int64],
    over: NDArray[np.int64],
    place: NDArray[np.int64],
    shape: tuple[int, int],
) -> NDArray[np.int64]:
    """Count the members of each cohort who were active at each age that was over for them."""
    if len(who) >= LARGE:
        cells = np.zeros(shape, dtype=np.int64)
        if passes().count_active(who, age, over, place, cells):
            return cells
    n_cohorts, n_ages = shape
    counted = age < over[who]
    distinct = _distinct(who[counted] * max(n_ages, 1) + age[counted], len(over) * max(n_ages, 1))
    member, at_age = np.divmod(distinct, max(n_ages, 1))
    found = np.bincount(place[member] * n_ages + at_age, minlength=n_cohorts * n_ages)
    return found.reshape(n_cohorts, n_ages).astype(np.int64)


def _distinct(cells: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the cells below ``n`` that occur, in order."""
    if n > _MOST_CELLS:
        return np.unique(cells)
    occurs = np.zeros(n, dtype=np.bool_)
    occurs[cells] = True
    return np.flatnonzero(occurs)
