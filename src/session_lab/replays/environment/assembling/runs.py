"""What can be inferred of runs: why they were triggered, why they ended, how their turns began.

The API tells neither reasons nor why a run that completed did so. What is inferred has the rule
beside it, by which:

* ``order``: the first run of a session is ``initial``, a later one a ``continuation``;
* ``version``: a run of another version that was triggered before the one before it had ended, or
  just then, is an ``upgrade``, and that one ended by it;
* ``status``: a status that can have one cause only;
* ``close``: the run ended when its session was closed and its last turn served;
* ``trace``: its last turn was followed by no wait (``max_turns``), its last wait came to an end
  with no message (``turn_timeout``), or it was never written to and never slept (``preload_exit``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.replays.environment.assembling.turns import MEASURED, has_gap
from session_lab.wire.run.run_status import FINAL_STATUSES

if TYPE_CHECKING:
    from session_lab.replays.environment.assembling.chats import Chat, KnownRun
    from session_lab.replays.environment.assembling.turns import Turn
    from session_lab.replays.environment.evidence.spans import TraceFacts

__all__ = ["Accounts", "accounts", "end_causes", "reasons", "start_kinds"]

_BY_STATUS = {
    "TIMED_OUT": "max_duration",
    "CRASHED": "crash",
    "FAILED": "crash",
    "SYSTEM_FAILURE": "crash",
    "CANCELED": "cancelled",
}
_PROMPTLY = 1_000
"""How many milliseconds a run may take to end once its session is closed."""

Inferred = tuple[str | None, str | None]
"""What was inferred, and by which rule."""


class Accounts(NamedTuple):
    """The accounts of a run, as a replay has them; durations in milliseconds."""

    turns: int
    resumes: int
    active: int
    idle: int
    suspended: int


def reasons(chat: Chat) -> list[Inferred]:
    """Infer why each run of a session was triggered."""
    found: list[Inferred] = []
    for place, run in enumerate(chat.runs):
        if place == 0 and not has_gap(chat, 0, ()):
            found.append(("initial", "order"))
        elif place == 0:
            found.append(("continuation", "order"))
        elif _is_upgrade(chat.runs[place - 1], run):
            found.append(("upgrade", "version"))
        else:
            found.append(("continuation", "order"))
    return found


def _is_upgrade(before: KnownRun, run: KnownRun) -> bool:
    if run.version is None or before.version is None or run.version == before.version:
        return False
    if before.ended_at is not None and before.ended_at < run.triggered_at:
        return False
    if before.status in _BY_STATUS:
        return False
    # A run that had served all it may ended by itself.
    return before.trace is None or not before.trace.turns or before.trace.turns[-1].waits


def end_causes(chat: Chat, why: list[Inferred]) -> list[Inferred]:
    """Infer why each run of a session ended."""
    found: list[Inferred] = []
    for place, run in enumerate(chat.runs):
        following = why[place + 1][0] if place + 1 < len(chat.runs) else None
        found.append(_end_cause(chat, run, following))
    return found


def _end_cause(chat: Chat, run: KnownRun, following: str | None) -> Inferred:
    if run.ended_at is None or run.status not in FINAL_STATUSES:
        return "open", "status"
    if run.status in _BY_STATUS:
        return _BY_STATUS[run.status], "status"
    if following == "upgrade":
        return "upgrade", "version"
    if following is None and _is_closed(chat, run):
        return "session_closed", "close"
    is_known = run.trace is not None and not run.trace.is_truncated
    return _told_by_trace(run.trace) if is_known and run.trace is not None else (None, None)


def _told_by_trace(trace: TraceFacts) -> Inferred:
    if trace.turns and not trace.turns[-1].waits:
        return ("max_turns", "trace") if trace.turns[-1].ended_at is not None else (None, None)
    if not trace.waits:
        return None, None
    last = trace.waits[-1]
    if last.is_first and last.suspended_at is None:
        return "preload_exit", "trace"
    return "turn_timeout", "trace"


def _is_closed(chat: Chat, run: KnownRun) -> bool:
    if chat.closed_at is None or run.ended_at is None:
        return False
    ends = [turn.ended_at for turn in run.trace.turns] if run.trace is not None else []
    busy_until = max((end for end in ends if end is not None), default=run.triggered_at)
    due = max(chat.closed_at, busy_until)
    return run.triggered_at <= chat.closed_at and due <= run.ended_at <= due + _PROMPTLY


def start_kinds(chat: Chat, turns: list[Turn], why: list[Inferred], idle: int) -> list[str | None]:
    """Infer how each turn of a session began; ``idle`` stands in where no trace tells."""
    kinds: list[str | None] = []
    for place, turn in enumerate(turns):
        before = turns[place - 1] if place and turns[place - 1].run == turn.run else None
        if before is None:
            kinds.append(_first_kind(chat, turn, why[turn.run][0]))
        elif before.ended_at is None:
            kinds.append(None)
        elif turn.arrived_at < before.ended_at:
            kinds.append("queued")
        else:
            asleep = _asleep_at(chat.runs[turn.run], turn, before.ended_at, idle)
            kinds.append("resumed" if asleep is not None and turn.arrived_at >= asleep else "warm")
    return kinds


def _first_kind(chat: Chat, turn: Turn, reason: str | None) -> str | None:
    """Infer how the first turn of a run began."""
    run = chat.runs[turn.run]
    if reason == "upgrade":
        return "upgrade"
    if turn.run:
        ended_at = chat.runs[turn.run - 1].ended_at
        if turn.arrived_at < run.triggered_at and ended_at is not None:
            return "queued" if turn.arrived_at < ended_at else reason
    if turn.arrived_at <= run.triggered_at or (turn.run == 0 and turn.arrival is None):
        return reason
    first = next((w for w in run.trace.waits if w.is_first), None) if run.trace else None
    if first is None or turn.arrived_at < first.started_at:
        return "queued"
    asleep = first.suspended_at
    return "resumed" if asleep is not None and turn.arrived_at >= asleep else "warm"


def _asleep_at(run: KnownRun, turn: Turn, free_at: int, idle: int) -> int | None:
    if run.trace is None or turn.rule in {"billed", "median"}:
        return free_at + idle
    before = (
        wait
        for wait in reversed(run.trace.waits)
        if wait.ended_at is not None and wait.ended_at <= turn.started_at
    )
    wait = next(before, None)
    return None if wait is None else wait.suspended_at


def accounts(
    run: KnownRun, turns: list[Turn], kinds: list[str | None], observed_at: int
) -> Accounts | None:
    """Add up the turns and waits of a run; None where its trace does not tell all of it.

    A quiet time counts until the message that ends it came.
    """
    trace = run.trace
    if trace is None or trace.is_truncated or trace.actions:
        return None
    if any(turn.rule not in MEASURED for turn in turns):
        return None
    until = observed_at if run.ended_at is None else run.ended_at
    active = sum((until if t.ended_at is None else t.ended_at) - t.started_at for t in turns)
    idle = suspended = 0
    for wait in trace.waits:
        ended_at = until if wait.ended_at is None else wait.ended_at
        following = (turn.arrived_at for turn in turns if turn.started_at >= ended_at)
        ended_at = max(min(ended_at, next(following, ended_at)), wait.started_at)
        asleep_at = min(ended_at, ended_at if wait.suspended_at is None else wait.suspended_at)
        idle += asleep_at - wait.started_at
        suspended += ended_at - asleep_at
    return Accounts(len(turns), kinds.count("resumed"), active, idle, suspended)
