"""Logs of events with another expiry."""

from __future__ import annotations

import pandas as pd

from session_lab.timing import Duration, to_milliseconds

__all__ = ["with_expiry"]


def with_expiry(events: pd.DataFrame, after: Duration) -> pd.DataFrame:
    """Return events whose sessions expire some time after its first start, whatever was recorded.

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
