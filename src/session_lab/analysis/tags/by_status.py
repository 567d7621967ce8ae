"""Tags by the status of their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.counts import grouped
from session_lab.analysis.observation import check_sessions
from session_lab.analysis.results import Result
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.analysis.tags.codes import TagCodes
    from session_lab.frames import Coded

__all__ = ["TagStatuses", "by_status", "count_statuses"]

_NO_STATUS = "missing"


@dataclass(frozen=True, repr=False, eq=False)
class TagStatuses(Result):
    """Sessions by tag and status.

    Attributes
    ----------
    names : tuple of str
        The tags, the most frequent first.
    statuses : tuple of str
        The statuses, in order; sessions without one come last, as ``"missing"``.
    counts : ndarray of int64, shape (tags, statuses)
        The sessions with a tag and a status.
    sessions : ndarray of int64, one for each status
        All sessions with a status, tagged or not.
    """

    names: tuple[str, ...]
    statuses: tuple[str, ...]
    counts: NDArray[np.int64]
    sessions: NDArray[np.int64]

    title: ClassVar[str] = "Tags by status"
    formula: ClassVar[str] = (
        "share_of_tag = sessions with tag and status / sessions with the tag; "
        "share_of_status = sessions with tag and status / all sessions with the status"
    )

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the sessions with each tag, those with each status; shape (tags, statuses)."""
        return np.asarray(self.counts / self.counts.sum(axis=1, keepdims=True), dtype=np.float64)

    def to_frame(self) -> pd.DataFrame:
        """Return ``tag, status, sessions, share_of_tag, share_of_status``, a row for each pair."""
        k = len(self.statuses)
        return pd.DataFrame(
            {
                "tag": pd.array(np.repeat(np.array(self.names, object), k), dtype=TEXT_DTYPE),
                "status": pd.array(list(self.statuses) * len(self.names), dtype=TEXT_DTYPE),
                "sessions": self.counts.ravel(),
                "share_of_tag": self.shares.ravel(),
                "share_of_status": (self.counts / np.maximum(self.sessions, 1)).ravel(),
            }
        )

    def summary(self) -> pd.Series:
        """Return the sessions of each status, tagged or not."""
        return pd.Series(self.sessions, index=list(self.statuses), name=self.title)


@answer_mistyped
def by_status(frame: AnyFrame, *, column: str = "status") -> TagStatuses:
    """Count the sessions with each tag by their status.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table or relation
        A sessions frame of any engine.
    column : str
        What to count by; any column of text, such as ``end_cause`` or ``type``.

    Raises
    ------
    DataError
        A column is missing or cannot be counted.

    Warns
    -----
    DataWarning
        Rows stand for a session that another row stands for.

    Examples
    --------
    >>> frame = pd.DataFrame({"tags": [["vip"], ["vip"], []], "status": ["ACTIVE", "CLOSED", None]})
    >>> by_status(frame).to_frame()[["tag", "status", "sessions", "share_of_tag"]]
       tag   status  sessions  share_of_tag
    0  vip   ACTIVE         1           0.5
    1  vip   CLOSED         1           0.5
    2  vip  missing         0           0.0
    """
    check_sessions(frame)
    table = grouped(frame, ["tags", column], explode="tags")
    totals = grouped(frame, [column])
    statuses = pd.Index(totals[column].astype(TEXT_DTYPE).fillna(_NO_STATUS))
    used = table[table["tags"].notna()]
    tags = pd.Index(used["tags"].drop_duplicates())
    counts = np.zeros((len(tags), len(statuses)), dtype=np.int64)
    places = statuses.get_indexer(pd.Index(used[column].astype(TEXT_DTYPE).fillna(_NO_STATUS)))
    np.add.at(counts, (tags.get_indexer(pd.Index(used["tags"])), places), used["n"].to_numpy())
    return _in_order(tuple(map(str, tags)), tuple(statuses), counts, totals["n"].to_numpy())


def count_statuses(codes: TagCodes, status: Coded, rows: NDArray[np.bool_]) -> TagStatuses:
    """Count prepared tags by a prepared column: what :func:`by_status` does with some rows.

    Parameters
    ----------
    codes : TagCodes
        The tags of all sessions.
    status : Coded
        The column of the same sessions.
    rows : ndarray of bool
        The sessions to count.
    """
    names = (*sorted(status.names), _NO_STATUS)
    column_of = np.array([*map(names.index, status.names), len(names) - 1], dtype=np.int64)
    columns = np.where(rows, column_of[status.codes], -1)
    sessions = np.bincount(columns + 1, minlength=len(names) + 1)[1:]
    counts = codes.crossed(columns, len(names))
    used, present = np.flatnonzero(counts.any(axis=1)), np.flatnonzero(sessions)
    return _in_order(
        tuple(codes.names[place] for place in used),
        tuple(names[place] for place in present),
        counts[np.ix_(used, present)],
        sessions[present],
    )


def _in_order(
    names: tuple[str, ...],
    statuses: tuple[str, ...],
    counts: NDArray[np.int64],
    sessions: NDArray[np.int64],
) -> TagStatuses:
    """Put the most frequent tags first."""
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    return TagStatuses(tuple(names[place] for place in order), statuses, counts[order], sessions)
