"""One play of a grouped log whose runs wait for slots: the room it takes, and what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.layout import Answers, SessionColumns
from session_lab.traffic.coupled.kernel import link_events, play_events, write_rest
from session_lab.traffic.coupled.state import (
    N_ASKED,
    N_GIVEN,
    N_LEFT,
    N_RETURNED,
    QUEUED_COLUMN,
    ROWS,
    Room,
)
from session_lab.traffic.coupled.written import Written
from session_lab.traffic.engine.engine_result import NONE
from session_lab.traffic.engine.slots import SlotUse

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Columns, Rulebook
    from session_lab.traffic.columnar.log import GroupedLog
    from session_lab.traffic.engine.slots import SlotLimits

__all__ = ["Play"]

_CHUNK = 1 << 16
_MOST_ROWS = 1 << 14


class Play:
    """One play of a log: the room it takes, and what it has written."""

    def __init__(
        self,
        log: GroupedLog,
        columns: Columns,
        book: Rulebook,
        limits: SlotLimits,
        *,
        tells: bool,
    ) -> None:
        n, n_sessions = len(columns.at), len(log.created_by)
        self._columns, self._book, self._session = columns, book, log.session
        self._tasks = limits.task[log.created_by]
        self.written = Written(
            Answers.empty(n), np.empty(n, np.int64), SessionColumns.empty(n_sessions)
        )
        self.written.sessions.n_runs[:] = 0
        first = int(columns.at[0]) if n else 0
        gap = (int(columns.at[-1]) - first) // n if n else 0
        following = np.empty(n, np.int32)
        link_events(log.session, np.full(n_sessions, NONE, np.int32), following)
        self.room = Room.begin(limits, n_sessions, following, first=first, gap=gap, tells=tells)

    def run(
        self,
        keep: Callable[[NDArray[np.int64]], object],
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Play all events, handing on the rows of runs as they fill the room for them."""
        columns, book, written = self._columns, self._book, self.written
        n = len(columns.at)
        for first in range(0, max(n, 1), _CHUNK):
            last = min(n, first + _CHUNK)
            while not play_events(
                self.room, columns, book, written, self._session, self._tasks, last
            ):
                self._make_room(keep)
            if progress is not None:
                progress(last - first)
        self._make_room(keep, for_rows=len(self.room.states))
        write_rest(self.room, columns, book, written)
        self._make_room(keep)

    def _make_room(self, keep: Callable[[NDArray[np.int64]], object], *, for_rows: int = 0) -> None:
        room = self.room.grown()
        rows = int(room.clock[ROWS])
        keep(room.runs[:rows])
        room.clock[ROWS] = 0
        size = max(for_rows, min(2 * len(room.runs), _MOST_ROWS))
        if size > len(room.runs):
            room = room._replace(runs=np.empty((size, QUEUED_COLUMN + 1), np.int64))
        self.room = room

    def slot_use(self) -> SlotUse:
        """Return when slots were asked for, given and returned."""
        room = self.room
        columns = zip(
            (room.asked, room.given, room.left, room.returned),
            (N_ASKED, N_GIVEN, N_LEFT, N_RETURNED),
            strict=True,
        )
        return SlotUse(*(column[: room.clock[n]].copy() for column, n in columns))
