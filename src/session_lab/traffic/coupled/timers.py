"""Timers of a coupled play: a timing wheel, in compiled code.

Time only goes on, and timers of one instant may go off in any order. So a timer is put into the list
of its stretch of time and looked for when that has come, which is a few steps, where a heap compares
it with many others. The lists are unsorted and used round after round (scheme 6 of Varghese and
Lauck 1987, Hashed and hierarchical timing wheels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.coupled.state import (
    BEHIND,
    FULL,
    MARGIN,
    N_TIMERS,
    NEVER,
    NEXT_AT,
    SHIFT,
    SOONEST,
    TIMER,
)
from session_lab.traffic.engine.engine_result import NONE

if TYPE_CHECKING:
    from session_lab.traffic.columnar.layout import Int64
    from session_lab.traffic.coupled.state import Room

__all__ = ["next_due", "take_due", "watch"]

_NONE = np.int64(NONE)


@inlined
def watch(room: Room, row: Int64, due: Int64) -> None:
    """Set the timer of a run that gives its slot back, unless its session has an event before.

    That event looks again. So no timer goes off in vain, and none is ever moved.
    """
    clock, state = room.clock, room.states[row]
    if state[NEXT_AT] < due:
        return
    stretch = due >> clock[SHIFT] & (len(room.timers) - 1)
    state[TIMER], state[BEHIND] = due, room.timers[stretch]
    room.timers[stretch] = row
    clock[SOONEST] = min(clock[SOONEST], due)
    clock[N_TIMERS] += 1
    clock[FULL] |= clock[N_TIMERS] + MARGIN > len(room.timers)


@inlined
def next_due(room: Room, by: Int64) -> Int64:
    """Return when the next timer is due, if that is not after an instant; else some later instant."""
    clock, states, timers = room.clock, room.states, room.timers
    if clock[N_TIMERS] == 0:
        clock[SOONEST] = NEVER
    if clock[SOONEST] > by or clock[SOONEST] == NEVER:
        return clock[SOONEST]
    shift, mask = clock[SHIFT], len(timers) - 1
    first, last = clock[SOONEST] >> shift, by >> shift
    # After a whole round every timer has been seen, and the soonest of all is known.
    soonest = np.int64(NEVER)
    for stretch in range(first, min(last, first + mask) + 1):
        found = np.int64(NEVER)
        row = np.int64(timers[stretch & mask])
        while row >= 0:
            due = states[row, TIMER]
            if due >> shift == stretch:
                found = min(found, due)
            soonest = min(soonest, due)
            row = states[row, BEHIND]
        if found != NEVER:
            clock[SOONEST] = found
            return found
    clock[SOONEST] = soonest if last > first + mask else (last + 1) << shift
    return clock[SOONEST]


@inlined
def take_due(room: Room) -> Int64:
    """Remove a timer that is due at the soonest instant, and return its row; NONE if there is none."""
    clock, states, timers = room.clock, room.states, room.timers
    due = clock[SOONEST]
    place = due >> clock[SHIFT] & (len(timers) - 1)
    before, row = _NONE, np.int64(timers[place])
    while row >= 0 and states[row, TIMER] != due:
        before, row = row, states[row, BEHIND]
    if row < 0:
        clock[SOONEST] = due + 1
        return row
    if before < 0:
        timers[place] = states[row, BEHIND]
    else:
        states[before, BEHIND] = states[row, BEHIND]
    states[row, TIMER] = NEVER
    clock[N_TIMERS] -= 1
    return row
