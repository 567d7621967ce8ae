"""From the events that users hand in to those that an engine plays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.frames import check_events, milliseconds
from session_lab.traffic.engine.engine_frames import Chats
from session_lab.traffic.engine.time_order import in_order

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PreparedEvents", "prepare"]


class PreparedEvents(NamedTuple):
    """Events that were checked, in order of time.

    Attributes
    ----------
    events : DataFrame
        An events frame; its index tells the row that each event was given in.
    chats : Chats
        The chat of each of them.
    were_in_order : bool
        Whether no event had to be moved.
    left_out : int
        How many events lie beyond the horizon.
    """

    events: pd.DataFrame
    chats: Chats
    were_in_order: bool
    left_out: int


def prepare(frame: pd.DataFrame, *, horizon: int | None) -> PreparedEvents:
    """Check events, bring them in order of time, and leave out those beyond a horizon.

    Parameters
    ----------
    frame : DataFrame
        What a user took for an events frame.
    horizon : int or None
        The last instant that counts, in milliseconds since 1970.

    Raises
    ------
    DataError
        It is not an events frame.
    """
    # To number the ids takes longer than to check all columns, so both are begun at once.
    with ThreadPoolExecutor(1) as pool:
        numbering = pool.submit(Chats.of, frame)
        events = check_events(frame)
    chats, order = numbering.result(), in_order(events)
    if order is not None:
        events, chats = events.iloc[order], chats.at(order)
    n = len(events)
    if horizon is not None:
        n = int(np.searchsorted(milliseconds(events["at"]), horizon, side="right"))
    return PreparedEvents(events.iloc[:n], chats.at(slice(n)), order is None, len(events) - n)
