"""The loop of a live replay: asks what is due, and waits."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Protocol

from session_lab.timing import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from session_lab.replays.live.calls import LiveAnswer
    from session_lab.replays.live.schedule import Dispatch

__all__ = ["Answered", "Workers", "drive", "workers_for"]

_LONGEST_WAIT = 60_000
"""Milliseconds after which a waiting loop looks up; some systems only then see an interrupt."""


class Answered(NamedTuple):
    """What came of the request of an event, and when; an exception if no answer could be read."""

    row: int
    at: int
    answer: LiveAnswer | Exception


class Workers(Protocol):
    """Who makes the requests."""

    def submit(self, row: int) -> None:
        """Begin the request of an event."""
        ...

    def wait(self, milliseconds: int | None) -> list[Answered]:
        """Wait for answers, at most so long; None: until there is one."""
        ...

    def drain(self) -> list[Answered]:
        """Wait for all requests that are under way."""
        ...


def workers_for(
    ask: Callable[[int], LiveAnswer],
    clock: Clock,
    sleep: Callable[[float], object],
    concurrency: int,
) -> Workers:
    """Choose who makes the requests.

    Only where time passes by itself is there something to do while an answer is awaited. On any
    other clock requests are made one by one, which also makes them repeatable.
    """
    if concurrency > 1 and isinstance(clock, SystemClock):
        return _Pool(ask, clock, concurrency)
    return _Alone(ask, clock, sleep)


def drive(dispatch: Dispatch, workers: Workers, clock: Clock) -> Generator[int | Answered]:
    """Carry a dispatch out.

    Yields
    ------
    int or Answered
        An event whose request goes out once the loop goes on, or an answer.

    Raises
    ------
    APIError
        There was no answer that can be read. What is still under way then is left to
        ``workers.drain``.
    """
    while not dispatch.is_done:
        while (row := dispatch.take(clock.milliseconds())) is not None:
            yield row
            workers.submit(row)
        wake_at = dispatch.wake_at()
        wait = None if wake_at is None else max(wake_at - clock.milliseconds(), 0)
        for answered in workers.wait(wait):
            if isinstance(answered.answer, Exception):
                raise answered.answer
            dispatch.answered(answered.row, answered.at)
            yield answered


class _Alone:
    """Makes each request at once and waits for it."""

    def __init__(
        self, ask: Callable[[int], LiveAnswer], clock: Clock, sleep: Callable[[float], object]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._sleep = sleep
        self._answered: list[Answered] = []

    def submit(self, row: int) -> None:
        answer = _answer(self._ask, row)
        self._answered.append(Answered(row, self._clock.milliseconds(), answer))

    def wait(self, milliseconds: int | None) -> list[Answered]:
        if not self._answered and milliseconds:
            self._sleep(milliseconds / 1000)
        return self.drain()

    def drain(self) -> list[Answered]:
        answered, self._answered = self._answered, []
        return answered


class _Pool:
    """Makes requests in threads."""

    def __init__(self, ask: Callable[[int], LiveAnswer], clock: Clock, concurrency: int) -> None:
        self._ask = ask
        self._clock = clock
        self._answered: queue.SimpleQueue[Answered] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="session-lab-live")

    def submit(self, row: int) -> None:
        self._threads.submit(self._work, row)

    def wait(self, milliseconds: int | None) -> list[Answered]:
        longest = _LONGEST_WAIT if milliseconds is None else min(milliseconds, _LONGEST_WAIT)
        try:
            return [self._answered.get(timeout=longest / 1000)]
        except queue.Empty:
            return []

    def drain(self) -> list[Answered]:
        self._threads.shutdown()
        return [self._answered.get() for _ in range(self._answered.qsize())]

    def _work(self, row: int) -> None:
        answer = _answer(self._ask, row)
        self._answered.put(Answered(row, self._clock.milliseconds(), answer))


def _answer(ask: Callable[[int], LiveAnswer], row: int) -> LiveAnswer | Exception:
    # Whatever it is, it belongs to the loop: a thread has nobody to tell.
    try:
        return ask(row)
    except Exception as error:  # noqa: BLE001
        return error
