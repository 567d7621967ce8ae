"""A window of time of a log: whole chats, or what the window cuts out of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np

from session_lab.errors import DataError, DataWarning
from session_lab.frames import check_events, milliseconds
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.timing import to_instant
from session_lab.traffic.adopt import first_events
from session_lab.traffic.engine.time_order import sorted_by_time

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.timing import Instant

__all__ = ["window"]


@answer_mistyped
def window(
    events: pd.DataFrame, start: Instant, end: Instant, *, whole: Literal["begun", "cut"] = "begun"
) -> pd.DataFrame:
    """Cut a window of time out of a log.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    start, end : str or datetime
        From this instant on, and before that one.
    whole : {"begun", "cut"}
        The chats that begin in the window, with all that comes later; or what lies in the window,
        whatever chat it is of.

    Returns
    -------
    DataFrame
        In order of time.

    Raises
    ------
    DataError
        The window ends before it starts.
    DataWarning
        As a warning, with ``"cut"``: how many chats began before the window.

    Examples
    --------
    >>> from session_lab.traffic import read, sample_path
    >>> events = read(sample_path("chats.ndjson"))
    >>> half = window(events, "2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z")
    >>> half["op"].iloc[0], len(half) < len(events)
    ('start', True)
    """
    if whole not in ("begun", "cut"):
        raise DataError(f"{whole!r} is not one of begun, cut", column="whole")
    first, last = to_instant(start, name="start"), to_instant(end, name="end")
    if last < first:
        raise DataError(f"{end} lies before {start}", column="end")
    events = sorted_by_time(check_events(events))
    at = milliseconds(events["at"])
    row, chat = first_events(events)
    begun = (at[row] >= first) & (at[row] < last)
    inside = (at >= first) & (at < last)
    if whole == "begun":
        found: pd.DataFrame = events[begun[chat]].reset_index(drop=True)
        return found
    there = np.unique(chat[inside])
    before = int((~begun[there]).sum())
    if before:
        message = (
            f"{before:,} of {len(there):,} chats began before the window; traffic.adopt gives each "
            "a start"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())
    found = events[inside]
    return found.reset_index(drop=True)
