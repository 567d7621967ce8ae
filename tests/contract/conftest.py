"""One simulated API, reached in every way there is.

Blocking and asynchronous clients, over the in-process transport, over ASGI, and over a real socket
to ``session-lab serve`` in a process of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from session_lab.client import AsyncClient, Client
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.backend import Backend
from session_lab.simulator.server.app import make_app
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.transport import SimulatorTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "tr_dev_contract"
SERVE = [sys.executable, "-c", "from session_lab.cli import main; main()", "serve"]
WAYS = [
    ("in process", "blocking"),
    ("in process", "asynchronous"),
    ("ASGI", "asynchronous"),
    ("socket", "blocking"),
    ("socket", "asynchronous"),
]


class Route(NamedTuple):
    """Where an API is, and what carries requests there; None stands for the network."""

    base_url: str
    transport: Any = None


class Lab:
    """A simulated API, a client of it, and its control API."""

    def __init__(self, route: Route, *, asynchronous: bool) -> None:
        self._runner = asyncio.Runner()
        self._route = route
        self._asynchronous = asynchronous
        self._clients: list[Any] = []
        is_for_both = isinstance(route.transport, httpx.BaseTransport) or route.transport is None
        self._plain: Any = httpx.Client(transport=route.transport) if is_for_both else None
        self._plain_async = httpx.AsyncClient(transport=route.transport)
        self.client = self.connect()

    def connect(self, key: str = KEY, **options: Any) -> Any:
        """Make a client; what it draws is the same in every way."""
        kind = AsyncClient if self._asynchronous else Client
        settings = {"transport": self._route.transport, "uniform": random.Random(0).random}
        client = kind(key, self._route.base_url, **(settings | options))
        self._clients.append(client)
        return client

    def call(self, use: Callable[[Any], Any], client: Any = None) -> Any:
        """Make one call, whichever client it is."""
        return self._wait_for(use(client or self.client))

    def collect(self, use: Callable[[Any], Any]) -> list[Any]:
        """Iterate over all that a call returns."""
        return self._wait_for(_all(use(self.client))) if self._asynchronous else [*use(self.client)]

    def collect_while_time_passes(self, use: Callable[[Any], Any]) -> list[Any]:
        """The same, while a minute of the world's time passes again and again."""
        if not self._asynchronous:
            with ThreadPoolExecutor(1) as pool:
                reading = pool.submit(self.collect, use)
                while not reading.done():
                    self.advance(minutes=1)
                    time.sleep(0.01)
                return reading.result()

        async def main() -> list[Any]:
            reading = asyncio.ensure_future(_all(use(self.client)))
            while not reading.done():
                await self._send("POST", "/_lab/clock/advance", json={"ms": 60_000})
                await asyncio.sleep(0.01)
            return await reading

        return self._runner.run(main())

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the control API."""
        if self._plain is not None:
            return self._plain.request(method, f"{self._route.base_url}{path}", json=body)
        return self._runner.run(self._send(method, path, json=body))

    def advance(self, *, minutes: int) -> None:
        """Let time pass."""
        self.control("POST", "/_lab/clock/advance", {"ms": minutes * 60_000}).raise_for_status()

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            self._wait_for(client.close())
        if self._plain is not None:
            self._plain.close()
        self._runner.run(self._plain_async.aclose())
        self._runner.close()

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self._plain_async.request(method, f"{self._route.base_url}{path}", **options)

    def _wait_for(self, result: Any) -> Any:
        if not inspect.isawaitable(result):
            return result

        async def main() -> Any:
            return await result

        return self._runner.run(main())


async def _all(rows: Any) -> list[Any]:
    return [row async for row in rows]


def _backend() -> Backend:
    return Backend([Environment("env_lab", KEY)])


@contextmanager
def _serving(*arguments: str) -> Iterator[str]:
    command = [*SERVE, "--port", "0", "--secret-key", KEY, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield line.split()[-1]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def socket_url() -> Iterator[str]:
    """The address of a server in a process of its own."""
    with _serving() as url:
        yield url


@pytest.fixture(params=WAYS, ids=" ".join)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An empty simulated API and a client of it."""
    place, kind = request.param
    if place == "in process":
        route = Route("http://lab", SimulatorTransport(_backend()))
    elif place == "ASGI":
        route = Route("http://lab", httpx.ASGITransport(make_app(Sequencer(_backend()))))
    else:
        route = Route(request.getfixturevalue("socket_url"))
    lab = Lab(route, asynchronous=kind == "asynchronous")
    lab.control("POST", "/_lab/reset", {}).raise_for_status()
    yield lab
    lab.close()
