"""The coupled kernel: all sessions played together in order of time, since their runs share slots.

Its outcome is that of :mod:`session_lab.traffic.engine.limited_engine`, which is the specification.
It advances in small steps (a timer, a slot given, an event), between any two of which it may return to
get more room, and be called again.

What is set off by a slot at its own instant comes before the next slot is given, where the
specification gives all free slots first; the same runs get slots, since a run that gives its slot
back at once makes room for just one more of its task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.simulator.model.run_rules import FOR_EVER
from session_lab.traffic.columnar.compiling import compiled, inlined, prefetch
from session_lab.traffic.columnar.run_row import END_CAUSE, ENDED_AT, write_waiting
from session_lab.traffic.columnar.session_rules import ACCEPTED, CREATED
from session_lab.traffic.coupled.answering import play_event
from session_lab.traffic.coupled.line import first_in_line, join, note, pass_time
from session_lab.traffic.coupled.runs_at_play import retire, rules_at, trigger_next, write_run
from session_lab.traffic.coupled.serving import serve_turns
from session_lab.traffic.coupled.state import (
    ASKED_AT,
    EVENT,
    FULL,
    HEAD,
    HELD,
    IN_LINE,
    MARGIN,
    N_RETURNED,
    NEVER,
    NEXT_AT,
    NOW,
    PENDING,
    PHASE,
    QUEUED,
    QUEUED_COLUMN,
    RESTING,
    ROWS,
    SESSION,
    SLOT_AT,
    SOONEST,
    TASK,
    TOTAL,
    UNDRAINED,
    WAITING,
)
from session_lab.traffic.coupled.timers import next_due, take_due
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook
    from session_lab.traffic.coupled.state import Room
    from session_lab.traffic.coupled.written import Written


__all__ = ["link_events", "play_events", "write_rest"]

_NAT, _NONE = np.int64(NAT), np.int64(NONE)
_CONTINUATION, _UPGRADED = map(KINDS.index, ("continuation", "upgrade"))
_UPGRADE = CAUSES.index("upgrade")

_AHEAD = 16
"""What an event needs is fetched from memory when so many others come before it."""

_LINES = 4
"""How many lines of the processor's cache a state fills, of 8 numbers each."""


@compiled
def link_events(
    session_of: NDArray[np.int32], found: NDArray[np.int32], following: NDArray[np.int32]
) -> None:
    """Write which event of its session follows each; ``found`` is NONE for every session."""
    for behind in range(len(session_of)):
        event = np.uint64(len(session_of) - 1 - behind)
        if session_of[event] >= 0:
            session = np.uint64(session_of[event])
            following[event] = found[session]
            found[session] = event


@compiled
def play_events(  # noqa: C901, PLR0912, PLR0917  a call of a part would copy all arrays
    room: Room,
    columns: Columns,
    book: Rulebook,
    written: Written,
    session_of: NDArray[np.int32],
    tasks: NDArray[np.int64],
    last: int,
) -> bool:
    """Play the events before ``last``, and after the last of all also what comes after.

    Returns whether it is done; if not, it wants more room, or a place for the runs it has written.
    """
    clock, ats = room.clock, columns.at
    until, n = book.until, len(ats)
    while True:
        if clock[FULL] or clock[ROWS] + MARGIN > len(room.runs):
            return False
        now, event = clock[NOW], clock[EVENT]
        if clock[SOONEST] <= now:
            due = take_due(room)
            if due >= 0:
                _run_timer(room, columns, book, written, due)
            continue
        row = _NONE
        if clock[IN_LINE] and clock[HELD] < clock[TOTAL]:
            row = first_in_line(room)
        if row < 0 and event < last and ats[event] == now:
            clock[EVENT] = event + 1
            if session_of[event] < 0:
                continue
            _fetch(room, columns, session_of, event)
            row = play_event(room, columns, book, written, session_of, tasks, event)
            if row < 0:
                continue
        if row >= 0:
            serve_turns(room, columns, book, written, row)
            continue
        if event == last < n:
            return True
        if event == n and clock[UNDRAINED] < 0:
            clock[UNDRAINED] = clock[IN_LINE]
        following = ats[event] if event < n else np.int64(FOR_EVER)
        following = min(following, next_due(room, following))
        is_over = following == FOR_EVER or following > until
        if is_over and until == FOR_EVER:
            return True
        pass_time(clock, min(following, until))
        if is_over:
            return True


@inlined
def _fetch(room: Room, columns: Columns, session_of: NDArray[np.int32], event: Int64) -> None:
    """Begin to fetch from memory what an event needs that comes soon."""
    later = min(event + _AHEAD, len(session_of) - 1)
    session = session_of[later]
    if session < 0:
        return
    prefetch(columns.at, np.int64(max(room.following[later], 0)))
    row = np.int64(room.row_of[session])
    if row >= 0:
        for line in range(_LINES):
            prefetch(room.states, 8 * (_LINES * row + line))


@inlined
def _run_timer(room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64) -> None:
    """Return the slot of a run that is suspended or has ended; another may follow that."""
    clock, state = room.clock, room.states[row]
    due = clock[NOW]
    state[PHASE] = RESTING
    clock[HELD] -= 1
    room.held[state[TASK]] -= 1
    note(clock, room.returned, N_RETURNED, due)
    if state[PENDING] and state[ENDED_AT] >= 0:
        reason = _UPGRADED if state[END_CAUSE] == _UPGRADE else _CONTINUATION
        trigger_next(room, columns, book, written, row, reason, due)
        join(room, row)
    elif state[NEXT_AT] == NEVER:
        retire(room, columns, book, written, row)


@compiled
def write_rest(room: Room, columns: Columns, book: Rulebook, written: Written) -> None:
    """Write the runs of the sessions still at play, as they stand at the horizon.

    There must be room for as many rows.
    """
    verdicts, _, _ = written.answers
    clock = room.clock
    for row in range(len(room.states)):
        state = room.states[row]
        session = state[SESSION]
        if session < 0:
            continue
        if state[PHASE] != WAITING:
            write_run(room, columns, book, written, row)
        else:
            rows = clock[ROWS]
            woken_at = _NAT
            if state[SLOT_AT] >= 0:
                woken_at = columns.at[state[HEAD]]
            rules = rules_at(book, columns, session)
            clock[ROWS] = write_waiting(room.runs, rows, session, state, rules, woken_at)
            room.runs[rows, QUEUED_COLUMN] = state[QUEUED] + book.until - state[ASKED_AT]
            written.sessions.n_runs[session] += 1
        while state[PENDING]:
            event = state[HEAD]
            state[HEAD] = room.following[event]
            answer = np.int64(verdicts[event]) >> 3
            if answer == ACCEPTED or (answer == CREATED and verdicts[event] & 7):
                state[PENDING] -= 1
                verdicts[event] = answer * 8
                written.queued[event] = _NAT
