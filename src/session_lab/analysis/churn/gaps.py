"""The time between the end of a run and the trigger of the next one of its session."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import Codes, id_codes
from session_lab.analysis.churn.order.successors import NEVER, chain
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import observation, warn_of_doubles
from session_lab.analysis.results import Result
from session_lab.frames import NAT, instants
from session_lab.mistyped import answer_mistyped
from session_lab.timing import Instant, instant_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["Gaps", "gaps"]

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_BINS = (
    ("before the end", -1),
    ("at the end", 0),
    ("to 1 s", _SECOND),
    ("to 10 s", 10 * _SECOND),
    ("to 1 min", _MINUTE),
    ("to 10 min", 10 * _MINUTE),
    ("to 1 h", _HOUR),
    ("to 6 h", 6 * _HOUR),
    ("to 1 d", _DAY),
    ("to 7 d", 7 * _DAY),
    ("longer", 2**62),
)
"""Readable bins: their names, and the longest gap in each, in milliseconds."""

_CLOSED = "session_closed"
_QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True, repr=False, eq=False)
class Gaps(Result):
    """Gaps between the runs of sessions.

    Attributes
    ----------
    gap : ndarray of int64
        For each row of the runs frame, the milliseconds from the end of the run before it in its
        session to its own trigger. Below zero where it was triggered before that end; NAT for a
        session's first run, and after a run without an end.
    waiting : ndarray of int64
        For each session whose last run has ended, and did not end with the session, how long it had
        been without a run at the observation: a gap of at least this length (right-censored).
    first : int
        Runs that are the first of their session.
    after_open : int
        Runs that follow one without an end, so that their gap is not known.
    alive : int
        Sessions whose last run has no end.
    observed_at : int
        The observation, in milliseconds since 1970.
    """

    gap: NDArray[np.int64]
    waiting: NDArray[np.int64]
    first: int
    after_open: int
    alive: int
    observed_at: int

    title: ClassVar[str] = "Gaps between the runs of a session"
    formula: ClassVar[str] = "gap = triggered_at of a run - ended_at of the run before it"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done with gaps that are not, or not yet, known."""
        return (
            f"waiting: no next run by {instant_text(self.observed_at)}; censored, not gaps",
            "a session that has expired since its last run is taken for waiting",
        )

    @property
    def known(self) -> NDArray[np.int64]:
        """The gaps that are known, in the order of rows."""
        known: NDArray[np.int64] = self.gap[self.gap != NAT]
        return known

    def to_series(self) -> pd.Series:
        """Return the gap before each row of the runs frame, ``timedelta64[ms]``."""
        return pd.Series(self.gap.view("timedelta64[ms]"), name="gap")

    @cached_property
    def _by_length(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many known gaps, and how many that are waited for, there are of each length."""
        lengths, n = np.array([longest for _, longest in _BINS]), len(_BINS)
        known, waiting = (
            np.bincount(np.searchsorted(lengths, some), minlength=n)
            for some in (self.known, self.waiting)
        )
        return known, waiting

    def to_frame(self) -> pd.DataFrame:
        """Return ``gap, gaps, share, waiting``: counts by length, and of those still waiting."""
        counts, waiting = self._by_length
        return pd.DataFrame(
            {
                "gap": [name for name, _ in _BINS],
                "gaps": counts,
                "share": counts / max(1, int(counts.sum())),
                "waiting": waiting,
            }
        )

    def summary(self) -> pd.Series:
        """Return counts, and quantiles of the known gaps in milliseconds (by nearest rank)."""
        known = np.sort(self.known)
        ranks = {name: int(np.ceil(q * len(known))) - 1 for name, q in _QUANTILES.items()}
        return pd.Series(
            {
                "gaps": len(known),
                "overlaps": int(np.searchsorted(known, 0)),
                "first": self.first,
                "after_open": self.after_open,
                "waiting": len(self.waiting),
                "alive": self.alive,
                **({name: int(known[rank]) for name, rank in ranks.items()} if len(known) else {}),
            },
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def gaps(runs: AnyFrame, *, observed_at: Instant | None = None) -> Gaps:
    """Measure the gap before each run that follows another one of its session.

    Runs are taken in order of trigger, ties in the order of rows. A run that was triggered before
    the end of the one before it has a gap below zero, which is kept. What is not known is not
    guessed: see :class:`Gaps`.

    Parameters
    ----------
    runs : DataFrame, LazyFrame, Table or relation
        A runs frame of any engine, in any order. A categorical ``session_id`` and rows in order of trigger are
        fastest. With the column ``end_cause``, sessions that a run's end shows to be closed are not
        waiting for another one.
    observed_at : str or datetime, optional
        Until when the frame tells what happened; by default what the frame's ``attrs`` say, else
        the latest time in it.

    Returns
    -------
    Gaps
        The gaps by row, and how long sessions have been waiting.

    Raises
    ------
    DataError
        A column is missing or holds no times with a zone, or a trigger has no time.

    Warns
    -----
    DataWarning
        Sessions are waiting and nothing tells when the rows were read; a run stands twice.

    Examples
    --------
    >>> runs = pd.DataFrame({
    ...     "session_id": ["s1", "s1"],
    ...     "triggered_at": pd.to_datetime(["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"]),
    ...     "ended_at": pd.to_datetime(["2026-01-01T00:20:00Z", None]),
    ... })
    >>> gaps(runs).to_series().tolist()
    [NaT, Timedelta('0 days 00:40:00')]
    """
    runs = pandas_frame(runs, "runs")
    warn_of_doubles(runs, "run_id", source="runs")
    owner = id_codes(runs, "session_id", source="runs")
    n_owned = int(np.count_nonzero(owner.present(source="runs", column="session_id")))
    triggered = instants(runs, "triggered_at", source="runs")
    ended = instants(runs, "ended_at", source="runs", required=False)
    gap, last_end, n_known = chain(owner.codes, triggered, ended, len(owner.names))
    rests = last_end > NEVER
    rests[_closed(runs, owner)] = False
    at = observation(
        observed_at, [runs], [triggered, ended], source="runs", matters=bool(rests.any())
    )
    n_first = int(np.count_nonzero(last_end != NEVER))
    return Gaps(
        gap=gap,
        waiting=np.maximum(at - last_end[rests], 0),
        first=n_first,
        after_open=n_owned - n_first - n_known,
        alive=int(np.count_nonzero(last_end == NAT)),
        observed_at=at,
    )


def _closed(runs: pd.DataFrame, owner: Codes) -> NDArray[np.integer]:
    """Return the sessions that a run's end shows to be closed."""
    if "end_cause" not in runs.columns:
        return np.empty(0, dtype=np.int64)
    causes, names = id_codes(runs, "end_cause", source="runs")
    closed = owner.codes[causes == names.get_loc(_CLOSED)] if _CLOSED in names else owner.codes[:0]
    return closed[closed >= 0]
