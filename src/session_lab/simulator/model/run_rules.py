"""The rules of runs in whole numbers, each written once.

The functions take and return plain numbers, so the world and the readable engine call them as they
are, and the compiled engines compile them with numba. Instants and durations are whole
milliseconds, and an end that is not fixed is :data:`UNFIXED`.

The rules are those of chat agents in the platform's documentation and SDK.
"""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = [
    "DEAD",
    "END_CAUSES",
    "FOR_EVER",
    "LONGEST_DRAW",
    "START_KINDS",
    "STATUSES",
    "UNFIXED",
    "end_of",
    "final_status",
    "find",
    "gives_back_at",
    "open_status",
    "quantile",
    "rest",
    "serve",
]

Number: TypeAlias = Any
"""A whole number: Python's own, or one of 64 bits in compiled code."""

START_KINDS = ("initial", "continuation", "upgrade", "queued", "warm", "resumed")
"""How a turn may start: as the first of the run that it triggered, or in one that was there."""

END_CAUSES = (
    "turn_timeout",
    "max_turns",
    "max_duration",
    "crash",
    "upgrade",
    "cancelled",
    "session_closed",
    "preload_exit",
    "open",
)
"""Why a run ends; ``open`` while no end is fixed."""

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

UNFIXED = -1
"""Stands for an end that is not fixed; instants count from 1970, so none is negative."""

FOR_EVER = 2**63 - 1
"""A cap or a horizon that is never reached."""

LONGEST_DRAW = 2**31 - 1
"""The longest boot, resume or turn that can be drawn, some 24 days: interpolation stays exact."""

DEAD = len(START_KINDS)
"""How a turn finds a run that has ended; comes after the codes of the kinds."""

_QUEUED, _WARM, _RESUMED = map(START_KINDS.index, ("queued", "warm", "resumed"))
_MAX_TURNS, _MAX_DURATION, _CRASH, _OPEN = map(
    END_CAUSES.index, ("max_turns", "max_duration", "crash", "open")
)
_PENDING, _EXECUTING, _WAITING, _COMPLETED, _TIMED_OUT, _CRASHED = range(6)


def end_of(free_at: Number, fixed_end: Number, idle: Number, patience: Number) -> Number:
    """Return when a run ends if nothing more reaches it.

    ``idle`` is how long it stays awake from ``free_at`` on, and ``patience`` how long it is
    suspended after that.
    """
    return free_at + idle + patience if fixed_end < 0 else fixed_end


def gives_back_at(free_at: Number, fixed_end: Number, idle: Number) -> Number:
    """Return when a run gives its slot back if nothing more reaches it.

    That is when it is suspended, or has ended before.
    """
    return free_at + idle if fixed_end < 0 else fixed_end


def find(at: Number, free_at: Number, fixed_end: Number, idle: Number, patience: Number) -> int:
    """Return the code of how a turn that arrives at an instant finds a run."""
    if fixed_end >= 0:
        return _QUEUED if at < fixed_end else DEAD
    if at < free_at:
        return _QUEUED
    if at < free_at + idle:
        return _WARM
    return _RESUMED if at < free_at + idle + patience else DEAD


def serve(  # noqa: PLR0917
    duration: Number,
    active: Number,
    turns: Number,
    crashes: bool,  # noqa: FBT001
    max_duration: Number,
    max_turns: Number,
) -> tuple[Number, int]:
    """Return how long a turn is served, and the code of what its end does to the run.

    ``active`` and ``turns`` are the run's before it; of several causes the first counts.
    """
    if duration >= max_duration - active:
        return max_duration - active, _MAX_DURATION
    if crashes:
        return duration, _CRASH
    return duration, _MAX_TURNS if turns + 1 == max_turns else _OPEN


def rest(free_at: Number, until: Number, idle: Number) -> tuple[Number, Number]:
    """Split the time since a run became free into idle and suspended."""
    quiet = until - free_at
    if quiet <= 0:
        return 0, 0
    return (quiet, 0) if quiet <= idle else (idle, quiet - idle)


def final_status(cause: Number) -> int:
    """Return the code of the status of a run that ended for a cause."""
    if cause == _MAX_DURATION:
        return _TIMED_OUT
    return _CRASHED if cause == _CRASH else _COMPLETED


def open_status(
    at: Number, ready_at: Number, free_at: Number, wakes_at: Number, idle: Number
) -> int:
    """Return the code of the status of a run that has not ended.

    ``wakes_at`` is the start of the turn that woke it for the work it is at, or UNFIXED: a
    suspended run wakes at that start, not at the arrival.
    """
    if at < ready_at:
        return _PENDING
    is_asleep = at >= free_at + idle if at >= free_at else at < wakes_at
    return _WAITING if is_asleep else _EXECUTING


def quantile(table: Any, place: Number, part: Number) -> Number:  # noqa: ANN401
    """Interpolate in a table of quantiles: ``part`` of 2**32 of the way behind ``place``."""
    return table[place] + ((table[place + 1] - table[place]) * part >> 32)
