"""Which session each row of another frame belongs to, looked up once for any selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import id_codes
from session_lab.analysis.periods import LENGTHS
from session_lab.errors import DataError
from session_lab.frames import instants, observed_at
from session_lab.frames.of_sessions import session_key
from session_lab.widgets.data.session_index import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Belonging", "OwnedRows"]

_IDS = ("session_id", "external_id")
_LONGEST = 900 * LENGTHS["1d"]
"""Beyond it cohorts warn of odd times, by the rows they stand in."""


class Belonging:
    """Which session each row of a frame belongs to, looked up once.

    Parameters
    ----------
    frame : DataFrame
        Runs, operations or events.
    sessions : DataFrame
        The sessions they may belong to.

    Attributes
    ----------
    key : str
        The column of both frames that names the session.
    owner : Codes
        The session of each row of ``frame``.
    places : ndarray of int
        The place of each row of ``sessions`` among the owners; -1 where it owns no row.

    Raises
    ------
    DataError
        No column tells which session a row belongs to.
    """

    def __init__(self, frame: pd.DataFrame, sessions: pd.DataFrame) -> None:
        self.key = session_key(frame, sessions)
        self.owner = id_codes(frame, self.key, source="of_sessions")
        ids = pd.Index(sessions[self.key].astype(object))
        self.places = self.owner.names.astype(object).get_indexer(ids)

    def rows(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows belong to the sessions chosen."""
        places = self.places[chosen]
        # One entry more than there are names, for the code -1 of rows without a session.
        keep = np.zeros(len(self.owner.names) + 1, dtype=np.bool_)
        keep[places[places >= 0]] = True
        rows: NDArray[np.bool_] = keep[self.owner.codes]
        return rows

    def any(self, chosen: NDArray[np.bool_]) -> bool:
        """Return whether a row belongs to one of the sessions chosen."""
        return bool((self.places[chosen] >= 0).any())


class OwnedRows:
    """Rows and their sessions, for analyses of any selection: their ids are read once.

    Ids are codes of categories, which both frames share; and where every run stands once, it goes
    without its own id, so that no analysis looks for doubles again. Of operations, of which only
    cohorts by days and weeks are made, those go that tell them nothing: when someone was there the
    same day already.

    Parameters
    ----------
    frame : DataFrame
        Runs or operations.
    sessions : DataFrame
        The sessions they may belong to.
    columns, of_sessions : sequence of str
        What the analyses read of rows and of sessions.

    Raises
    ------
    DataError
        No column tells which session a row belongs to.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        sessions: pd.DataFrame,
        columns: Sequence[str],
        of_sessions: Sequence[str],
    ) -> None:
        self._belonging = Belonging(frame, sessions)
        self._rows = frame[[name for name in columns if name in frame]].copy(deep=False)
        for name in _IDS:
            if name in self._rows:
                own = name == self._belonging.key
                codes, names = (
                    self._belonging.owner if own else id_codes(frame, name, source="of_sessions")
                )
                # Ids that are all missing have no names.
                known = names.dropna()
                self._rows[name] = pd.Categorical.from_codes(
                    codes if len(known) == len(names) else np.full(len(codes), -1), known
                )
        if "run_id" in self._rows and not frame["run_id"].duplicated().any():
            del self._rows["run_id"]
        if "at" in self._rows and "external_id" in self._rows:
            self._keep(_telling(self._rows, self._belonging.owner.codes))
        self._sessions = sessions[[name for name in of_sessions if name in sessions]]
        self._sessions = self._with_codes(self._sessions)

    def _with_codes(self, sessions: pd.DataFrame) -> pd.DataFrame:
        """Return sessions with the categories of the rows; those that own no row have no code."""
        key = self._belonging.key
        if key not in self._rows or key not in sessions or sessions[key].duplicated().any():
            return sessions  # One that stands twice is found, and refused, by its text.
        kind = pd.CategoricalDtype(self._rows[key].cat.categories)
        return sessions.assign(
            **{key: pd.Categorical.from_codes(self._belonging.places, dtype=kind)}
        )

    def _keep(self, rows: NDArray[np.bool_]) -> None:
        owner = self._belonging.owner
        self._belonging.owner = owner._replace(codes=owner.codes[rows])
        self._rows = self._rows[rows]

    def any(self, chosen: NDArray[np.bool_] | None) -> bool:
        """Return whether there are rows of the sessions chosen."""
        return len(self._rows) > 0 if chosen is None else self._belonging.any(chosen)

    def rows(
        self, chosen: NDArray[np.bool_] | None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return the rows of the sessions chosen, all where there is no choice; some columns do."""
        rows = _columns(self._rows, columns)
        return rows if chosen is None else rows[self._belonging.rows(chosen)]

    def sessions(
        self, chosen: NDArray[np.bool_] | None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return the sessions chosen, likewise."""
        sessions = _columns(self._sessions, columns)
        return sessions if chosen is None else sessions[chosen]


def _columns(frame: pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame:
    return frame if names is None else frame[[name for name in names if name in frame]]


def _telling(rows: pd.DataFrame, sessions: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which operations decide on what days, of the calendar or elapsed, ids were active.

    All of them where they are not in order of time, where nothing tells until when they were
    observed, which is then the latest of them, or where a warning would name their rows.
    """
    every = np.ones(len(rows), dtype=np.bool_)
    try:
        at = instants(rows, "at", source="of_sessions")
    except DataError:
        return every  # The analysis says what is wrong.
    if not len(at) or observed_at(rows) is None or at[-1] - at[0] > _LONGEST:
        return every
    if (at[1:] < at[:-1]).any():
        return every
    who = rows["external_id"].array.codes.astype(np.int64)
    # Of an id with several sessions some may be chosen and others not, so all its rows stay.
    last = np.zeros(who.max(initial=-1) + 2, dtype=np.int64)
    last[who] = sessions
    is_spread = np.zeros(len(last), dtype=np.bool_)
    is_spread[who[last[who] != sessions]] = True
    who[is_spread[who]] = -1
    kept: NDArray[np.bool_] = kernels().first_of_days(who, at, len(last), LENGTHS["1d"])
    return kept
