"""The answers to events in a coupled play, in compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.columnar.run_row import (
    ENDED_AT,
    NUMBER,
    close,
    end,
    forget,
    gives_back_at,
    is_live,
    last_busy,
    receive,
)
from session_lab.traffic.columnar.session_rules import (
    ACCEPTED,
    CACHED,
    CLOSE_OK,
    CREATED,
    answer_to,
    touches,
)
from session_lab.traffic.coupled.line import ask, join, note
from session_lab.traffic.coupled.runs_at_play import retire, rules_at, trigger_next
from session_lab.traffic.coupled.state import (
    ASKED_AT,
    CLOSED_AT,
    EXPIRES_AT,
    FULL,
    HEAD,
    HELD,
    HOLDING,
    IN_LINE,
    MARGIN,
    N_FREE,
    N_LEFT,
    NEVER,
    NEXT_AT,
    PENDING,
    PHASE,
    QUEUED,
    RESTING,
    SESSION,
    TASK,
    TIMER,
    TOTAL,
    WAITED,
    WAITING,
)
from session_lab.traffic.coupled.timers import watch
from session_lab.traffic.engine.engine_columns import NEWEST
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook
    from session_lab.traffic.coupled.state import Room
    from session_lab.traffic.coupled.written import Written


__all__ = ["play_event"]

_NAT, _NONE = np.int64(NAT), np.int64(NONE)
_INITIAL, _CONTINUATION, _QUEUED, _RESUMED = map(
    KINDS.index, ("initial", "continuation", "queued", "resumed")
)
_SESSION_CLOSED = CAUSES.index("session_closed")


@inlined
def play_event(  # noqa: C901, PLR0912, PLR0915, PLR0917  a call would copy all arrays
    room: Room,
    columns: Columns,
    book: Rulebook,
    written: Written,
    session_of: NDArray[np.int32],
    tasks: NDArray[np.int64],
    event: Int64,
) -> Int64:
    """Answer an event.

    Returns the row of a run that is to serve, with a slot that it has or that is free; NONE where
    there is none.
    """
    clock = room.clock
    verdicts, waits, numbers = written.answers
    at, op, session = columns.at[event], columns.op[event], np.int64(session_of[event])
    row = np.int64(room.row_of[session])
    is_new = bool(row < 0)
    if is_new:
        row = _begin(room, columns, written, tasks, session)
    state = room.states[row]
    following = room.following[event]
    state[NEXT_AT] = columns.at[following] if following >= 0 else NEVER
    is_expired = state[EXPIRES_AT] != _NAT and state[EXPIRES_AT] < at
    answer = np.int64(answer_to(op, is_new, state[CLOSED_AT] != _NAT, is_expired))
    verdicts[event], waits[event], numbers[event] = answer * 8, _NAT, _NONE
    written.queued[event] = _NAT
    if touches(answer, is_new, book.refused_start_rewrites):
        written.sessions.updated_at[session] = at
    has_turn = answer == ACCEPTED or (
        answer == CREATED
        and len(columns.turn_duration) > 0
        and columns.turn_duration[event] != _NAT
    )
    reason, asks, serves = _NONE, False, False
    if answer == CLOSE_OK and state[CLOSED_AT] == _NAT:
        state[CLOSED_AT] = written.sessions.closed_at[session] = at
        written.sessions.updated_at[session] = at
        _close(room, columns, book, row, at)
    elif has_turn or answer in (CREATED, CACHED):
        kind = np.int64(_QUEUED)
        waits_already = state[PHASE] == WAITING
        if not waits_already and state[PENDING] == 0:
            rules = rules_at(book, columns, session)
            if not is_live(state, at, rules):
                kind = reason = np.int64(_INITIAL if is_new else _CONTINUATION)
            elif has_turn:
                kind = np.int64(receive(state, at, rules))
                asks = kind == _RESUMED
                serves = not asks and state[ENDED_AT] < 0
        if has_turn:
            written.queued[event] = state[WAITED]
            if waits_already:
                written.queued[event] += at - state[ASKED_AT]
            if state[PENDING] == 0:
                state[HEAD] = event
            state[PENDING] += 1
            verdicts[event] = answer * 8 + kind + 1
    if reason != _NONE:
        trigger_next(room, columns, book, written, row, reason, at)
    if answer in (CREATED, CACHED):
        numbers[event] = NEWEST if state[PENDING] else state[NUMBER]
    if asks:
        ask(room, row, at)
    if asks or reason != _NONE:
        task = state[TASK]
        if clock[HELD] >= clock[TOTAL] or room.held[task] >= room.of_task[task]:
            join(room, row)
            return _NONE
        # Nobody whose task has room is in line while a slot is free.
        serves = True
    if serves:
        return row
    if state[PHASE] == HOLDING:
        watch(room, row, gives_back_at(state, rules_at(book, columns, session)))
    elif state[PHASE] == RESTING and state[PENDING] == 0 and state[NEXT_AT] == NEVER:
        retire(room, columns, book, written, row)
    return _NONE


@inlined
def _begin(
    room: Room,
    columns: Columns,
    written: Written,
    tasks: NDArray[np.int64],
    session: Int64,
) -> Int64:
    """Bring a session into play."""
    clock = room.clock
    clock[N_FREE] -= 1
    clock[FULL] |= clock[N_FREE] < MARGIN
    row = np.int64(room.free[clock[N_FREE]])
    room.row_of[session] = row
    state = room.states[row]
    for field in range(len(state)):
        state[field] = 0
    forget(state)
    state[TIMER] = NEVER
    state[CLOSED_AT] = _NAT
    state[SESSION] = session
    state[TASK] = tasks[session]
    state[EXPIRES_AT] = columns.expires_at[session]
    written.sessions.updated_at[session] = _NAT
    written.sessions.closed_at[session] = _NAT
    return row


@inlined
def _close(room: Room, columns: Columns, book: Rulebook, row: Int64, at: Int64) -> None:
    """End the newest run when it has served what it accepted, unless its end is fixed.

    One that waits to boot, and was asked for no turn, leaves the line.
    """
    clock, state = room.clock, room.states[row]
    if state[PENDING]:
        return
    if state[PHASE] == WAITING:
        clock[IN_LINE] -= 1
        state[QUEUED] += at - state[ASKED_AT]
        state[PHASE] = RESTING
        end(state, at, _SESSION_CLOSED)
        note(clock, room.left, N_LEFT, at)
        return
    rules = rules_at(book, columns, state[SESSION])
    if state[ENDED_AT] < 0 and is_live(state, at, rules):
        close(state, at, max(last_busy(state), at), _SESSION_CLOSED, rules)
