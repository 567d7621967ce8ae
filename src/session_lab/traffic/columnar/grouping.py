"""Passes over a log in order of time, before and after its sessions are played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.traffic.columnar.compiling import allocating, compiled
from session_lab.traffic.columnar.layout import ANSWERS, Int64
from session_lab.traffic.engine.engine_result import NAT, NONE, OPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Answers, ExpandedAnswers
    from session_lab.traffic.columnar.sums import OutcomeSums

__all__ = ["add_missing", "find_sessions", "finish", "gather", "group", "scatter"]

_NAT = np.int64(NAT)
_START, _MESSAGE, _CLOSE = map(OPS.index, ("start", "message", "close"))
_MISSING = {"message": "append missing", "close": "close missing", "retrieve": "retrieve missing"}
_MESSAGE_MISSING, _CLOSE_MISSING, _RETRIEVE_MISSING = (
    ANSWERS.index(name) * 8 for name in _MISSING.values()
)


@allocating
def find_sessions(
    chat: NDArray[np.integer], op: NDArray[np.int8], n_chats: int, session: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Map each event to its session row, or NONE where there is none yet.

    The first start of a chat creates its session, whatever it is answered, so sessions can be
    numbered, in order of creation, before any event is played. ``session`` is filled; the events
    that create are returned.
    """
    session_of = np.full(n_chats, NONE, np.int32)
    created_by = np.empty(n_chats, np.int32)
    n_sessions = 0
    for event in range(len(chat)):
        found = session_of[chat[event]]
        if found < 0 and op[event] == _START:
            found = np.int32(n_sessions)
            session_of[chat[event]] = found
            created_by[n_sessions] = event
            n_sessions += 1
        session[event] = found
    return created_by[:n_sessions].copy()


@allocating
def group(
    session: NDArray[np.int32], n_sessions: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Sort events by session, keeping their order in it.

    Returns
    -------
    bounds, order : ndarray
        The events of session ``s`` are ``order[bounds[s]:bounds[s + 1]]``.
    """
    bounds = np.zeros(n_sessions + 1, np.int64)
    for event in range(len(session)):
        if session[event] >= 0:
            bounds[session[event] + 1] += 1
    for place in range(n_sessions):
        bounds[place + 1] += bounds[place]
    order = np.empty(bounds[n_sessions], np.int32)
    free = bounds[:-1].copy()
    for event in range(len(session)):
        found = session[event]
        if found >= 0:
            order[free[found]] = event
            free[found] += 1
    return bounds, order


@compiled
def gather(order: NDArray[np.int32], column: NDArray[Any], into: NDArray[Any]) -> None:
    """Copy the values of a column that stand at ``order``."""
    for place in range(len(order)):
        into[place] = column[np.uint64(order[place])]


@compiled
def scatter(order: NDArray[np.int32], column: NDArray[Any], into: NDArray[Any]) -> None:
    """Put the values of a column where ``order`` says."""
    for place in range(len(order)):
        into[np.uint64(order[place])] = column[place]


@compiled
def finish(  # noqa: PLR0917
    first: int,
    last: int,
    op: NDArray[np.int8],
    session: NDArray[np.int32],
    behind: NDArray[np.int64],
    n_runs: NDArray[np.int32],
    answers: Answers,
    table: NDArray[np.int16],
    told: ExpandedAnswers,
) -> None:
    """Expand verdicts, and turn the numbers of runs into their rows, in place.

    The runs of a session are the ``n_runs`` rows before row ``behind``. A start names its session's
    newest run; where that is left out, the newest that is shown.
    """
    verdicts, waits, numbers = answers
    status_code, error, is_cached, start_kind = told
    for event in range(first, last):
        found, row = session[event], np.int64(NONE)
        if found < 0:
            verdict = _missing(op[event])
            waits[event] = _NAT
        else:
            verdict = np.int64(verdicts[event])
            if numbers[event] >= 0 and n_runs[found] > 0:
                row = behind[found] - n_runs[found] + min(numbers[event], n_runs[found] - 1)
        numbers[event] = row
        status_code[event] = table[verdict, 0]
        error[event] = table[verdict, 1]
        is_cached[event] = table[verdict, 2]
        start_kind[event] = table[verdict, 3]


@compiled
def _missing(op: int) -> Int64:
    """Return the verdict on an event whose session does not exist."""
    if op == _MESSAGE:
        return _MESSAGE_MISSING
    return _CLOSE_MISSING if op == _CLOSE else _RETRIEVE_MISSING


@compiled
def add_missing(tally: OutcomeSums, op: NDArray[np.int8], session: NDArray[np.int32]) -> None:
    """Count the events whose session does not exist."""
    verdicts = tally.verdicts
    for event in range(len(op)):
        if session[event] < 0:
            verdicts[_missing(op[event])] += 1
