"""Logs of events: whose they are, and with another expiry."""

from __future__ import annotations

import pandas as pd

from session_lab.timing import Duration, to_milliseconds

__all__ = ["sessions_of_log", "with_expiry"]

_SAID = ("external_id", "type", "task_identifier", "tags")


def sessions_of_log(events: pd.DataFrame) -> pd.DataFrame:
    """Return what the first start of each session says, to choose sessions by.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order.

    Examples
    --------
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00Z", "2026-01-01T09:01Z"]),
    ...     "op": ["start", "message"], "external_id": ["a", "a"], "type": ["chat", None],
    ... })
    >>> sessions_of_log(events)[["external_id", "type"]].to_dict("records")
    [{'external_id': 'a', 'type': 'chat'}]
    """
    starts = events[events["op"] == "start"].sort_values("at", kind="stable")
    first = starts.drop_duplicates("external_id")
    said = first[[name for name in _SAID if name in first]]
    return said.assign(created_at=first["at"]).reset_index(drop=True)


def with_expiry(events: pd.DataFrame, after: Duration) -> pd.DataFrame:
    """Let each session expire some time after its first start, whatever was recorded.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    after : str or timedelta
        How long after.

    Examples
    --------
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00Z"]), "op": "start", "external_id": "a",
    ... })
    >>> str(with_expiry(events, "1h")["expires_at"].iloc[0])
    '2026-01-01 10:00:00+00:00'
    """
    length = pd.Timedelta(milliseconds=to_milliseconds(after, name="after"))
    return events.assign(expires_at=events["at"] + length)
