"""Which session each row of another frame belongs to, looked up once for any selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import id_codes
from session_lab.frames.of_sessions import session_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Belonging"]


class Belonging:
    """Which session each row of a frame belongs to, looked up once.

    Parameters
    ----------
    frame : DataFrame
        Runs, operations or events.
    sessions : DataFrame
        The sessions they may belong to.

    Raises
    ------
    DataError
        No column tells which session a row belongs to.
    """

    def __init__(self, frame: pd.DataFrame, sessions: pd.DataFrame) -> None:
        key = session_key(frame, sessions)
        self._codes, names = id_codes(frame, key, source="of_sessions")
        self._places = names.astype(object).get_indexer(pd.Index(sessions[key].astype(object)))
        self._n_names = len(names)

    def rows(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows belong to the sessions chosen."""
        places = self._places[chosen]
        # One entry more than there are names, for the code -1 of rows without a session.
        keep = np.zeros(self._n_names + 1, dtype=np.bool_)
        keep[places[places >= 0]] = True
        rows: NDArray[np.bool_] = keep[self._codes]
        return rows
