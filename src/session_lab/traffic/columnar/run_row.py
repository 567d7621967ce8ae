"""A run as a row of numbers, for compiled code.

The rules are those of :mod:`session_lab.simulator.model.run_rules`, compiled. The functions around
them mirror :mod:`session_lab.simulator.model.runs`, with two differences in kind. A run is changed
in place, since a new tuple for every step would be copied each time. And it does not remember the
turns that lie ahead of it: the horizon is known from the beginning, so each turn adds up at once
what of it lies behind that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from session_lab.simulator.model import run_rules
from session_lab.simulator.model.run_rules import UNFIXED
from session_lab.traffic.columnar.compiling import inlined
from session_lab.traffic.columnar.sums import add_run
from session_lab.traffic.engine.engine_result import CAUSES, NAT, REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Int64
    from session_lab.traffic.columnar.sums import OutcomeSums

__all__ = [
    "ENDED_AT",
    "END_CAUSE",
    "FREE_AT",
    "NUMBER",
    "N_FIELDS",
    "TRIGGERED_AT",
    "Rules",
    "Run",
    "boot",
    "close",
    "end",
    "forget",
    "gives_back_at",
    "is_live",
    "last_busy",
    "latest_deploy",
    "receive",
    "serve",
    "suspended_at",
    "trigger",
    "write",
    "write_waiting",
]

# numba takes a plain -2**63 for an unsigned number.
_NAT = np.int64(NAT)
_INITIAL = REASONS.index("initial")
_TURN_TIMEOUT, _PRELOAD_EXIT, _OPEN = map(CAUSES.index, ("turn_timeout", "preload_exit", "open"))

_PENDING, _WAITING = map(run_rules.STATUSES.index, ("PENDING", "WAITING_TO_RESUME"))

_end_of, _find = inlined(run_rules.end_of), inlined(run_rules.find)
_served, _rest_times = inlined(run_rules.serve), inlined(run_rules.rest)
_gives_back_at = inlined(run_rules.gives_back_at)
_final_status, _open_status = inlined(run_rules.final_status), inlined(run_rules.open_status)


class Rules(NamedTuple):
    """What one policy says, in milliseconds; the flags are 0 or 1."""

    idle_timeout: Int64
    turn_timeout: Int64
    max_turns: Int64
    max_duration: Int64
    preload_idle_timeout: Int64
    preload_timeout: Int64
    exits_preload: Int64
    hands_over: Int64


Run: TypeAlias = "NDArray[np.int64]"
"""One run and its accounts up to the last turn it accepted, as a row of numbers.

Those *ahead* are the part of the accounts that lies behind the horizon, where the run is open then.
``WAKES_AT`` is the start of the turn that woke it for the work it is at, or UNFIXED; so is
``ENDED_AT`` until the end is fixed.
"""

N_FIELDS = 16
(
    NUMBER,
    _REASON,
    TRIGGERED_AT,
    _READY_AT,
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
    END_CAUSE,
) = range(N_FIELDS)


@inlined
def forget(run: Run) -> None:
    """Begin a session: what comes before its first run is as one that ended long ago."""
    run[NUMBER] = -1
    run[ENDED_AT] = 0


@inlined
def trigger(run: Run, reason: int, at: Int64, boot_time: Int64) -> None:
    """Trigger the next run of the session."""
    run[NUMBER] += 1
    run[_REASON] = reason
    run[TRIGGERED_AT] = at
    run[_READY_AT] = run[FREE_AT] = at + boot_time
    for field in range(_TURNS, _WAKES_AT):
        run[field] = 0
    run[_WAKES_AT] = UNFIXED
    run[ENDED_AT] = UNFIXED
    run[END_CAUSE] = _OPEN


@inlined
def boot(run: Run, at: Int64, boot_time: Int64) -> None:
    """Begin to boot a run that waited for that."""
    run[_READY_AT] = run[FREE_AT] = at + boot_time


@inlined
def _is_preloaded(run: Run) -> bool:
    return bool(run[_TURNS] == 0 and run[_REASON] == _INITIAL)


@inlined
def _quiet_times(run: Run, rules: Rules) -> tuple[Int64, Int64]:
    """Return how long a run with nothing to do stays awake, and suspended after that."""
    if _is_preloaded(run):
        return rules.preload_idle_timeout, rules.preload_timeout
    return rules.idle_timeout, rules.turn_timeout


@inlined
def _end(run: Run, rules: Rules) -> Int64:
    """Return when a run ends if nothing more reaches it."""
    idle, patience = _quiet_times(run, rules)
    return _end_of(run[FREE_AT], run[ENDED_AT], idle, patience)


@inlined
def gives_back_at(run: Run, rules: Rules) -> Int64:
    """Return when a run gives its slot back if nothing more reaches it."""
    idle, _ = _quiet_times(run, rules)
    return _gives_back_at(run[FREE_AT], run[ENDED_AT], idle)


@inlined
def suspended_at(run: Run, rules: Rules) -> Int64:
    """Return when a run is suspended if nothing reaches or ends it before."""
    idle, _ = _quiet_times(run, rules)
    return run[FREE_AT] + idle


@inlined
def is_live(run: Run, at: Int64, rules: Rules) -> bool:
    """Check whether a run is alive; from its very end on it is not."""
    return bool(at < _end(run, rules))


@inlined
def last_busy(run: Run) -> Int64:
    """Return the end of a run's last accepted turn, or its trigger when it has none."""
    return run[FREE_AT] if run[_TURNS] else run[TRIGGERED_AT]


@inlined
def receive(run: Run, at: Int64, rules: Rules) -> int:
    """Return the code of how a turn that arrives finds a run."""
    idle, patience = _quiet_times(run, rules)
    return _find(at, run[FREE_AT], run[ENDED_AT], idle, patience)


@inlined
def latest_deploy(deploys: NDArray[np.int64], at: Int64) -> Int64:
    """Return the last deploy at or before an instant, or NAT when there is none."""
    low, high = 0, len(deploys)
    while low < high:
        middle = (low + high) >> 1
        if deploys[middle] <= at:
            low = middle + 1
        else:
            high = middle
    return deploys[low - 1] if low > 0 else _NAT


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
    duration, cause = _served(
        duration, run[_ACTIVE], run[_TURNS], crashes, rules.max_duration, rules.max_turns
    )
    end = start + duration
    if end > until:
        run[_ACTIVE_AHEAD] += end - max(start, until)
        if start > until:
            run[_TURNS_AHEAD] += 1
            run[_RESUMES_AHEAD] += resumed
    if at >= run[FREE_AT]:
        run[_WAKES_AT] = start if resumed else UNFIXED
        _rest(run, at, rules)
    run[FREE_AT] = end
    run[_TURNS] += 1
    run[_RESUMES] += resumed
    run[_ACTIVE] += duration
    if cause != _OPEN:
        run[ENDED_AT], run[END_CAUSE] = end, cause


@inlined
def close(run: Run, at: Int64, ended_at: Int64, cause: int, rules: Rules) -> None:
    """Fix the end of a run that heard at ``at`` that it is to end at ``ended_at``."""
    _rest(run, at, rules)
    run[ENDED_AT], run[END_CAUSE] = ended_at, cause


@inlined
def end(run: Run, at: Int64, cause: int) -> None:
    """End a run that never had a slot."""
    run[ENDED_AT], run[END_CAUSE] = at, cause


@inlined
def _rest(run: Run, until: Int64, rules: Rules) -> None:
    """Add the time since the run became free, as idle and suspended."""
    idle, _ = _quiet_times(run, rules)
    idle, suspended = _rest_times(run[FREE_AT], until, idle)
    run[_IDLE] += idle
    run[_SUSPENDED] += suspended


@inlined
def write(  # noqa: PLR0917
    runs: NDArray[np.int64],
    row: int,
    session: int,
    run: Run,
    rules: Rules,
    until: Int64,
    sums: OutcomeSums | None = None,
) -> int:
    """Write a run, which changes no more, as it stands at the horizon; return the next free row.

    With ``sums`` it is added up instead. Nothing is told of a run that is triggered later, nor of
    what comes before the first.
    """
    if run[NUMBER] < 0 or run[TRIGGERED_AT] > until:
        return row
    idle, _ = _quiet_times(run, rules)
    end, ended_at, cause = _end(run, rules), _NAT, np.int64(_OPEN)
    if end > until:
        status = _open_status(until, run[_READY_AT], run[FREE_AT], run[_WAKES_AT], idle)
    else:
        ended_at = end
        cause = run[END_CAUSE]
        if run[ENDED_AT] < 0:
            leaves = rules.exits_preload and _is_preloaded(run)
            cause = np.int64(_PRELOAD_EXIT if leaves else _TURN_TIMEOUT)
        status = _final_status(cause)
    if run[ENDED_AT] < 0:
        _rest(run, min(end, until), rules)
    is_open = ended_at == _NAT
    turns = run[_TURNS] - (run[_TURNS_AHEAD] if is_open else 0)
    resumes = run[_RESUMES] - (run[_RESUMES_AHEAD] if is_open else 0)
    active = run[_ACTIVE] - (run[_ACTIVE_AHEAD] if is_open else 0)
    if sums is not None:
        add_run(sums, run[_REASON], cause, turns, resumes, active, run[_IDLE], run[_SUSPENDED])
        return row
    runs[row, 0] = session
    runs[row, 1] = run[NUMBER]
    runs[row, 2] = run[_REASON]
    runs[row, 3] = run[TRIGGERED_AT]
    runs[row, 4] = status
    runs[row, 5] = ended_at
    runs[row, 6] = cause
    runs[row, 7] = turns
    runs[row, 8] = resumes
    runs[row, 9] = active
    runs[row, 10] = run[_IDLE]
    runs[row, 11] = run[_SUSPENDED]
    return row + 1


@inlined
def write_waiting(  # noqa: PLR0917
    runs: NDArray[np.int64], row: int, session: int, run: Run, rules: Rules, woken_at: Int64
) -> int:
    """Write a run that waits for a slot at the horizon; return the next free row.

    It waits to be woken by a turn that arrived at ``woken_at``, or to boot, where that is NAT.
    """
    status = _PENDING
    if woken_at != _NAT:
        status = _WAITING
        _rest(run, woken_at, rules)
    runs[row, 0] = session
    runs[row, 1] = run[NUMBER]
    runs[row, 2] = run[_REASON]
    runs[row, 3] = run[TRIGGERED_AT]
    runs[row, 4] = status
    runs[row, 5] = _NAT
    runs[row, 6] = _OPEN
    for place in range(5):
        runs[row, 7 + place] = run[_TURNS + place]
    return row + 1
