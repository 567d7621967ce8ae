"""The rows of one frame that belong to sessions of another: runs, operations and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.analysis.churn.columns import ids
from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Belonging", "of_sessions"]

_KEYS = ("session_id", "external_id")
"""What a row may name its session by; the first that both frames have counts."""


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
        key = next((name for name in _KEYS if name in frame and name in sessions), None)
        if key is None:
            message = f"the frames have none of {', '.join(_KEYS)} in common"
            raise DataError(message, source="of_sessions")
        self._codes, names = ids(frame, key, source="of_sessions")
        self._places = names.astype(object).get_indexer(pd.Index(sessions[key].astype(object)))
        self._n_names = len(names)

    def rows(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which rows belong to the sessions chosen."""
        places = self._places[chosen]
        # One entry more than there are names, for the code -1 of rows without a session.
        keep = np.zeros(self._n_names + 1, dtype=np.bool_)
        keep[places[places >= 0]] = True
        rows: NDArray[np.bool_] = keep[self._codes]
        return rows


def of_sessions(df: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of a frame that belong to some sessions.

    Parameters
    ----------
    df : DataFrame
        Runs, operations or events; rows name their session by ``session_id``, or else by
        ``external_id``.
    sessions : DataFrame
        The sessions, such as :func:`session_lab.widgets.select` leaves.

    Raises
    ------
    DataError
        No column tells which session a row belongs to.

    Examples
    --------
    >>> runs = pd.DataFrame({"run_id": ["r1", "r2", "r3"], "session_id": ["a", "b", "a"]})
    >>> of_sessions(runs, pd.DataFrame({"session_id": ["a"]}))["run_id"].tolist()
    ['r1', 'r3']
    """
    return df[Belonging(df, sessions).rows(np.ones(len(sessions), dtype=np.bool_))]
