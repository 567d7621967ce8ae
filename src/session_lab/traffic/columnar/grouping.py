"""Passes over a log in order of time, before and after its sessions are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import allocating, compiled
from session_lab.traffic.columnar.layout import ANSWERS, Int64
from session_lab.traffic.engine.engine_result import NAT, NONE, OPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Answers, ExpandedAnswers, RunColumns

__all__ = ["add_missing", "finish", "group", "write_columns"]

_NAT = np.int64(NAT)
_START, _MESSAGE, _CLOSE = map(OPS.index, ("start", "message", "close"))
_MISSING = {"message": "append missing", "close": "close missing", "retrieve": "retrieve missing"}
_MESSAGE_MISSING, _CLOSE_MISSING, _RETRIEVE_MISSING = (
    ANSWERS.index(name) * 8 for name in _MISSING.values()
)


@allocating
def group(
    chat: NDArray[np.integer], op: NDArray[np.int8], n_chats: int, session: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """Sort events by session, keeping their order in it.

    The first start of a chat creates its session, whatever it is answered, so sessions can be
    numbered, in order of creation, before any event is played. ``session`` is filled with the
    session row of each event, or NONE where there is none yet.

    Returns
    -------
    created_by, bounds, order : ndarray
        The events that create sessions; the events of session ``s`` are
        ``order[bounds[s]:bounds[s + 1]]``.
    """
    session_of = np.full(n_chats, NONE, np.int32)
    created_by = np.empty(n_chats, np.int32)
    bounds = np.zeros(n_chats + 1, np.int64)
    n_sessions = 0
    for event in range(len(chat)):
        found = session_of[chat[event]]
        if found < 0 and op[event] == _START:
            found = np.int32(n_sessions)
            session_of[chat[event]] = found
            created_by[n_sessions] = event
            n_sessions += 1
        session[event] = found
        if found >= 0:
            bounds[found + 1] += 1
    bounds = bounds[: n_sessions + 1].cumsum()
    order = np.empty(bounds[n_sessions], np.int32)
    free = bounds[:-1].copy()
    for event in range(len(session)):
        found = session[event]
        if found >= 0:
            order[free[found]] = event
            free[found] += 1
    return created_by[:n_sessions].copy(), bounds, order


@compiled
def write_columns(rows: NDArray[np.int64], columns: RunColumns) -> None:
    """Write rows of runs as columns."""
    owner, number, reason, triggered_at, status, ended_at = columns[:6]
    end_cause, turns, resumes, active, idle, suspended = columns[6:]
    for row in range(len(rows)):
        place = np.uint64(row)
        owner[place] = rows[row, 0]
        number[place] = rows[row, 1]
        reason[place] = rows[row, 2]
        triggered_at[place] = rows[row, 3]
        status[place] = rows[row, 4]
        ended_at[place] = rows[row, 5]
        end_cause[place] = rows[row, 6]
        turns[place] = rows[row, 7]
        resumes[place] = rows[row, 8]
        active[place] = rows[row, 9]
        idle[place] = rows[row, 10]
        suspended[place] = rows[row, 11]


@compiled
def finish(  # noqa: PLR0917
    first: int,
    last: int,
    op: NDArray[np.int8],
    session: NDArray[np.int32],
    behind: NDArray[np.int64],
    n_runs: NDArray[np.int32],
    answers: Answers,
    table: ExpandedAnswers,
    told: ExpandedAnswers,
) -> None:
    """Expand verdicts, and turn the numbers of runs into their rows, in place.

    The runs of a session are the ``n_runs`` rows before row ``behind``. A start names its session's
    newest run; where that is left out, the newest that is shown.
    """
    verdicts, waits, numbers = answers
    status_codes, errors, cachings, kinds = table
    status_code, error, is_cached, start_kind = told
    for place in range(first, last):
        event = np.uint64(place)
        found, row = session[event], np.int64(NONE)
        if found < 0:
            verdict = np.uint64(_missing(op[event]))
            waits[event] = _NAT
        else:
            verdict = np.uint64(verdicts[event])
            n_shown = np.int64(n_runs[np.uint64(found)])
            number = min(np.int64(numbers[event]), n_shown - 1)
            # All bits of NONE are set, as are those of a negative number shifted out: no branch,
            # which the processor would guess wrong for every other event.
            row = (behind[np.uint64(found)] - n_shown + number) | (number >> 63)
        numbers[event] = row
        status_code[event] = status_codes[verdict]
        error[event] = errors[verdict]
        is_cached[event] = cachings[verdict]
        start_kind[event] = kinds[verdict]


@compiled
def _missing(op: int) -> Int64:
    """Return the verdict on an event whose session does not exist."""
    if op == _MESSAGE:
        return _MESSAGE_MISSING
    return _CLOSE_MISSING if op == _CLOSE else _RETRIEVE_MISSING


@compiled
def add_missing(
    verdicts: NDArray[np.int64], op: NDArray[np.int8], session: NDArray[np.int32]
) -> None:
    """Count the events whose session does not exist."""
    for event in range(len(op)):
        if session[event] < 0:
            verdicts[_missing(op[event])] += 1
