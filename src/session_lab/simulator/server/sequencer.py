"""A simulator in the life of a process: requests in order, time that may pass, news for readers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.simulator.backend import Backend
    from session_lab.simulator.server.state_file import StateFile
    from session_lab.timing import Clock

__all__ = ["LiveBackend"]


class LiveBackend:
    """Takes requests for a backend, one after the other; see :meth:`take`.

    First the backend's clock is moved to the machine's, where it follows that one; then the
    request is written down, where there is a file; then the backend answers; then whoever waits
    for news is woken. Everything happens in one thread, and nothing is awaited in between.

    Parameters
    ----------
    backend : Backend
        What answers.
    system_clock : Clock, optional
        What the backend's clock follows; without one time stands still but for the control API.
    state_file : StateFile, optional
        Where requests are kept. What it holds already is brought back first.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        system_clock: Clock | None = None,
        state_file: StateFile | None = None,
    ) -> None:
        self.backend = backend
        self.is_stopping = False
        self._system_clock = system_clock
        self._file = state_file
        self._news: asyncio.Event | None = None
        if state_file is not None:
            self._bring_back(state_file)

    def now(self) -> int:
        """Return the instant, in milliseconds since 1970; it never goes back."""
        clock = self.backend.clock
        if self._system_clock is not None:
            clock.advance_to(max(clock.milliseconds(), self._system_clock.milliseconds()))
        return clock.milliseconds()

    def take(self, request: Request) -> Response:
        """Answer one request; what ``latency`` it still has is for the caller to wait.

        Raises
        ------
        ConnectionRefused, ConnectionLost
            A fault leaves the request without a reply.
        """
        now = self.now()
        if self._file is not None:
            self._file.append(now, request)
        try:
            return self._answer(request)
        finally:
            self._announce()
            if self._file is not None and self._file.is_long:
                self._compact(self._file)

    async def news(self, until: int) -> None:
        """Wait for the next request to be taken, or, where time passes, for an instant."""
        seconds = None if self._system_clock is None else max(0, until - self.now()) / 1000
        if self._news is None:
            self._news = asyncio.Event()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    def stop(self) -> None:
        """Tell whoever waits for news that there will be none."""
        self.is_stopping = True
        self._announce()

    def _answer(self, request: Request) -> Response:
        response = self.backend.handle(request)
        if response.latency and self._system_clock is None:
            # Where time stands still a late reply moves it, as if its reader were all there is.
            self.backend.wait(response.latency)
            return response._replace(latency=0)
        return response

    def _announce(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    def _bring_back(self, file: StateFile) -> None:
        if file.snapshot is not None:
            self.backend.restore(file.snapshot)
        for at, request in file.requests():
            self.backend.clock.advance_to(at)
            # What failed then fails again in the same way; the world is where it was.
            with suppress(Exception):
                self._answer(request)
        self._compact(file)

    def _compact(self, file: StateFile) -> None:
        file.compact(self.backend.snapshot(), n_entries=len(self.backend.world.journal))
