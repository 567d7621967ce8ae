"""The line for slots and the clock of a coupled play, in compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.columnar.run_row import TRIGGERED_AT
from session_lab.traffic.coupled.state import (
    ASKED_AT,
    AT_LIMIT,
    BUSY,
    FULL,
    HELD,
    IN_LINE,
    LONGEST,
    MARGIN,
    N_ASKED,
    NOW,
    PEAK,
    PHASE,
    SESSION,
    TASK,
    TOTAL,
    WAITING,
)
from session_lab.traffic.engine.engine_result import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Int64
    from session_lab.traffic.coupled.state import Room


__all__ = ["ask", "first_in_line", "join", "note", "pass_time"]

_NONE = np.int64(NONE)


@inlined
def _push(  # noqa: PLR0917
    at: NDArray[np.int64],
    number: NDArray[np.int32],
    begin: Int64,
    size: Int64,
    new_at: Int64,
    new_number: Int64,
) -> None:
    """Put an entry into the heap of ``size`` entries that begins at a place; there must be room."""
    place = np.int64(size)
    while place > 0:
        above = (place - 1) >> 1
        other_at, other_number = at[begin + above], number[begin + above]
        if other_at < new_at or (other_at == new_at and other_number <= new_number):
            break
        at[begin + place], number[begin + place] = other_at, other_number
        place = above
    at[begin + place], number[begin + place] = new_at, new_number


@inlined
def _pop(at: NDArray[np.int64], number: NDArray[np.int32], begin: Int64, size: Int64) -> None:
    """Remove the first entry from the heap of ``size`` entries that begins at a place."""
    last = np.int64(size) - 1
    last_at, last_number = at[begin + last], number[begin + last]
    place = np.int64(0)
    below = np.int64(1)
    while below < last:
        low_at, low_number = at[begin + below], number[begin + below]
        if below + 1 < last:
            other_at, other_number = at[begin + below + 1], number[begin + below + 1]
            if other_at < low_at or (other_at == low_at and other_number < low_number):
                below += 1
                low_at, low_number = other_at, other_number
        if last_at < low_at or (last_at == low_at and last_number <= low_number):
            break
        at[begin + place], number[begin + place] = low_at, low_number
        place = below
        below = 2 * place + 1
    at[begin + place], number[begin + place] = last_at, last_number


@inlined
def pass_time(clock: NDArray[np.int64], to: Int64) -> None:
    """Count how long slots were held, and how many were, up to an instant."""
    passed, held = to - clock[NOW], clock[HELD]
    clock[PEAK] = max(clock[PEAK], held)
    clock[LONGEST] = max(clock[LONGEST], clock[IN_LINE])
    clock[BUSY] += held * passed
    if held >= clock[TOTAL]:
        clock[AT_LIMIT] += passed
    clock[NOW] = to


@inlined
def note(clock: NDArray[np.int64], instants: NDArray[np.int64], n: int, at: Int64) -> None:
    """Write down an instant behind the ``clock[n]`` that are there, if they are to be told."""
    if len(instants):
        instants[clock[n]] = at
        clock[n] += 1
        clock[FULL] |= clock[n] + MARGIN > len(instants)


@inlined
def ask(room: Room, row: Int64, at: Int64) -> None:
    """Begin to wait for a slot."""
    clock, state = room.clock, room.states[row]
    state[PHASE], state[ASKED_AT] = WAITING, at
    note(clock, room.asked, N_ASKED, at)


@inlined
def join(room: Room, row: Int64) -> None:
    """Join the line."""
    clock, state = room.clock, room.states[row]
    task = state[TASK]
    size = room.line_size[task]
    begin = room.line_begin[task]
    _push(room.line_at, room.line_session, begin, size, state[TRIGGERED_AT], state[SESSION])
    room.line_size[task] = size + 1
    clock[FULL] |= room.line_size[task] + MARGIN > room.line_room[task]
    clock[IN_LINE] += 1


@inlined
def first_in_line(room: Room) -> Int64:
    """Remove the first in line whose task has room, and return its row; NONE if there is none."""
    found, first_at, first_session = _NONE, np.int64(0), np.int64(0)
    for task in range(len(room.held)):
        if room.held[task] >= room.of_task[task]:
            continue
        begin = room.line_begin[task]
        while room.line_size[task]:
            row = np.int64(room.row_of[room.line_session[begin]])
            # Those that left the line are still in the heap.
            if row >= 0 and room.states[row, PHASE] == WAITING:
                break
            _pop(room.line_at, room.line_session, begin, room.line_size[task])
            room.line_size[task] -= 1
        if room.line_size[task]:
            at, session = room.line_at[begin], np.int64(room.line_session[begin])
            if found < 0 or at < first_at or (at == first_at and session < first_session):
                found, first_at, first_session = np.int64(task), at, session
    if found < 0:
        return _NONE
    row = np.int64(room.row_of[first_session])
    _pop(room.line_at, room.line_session, room.line_begin[found], room.line_size[found])
    room.line_size[found] -= 1
    room.clock[IN_LINE] -= 1
    return row
