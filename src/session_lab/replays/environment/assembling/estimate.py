"""How long turns lasted of which no trace tells."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from session_lab.replays.environment.assembling.chats import Chat, KnownRun

__all__ = ["Typical", "estimated", "typical"]

_SDK_IDLE = 30_000
"""The idle timeout of an agent that chooses none, in milliseconds."""


class Typical(NamedTuple):
    """What the traces that there are tell of the others, in milliseconds.

    Attributes
    ----------
    idle : int
        How long runs stay awake without a message.
    is_seen : bool
        Whether that was seen; else it is the SDK's own.
    duration : dict of str to int
        The median duration of turns by task, and under ``""`` that of all.
    """

    idle: int
    is_seen: bool
    duration: dict[str, int]

    def of_task(self, task: str) -> int | None:
        """Return the median duration of a task's turns, else that of all."""
        return self.duration.get(task, self.duration.get(""))


def typical(chats: Iterable[Chat]) -> Typical:
    """Read from the traces what is typical."""
    idle: list[int] = []
    durations: dict[str, list[int]] = {}
    for chat in chats:
        for trace in (run.trace for run in chat.runs if run.trace is not None):
            idle += [
                wait.suspended_at - wait.started_at
                for wait in trace.waits
                if wait.suspended_at is not None and not wait.is_first
            ]
            for turn in trace.turns:
                if turn.ended_at is not None:
                    for name in ("", chat.task):
                        durations.setdefault(name, []).append(turn.ended_at - turn.started_at)
    middles = {name: round(median(values)) for name, values in durations.items()}
    return Typical(round(median(idle)) if idle else _SDK_IDLE, bool(idle), middles)


def estimated(
    run: KnownRun, arrivals: Sequence[int], typical: Typical, task: str
) -> tuple[int | None, str]:
    """Estimate how long each turn of a run lasted that served some arrivals.

    Where the run is over and its billed time is known, all turns are taken to be as long as makes
    that time what it is, with the run awake for the typical idle time after each. Else the median
    turn of the task stands for them.

    Returns
    -------
    tuple of (int or None, str)
        Milliseconds, None where nothing tells, and the rule: ``billed`` or ``median``.
    """
    if run.billed is not None and run.ended_at is not None:
        low, high = 0, run.billed
        while low < high:
            middle = (low + high + 1) // 2
            if _billed(run, arrivals, middle, typical.idle) <= run.billed:
                low = middle
            else:
                high = middle - 1
        return low, "billed"
    return typical.of_task(task), "median"


def _billed(run: KnownRun, arrivals: Sequence[int], duration: int, idle: int) -> int:
    """Return the billed time of a run whose turns all have one duration."""
    free = run.triggered_at if run.started_at is None else run.started_at
    total = 0
    for at in arrivals:
        total += min(max(at - free, 0), idle) + duration
        free = max(at, free) + duration
    end = free if run.ended_at is None else run.ended_at
    return total + min(max(end - free, 0), idle)
