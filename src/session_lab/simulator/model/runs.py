"""The run model: what one run does between its trigger and its end.

A run is in one of these states, told from its fields and an instant:

- *queued*, from its trigger until it is ready (``boot_time`` later);
- *active*, while it serves turns, one after the other, first come first served;
- *idle*, for ``idle_timeout`` after it became free: awake and billed;
- *suspended*, for ``turn_timeout`` after that: not billed, and woken by the next turn, which waits
  ``resume_time``;
- *ended*: by the turn timeout, or at an end that was fixed before (``max_turns``,
  ``max_duration``, ``crash``, ``upgrade``, ``session_closed``, ``cancelled``). An end once fixed
  never changes.

What a turn does is known the moment it is accepted, so a :class:`Run` holds the accounts of
everything accepted so far, and :func:`as_of` tells how far they had come at an instant. All
functions are pure; instants and durations are whole milliseconds.

The rules are those of chat agents in the platform's documentation. That queued turns survive the
end of their run, and that boot and resume time is not billed, are assumptions of this model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from session_lab.simulator.model.policy import Timings

__all__ = [
    "STATUSES",
    "Run",
    "Turn",
    "as_of",
    "close",
    "end_at",
    "force",
    "is_live",
    "last_busy",
    "receive",
    "serve",
    "settle",
    "trigger",
]


Turn = tuple[int, int, bool]
"""One served turn: when it started and ended, and whether it woke the run."""


class Run(NamedTuple):
    """One run and its accounts up to the last turn it accepted.

    Attributes
    ----------
    number : int
        Its place in its session, from 0.
    reason : str
        Why it was triggered: initial, continuation, upgrade or manual.
    triggered_at, ready_at, free_at : int
        Its trigger, its readiness, and the last moment it became free.
    turns, resumes : int
        Turns accepted, and how many of them woke it.
    active, idle, suspended : int
        Milliseconds spent so; quiet time counts up to the last arrival.
    ahead : tuple of Turn
        The accepted turns that may still lie ahead, for :func:`as_of`.
    ended_at : int or None
        The end, once it is fixed; it may lie ahead.
    end_cause : str
        Why it ends; ``"open"`` while no end is fixed.
    status : str
        Its status in the platform's internal names, as :func:`as_of` tells it; ``""`` before.
    """

    number: int
    reason: str
    triggered_at: int
    ready_at: int
    free_at: int
    turns: int = 0
    resumes: int = 0
    active: int = 0
    idle: int = 0
    suspended: int = 0
    ahead: tuple[Turn, ...] = ()
    ended_at: int | None = None
    end_cause: str = "open"
    status: str = ""


def trigger(number: int, reason: str, at: int, timings: Timings | None) -> Run:
    """Trigger a run; without timings it is ready at once and lives until it is ended."""
    ready_at = at if timings is None else at + timings.boot_time
    return Run(number, reason, at, ready_at, ready_at)


def end_at(run: Run, timings: Timings | None) -> int | None:
    """Tell when a run ends if nothing more reaches it; None when it never does."""
    if run.ended_at is not None:
        return run.ended_at
    if timings is None:
        return None
    return run.free_at + timings.idle_timeout + timings.turn_timeout


def is_live(run: Run, at: int, timings: Timings | None) -> bool:
    """Tell whether a run is alive; from its very end on it is not."""
    end = end_at(run, timings)
    return end is None or at < end


def receive(run: Run, at: int, timings: Timings) -> tuple[str, int]:
    """Tell how a turn that arrives finds a run.

    Returns
    -------
    kind : str
        ``queued``, ``warm``, ``resumed``, or ``dead`` where the run has ended.
    start : int
        When the turn would start; the arrival for a run that is dead, and the run's end for one
        whose end is fixed.
    """
    if run.ended_at is not None:
        return ("queued", run.ended_at) if at < run.ended_at else ("dead", at)
    if at < run.free_at:
        return "queued", run.free_at
    suspended_at = run.free_at + timings.idle_timeout
    if at < suspended_at:
        return "warm", at
    if at < suspended_at + timings.turn_timeout:
        return "resumed", at + timings.resume_time
    return "dead", at


def serve(
    run: Run,
    at: int,
    start: int,
    duration: int,
    timings: Timings,
    *,
    resumed: bool,
    crashes: bool,
) -> Run:
    """Accept a turn that arrived at ``at`` and starts at ``start``; its last turn ends a run."""
    number, reason, triggered_at, ready_at, free_at, turns, resumes, active = run[:8]
    turns, served, end, cause = turns + 1, active + duration, start + duration, "open"
    cap = timings.max_duration
    if cap is not None and served >= cap:
        served, end, cause = cap, start + cap - active, "max_duration"
    elif crashes:
        cause = "crash"
    elif turns == timings.max_turns:
        cause = "max_turns"
    idle, suspended = _quiet(run, at, timings)
    turn = start, end, resumed
    return Run(
        number,
        reason,
        triggered_at,
        ready_at,
        end,
        turns,
        resumes + resumed,
        served,
        run.idle + idle,
        run.suspended + suspended,
        (*run.ahead, turn) if at < free_at else (turn,),
        None if cause == "open" else end,
        cause,
    )


def close(run: Run, at: int, ended_at: int, cause: str, timings: Timings | None) -> Run:
    """Fix the end of a run that heard at ``at`` that it is to end at ``ended_at``."""
    idle, suspended = (0, 0) if timings is None else _quiet(run, at, timings)
    return Run(
        *run[:8], run.idle + idle, run.suspended + suspended, run.ahead, ended_at, cause, run.status
    )


def settle(run: Run, timings: Timings | None) -> Run:
    """Fix the end of a run that died of the turn timeout, which nobody had to tell it."""
    end = end_at(run, timings)
    if end is None or run.ended_at is not None:
        return run
    return close(run, end, end, "turn_timeout", timings)


def force(run: Run, status: str, at: int, timings: Timings | None, *, final: bool) -> Run:
    """Force a status upon a run; a final one ends it, if it has not ended, and any other revives it.

    Why a run completed cannot be told from its status, so then its end has no cause (``""``).
    """
    if not final:
        return run._replace(status=status, ended_at=None, end_cause="open")
    seen = as_of(run, at, timings)
    ended_at = at if seen.ended_at is None else seen.ended_at
    return seen._replace(
        status=status,
        free_at=min(seen.free_at, ended_at),
        ahead=(),
        ended_at=ended_at,
        end_cause=_FORCED_CAUSES.get(status, ""),
    )


def last_busy(run: Run) -> int:
    """Return the end of a run's last accepted turn, or its trigger when it has none."""
    return run.free_at if run.turns else run.triggered_at


def as_of(run: Run, at: int | None, timings: Timings | None) -> Run:
    """Show a run as it stood at an instant, or at its end when ``at`` is None.

    The instant must not lie before the last thing the run was told. Without timings and end the
    run is open for ever.

    Returns
    -------
    Run
        With ``ended_at`` None and ``end_cause`` ``"open"`` where it had not ended, and with
        ``status`` in the platform's internal names.
    """
    end = end_at(run, timings)
    if end is not None and (at is None or end <= at):
        return _ended(run, end, timings)
    if at is None or timings is None:
        return run if run.status else run._replace(status="PENDING")
    idle, suspended = (0, 0) if run.ended_at is not None else _quiet(run, at, timings)
    started = [end for start, end, _ in run.ahead if start <= at]
    ahead = [turn for turn in run.ahead if turn[0] > at]
    return run._replace(
        turns=run.turns - len(ahead),
        resumes=run.resumes - sum(resumed for _, _, resumed in ahead),
        active=run.active
        - sum(end - start for start, end, _ in ahead)
        - sum(max(0, end - at) for end in started),
        idle=run.idle + idle,
        suspended=run.suspended + suspended,
        ended_at=None,
        end_cause="open",
        status=run.status or _open_status(run, at, timings),
    )


_FORCED_CAUSES = {
    "CANCELED": "cancelled",
    "CRASHED": "crash",
    "SYSTEM_FAILURE": "crash",
    "TIMED_OUT": "max_duration",
}

STATUSES = (
    "PENDING",
    "EXECUTING",
    "WAITING_TO_RESUME",
    "COMPLETED_SUCCESSFULLY",
    "TIMED_OUT",
    "CRASHED",
    "CANCELED",
)
"""The statuses that a run can have under a policy, in the platform's internal names."""

_FINAL = {"max_duration": "TIMED_OUT", "crash": "CRASHED", "cancelled": "CANCELED"}


def _ended(run: Run, end: int, timings: Timings | None) -> Run:
    idle, suspended, cause = run.idle, run.suspended, run.end_cause
    if run.ended_at is None and timings is not None:
        idle, suspended = idle + timings.idle_timeout, suspended + timings.turn_timeout
        cause = "turn_timeout"
    status = run.status or _FINAL.get(cause, "COMPLETED_SUCCESSFULLY")
    return Run(*run[:8], idle, suspended, (), end, cause, status)


def _open_status(run: Run, at: int, timings: Timings) -> str:
    if at < run.ready_at:
        return "PENDING"
    if at >= run.free_at:
        asleep = at >= run.free_at + timings.idle_timeout
    else:
        # A suspended run wakes at the start of the turn that woke it, not at its arrival.
        asleep = any(resumed and at < start for start, _, resumed in run.ahead[:1])
    return "WAITING_TO_RESUME" if asleep else "EXECUTING"


def _quiet(run: Run, until: int, timings: Timings) -> tuple[int, int]:
    """Split the time since the run became free into idle and suspended."""
    quiet = until - run.free_at
    if quiet <= 0:
        return 0, 0
    idle = timings.idle_timeout
    return (quiet, 0) if quiet <= idle else (idle, quiet - idle)
