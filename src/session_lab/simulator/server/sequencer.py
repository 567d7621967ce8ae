"""Serialise requests, keep them on disk, advance real time, and wake stream readers."""

from __future__ import annotations

import asyncio
import math
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from session_lab.errors import DataError, SessionLabWarning
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.front import handle, is_control
from session_lab.simulator.server.real_clock import RealClock
from session_lab.simulator.server.state_file import KeptRequest, UnwritableError
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.simulator.backend import Backend
    from session_lab.simulator.model.records import StreamKey
    from session_lab.simulator.server.state_file import StateFile
    from session_lab.simulator.world.world import World
    from session_lab.timing import Clock

__all__ = ["Sequencer"]


class Sequencer:
    """Takes requests for a backend, one after the other; see :meth:`take`.

    First the backend's clock is moved to the clock that it follows, if there is one; then the
    request is written down, where there is a file; then the backend answers; then whoever waits
    for news of a stream that has changed is woken. Everything happens in one thread, and nothing is
    awaited in between.

    Parameters
    ----------
    backend : Backend
        What answers.
    clock : Clock, optional
        What the backend's clock follows; without one time stands still but for the control API.
    state_file : StateFile, optional
        Where requests are kept. What it holds already is brought back first.
    machine : Clock, optional
        The machine's time, which is kept beside the world's; by default the system's.
    stopwatch : callable, optional
        Seconds by a clock that nobody sets, for waits; by default the system's.

    Raises
    ------
    DataError
        The file holds a world that cannot be brought back.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Clock | None = None,
        state_file: StateFile | None = None,
        machine: Clock | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self.is_stopping = False
        self._clock = clock
        self._file = state_file
        self._machine = SystemClock() if machine is None else machine
        self._stopwatch = stopwatch
        self._has_complained = False
        # An event lives as long as somebody waits for it.
        self._news: WeakValueDictionary[StreamKey, asyncio.Event] = WeakValueDictionary()
        self._seen = self._sight()
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        if state_file is not None:
            self._bring_back(state_file)

    def now(self) -> int:
        """Return the world's instant, in milliseconds since 1970; it never goes back."""
        clock = self.backend.clock
        if self._clock is not None:
            clock.advance_to(max(clock.milliseconds(), self._clock.milliseconds()))
        return clock.milliseconds()

    def waited(self) -> int:
        """Return a reading, in milliseconds, of the clock by which streams wait.

        It goes on with the machine's, and jumps with every move of a world's time that otherwise
        stands still: so a wait ends by itself, and at once where a test moves the time.
        """
        jumps = self.backend.clock.milliseconds() if self._clock is None else 0
        return int(self._stopwatch() * 1000) + jumps

    def reached(self, at: int, latest: int) -> int:
        """Return what :meth:`waited` shows when the world reaches an instant, but ``latest`` at most.

        A clock that stands still reaches it when somebody moves it, and that is news.
        """
        if self._clock is None:
            return latest
        ahead = at - self._clock.milliseconds()
        speed = self._clock.speed if isinstance(self._clock, RealClock) else 1.0
        return min(latest, self.waited() + math.ceil(max(ahead, 1) / speed))

    def take(self, request: Request) -> Response:
        """Answer one request; what ``latency`` it still has is for the caller to wait.

        A write that cannot be kept on disk is refused and changes nothing.

        Raises
        ------
        ConnectionRefused, ConnectionLost
            A fault leaves the request without a reply.
        """
        now, machine_at = self.now(), self._machine.milliseconds()
        request = request.taken_at(machine_at)
        if self._file is None:
            try:
                return self._answer(request)
            finally:
                self._announce_after(request)
        try:
            self._file.append(KeptRequest(now, machine_at, request))
        except UnwritableError as error:
            message = f"{self._file.path} cannot be written, so nothing was changed: {error}"
            return json_response({"error": message}, 500)
        try:
            return self._answer(request)
        finally:
            self._announce_after(request)
            self._look_after(self._file, moved=self.backend.clock.milliseconds() != now)

    async def news(self, stream: StreamKey, until: int) -> None:
        """Wait until a stream may have changed, or until :meth:`waited` shows ``until``."""
        seconds = max(0, until - self.waited()) / 1000
        event = self._news.get(stream)
        if event is None:
            event = self._news[stream] = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    async def turn(self) -> None:
        """Wait until nobody else takes a turn: one at a time, and what else is to do in between.

        Who has much to write does so in turns, so that all of them together delay nobody for long.
        """
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, asyncio.Lock()  # A lock belongs to one loop.
        async with self._turns[1]:
            await asyncio.sleep(0)  # In one round of the loop a request is read,
            await asyncio.sleep(0)  # and in the next one it is answered.

    def announce(self) -> None:
        """Wake whoever waits for a stream that has changed since this was last called."""
        before, self._seen = self._seen, self._sight()
        world, n_entries, _ = self._seen
        if not self._news:
            return
        if before[0] is not world or before[1] > n_entries or before[2] != self._seen[2]:
            self._wake_all()
            return
        for entry in world.journal[before[1] : n_entries]:
            for stream in world.streams_changed_by(entry):
                if event := self._news.pop(stream, None):
                    event.set()

    def stop(self) -> None:
        """Wake whoever waits for news: there will be none."""
        self.is_stopping = True
        self._wake_all()

    def _answer(self, request: Request) -> Response:
        response = handle(self.backend, request)
        if response.latency and self._clock is None:
            # Where time stands still a late reply moves it, as if its reader were all there is.
            self.backend.wait(response.latency)
            return response._replace(latency=0)
        return response

    def _announce_after(self, request: Request) -> None:
        if is_control(request.path):
            self._wake_all()  # It can have changed anything.
            self._seen = self._sight()
        else:
            self.announce()

    def _sight(self) -> tuple[World, int, int]:
        """Return what shows that something has happened: the world, its journal, and its time.

        Time that goes on by itself does not count.
        """
        world = self.backend.world
        return world, len(world.journal), world.now if self._clock is None else 0

    def _wake_all(self) -> None:
        for event in list(self._news.values()):
            event.set()
        self._news.clear()

    def _look_after(self, file: StateFile, *, moved: bool) -> None:
        """Keep what has to be kept after a reply; a failure is said once and tried again later."""
        try:
            if moved:
                file.flush()  # Who read that time has moved must not see it go back.
            if file.is_long:
                self._compact(file)
                self._has_complained = False
        except UnwritableError as error:
            if not self._has_complained:
                self._has_complained = True
                message = f"{file.path} cannot be written now and is tried again later: {error}"
                warnings.warn(message, SessionLabWarning, stacklevel=2)

    def _bring_back(self, file: StateFile) -> None:
        snapshot, requests = file.snapshot, file.requests()
        try:
            if snapshot is not None:
                self.backend.restore(snapshot)
        except Exception as error:  # noqa: BLE001  what it says may quote keys
            message = f"holds a world that this version cannot read ({type(error).__name__})"
            raise DataError(message, source=str(file.path)) from None
        for at, machine_at, request in requests:
            self.backend.clock.advance_to(at)
            # What failed then fails again in the same way; the world is where it was.
            with suppress(Exception):
                self._answer(request.taken_at(machine_at))
        with suppress(UnwritableError):
            self._compact(file)

    def _compact(self, file: StateFile) -> None:
        file.compact(self.backend.snapshot(), n_entries=len(self.backend.world.journal))
