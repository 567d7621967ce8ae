"""Turns that a run with a slot serves, in compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.columnar.draws import crashes
from session_lab.traffic.columnar.run_row import (
    ENDED_AT,
    FREE_AT,
    NUMBER,
    boot,
    close,
    gives_back_at,
    last_busy,
    latest_deploy,
    serve,
)
from session_lab.traffic.columnar.session_rules import (
    ACCEPTED,
    CACHED,
    CREATED,
    boot_time,
    resume_time,
    turn_of,
)
from session_lab.traffic.coupled.line import note
from session_lab.traffic.coupled.runs_at_play import hash_of, rules_at
from session_lab.traffic.coupled.state import (
    ASKED_AT,
    AT_ONCE,
    CLOSED_AT,
    DECIDED,
    EVENT,
    HEAD,
    HELD,
    HOLDING,
    N_GIVEN,
    NOW,
    PENDING,
    PHASE,
    QUEUED,
    SESSION,
    SETTLED,
    SLOT_AT,
    TASK,
    WAITED,
    WAITING,
)
from session_lab.traffic.coupled.timers import watch
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook
    from session_lab.traffic.coupled.state import Room
    from session_lab.traffic.coupled.written import Written


__all__ = ["serve_turns"]

_NAT, _NONE = np.int64(NAT), np.int64(NONE)
_UPGRADED, _RESUMED = map(KINDS.index, ("upgrade", "resumed"))
_UPGRADE, _SESSION_CLOSED = map(CAUSES.index, ("upgrade", "session_closed"))


@inlined
def _take_slot(room: Room, columns: Columns, book: Rulebook, row: Int64) -> None:
    """Begin to hold a slot: boot, or be woken."""
    clock, state = room.clock, room.states[row]
    now = clock[NOW]
    clock[HELD] += 1
    clock[AT_ONCE] = max(clock[AT_ONCE], clock[HELD])
    room.held[state[TASK]] += 1
    note(clock, room.given, N_GIVEN, now)
    waited = now - state[ASKED_AT]
    state[QUEUED] += waited
    state[WAITED] += waited
    state[PHASE] = HOLDING
    if state[SLOT_AT] < 0:
        state[SLOT_AT] = now
        # The run counts among those triggered, unlike when the boot of the next one is drawn.
        drawn_by = hash_of(columns, state[SESSION]), state[DECIDED], state[SETTLED] + 1
        boot(state, now, boot_time(state, drawn_by, book.times))


@inlined
def serve_turns(room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64) -> None:
    """Serve turns in order of arrival by a run that has a slot, or gets one, until its end is fixed."""
    state = room.states[row]
    if state[PHASE] == WAITING:
        _take_slot(room, columns, book, row)
    rules = rules_at(book, columns, state[SESSION])
    while state[PENDING] and state[ENDED_AT] < 0:
        if not _decide(room, columns, book, written, row, state[HEAD]):
            break
        state[PENDING] -= 1
        _find_next(room, written, state)
    if state[CLOSED_AT] != _NAT and state[PENDING] == 0 and state[ENDED_AT] < 0:
        close(state, state[CLOSED_AT], state[FREE_AT], _SESSION_CLOSED, rules)
    watch(room, row, gives_back_at(state, rules))


@inlined
def _find_next(room: Room, written: Written, state: NDArray[np.int64]) -> None:
    """Move to the next turn; the starts before it name the run that served the last."""
    verdicts, _, numbers = written.answers
    event = np.int64(room.following[state[HEAD]])
    while 0 <= event < room.clock[EVENT]:
        answer = np.int64(verdicts[event]) >> 3
        if answer == ACCEPTED:
            break
        if answer == CACHED:
            numbers[event] = state[NUMBER]
        event = np.int64(room.following[event])
    state[HEAD] = event


@inlined
def _decide(  # noqa: PLR0917
    room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64, event: Int64
) -> bool:
    """Serve one turn, or hand it over to a run of a newer version."""
    verdicts, waits, numbers = written.answers
    now, state = room.clock[NOW], room.states[row]
    session = state[SESSION]
    rules = rules_at(book, columns, session)
    at, verdict = columns.at[event], np.int64(verdicts[event])
    answer, kind = verdict >> 3, (verdict & 7) - 1
    drawn_by = hash_of(columns, session), state[DECIDED], state[SETTLED]
    if kind == _RESUMED:
        start = now + resume_time(state, drawn_by, book.times)
    else:
        start = max(now, state[FREE_AT])
    if rules.hands_over and kind != _UPGRADED:
        deployed_at = latest_deploy(book.deploys, start)
        if deployed_at > state[SLOT_AT]:
            ended_at = max(last_busy(state), now, deployed_at)
            close(state, at, ended_at, _UPGRADE, rules)
            verdicts[event] = answer * 8 + _UPGRADED + 1
            return False
    turn = turn_of(answer, columns.turn_duration, event, drawn_by, book.times)
    is_crash = book.crash_rate > 0 and crashes(
        book.times.keys, drawn_by[0], state[DECIDED], book.crash_rate
    )
    serve(state, at, start, turn, rules, kind == _RESUMED, is_crash, book.until)
    state[DECIDED] += 1
    state[SETTLED] = state[NUMBER] + 1
    if start > book.until:
        # By the horizon it has not begun, though a start still names its run.
        verdicts[event] = answer * 8
        numbers[event] = state[NUMBER] if answer == CREATED else _NONE
        written.queued[event] = _NAT
    else:
        waits[event], numbers[event] = start - at, state[NUMBER]
        written.queued[event] = state[WAITED] - written.queued[event]
    return True
