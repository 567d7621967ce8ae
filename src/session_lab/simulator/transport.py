"""The simulator as a transport of httpx: requests reach a world without a port.

This is the one module of the room that imports httpx. The client has its own, because neither room
imports the other; what joins them is that a transport is an argument of every httpx client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from session_lab.simulator.api.http_types import Request
from session_lab.simulator.faults.plan import ConnectionLost, ConnectionRefused
from session_lab.simulator.front import handle

if TYPE_CHECKING:
    from session_lab.simulator.backend import Backend

__all__ = ["SimulatorTransport"]


class SimulatorTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carry the requests of blocking and asynchronous clients to a simulator.

    A reply that is late moves the simulator's clock. One that is later than the client is ready to
    wait moves it that far, and the client learns that it timed out.

    Parameters
    ----------
    backend : Backend
        What answers.

    Examples
    --------
    >>> from session_lab.simulator.backend import Backend
    >>> transport = SimulatorTransport(Backend([]))
    >>> with httpx.Client(transport=transport) as client:
    ...     client.get("http://lab/_lab/clock").json()
    {'now': '2026-01-01T00:00:00.000Z', 'ms': 1767225600000, 'seed': 0}
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a blocking client."""
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an asynchronous client."""
        return self._answer(request, await request.aread())

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, path, query, headers, body)
        try:
            response = handle(self._backend, asked)
        except ConnectionRefused as fault:
            raise httpx.ConnectError(str(fault), request=request) from None
        except ConnectionLost as fault:
            raise httpx.ReadError(str(fault), request=request) from None
        if response.latency:
            self._wait(response.latency, request)
        content = b""
        if request.method != "HEAD":
            follow = response.follow
            content = response.body if follow is None else self._backend.written_out(follow)
        return httpx.Response(
            response.status, headers=dict(response.headers), content=content, request=request
        )

    def _wait(self, latency: int, request: httpx.Request) -> None:
        patience = request.extensions.get("timeout", {}).get("read")
        if patience is not None and latency > patience * 1000:
            self._backend.wait(round(patience * 1000))
            raise httpx.ReadTimeout("the reply is late", request=request)
        self._backend.wait(latency)
