"""A log that is played again and again: the events of the sessions selected, grouped once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from session_lab.frames.selection import Selection
from session_lab.replays.sweep import GroupedSweep
from session_lab.widgets.data.belonging import Belonging

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.widgets.data.session_index import IndexedSessions

__all__ = ["PlayedLog"]


class PlayedLog:
    """Events, and the sessions by which some of them are chosen.

    Parameters
    ----------
    events : DataFrame
        A checked events frame, in order of time.
    prepared : IndexedSessions
        The sessions.
    """

    def __init__(self, events: pd.DataFrame, prepared: IndexedSessions) -> None:
        self.events = events
        self._prepared = prepared
        self._grouped: tuple[Selection, GroupedSweep] | None = None

    def grouped(self, selection: Selection) -> GroupedSweep:
        """Return the events of the sessions selected as a sweep takes them."""
        if self._grouped is None or self._grouped[0] != selection:
            # One at a time: a grouped log takes room, and the sliders move on one of them.
            self._grouped = (selection, GroupedSweep(self._chosen(selection)))
        return self._grouped[1]

    def every(self, n: int) -> PlayedLog:
        """Return the log of every n-th chat, ready to be chosen from.

        Raises
        ------
        DataError
            No column tells which session an event belongs to.
        """
        chats = self.grouped(Selection()).session_of_events
        some = PlayedLog(self.events[(chats >= 0) & (chats % n == 0)], self._prepared)
        some._belonging  # noqa: B018  looked up now, not while someone drags
        some.grouped(Selection())
        return some

    @cached_property
    def _belonging(self) -> Belonging:
        return Belonging(self.events, self._prepared.frame)

    def _chosen(self, selection: Selection) -> pd.DataFrame:
        if not selection.criteria:
            return self.events
        return self.events[self._belonging.rows(self._prepared.rows(selection))]
