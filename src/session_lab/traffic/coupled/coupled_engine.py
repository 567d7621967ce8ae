"""Playing a grouped log whose runs wait for slots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.traffic.columnar.compiling import allocating
from session_lab.traffic.columnar.layout import Answers, RunColumns, SessionColumns
from session_lab.traffic.columnar.log import PROFILE
from session_lab.traffic.columnar.unpack import RunsSoFar, tell
from session_lab.traffic.coupled.kernel import play_events, write_rest
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
from session_lab.traffic.engine.engine_result import NAT
from session_lab.traffic.engine.slots import SlotUse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.layout import Columns, Rulebook
    from session_lab.traffic.columnar.log import GroupedLog
    from session_lab.traffic.engine.engine_result import EngineResult
    from session_lab.traffic.engine.slots import SlotLimits

__all__ = ["Play", "play_coupled"]

_CHUNK = 1 << 16
_MOST_ROWS = 1 << 14


def play_coupled(
    log: GroupedLog,
    policies: Sequence[Timings],
    limits: SlotLimits,
    *,
    profile: Profile = PROFILE,
    until: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> EngineResult:
    """Play a log whose runs wait for slots, and tell of every event, session and run.

    Parameters
    ----------
    log : GroupedLog
        The events.
    policies : sequence of Timings
        As many as its events name; all of one platform and seed.
    limits : SlotLimits
        How many runs may hold a slot at once.
    profile : Profile
        The state of the API to follow.
    until : int, optional
        The instant at which to look at what became of the events, none of which is later; by
        default the end of every run.
    progress : callable, optional
        Told now and then how many further events were played.

    Returns
    -------
    EngineResult
        The same as the readable engine's.
    """
    columns, book = log.prepared(policies, profile, until)
    play = Play(log, columns, book, limits, tells=True)
    told, queued_parts = RunsSoFar(), [np.empty(0, np.int64)]

    def keep(rows: NDArray[np.int64]) -> None:
        told.add(RunColumns.of(rows))
        queued_parts.append(rows[:, QUEUED_COLUMN].copy())

    play.run(keep, progress)
    n_runs = play.written.sessions.n_runs
    runs, run_queued = told.columns(), np.concatenate(queued_parts)
    place = _places(runs.owner, n_runs)
    result = tell(
        play.written.answers,
        play.written.sessions,
        RunColumns(*(_moved(column, place) for column in runs)),
        at=columns.at,
        op=columns.op,
        session=log.session,
        created_by=log.created_by,
        expires_at=columns.expires_at,
        profile=profile,
        workers=1,
    )
    queued = play.written.queued
    queued[log.session < 0] = NAT
    return replace(
        result, queued=queued, run_queued=_moved(run_queued, place), slots=play.slot_use()
    )


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
        self.room = Room.begin(limits, n_sessions, first=first, tells=tells)

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


@allocating
def _places(owner: NDArray[np.int32], n_runs: NDArray[np.int32]) -> NDArray[np.int32]:
    """Map runs, in order of the end of each, to their places by session."""
    free = np.zeros(len(n_runs) + 1, np.int64)
    for session in range(len(n_runs)):
        free[session + 1] = free[session] + n_runs[session]
    place = np.empty(len(owner), np.int32)
    for row in range(len(owner)):
        place[row] = free[owner[row]]
        free[owner[row]] += 1
    return place


def _moved(column: NDArray[Any], place: NDArray[np.int32]) -> NDArray[Any]:
    moved = np.empty_like(column)
    moved[place] = column
    return moved
