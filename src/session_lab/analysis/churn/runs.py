"""How many runs a session takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import id_codes, session_rows
from session_lab.analysis.churn.order.successors import counts_of
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import warn_of_doubles
from session_lab.analysis.results import Result
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["RunsPerSession", "runs_per_session"]


@dataclass(frozen=True, repr=False, eq=False)
class RunsPerSession(Result):
    """How many sessions took how many runs.

    Attributes
    ----------
    sessions : ndarray of int64
        The number of sessions with 0, 1, 2, ... runs.
    counts_idle : bool
        Whether sessions without a run were there to be counted.
    """

    sessions: NDArray[np.int64]
    counts_idle: bool

    title: ClassVar[str] = "Runs per session"
    formula: ClassVar[str] = "share = sessions with so many runs / all sessions counted"

    @property
    def notes(self) -> tuple[str, ...]:
        """Which sessions were counted."""
        if self.counts_idle:
            return ("counted: the sessions of the sessions frame",)
        return ("counted: sessions with a run; give the sessions frame to count the others",)

    @property
    def mean(self) -> float:
        """Runs per session counted; 0 without sessions."""
        total = int(self.sessions.sum())
        runs = int((self.sessions * np.arange(len(self.sessions))).sum())
        return runs / total if total else 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return ``runs, sessions, share``, a row for each number of runs that occurs."""
        (runs,) = np.nonzero(self.sessions)
        sessions = self.sessions[runs]
        share = sessions / max(1, sessions.sum())
        return pd.DataFrame({"runs": runs, "sessions": sessions, "share": share})

    def summary(self) -> pd.Series:
        """Return sessions, runs, mean, median (the lower), most, and the share of many runs."""
        total = int(self.sessions.sum())
        reached = np.cumsum(self.sessions)
        return pd.Series(
            {
                "sessions": total,
                "runs": int((self.sessions * np.arange(len(self.sessions))).sum()),
                "mean": self.mean,
                "median": int(np.searchsorted(reached, (total + 1) // 2)) if total else 0,
                "most": max(len(self.sessions) - 1, 0),
                "share_with_handover": float(self.sessions[2:].sum() / max(1, total)),
            },
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def runs_per_session(runs: AnyFrame, sessions: AnyFrame | None = None) -> RunsPerSession:
    """Count the runs of each session.

    Parameters
    ----------
    runs : DataFrame, LazyFrame, Table or relation
        A runs frame of any engine, in any order. A categorical ``session_id`` is counted fastest.
    sessions : DataFrame, LazyFrame, Table or relation, optional
        A sessions frame: its sessions are counted, those without a run too. Runs of others are
        left out with a warning.

    Returns
    -------
    RunsPerSession
        The distribution.

    Raises
    ------
    DataError
        A column is missing, or a session stands twice in the sessions frame.

    Examples
    --------
    >>> runs = pd.DataFrame({"session_id": ["s1", "s1", "s2"]})
    >>> runs_per_session(runs).to_frame()
       runs  sessions  share
    0     1         1    0.5
    1     2         1    0.5
    >>> runs_per_session(runs, pd.DataFrame({"session_id": ["s1", "s2", "s3", "s4"]})).mean
    0.75
    """
    runs = pandas_frame(runs, "runs")
    warn_of_doubles(runs, "run_id", source="runs")
    owner = id_codes(runs, "session_id", source="runs")
    owner.present(source="runs", column="session_id")
    counts = counts_of(owner.codes, len(owner.names))
    if sessions is None:
        return RunsPerSession(_distribution(counts[counts > 0]), counts_idle=False)
    known = pandas_frame(sessions, "sessions")
    place = session_rows(owner, known)
    own = np.zeros(len(known), dtype=np.int64)
    own[place[place >= 0]] = counts[place >= 0]
    return RunsPerSession(_distribution(own), counts_idle=True)


def _distribution(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bincount(counts).astype(np.int64)
