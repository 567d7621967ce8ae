"""How often sessions change runs, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import id_codes, session_rows
from session_lab.analysis.churn.order.successors import previous_runs
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import observation, warn_of_doubles
from session_lab.analysis.periods import Periodic, calendar_period, numbers, starts
from session_lab.analysis.results import Result
from session_lab.frames import NAT, instants, to_instants
from session_lab.mistyped import answer_mistyped
from session_lab.timing import Instant, instant_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["Rate", "rate"]

_HOUR = 3_600_000


@dataclass(frozen=True, repr=False, eq=False)
class Rate(Result):
    """Hand-overs per hour that a session is alive, by day, week or month.

    Attributes
    ----------
    start : ndarray of int64
        The first instant of each period, in milliseconds since 1970.
    handovers : ndarray of int64
        Runs triggered in the period that are not the first of their session.
    alive : ndarray of int64
        Milliseconds that sessions were alive in the period, together.
    tz : str
        The time zone whose days these are.
    observed_at : int
        Until when sessions and runs are counted; the last period may not be over.
    """

    start: NDArray[np.int64]
    handovers: NDArray[np.int64]
    alive: NDArray[np.int64]
    tz: str
    observed_at: int

    title: ClassVar[str] = "Churn rate"
    formula: ClassVar[str] = (
        "rate = runs that are not the first of their session / hours sessions were alive"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """Which calendar holds, and what alive means."""
        return (
            f"periods of the calendar in {self.tz}, until {instant_text(self.observed_at)}",
            "alive: from creation to the earlier of close and expiry",
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``period, handovers, session_hours, rate``; no rate without a session alive."""
        hours = self.alive / _HOUR
        rates = pd.array(self.handovers / np.where(hours > 0, hours, 1), dtype="Float64")
        rates[hours == 0] = pd.NA
        return pd.DataFrame(
            {
                "period": to_instants(self.start).dt.tz_convert(self.tz),
                "handovers": self.handovers,
                "session_hours": hours,
                "rate": rates,
            }
        )

    def summary(self) -> pd.Series:
        """Return hand-overs, session-hours and the rate of the whole time."""
        handovers, hours = int(self.handovers.sum()), float(self.alive.sum() / _HOUR)
        whole = {"rate": handovers / hours} if hours else {}
        return pd.Series(
            {"handovers": handovers, "session_hours": hours, **whole}, name=self.title, dtype=object
        )


@answer_mistyped
def rate(
    runs: AnyFrame,
    sessions: AnyFrame,
    freq: Periodic = "1d",
    *,
    tz: str = "UTC",
    observed_at: Instant | None = None,
) -> Rate:
    """Relate hand-overs to the time that sessions are alive, by day, week or month.

    Parameters
    ----------
    runs, sessions : DataFrame, LazyFrame, Table or relation
        Frames of any engine: the runs, and all sessions that they may belong to. Runs of others are left out with a
        warning.
    freq : {"1d", "1w", "1mo"} or timedelta
        Calendar days, weeks from Monday, or months; ``"D"``, ``"W"`` and ``"M"`` mean the same.
    tz : str
        The time zone of the calendar.
    observed_at : str or datetime, optional
        Until when to count; by default what the frames' ``attrs`` say, else the latest time in
        them.

    Returns
    -------
    Rate
        A row for each period from the first creation of a session to the observation.

    Raises
    ------
    DataError
        A column is missing or of the wrong kind, a session stands twice, or the period or the zone
        is not known.

    Examples
    --------
    >>> times = pd.to_datetime(["2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z"])
    >>> runs = pd.DataFrame({"session_id": ["s1", "s1"], "triggered_at": times})
    >>> sessions = pd.DataFrame({
    ...     "session_id": ["s1"], "created_at": times[:1], "ended_at": [None],
    ... })
    >>> rate(runs, sessions, observed_at="2026-01-01T10:00:00Z").summary().to_dict()
    {'handovers': 1, 'session_hours': 10.0, 'rate': 0.1}
    """
    period = calendar_period(freq)
    runs, sessions = pandas_frame(runs, "runs"), pandas_frame(sessions, "sessions")
    warn_of_doubles(runs, "run_id", source="runs")
    owner = id_codes(runs, "session_id", source="runs")
    owner.present(source="runs", column="session_id")
    triggered = instants(runs, "triggered_at", source="runs")
    created = instants(sessions, "created_at", source="sessions")
    ended = instants(sessions, "ended_at", source="sessions", required=False)
    at = observation(
        observed_at, [runs, sessions], [triggered, created, ended], source="runs and sessions"
    )
    _, after = previous_runs(owner.codes, triggered)
    after = after[session_rows(owner, sessions)[owner.codes[after]] >= 0]
    moments = triggered[after]
    moments = moments[moments <= at]
    first = min(created.min(initial=at), moments.min(initial=at))
    low, high = numbers(np.array([first, at], dtype=np.int64), period, tz)
    periods = np.arange(low, high + 1 if len(sessions) else low)
    edges = starts(np.append(periods, high + 1), period, tz)
    place = numbers(moments, period, tz) - low
    ended = np.minimum(np.where(ended == NAT, at, ended), at)
    return Rate(
        start=edges[:-1],
        handovers=np.bincount(place, minlength=len(periods)).astype(np.int64),
        alive=np.diff(_alive_before(edges, np.minimum(created, at), ended)),
        tz=tz,
        observed_at=at,
    )


def _alive_before(
    edges: NDArray[np.int64], created: NDArray[np.int64], ended: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the milliseconds that sessions were alive before each edge, together."""
    origin = created.min(initial=edges[-1])
    return _passed(edges - origin, created - origin) - _passed(edges - origin, ended - origin)


def _passed(edges: NDArray[np.int64], since: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of ``edge - instant`` over the instants before each edge."""
    place = np.searchsorted(edges, since, side="right")
    sums = np.zeros(len(edges) + 1, dtype=np.int64)
    np.add.at(sums, place, since)
    n_before = np.cumsum(np.bincount(place, minlength=len(edges) + 1))[:-1]
    passed: NDArray[np.int64] = edges * n_before - np.cumsum(sums)[:-1]
    return passed
