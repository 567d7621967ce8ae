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
    idle : dict of str to int
        How long runs stay awake without a message, by task, and under ``""`` those of all; empty
        where no trace tells it, and the SDK's own is taken.
    duration : dict of str to int
        The median duration of turns by task, and under ``""`` that of all.
    """

    idle: dict[str, int]
    duration: dict[str, int]

    def idle_of(self, task: str) -> int:
        """Return the idle timeout of a task, else that of all."""
        return self.idle.get(task, self.idle.get("", _SDK_IDLE))

    def of_task(self, task: str) -> int | None:
        """Return the median duration of a task's turns, else that of all."""
        return self.duration.get(task, self.duration.get(""))


def typical(chats: Iterable[Chat]) -> Typical:
    """Read from the traces what is typical."""
    idle: dict[str, list[int]] = {}
    durations: dict[str, list[int]] = {}
    for chat in chats:
        for trace in (run.trace for run in chat.runs if run.trace is not None):
            slept = [
                wait.suspended_at - wait.started_at
                for wait in trace.waits
                if wait.suspended_at is not None and not wait.is_first
            ]
            lasted = [
                turn.ended_at - turn.started_at for turn in trace.turns if turn.ended_at is not None
            ]
            for name in ("", chat.task):
                idle.setdefault(name, []).extend(slept)
                durations.setdefault(name, []).extend(lasted)
    return Typical(_middles(idle), _middles(durations))


def _middles(values: dict[str, list[int]]) -> dict[str, int]:
    return {name: round(median(some)) for name, some in values.items() if some}


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
        low, high, idle = 0, run.billed, typical.idle_of(task)
        while low < high:
            middle = (low + high + 1) // 2
            if _billed(run, arrivals, middle, idle) <= run.billed:
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
