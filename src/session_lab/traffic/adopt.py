"""Chats that began before their log does: how many there are, and a start for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from session_lab.frames import check_events, in_one_piece
from session_lab.mistyped import answer_mistyped
from session_lab.traffic.engine.time_order import sorted_by_time

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["BegunBefore", "adopt", "begun_before", "first_events", "with_starts"]

_NOT_FOUND = 404


class BegunBefore(NamedTuple):
    """How many chats and messages of a log belong to chats that began before it."""

    chats: int
    all_chats: int
    messages: int
    all_messages: int

    def to_text(self, *, adopted: bool) -> str:
        """Return it as a sentence, with what can be done."""
        done = (
            "each was given a start at its first event"
            if adopted
            else "a replay answers them 404; adopt=True, or traffic.adopt, gives each a start"
        )
        return (
            f"{self.chats:,} of {self.all_chats:,} chats began before the log, with "
            f"{self.messages:,} of its {self.all_messages:,} messages; {done}"
        )


def begun_before(events: pd.DataFrame) -> BegunBefore | None:
    """Count the chats that have messages and no start before them; None where there is none.

    A chat whose first request was answered 404 when it was recorded did not exist.

    Parameters
    ----------
    events : DataFrame
        An events frame in order of time.
    """
    first, chat = first_events(events)
    lacks = _lacks_start(events, first, chat)
    if not lacks.any():
        return None
    is_message = (events["op"] == "message").to_numpy(bool)
    return BegunBefore(
        int(lacks.sum()), len(lacks), int((is_message & lacks[chat]).sum()), int(is_message.sum())
    )


@answer_mistyped
def adopt(events: pd.DataFrame) -> pd.DataFrame:
    """Give chats that began before their log a start, so that they can be replayed.

    A window cut out of running traffic, and whatever a browser recorded, holds messages of chats
    whose start it does not hold. Each of them gets one at the instant of its first event, which
    carries no turn. When they did start, nobody knows: what a replay says of their first turns is
    an assumption.

    Parameters
    ----------
    events : DataFrame
        An events frame.

    Returns
    -------
    DataFrame
        In order of time, with the further starts; the same frame where there are none.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00:00Z", "2026-01-01T09:01:00Z"]),
    ...     "op": "message", "external_id": "chat-1",
    ... })
    >>> adopt(log)["op"].tolist()
    ['start', 'message', 'message']
    """
    return with_starts(sorted_by_time(check_events(events)))


def with_starts(events: pd.DataFrame) -> pd.DataFrame:
    """Do what :func:`adopt` does to an events frame in order of time."""
    first, chat = first_events(events)
    rows = first[_lacks_start(events, first, chat)]
    if not len(rows):
        return events
    # Each row once, and before those of the chats in question another for the start.
    places = np.sort(np.concatenate([2 * rows, 2 * np.arange(len(events)) + 1]))
    row, is_start = places // 2, places % 2 == 0
    found = events.iloc[row].reset_index(drop=True)
    found.loc[is_start, "op"] = "start"
    for name in found.columns.difference(["at", "op", "external_id"]):
        found[name] = events[name].array.take(np.where(is_start, -1, row), allow_fill=True)
    return found


def first_events(events: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row of each chat's first event, and the chat of each event."""
    ids = in_one_piece(pa.array(events["external_id"])).dictionary_encode().indices
    # Chats are numbered as they appear.
    chat = np.asarray(ids, np.int64)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(chat), prepend=-1))
    return first, chat


def _lacks_start(
    events: pd.DataFrame, first: NDArray[np.int64], chat: NDArray[np.int64]
) -> NDArray[np.bool_]:
    is_start, is_message = ((events["op"] == op).to_numpy(bool) for op in ("start", "message"))
    lacks = ~is_start[first]
    lacks &= np.bincount(chat[is_message], minlength=len(first)) > 0
    if "recorded_status" in events:
        status = events["recorded_status"].iloc[first]
        lacks &= ~(status == _NOT_FOUND).fillna(value=False).to_numpy(bool)
    return lacks
