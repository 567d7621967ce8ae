"""Who was active when, in which calendar: what cohorts and identities are counted from."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.analysis.churn.order.codes import id_codes, without_gaps
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import observation
from session_lab.analysis.periods import Period, period_name
from session_lab.errors import DataError, DataWarning
from session_lab.frames import instants
from session_lab.mistyped import level_of_caller
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.timing import Instant

__all__ = ["MOST_PERIODS", "Activity", "activity", "warn_of_span"]

MOST_PERIODS = 1_000
"""Beyond so many periods, those in which nothing happened are left out."""

_HABITS = (("external_id", "at"), ("session_id", "triggered_at"), ("external_id", "created_at"))
"""Who and when in the frames of operations, runs and sessions."""


class Activity(NamedTuple):
    """Rows of someone being active.

    Attributes
    ----------
    who : ndarray of int64
        Who it was, from 0, without gaps.
    at : ndarray of int64
        When, in milliseconds since 1970, not after the observation.
    n : int
        How many there are.
    rows : ndarray of int64
        Where in the frame each activity stands.
    observed_at : int
        Until when the rows tell what happened.
    """

    who: NDArray[np.int64]
    at: NDArray[np.int64]
    n: int
    rows: NDArray[np.int64]
    observed_at: int

    def first(self) -> NDArray[np.int64]:
        """Return when each was first active."""
        first = np.full(self.n, np.iinfo(np.int64).max)
        np.minimum.at(first, self.who, self.at)
        return first


def activity(
    frame: AnyFrame, who: str | None, at: str | None, observed_at: Instant | None
) -> Activity:
    """Read who was active when.

    Raises
    ------
    DataError
        The columns are not named and not those of a known frame, are missing or of the wrong kind,
        or a time is missing.
    """
    df = pandas_frame(frame, "df")
    if who is None or at is None:
        usual = [pair for pair in _HABITS if set(pair) <= set(df.columns)]
        if not usual:
            found = ", ".join(map(str, df.columns)) or "no columns"
            message = f"say which columns tell who and when (who=, at=); the frame has {found}"
            raise DataError(message, source="df")
        who, at = who or usual[0][0], at or usual[0][1]
    owner = id_codes(df, who, source="df")
    when = instants(df, at, source="df")
    until = observation(observed_at, [df], [when], source="df")
    counted = owner.present(source="df", column=who) & (when <= until)
    present, codes = without_gaps(owner.codes[counted], len(owner.names))
    return Activity(
        who=codes,
        at=when[counted],
        n=len(present),
        rows=np.flatnonzero(counted),
        observed_at=until,
    )


def warn_of_span(acts: Activity, period: Period, left_out: str) -> None:
    """Warn that one odd time makes a table that nobody reads, and name its row."""
    row = int(acts.rows[acts.at.argmin()])
    message = (
        f"df: activities span more than {MOST_PERIODS:,} {period_name(period)}s, the first in row "
        f"{row} at {instant_text(int(acts.at.min()))}: {left_out}; is that time right?"
    )
    warnings.warn(message, DataWarning, stacklevel=level_of_caller())
