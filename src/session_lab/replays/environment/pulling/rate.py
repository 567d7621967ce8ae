"""How many requests are sent in a second: a token bucket."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.numbers import is_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Rate"]


class Rate:
    """A token bucket that holds a second's worth of requests; threads may share it.

    Parameters
    ----------
    per_second : float or None
        How many requests a second; None for as many as can be sent.
    clock, sleep : callable
        Tell seconds, and wait for some.

    Raises
    ------
    DataError
        The rate is not a positive number.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if per_second is not None and not (is_number(per_second) and 0 < per_second < float("inf")):
            message = f"{per_second!r} is not a number of requests a second, such as 20"
            raise DataError(message, column="rate")
        self._per_second = per_second
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = -float("inf")
        self.n_requests = 0

    def take(self) -> None:
        """Wait until another request may be sent."""
        with self._lock:
            self.n_requests += 1
            if self._per_second is None:
                return
            now = self._clock()
            # The bucket is full when nothing was sent for a second.
            self._next = max(self._next, now - 1) + 1 / self._per_second
            wait = self._next - now
        if wait > 0:
            self._sleep(wait)
