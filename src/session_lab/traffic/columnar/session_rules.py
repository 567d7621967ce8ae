"""How a session answers an event, and what its turns and runs take, in compiled code.

The rules are those of :mod:`session_lab.simulator.model.machine`; the kernels that play sessions
apart and together share them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.columnar.draws import draw
from session_lab.traffic.columnar.layout import ANSWERS, STREAMS
from session_lab.traffic.columnar.run_row import NUMBER, Rules
from session_lab.traffic.engine.engine_result import NAT, OPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Int64, Times
    from session_lab.traffic.columnar.run_row import Run

__all__ = [
    "ACCEPTED",
    "CACHED",
    "CLOSE_OK",
    "CREATED",
    "DrawnBy",
    "answer_to",
    "boot_time",
    "resume_time",
    "rules_of",
    "touches",
    "turn_of",
]

DrawnBy = tuple[Any, Any, Any]
"""What random numbers are drawn by: the hash of the external id, how many turns of the session were
accepted before, and how many runs it had had when the last of them was."""

_NAT = np.int64(NAT)
_START, _MESSAGE, _CLOSE = map(OPS.index, ("start", "message", "close"))
_BOOTS, _RESUMES, _DURATIONS = map(STREAMS.index, ("boots", "resumes", "durations"))
CREATED, CACHED, _START_CLOSED, _START_EXPIRED = map(
    ANSWERS.index, ("created", "cached", "start closed", "start expired")
)
ACCEPTED, _APPEND_CLOSED, _APPEND_EXPIRED = map(
    ANSWERS.index, ("accepted", "append closed", "append expired")
)
CLOSE_OK, _RETRIEVED = map(ANSWERS.index, ("close", "retrieve"))


@inlined
def rules_of(timings: NDArray[np.int64], policy: Int64) -> Rules:
    """Return the rules of a policy."""
    return Rules(
        timings[policy, 0],
        timings[policy, 1],
        timings[policy, 2],
        timings[policy, 3],
        timings[policy, 4],
        timings[policy, 5],
        timings[policy, 6],
        timings[policy, 7],
    )


@inlined
def boot_time(run: Run, drawn_by: DrawnBy, times: Times) -> Int64:
    """Return how long the next run of a session boots."""
    if len(times.boots) == 0:
        return times.boot_time
    hashed, accepted, settled = drawn_by
    triggered = run[NUMBER] + 1 - settled
    return draw(times.boots, times.keys, _BOOTS, hashed, accepted, triggered)


@inlined
def resume_time(run: Run, drawn_by: DrawnBy, times: Times) -> Int64:
    """Return how long it takes to wake a run."""
    if len(times.resumes) == 0:
        return times.resume_time
    hashed, accepted, settled = drawn_by
    triggered = run[NUMBER] + 1 - settled
    return draw(times.resumes, times.keys, _RESUMES, hashed, accepted, triggered)


@inlined
def turn_of(
    answer: Int64, durations: NDArray[np.int64], event: Int64, drawn_by: DrawnBy, times: Times
) -> Int64:
    """Return how long the turn lasts that an event asks for; NAT when it asks for none."""
    if answer not in (CREATED, ACCEPTED):
        return _NAT
    duration = durations[event] if len(durations) else _NAT
    if duration != _NAT or answer == CREATED:
        return duration
    if len(times.durations) == 0:
        return times.turn_duration
    hashed, accepted, _ = drawn_by
    return draw(times.durations, times.keys, _DURATIONS, hashed, accepted, 0)


@inlined
def answer_to(op: Int64, is_new: bool, is_closed: bool, is_expired: bool) -> int:  # noqa: FBT001
    """Return the answer to an event on a session; closed wins over expired."""
    if op == _MESSAGE:
        if is_closed:
            return _APPEND_CLOSED
        return _APPEND_EXPIRED if is_expired else ACCEPTED
    if op == _START:
        if is_closed:
            return _START_CLOSED
        if is_expired:
            return _START_EXPIRED
        return CREATED if is_new else CACHED
    return CLOSE_OK if op == _CLOSE else _RETRIEVED


@inlined
def touches(answer: Int64, is_new: bool, refused_start_rewrites: bool) -> bool:  # noqa: FBT001
    """Check whether a start writes the session's row."""
    if answer in (_START_CLOSED, _START_EXPIRED):
        return is_new or refused_start_rewrites
    return answer in (CREATED, CACHED)
