"""What the coupled kernel keeps: the sessions at play, timers, the line, and what it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.simulator.model.run_rules import FOR_EVER
from session_lab.traffic.columnar.layout import RunColumns
from session_lab.traffic.columnar.run_row import N_FIELDS
from session_lab.traffic.engine.engine_result import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.engine.slots import SlotLimits

__all__ = [
    "AT_LIMIT",
    "AT_ONCE",
    "BUSY",
    "EVENT",
    "FULL",
    "HELD",
    "HOLDING",
    "IN_LINE",
    "LONGEST",
    "MARGIN",
    "NOW",
    "N_ASKED",
    "N_FREE",
    "N_GIVEN",
    "N_LEFT",
    "N_RETURNED",
    "N_TIMERS",
    "PEAK",
    "QUEUED_COLUMN",
    "RESTING",
    "ROWS",
    "TOTAL",
    "UNDRAINED",
    "WAITING",
    "Room",
]

(
    SLOT_AT,
    QUEUED,
    ASKED_AT,
    PHASE,
    NEXT_AT,
    HEAD,
    PENDING,
    DECIDED,
    SETTLED,
    WAITED,
    CLOSED_AT,
    SESSION,
    TASK,
    EXPIRES_AT,
    TIMER,
    BEHIND,
) = range(N_FIELDS, N_FIELDS + 16)
"""Of a session at play, behind the fields of its run: when the run was given the slot of its boot, or
UNFIXED; how long it has waited for slots; since when it waits; what it does about slots; when the
session's next event comes, or NEVER; the event of the first turn that is not decided; how many such
turns there are, how many are decided, and how many runs there had been when the last was; how long
all runs have waited; close, number, task and expiry; and when its timer is due, and the row of the
timer behind it in a list."""

RESTING, WAITING, HOLDING = range(3)
"""What a run does about slots: none, it is in line for one, it holds one."""

(
    NOW,
    EVENT,
    TOTAL,
    HELD,
    IN_LINE,
    N_TIMERS,
    N_FREE,
    ROWS,
    FULL,
    N_ASKED,
    N_GIVEN,
    N_LEFT,
    N_RETURNED,
    PEAK,
    BUSY,
    AT_LIMIT,
    LONGEST,
    UNDRAINED,
    AT_ONCE,
    SOONEST,
    SHIFT,
    _N_CLOCK,
) = range(22)
"""The clock: the instant, the next event, the limit, how many slots are held and asked for, how much
of each array is in use, whether one is nearly full; then the most slots held, the sum of the times
they were held, the time that all were, the longest line, the line when the last event had come, and
the most slots held at once even for no time; then the instant before which no timer is due, and how
long a list of timers is in time, as a power of two."""

QUEUED_COLUMN = len(RunColumns._fields)
"""Where a run's row says how long it waited for slots, behind the columns of all runs."""

_LISTS = 1 << 12
"""How many lists of timers there are at first: a power of two, and never fewer than timers."""

MARGIN = 4
"""A step adds less than this to any array."""


class Room(NamedTuple):
    """The arrays of a play.

    ``states`` are the sessions at play, ``row_of`` maps sessions to them, and ``free`` are the rows
    that are not in use. ``following`` maps events to the next of their session, or NONE. ``timers``
    are the first rows of lists of those whose timer is due in the same stretch of time, or a whole
    round of stretches later; NONE where a list is empty. The line is a heap for each task, of
    ``line_room`` entries from ``line_begin`` on. ``asked`` and the like are the instants of slots, if
    they are to be told.
    """

    clock: NDArray[np.int64]
    states: NDArray[np.int64]
    following: NDArray[np.int32]
    row_of: NDArray[np.int32]
    free: NDArray[np.int32]
    timers: NDArray[np.int32]
    line_at: NDArray[np.int64]
    line_session: NDArray[np.int32]
    line_begin: NDArray[np.int64]
    line_size: NDArray[np.int64]
    line_room: NDArray[np.int64]
    held: NDArray[np.int64]
    of_task: NDArray[np.int64]
    asked: NDArray[np.int64]
    given: NDArray[np.int64]
    left: NDArray[np.int64]
    returned: NDArray[np.int64]
    runs: NDArray[np.int64]

    @classmethod
    def begin(
        cls,
        limits: SlotLimits,
        n_sessions: int,
        following: NDArray[np.int32],
        *,
        first: int,
        gap: int,
        tells: bool,
    ) -> Room:
        """Begin a play at an instant, with little room; ``gap`` is the mean time between events."""
        size, tasks = 1 << 8, len(limits.of_task)
        clock = np.zeros(_N_CLOCK, np.int64)
        clock[NOW], clock[TOTAL], clock[N_FREE], clock[UNDRAINED] = first, limits.total, size, -1
        clock[SOONEST], clock[SHIFT] = NEVER, max(gap.bit_length() - 1, 0)
        states = np.zeros((size, N_FIELDS + 16), np.int64)
        states[:, SESSION] = -1
        asked, given, left, returned = (np.empty(size if tells else 0, np.int64) for _ in range(4))
        return cls(
            clock,
            states,
            following,
            np.full(n_sessions, -1, np.int32),
            np.arange(size, dtype=np.int32)[::-1].copy(),
            np.full(_LISTS, NONE, np.int32),
            np.empty(size * tasks, np.int64),
            np.empty(size * tasks, np.int32),
            np.arange(tasks, dtype=np.int64) * size,
            np.zeros(tasks, np.int64),
            np.full(tasks, size, np.int64),
            np.zeros(tasks, np.int64),
            np.array(limits.of_task, np.int64),
            asked,
            given,
            left,
            returned,
            np.empty((1 << 12, QUEUED_COLUMN + 1), np.int64),
        )

    def grown(self) -> Room:
        """Return the room with more of what is nearly used up; runs are left to the caller."""
        clock = self.clock
        clock[FULL] = 0
        changed: dict[str, Any] = {}
        if clock[N_FREE] < MARGIN:
            n = len(self.states)
            changed["states"] = np.concatenate([self.states, np.zeros_like(self.states)])
            changed["states"][n:, SESSION] = -1
            free = np.empty(2 * n, np.int32)
            used = int(clock[N_FREE])
            free[:n] = np.arange(n, 2 * n)[::-1]
            free[n : n + used] = self.free[:used]
            changed["free"], clock[N_FREE] = free, n + used
        if clock[N_TIMERS] + MARGIN > len(self.timers):
            states = changed.get("states", self.states)
            changed["timers"] = _dealt_out(states, 2 * len(self.timers), int(clock[SHIFT]))
        for name, place in (
            ("asked", N_ASKED),
            ("given", N_GIVEN),
            ("left", N_LEFT),
            ("returned", N_RETURNED),
        ):
            column = getattr(self, name)
            if len(column) and clock[place] + MARGIN > len(column):
                changed[name] = _doubled(column)
        if (self.line_size + MARGIN > self.line_room).any():
            changed |= self._longer_line()
        return self._replace(**changed)

    def _longer_line(self) -> dict[str, Any]:
        room = np.where(self.line_size + MARGIN > self.line_room, 2, 1) * self.line_room
        begin = np.concatenate([[0], room.cumsum()])
        at, session = np.empty(begin[-1], np.int64), np.empty(begin[-1], np.int32)
        for old, new, size in zip(self.line_begin, begin[:-1], self.line_size, strict=True):
            at[new : new + size] = self.line_at[old : old + size]
            session[new : new + size] = self.line_session[old : old + size]
        return {
            "line_at": at,
            "line_session": session,
            "line_begin": begin[:-1].copy(),
            "line_room": room,
        }


NEVER = FOR_EVER
"""When a timer is due that is not set."""


def _doubled(column: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([column, np.empty_like(column)])


def _dealt_out(states: NDArray[np.int64], lists: int, shift: int) -> NDArray[np.int32]:
    """Deal all timers that are set out to so many lists."""
    rows = np.flatnonzero((states[:, SESSION] >= 0) & (states[:, TIMER] != NEVER))
    place = states[rows, TIMER] >> shift & (lists - 1)
    order = np.argsort(place, kind="stable")
    rows, place = rows[order], place[order]
    is_last = np.diff(place, append=-1) != 0
    states[rows, BEHIND] = np.where(is_last, NONE, np.roll(rows, -1))
    timers = np.full(lists, NONE, np.int32)
    timers[place[::-1]] = rows[::-1]  # of several the first one stays
    return timers
