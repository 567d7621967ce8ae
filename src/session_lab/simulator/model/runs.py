"""The run model: what one run does between its trigger and its end.

A run is in one of these states, which follow from its fields and an instant:

- *queued*, from its trigger until it is ready (``boot_time`` later);
- *active*, while it serves turns, one after the other, first come first served;
- *idle*, for ``idle_timeout`` after it became free: awake and billed;
- *suspended*, for ``turn_timeout`` after that: not billed, and woken by the next turn, which waits
  ``resume_time``;
- *ended*: by the turn timeout, or at an end that was fixed before (``max_turns``,
  ``max_duration``, ``crash``, ``upgrade``, ``session_closed``, ``cancelled``). An end once fixed
  never changes.

The initial run of a start without a turn is *preloaded*: until its first turn it may idle and be
suspended for other times, or end after its idle time (``preload_exit``).

What a turn does is known the moment it is accepted, so a :class:`Run` holds the accounts of
everything accepted so far, and :func:`as_of` returns how far they had come at an instant. All
functions are pure; instants and durations are whole milliseconds. The arithmetic stands in
:mod:`session_lab.simulator.model.run_rules`, which compiled engines share.

The rules are those of chat agents in the platform's documentation. That queued turns survive the
end of their run, and that resume time is not billed, are assumptions of this model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.model import run_rules as rules
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS, STATUSES, UNFIXED

if TYPE_CHECKING:
    from session_lab.simulator.model.settings.policy import Timings

__all__ = [
    "STATUSES",
    "TIMEOUTS",
    "Run",
    "Turn",
    "as_of",
    "close",
    "end_at",
    "executed_at",
    "expiring",
    "force",
    "is_live",
    "last_busy",
    "quiet_times",
    "receive",
    "serve",
    "settle",
    "stop",
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
        Its status in the platform's internal names, once :func:`as_of` has found it; ``""``
        before.
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


def trigger(number: int, reason: str, at: int, boot_time: int) -> Run:
    """Trigger a run, which is ready after its boot."""
    ready_at = at + boot_time
    return Run(number, reason, at, ready_at, ready_at)


def expiring(run: Run, time_to_live: int | None) -> Run:
    """Return a run that ends when it has waited to be started for so many milliseconds."""
    if time_to_live is None:
        return run
    ended_at = run.triggered_at + time_to_live
    return run._replace(ended_at=ended_at, end_cause="", status="EXPIRED")


def end_at(run: Run, timings: Timings | None) -> int | None:
    """Return when a run ends if nothing more reaches it; None when it never does."""
    if run.ended_at is not None:
        return run.ended_at
    if timings is None:
        return None
    end: int = rules.end_of(run.free_at, UNFIXED, *quiet_times(run, timings))
    return end


def is_live(run: Run, at: int, timings: Timings | None) -> bool:
    """Check whether a run is alive; from its very end on it is not."""
    end = end_at(run, timings)
    return end is None or at < end


def receive(run: Run, at: int, timings: Timings) -> str:
    """Return how a turn that arrives finds a run.

    That is ``queued``, ``warm``, ``resumed``, or ``dead`` where the run has ended.
    """
    fixed_end = UNFIXED if run.ended_at is None else run.ended_at
    idle, patience = quiet_times(run, timings)
    return _FOUND[rules.find(at, run.free_at, fixed_end, idle, patience)]


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
    (number, reason, triggered_at, ready_at, free_at, turns, resumes, active, idle, suspended,
     ahead, _, _, _) = run  # fmt: skip
    duration, code = rules.serve(
        duration, active, turns, crashes, timings.max_duration, timings.max_turns
    )
    if at > free_at:
        more_idle, more = rules.rest(free_at, at, quiet_times(run, timings)[0])
        idle, suspended = idle + more_idle, suspended + more
    end, cause = start + duration, END_CAUSES[code]
    turn = start, end, resumed
    return Run(
        number,
        reason,
        triggered_at,
        ready_at,
        end,
        turns + 1,
        resumes + resumed,
        active + duration,
        idle,
        suspended,
        (*ahead, turn) if at < free_at else (turn,),
        None if cause == "open" else end,
        cause,
    )


def stop(run: Run, at: int, timings: Timings, *, is_newest: bool) -> Run:
    """Cut the turn short that a run is serving; those that wait in it move up, and so does its end.

    The newest run of its session lives on where that turn was to kill it, unless it was the last
    of ``max_turns``.
    """
    place = next(n for n, (start, end, _) in enumerate(run.ahead) if start <= at < end)
    start, end, resumed = run.ahead[place]
    saved = end - at
    waiting = [(first - saved, last - saved, woke) for first, last, woke in run.ahead[place + 1 :]]
    active, ended_at, cause = run.active - saved, run.ended_at, run.end_cause
    if ended_at is not None and ended_at == run.free_at:
        ended_at -= saved
    if not waiting and is_newest and cause in _DIES_IN_TURN:
        before = active - (at - start)
        turns, cap, most = run.turns - 1, timings.max_duration, timings.max_turns
        _, code = rules.serve(at - start, before, turns, False, cap, most)  # noqa: FBT003
        cause = END_CAUSES[code]
        ended_at = None if cause == "open" else ended_at
    return run._replace(
        free_at=run.free_at - saved,
        active=active,
        ahead=(*run.ahead[:place], (start, at, resumed), *waiting),
        ended_at=ended_at,
        end_cause=cause,
    )


def close(run: Run, at: int, ended_at: int, cause: str, timings: Timings | None) -> Run:
    """Fix the end of a run that heard at ``at`` that it is to end at ``ended_at``."""
    idle, suspended = 0, 0
    if timings is not None:
        idle, suspended = rules.rest(run.free_at, at, quiet_times(run, timings)[0])
    return Run(
        *run[:8], run.idle + idle, run.suspended + suspended, run.ahead, ended_at, cause, run.status
    )


def settle(run: Run, timings: Timings | None) -> Run:
    """Fix the end of a run that died of waiting, which nobody had to tell it."""
    end = end_at(run, timings)
    if end is None or timings is None or run.ended_at is not None:
        return run
    return close(run, end, end, _died_of(run, timings), timings)


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


def executed_at(run: Run) -> int | None:
    """Return when a run was ready; None where it ended before that, and so never executed."""
    has_ended_before = run.ended_at is not None and run.ended_at < run.ready_at
    return None if has_ended_before else run.ready_at


def last_busy(run: Run) -> int:
    """Return the end of a run's last accepted turn, or its trigger when it has none."""
    return run.free_at if run.turns else run.triggered_at


def as_of(run: Run, at: int | None, timings: Timings | None) -> Run:
    """Return a run as it stood at an instant, or at its end when ``at`` is None.

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
        if run.ended_at is not None:
            return run._replace(ended_at=None, end_cause="open", status="PENDING")
        return run if run.status else run._replace(status="PENDING")
    idle, suspended = 0, 0
    if run.ended_at is None:
        idle, suspended = rules.rest(run.free_at, at, quiet_times(run, timings)[0])
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

_FINAL_STATUSES = {
    **{cause: STATUSES[rules.final_status(code)] for code, cause in enumerate(END_CAUSES)},
    "cancelled": "CANCELED",
}

_DIES_IN_TURN = {"max_turns", "max_duration", "crash"}

TIMEOUTS = ("turn_timeout", "preload_exit")
"""Ends that nobody has to tell a run of."""

_FOUND = (*START_KINDS, "dead")


def _ended(run: Run, end: int, timings: Timings | None) -> Run:
    idle, suspended, cause = run.idle, run.suspended, run.end_cause
    if run.ended_at is None and timings is not None:
        more_idle, patience = quiet_times(run, timings)
        idle, suspended, cause = idle + more_idle, suspended + patience, _died_of(run, timings)
    status = run.status or _FINAL_STATUSES[cause]
    return Run(*run[:8], idle, suspended, (), end, cause, status)


def _open_status(run: Run, at: int, timings: Timings) -> str:
    wakes_at = next((start if resumed else UNFIXED for start, _, resumed in run.ahead), UNFIXED)
    idle, _ = quiet_times(run, timings)
    return STATUSES[rules.open_status(at, run.ready_at, run.free_at, wakes_at, idle)]


def _is_preloaded(run: Run) -> bool:
    """Check whether a run was triggered by a start without a turn, and has had none since."""
    return not run.turns and run.reason == "initial"


def quiet_times(run: Run, timings: Timings) -> tuple[int, int]:
    """Return how long a run with nothing to do stays awake, and suspended after that."""
    # Asked of each turn, so the check of preloaded runs stands here too.
    if run.turns or run.reason != "initial":
        return timings.idle_timeout, timings.turn_timeout
    return timings.preload()


def _died_of(run: Run, timings: Timings) -> str:
    leaves = timings.exit_after_preload_idle and _is_preloaded(run)
    return "preload_exit" if leaves else "turn_timeout"
