"""The runs of sessions at play: triggered, written, and forgotten, in compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.simulator.model.run_rules import UNFIXED
from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.columnar.run_row import trigger, write
from session_lab.traffic.columnar.session_rules import rules_of
from session_lab.traffic.coupled.line import ask
from session_lab.traffic.coupled.state import (
    N_FREE,
    QUEUED,
    QUEUED_COLUMN,
    ROWS,
    SESSION,
    SLOT_AT,
)

if TYPE_CHECKING:
    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook
    from session_lab.traffic.columnar.run_row import Rules
    from session_lab.traffic.coupled.state import Room
    from session_lab.traffic.coupled.written import Written


__all__ = ["hash_of", "retire", "rules_at", "trigger_next", "write_run"]

_NO_HASH = np.uint64(0)


@inlined
def rules_at(book: Rulebook, columns: Columns, session: Int64) -> Rules:
    """Return the rules of a session's policy."""
    return rules_of(book.timings, columns.policy[session] if len(columns.policy) else 0)


@inlined
def hash_of(columns: Columns, session: Int64) -> Int64:
    """Return what the random numbers of a session are drawn by."""
    return columns.hashes[session] if len(columns.hashes) else _NO_HASH


@inlined
def trigger_next(  # noqa: PLR0917
    room: Room,
    columns: Columns,
    book: Rulebook,
    written: Written,
    row: Int64,
    reason: Int64,
    at: Int64,
) -> None:
    """Trigger the next run of a session, which asks for a slot."""
    state = room.states[row]
    write_run(room, columns, book, written, row)
    trigger(state, reason, at, 0)
    state[SLOT_AT], state[QUEUED] = UNFIXED, 0
    written.sessions.updated_at[state[SESSION]] = at
    ask(room, row, at)


@inlined
def write_run(room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64) -> None:
    """Write a run that has had its time, unless there is none yet."""
    clock, state = room.clock, room.states[row]
    session, rows = state[SESSION], clock[ROWS]
    rules = rules_at(book, columns, session)
    clock[ROWS] = write(room.runs, rows, session, state, rules, book.until)
    room.runs[rows, QUEUED_COLUMN] = state[QUEUED]
    written.sessions.n_runs[session] += clock[ROWS] - rows


@inlined
def retire(room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64) -> None:
    """Write the last run of a session that nothing more happens to, and forget it."""
    write_run(room, columns, book, written, row)
    room.row_of[room.states[row, SESSION]] = -1
    room.states[row, SESSION] = -1
    room.free[room.clock[N_FREE]] = row
    room.clock[N_FREE] += 1
