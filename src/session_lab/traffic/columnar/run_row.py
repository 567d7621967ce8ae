"""The life of a run, in numbers, for compiled code.

The functions are those of :mod:`session_lab.simulator.model.runs`, which are the specification, with
codes for words and NAT for what is missing. There are two differences in kind. A run is changed in
place: it is a row of numbers, since a new tuple for every step would be copied each time. And it
does not remember the turns that lie ahead of it: the horizon is known from the beginning, so each
turn adds up at once what of it lies behind that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from session_lab.simulator.model.runs import STATUSES
from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.engine_result import CAUSES, KINDS, NAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Int64

__all__ = [
    "DEAD",
    "ENDED_AT",
    "FREE_AT",
    "NUMBER",
    "N_FIELDS",
    "TRIGGERED_AT",
    "Rules",
    "Run",
    "close",
    "forget",
    "is_live",
    "last_busy",
    "latest_deploy",
    "receive",
    "serve",
    "trigger",
    "write",
]

DEAD = len(KINDS)
"""How a turn finds a run that has ended; comes after the codes of the kinds."""

# numba takes a plain -2**63 for an unsigned number.
_NAT = np.int64(NAT)
_QUEUED, _WARM, _RESUMED = map(KINDS.index, ("queued", "warm", "resumed"))
_TURN_TIMEOUT, _MAX_TURNS, _MAX_DURATION, _CRASH, _OPEN = map(
    CAUSES.index, ("turn_timeout", "max_turns", "max_duration", "crash", "open")
)
_PENDING, _EXECUTING, _WAITING, _COMPLETED, _TIMED_OUT, _CRASHED = map(
    STATUSES.index,
    (
        "PENDING",
        "EXECUTING",
        "WAITING_TO_RESUME",
        "COMPLETED_SUCCESSFULLY",
        "TIMED_OUT",
        "CRASHED",
    ),
)


class Rules(NamedTuple):
    """One policy; its deploys are those from ``first_deploy`` up to ``last_deploy``."""

    idle_timeout: Int64
    turn_timeout: Int64
    max_turns: Int64
    max_duration: Int64
    boot_time: Int64
    resume_time: Int64
    turn_duration: Int64
    first_deploy: Int64
    last_deploy: Int64


Run: TypeAlias = "NDArray[np.int64]"
"""One run and its accounts up to the last turn it accepted, as a row of numbers.

Those *ahead* are the part of the accounts that lies behind the horizon, where the run is open then.
``WAKES_AT`` is the start of the turn that woke it for the work it is at, or NAT; ``ENDED_AT`` is
NAT until the end is fixed.
"""

N_FIELDS = 15
(
    NUMBER,
    _REASON,
    TRIGGERED_AT,
    FREE_AT,
    _TURNS,
    _RESUMES,
    _ACTIVE,
    _IDLE,
    _SUSPENDED,
    _TURNS_AHEAD,
    _RESUMES_AHEAD,
    _ACTIVE_AHEAD,
    _WAKES_AT,
    ENDED_AT,
    _END_CAUSE,
) = range(N_FIELDS)


@inlined
def forget(run: Run) -> None:
    """Begin a session: what comes before its first run is as one that ended long ago."""
    run[NUMBER] = -1
    run[ENDED_AT] = _NAT + 1


@inlined
def trigger(run: Run, reason: int, at: Int64, rules: Rules) -> None:
    """Trigger the next run of the session."""
    run[NUMBER] += 1
    run[_REASON] = reason
    run[TRIGGERED_AT] = at
    run[FREE_AT] = at + rules.boot_time
    for field in range(_TURNS, _WAKES_AT):
        run[field] = 0
    run[_WAKES_AT] = _NAT
    run[ENDED_AT] = _NAT
    run[_END_CAUSE] = _OPEN


@inlined
def _end_of(run: Run, rules: Rules) -> Int64:
    """Tell when a run ends if nothing more reaches it."""
    if run[ENDED_AT] != _NAT:
        return run[ENDED_AT]
    return run[FREE_AT] + rules.idle_timeout + rules.turn_timeout


@inlined
def is_live(run: Run, at: Int64, rules: Rules) -> bool:
    """Tell whether a run is alive; from its very end on it is not."""
    return bool(at < _end_of(run, rules))


@inlined
def last_busy(run: Run) -> Int64:
    """Return the end of a run's last accepted turn, or its trigger when it has none."""
    return run[FREE_AT] if run[_TURNS] else run[TRIGGERED_AT]


@inlined
def receive(run: Run, at: Int64, rules: Rules) -> tuple[int, Int64]:
    """Tell how a turn that arrives finds a run, and when it would start there."""
    if run[ENDED_AT] != _NAT:
        return (_QUEUED, run[ENDED_AT]) if at < run[ENDED_AT] else (DEAD, at)
    if at < run[FREE_AT]:
        return _QUEUED, run[FREE_AT]
    suspended_at = run[FREE_AT] + rules.idle_timeout
    if at < suspended_at:
        return _WARM, at
    if at < suspended_at + rules.turn_timeout:
        return _RESUMED, at + rules.resume_time
    return DEAD, at


@inlined
def latest_deploy(deploys: NDArray[np.int64], rules: Rules, at: Int64) -> Int64:
    """Return a policy's last deploy at or before an instant, or NAT when there is none."""
    low, high = rules.first_deploy, rules.last_deploy
    while low < high:
        middle = (low + high) >> 1
        if deploys[middle] <= at:
            low = middle + 1
        else:
            high = middle
    return deploys[low - 1] if low > rules.first_deploy else _NAT


@inlined
def serve(  # noqa: PLR0917
    run: Run,
    at: Int64,
    start: Int64,
    duration: Int64,
    rules: Rules,
    resumed: bool,  # noqa: FBT001
    crashes: bool,  # noqa: FBT001
    until: Int64,
) -> None:
    """Accept a turn that arrived at ``at`` and starts at ``start``; its last turn ends a run."""
    cause = _OPEN
    if duration >= rules.max_duration - run[_ACTIVE]:
        duration, cause = rules.max_duration - run[_ACTIVE], _MAX_DURATION
    elif crashes:
        cause = _CRASH
    elif run[_TURNS] + 1 == rules.max_turns:
        cause = _MAX_TURNS
    end = start + duration
    if end > until:
        run[_ACTIVE_AHEAD] += end - max(start, until)
        if start > until:
            run[_TURNS_AHEAD] += 1
            run[_RESUMES_AHEAD] += resumed
    if at >= run[FREE_AT]:
        run[_WAKES_AT] = start if resumed else _NAT
        _rest(run, at, rules)
    run[FREE_AT] = end
    run[_TURNS] += 1
    run[_RESUMES] += resumed
    run[_ACTIVE] += duration
    if cause != _OPEN:
        run[ENDED_AT], run[_END_CAUSE] = end, cause


@inlined
def close(run: Run, at: Int64, ended_at: Int64, cause: int, rules: Rules) -> None:
    """Fix the end of a run that heard at ``at`` that it is to end at ``ended_at``."""
    _rest(run, at, rules)
    run[ENDED_AT], run[_END_CAUSE] = ended_at, cause


@inlined
def _rest(run: Run, until: Int64, rules: Rules) -> None:
    """Split the time since the run became free into idle and suspended."""
    quiet = until - run[FREE_AT]
    if quiet > 0:
        idle = min(quiet, rules.idle_timeout)
        run[_IDLE] += idle
        run[_SUSPENDED] += quiet - idle


@inlined
def write(  # noqa: PLR0917
    runs: NDArray[np.int64], row: int, session: int, run: Run, rules: Rules, until: Int64
) -> int:
    """Write a run, which changes no more, as it stands at the horizon; return the next free row.

    Nothing is written of a run that is triggered later, nor of what comes before the first.
    """
    if run[NUMBER] < 0 or run[TRIGGERED_AT] > until:
        return row
    end, ended_at, cause = _end_of(run, rules), _NAT, np.int64(_OPEN)
    if end > until:
        status = _open_status(run, until, rules)
    else:
        ended_at = end
        cause = run[_END_CAUSE] if run[ENDED_AT] != _NAT else np.int64(_TURN_TIMEOUT)
        status = _final_status(cause)
    if run[ENDED_AT] == _NAT:
        _rest(run, min(end, until), rules)
    is_open = ended_at == _NAT
    runs[row, 0] = session
    runs[row, 1] = run[NUMBER]
    runs[row, 2] = run[_REASON]
    runs[row, 3] = run[TRIGGERED_AT]
    runs[row, 4] = status
    runs[row, 5] = ended_at
    runs[row, 6] = cause
    runs[row, 7] = run[_TURNS] - (run[_TURNS_AHEAD] if is_open else 0)
    runs[row, 8] = run[_RESUMES] - (run[_RESUMES_AHEAD] if is_open else 0)
    runs[row, 9] = run[_ACTIVE] - (run[_ACTIVE_AHEAD] if is_open else 0)
    runs[row, 10] = run[_IDLE]
    runs[row, 11] = run[_SUSPENDED]
    return row + 1


@inlined
def _final_status(cause: Int64) -> int:
    if cause == _MAX_DURATION:
        return _TIMED_OUT
    return _CRASHED if cause == _CRASH else _COMPLETED


@inlined
def _open_status(run: Run, at: Int64, rules: Rules) -> int:
    if at < run[TRIGGERED_AT] + rules.boot_time:
        return _PENDING
    if at >= run[FREE_AT]:
        asleep = at >= run[FREE_AT] + rules.idle_timeout
    else:
        # A suspended run wakes at the start of the turn that woke it, not at its arrival.
        asleep = run[_WAKES_AT] != _NAT and at < run[_WAKES_AT]
    return _WAITING if asleep else _EXECUTING
