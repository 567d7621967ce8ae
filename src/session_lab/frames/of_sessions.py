"""What belongs to sessions: rows of other frames, and the sessions that a log tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.frames.columns import check_frame, column_of
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["of_sessions", "session_key", "sessions_of_log"]

_KEYS = ("session_id", "external_id")
_FROM_STARTS = ("external_id", "type", "task_identifier", "tags")


def session_key(df: pd.DataFrame, sessions: pd.DataFrame) -> str:
    """Return the column that names the session of a row: the first of two that both frames have.

    Raises
    ------
    DataError
        The frames have neither in common.
    """
    key = next((name for name in _KEYS if name in df and name in sessions), None)
    if key is None:
        message = f"the frames have none of {', '.join(_KEYS)} in common"
        raise DataError(message, source="of_sessions")
    return key


@answer_mistyped
def of_sessions(df: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a frame that belong to some sessions.

    Parameters
    ----------
    df : DataFrame
        Runs, operations or events; rows name their session by ``session_id``, or else by
        ``external_id``.
    sessions : DataFrame
        The sessions, such as :func:`session_lab.select` leaves.

    Raises
    ------
    DataError
        No column tells which session a row belongs to.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"run_id": ["r1", "r2", "r3"], "session_id": ["a", "b", "a"]})
    >>> of_sessions(runs, pd.DataFrame({"session_id": ["a"]}))["run_id"].tolist()
    ['r1', 'r3']
    """
    check_frame(df, "of_sessions")
    check_frame(sessions, "of_sessions")
    key = session_key(df, sessions)
    return df[df[key].notna() & df[key].isin(sessions[key].dropna())]


@answer_mistyped
def sessions_of_log(events: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions of a log, with what the first start of each says of it.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order.

    Returns
    -------
    DataFrame
        ``external_id``, as far as the log has them ``type``, ``task_identifier`` and ``tags``, and
        ``created_at``; by time of the first start.

    Raises
    ------
    DataError
        This is not a frame, or a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00Z", "2026-01-01T09:01Z"]),
    ...     "op": ["start", "message"], "external_id": ["a", "a"], "type": ["chat", None],
    ... })
    >>> sessions_of_log(events)[["external_id", "type"]].to_dict("records")
    [{'external_id': 'a', 'type': 'chat'}]
    """
    check_frame(events, "events")
    for name in ("op", "external_id", "at"):
        column_of(events, name, source="events")
    starts = events[events["op"] == "start"].sort_values("at", kind="stable")
    first = starts.drop_duplicates("external_id")
    columns = first[[name for name in _FROM_STARTS if name in first]]
    return columns.assign(created_at=first["at"]).reset_index(drop=True)
