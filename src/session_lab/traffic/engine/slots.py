"""Slots and the line for them, as the readable engine keeps them."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SlotLimits", "SlotUse", "Slots"]

Chat = TypeVar("Chat")


class SlotLimits(NamedTuple):
    """Concurrency limits as numbers.

    Attributes
    ----------
    total : int
        How many runs may hold a slot at once.
    of_task : tuple of int
        How many of one task may, by the number of the task.
    task : ndarray of int64
        For each event, the task of its session if it is created by it.
    """

    total: int
    of_task: tuple[int, ...]
    task: NDArray[np.int64]

    @classmethod
    def of_one_task(cls, limit: int | None, n_events: int) -> SlotLimits:
        """Limit the runs of all sessions together, or, with None, do not."""
        slots = NO_LIMIT if limit is None else limit
        return cls(slots, (slots,), np.zeros(n_events, dtype=np.int64))


NO_LIMIT = 2**31 - 1
"""More slots than a log can ask for at once."""


class SlotUse(NamedTuple):
    """The instants at which slots were asked for, given and returned, each in order of time.

    ``left`` are those at which a run left the line that was never given a slot. A request that has
    not been met by the horizon, or a slot not returned by then, has no such instant.
    """

    asked: NDArray[np.int64]
    given: NDArray[np.int64]
    left: NDArray[np.int64]
    returned: NDArray[np.int64]

    @classmethod
    def of(cls, *columns: list[int]) -> SlotUse:
        """Bring instants in order."""
        return cls(*(np.sort(np.array(column, dtype=np.int64)) for column in columns))


class Slots(Generic[Chat]):
    """The slots that are held, by task, and those in line for one.

    Free slots go to the first in line whose task has room. The first is the one whose run was
    triggered first, a run that is to be woken included (the platform queues it again under its
    first trigger, so that it goes before new ones); of runs of one instant that of the session which
    was created first (assumption).
    """

    def __init__(self, limits: SlotLimits) -> None:
        self._limits = limits
        self._held = [0] * len(limits.of_task)
        self._lines: list[list[tuple[tuple[int, int], Chat]]] = [[] for _ in limits.of_task]

    def join(self, task: int, place: tuple[int, int], chat: Chat) -> None:
        """Put a chat, whose run asks for a slot, into the line."""
        heappush(self._lines[task], (place, chat))

    def leave(self, task: int, place: tuple[int, int], chat: Chat) -> None:
        """Remove a chat from the line."""
        self._lines[task].remove((place, chat))
        heapify(self._lines[task])

    def give_back(self, task: int) -> None:
        """Return a slot."""
        self._held[task] -= 1

    def take_next(self) -> Chat | None:
        """Give a free slot to the first in line whose task has room, and return its chat."""
        if sum(self._held) >= self._limits.total:
            return None
        lines = self._lines
        eligible = [task for task, line in enumerate(lines) if line and self._has_room(task)]
        if not eligible:
            return None
        task = min(eligible, key=lambda task: lines[task][0][0])
        self._held[task] += 1
        return heappop(lines[task])[1]

    def _has_room(self, task: int) -> bool:
        return self._held[task] < self._limits.of_task[task]
