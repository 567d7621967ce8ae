"""The life of a run, in numbers, for compiled code.

The functions are those of :mod:`session_lab.simulator.runs`, which are the specification, with
codes for words and NAT for what is missing. There is one difference in kind: a run here does not
remember the turns that lie ahead of it. The horizon is known from the beginning, so each turn adds
at once what will be seen of it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.simulator.runs import STATUSES
from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.played import CAUSES, KINDS, NAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.columns import Int64

__all__ = [
    "DEAD",
    "Rules",
    "Run",
    "close",
    "is_live",
    "last_busy",
    "latest_deploy",
    "no_run",
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


class Seen(NamedTuple):
    """What a run shows at the horizon."""

    status: Int64
    ended_at: Int64
    end_cause: Int64
    turns: Int64
    resumes: Int64
    active: Int64
    idle: Int64
    suspended: Int64


class Run(NamedTuple):
    """One run and its accounts up to the last turn it accepted.

    ``turns_seen``, ``resumes_seen`` and ``active_seen`` are what the horizon shows of them if the
    run is open then. ``wakes_at`` is the start of the turn that woke it for the work it is at, or
    NAT; ``ended_at`` is NAT until the end is fixed.
    """

    number: Int64
    reason: Int64
    triggered_at: Int64
    free_at: Int64
    turns: Int64
    resumes: Int64
    active: Int64
    idle: Int64
    suspended: Int64
    turns_seen: Int64
    resumes_seen: Int64
    active_seen: Int64
    wakes_at: Int64
    ended_at: Int64
    end_cause: Int64


@inlined
def no_run() -> Run:
    """Return what comes before the first run of a session: a run that has ended long ago."""
    zero = np.int64(0)
    return _run(np.int64(-1), zero, zero, zero, _NAT + 1)


@inlined
def trigger(number: Int64, reason: Int64, at: Int64, rules: Rules) -> Run:
    """Trigger a run."""
    return _run(number, reason, at, at + rules.boot_time, _NAT)


@inlined
def _run(number: Int64, reason: Int64, at: Int64, ready_at: Int64, ended_at: Int64) -> Run:
    zero, cause = np.int64(0), np.int64(_OPEN)
    return Run(
        number,
        reason,
        at,
        ready_at,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        _NAT,
        ended_at,
        cause,
    )


@inlined
def _end_of(run: Run, rules: Rules) -> Int64:
    """Tell when a run ends if nothing more reaches it."""
    if run.ended_at != _NAT:
        return run.ended_at
    return run.free_at + rules.idle_timeout + rules.turn_timeout


@inlined
def is_live(run: Run, at: Int64, rules: Rules) -> bool:
    """Tell whether a run is alive; from its very end on it is not."""
    return bool(at < _end_of(run, rules))


@inlined
def last_busy(run: Run) -> Int64:
    """Return the end of a run's last accepted turn, or its trigger when it has none."""
    return run.free_at if run.turns else run.triggered_at


@inlined
def receive(run: Run, at: Int64, rules: Rules) -> tuple[int, Int64]:
    """Tell how a turn that arrives finds a run, and when it would start there."""
    if run.ended_at != _NAT:
        return (_QUEUED, run.ended_at) if at < run.ended_at else (DEAD, at)
    if at < run.free_at:
        return _QUEUED, run.free_at
    suspended_at = run.free_at + rules.idle_timeout
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
        middle = (low + high) // 2
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
) -> Run:
    """Accept a turn that arrived at ``at`` and starts at ``start``; its last turn ends a run."""
    turns, cause = run.turns + 1, _OPEN
    if duration >= rules.max_duration - run.active:
        duration, cause = rules.max_duration - run.active, _MAX_DURATION
    elif crashes:
        cause = _CRASH
    elif turns == rules.max_turns:
        cause = _MAX_TURNS
    end = start + duration
    begun = start <= until
    idle, suspended = _quiet(run, at, rules)
    return Run(
        run.number,
        run.reason,
        run.triggered_at,
        end,
        turns,
        run.resumes + np.int64(resumed),
        run.active + duration,
        run.idle + idle,
        run.suspended + suspended,
        run.turns_seen + np.int64(begun),
        run.resumes_seen + np.int64(begun and resumed),
        run.active_seen + max(np.int64(0), min(end, until) - start),
        run.wakes_at if at < run.free_at else (start if resumed else _NAT),
        _NAT if cause == _OPEN else end,
        np.int64(cause),
    )


@inlined
def close(run: Run, at: Int64, ended_at: Int64, cause: Int64, rules: Rules) -> Run:
    """Fix the end of a run that heard at ``at`` that it is to end at ``ended_at``."""
    idle, suspended = _quiet(run, at, rules)
    return Run(
        run.number,
        run.reason,
        run.triggered_at,
        run.free_at,
        run.turns,
        run.resumes,
        run.active,
        run.idle + idle,
        run.suspended + suspended,
        run.turns_seen,
        run.resumes_seen,
        run.active_seen,
        run.wakes_at,
        ended_at,
        cause,
    )


@inlined
def _quiet(run: Run, until: Int64, rules: Rules) -> tuple[Int64, Int64]:
    """Split the time since the run became free into idle and suspended."""
    quiet = max(np.int64(0), until - run.free_at)
    idle = min(quiet, rules.idle_timeout)
    return idle, quiet - idle


@inlined
def write(  # noqa: PLR0917
    runs: NDArray[np.int64], row: int, session: int, run: Run, rules: Rules, until: Int64
) -> int:
    """Write a run as it stands at the horizon, and return the next free row.

    Nothing is written of a run that is triggered later, nor of the one before the first.
    """
    if run.number >= 0 and run.triggered_at <= until:
        seen = _as_of(run, until, rules)
        runs[row, 0] = session
        runs[row, 1] = run.number
        runs[row, 2] = run.reason
        runs[row, 3] = run.triggered_at
        runs[row, 4] = seen.status
        runs[row, 5] = seen.ended_at
        runs[row, 6] = seen.end_cause
        runs[row, 7] = seen.turns
        runs[row, 8] = seen.resumes
        runs[row, 9] = seen.active
        runs[row, 10] = seen.idle
        runs[row, 11] = seen.suspended
        row += 1
    return row


@inlined
def _as_of(run: Run, until: Int64, rules: Rules) -> Seen:
    """Show a run as it stands at the horizon."""
    end = _end_of(run, rules)
    if end > until:
        idle, suspended = np.int64(0), np.int64(0)
        if run.ended_at == _NAT:
            idle, suspended = _quiet(run, until, rules)
        return Seen(
            np.int64(_open_status(run, until, rules)),
            _NAT,
            np.int64(_OPEN),
            run.turns_seen,
            run.resumes_seen,
            run.active_seen,
            run.idle + idle,
            run.suspended + suspended,
        )
    cause, idle, suspended = run.end_cause, run.idle, run.suspended
    if run.ended_at == _NAT:
        cause = np.int64(_TURN_TIMEOUT)
        idle, suspended = idle + rules.idle_timeout, suspended + rules.turn_timeout
    status = _COMPLETED
    if cause == _MAX_DURATION:
        status = _TIMED_OUT
    elif cause == _CRASH:
        status = _CRASHED
    return Seen(np.int64(status), end, cause, run.turns, run.resumes, run.active, idle, suspended)


@inlined
def _open_status(run: Run, at: Int64, rules: Rules) -> int:
    if at < run.triggered_at + rules.boot_time:
        return _PENDING
    if at >= run.free_at:
        asleep = at >= run.free_at + rules.idle_timeout
    else:
        # A suspended run wakes at the start of the turn that woke it, not at its arrival.
        asleep = run.wakes_at != _NAT and at < run.wakes_at
    return _WAITING if asleep else _EXECUTING
