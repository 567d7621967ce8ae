"""External ids that are new, come back, or have gone quiet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.activity import MOST_PERIODS, activity, warn_of_span
from session_lab.analysis.periods import Period, Periodic, calendar_period, numbers, starts
from session_lab.analysis.results import Result
from session_lab.frames import to_instants
from session_lab.mistyped import answer_mistyped
from session_lab.timing import Instant, instant_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["Identities", "identities"]


@dataclass(frozen=True, repr=False, eq=False)
class Identities(Result):
    """Ids by day, week or month: new, returning, dormant.

    Attributes
    ----------
    start : ndarray of int64
        The first instant of each period, in milliseconds since 1970.
    new, returning, dormant : ndarray of int64
        Ids first active in the period; active in it and in an earlier one; active in an earlier one
        and not in it.
    freq : str
        ``"1d"``, ``"1w"`` or ``"1mo"``.
    tz : str
        The time zone whose days these are.
    observed_at : int
        Until when the rows tell what happened; the last period may not be over.
    """

    start: NDArray[np.int64]
    new: NDArray[np.int64]
    returning: NDArray[np.int64]
    dormant: NDArray[np.int64]
    freq: Period
    tz: str
    observed_at: int

    title: ClassVar[str] = "Ids new, returning and dormant"
    formula: ClassVar[str] = (
        "new + returning = active in the period; with dormant, all seen until its end"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """Which calendar holds, and what new means."""
        return (
            f"periods of the calendar in {self.tz}, until {instant_text(self.observed_at)}",
            "an id is new when the frame first shows it; what it did before is not known",
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``period, new, returning, dormant``."""
        return pd.DataFrame(
            {
                "period": to_instants(self.start).dt.tz_convert(self.tz),
                "new": self.new,
                "returning": self.returning,
                "dormant": self.dormant,
            }
        )

    def summary(self) -> pd.Series:
        """Return the ids seen, and those dormant in the last period."""
        dormant = int(self.dormant[-1]) if len(self.dormant) else 0
        return pd.Series(
            {"ids": int(self.new.sum()), "periods": len(self.start), "dormant": dormant},
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def identities(
    df: AnyFrame,
    freq: Periodic = "1d",
    *,
    tz: str = "UTC",
    who: str | None = None,
    at: str | None = None,
    observed_at: Instant | None = None,
) -> Identities:
    """Count the ids that are new, returning and dormant in each day, week or month.

    Parameters
    ----------
    df : DataFrame, LazyFrame, Table or relation
        A frame of any engine with a row for each time an id was active: an operations frame (every operation counts, a
        refused one too), a runs frame (then of session ids), a sessions frame, or any other.
    freq : {"1d", "1w", "1mo"} or timedelta
        Calendar days, weeks from Monday, or months; ``"D"``, ``"W"`` and ``"M"`` mean the same.
    tz : str
        The time zone of the calendar.
    who, at : str, optional
        The columns that tell who and when, where they are not those of the frames named above.
    observed_at : str or datetime, optional
        Until when the rows tell what happened; later rows are left out. By default what the
        frame's ``attrs`` say, else its latest time.

    Returns
    -------
    Identities
        A row for each period from the first activity to the observation.

    Raises
    ------
    DataError
        A column is missing or of the wrong kind, or the period or the zone is not known.

    Warns
    -----
    DataWarning
        Nothing tells when the rows were read, or activities span more than 1,000 periods: then
        those without activity are left out.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01T09:00Z", "2026-01-01T10:00Z", "2026-01-02T09:00Z"])
    >>> df = pd.DataFrame({"external_id": ["a", "b", "a"], "at": days})
    >>> identities(df, observed_at="2026-01-02T10:00Z").to_frame()[["new", "returning", "dormant"]]
       new  returning  dormant
    0    2          0        0
    1    0          1        1
    """
    kind = calendar_period(freq)
    acts = activity(df, who, at, observed_at)
    period = numbers(acts.at, kind, tz)
    running = int(numbers(np.array([acts.observed_at], dtype=np.int64), kind, tz)[0])
    low = int(period.min(initial=running))
    # Without any activity there is no first period.
    periods = np.arange(low, running + 1)[: None if len(period) else 0]
    if len(periods) > MOST_PERIODS:
        warn_of_span(acts, kind, "periods without activity are left out")
        periods = np.union1d(period, running)
    n = len(periods)
    place = np.searchsorted(periods, period)
    active = np.unique(acts.who * max(n, 1) + place) % max(n, 1)
    n_active = np.bincount(active, minlength=n)
    new = np.bincount(np.searchsorted(periods, numbers(acts.first(), kind, tz)), minlength=n)
    return Identities(
        start=starts(periods, kind, tz),
        new=new.astype(np.int64),
        returning=(n_active - new).astype(np.int64),
        dormant=(np.cumsum(new) - n_active).astype(np.int64),
        freq=kind,
        tz=tz,
        observed_at=acts.observed_at,
    )
