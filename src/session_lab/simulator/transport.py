"""The simulator as a transport of httpx: requests reach a world without a port.

This is the one module of the room that imports httpx. The client has its own, because neither room
imports the other; what joins them is that a transport is an argument of every httpx client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from session_lab.simulator.faults import ConnectionLost, ConnectionRefused
from session_lab.simulator.protocol.messages import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.simulator.protocol.messages import Response

__all__ = ["SimulatorTransport"]


class SimulatorTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries the requests of blocking and asynchronous clients to a simulator.

    Parameters
    ----------
    handle : callable
        What answers a request, such as the ``handle`` of a
        :class:`~session_lab.simulator.backend.Backend`.

    Examples
    --------
    >>> from session_lab.simulator.protocol.messages import json_response
    >>> def handle(request):
    ...     return json_response({"path": request.path, "query": request.query})
    >>> with httpx.Client(transport=SimulatorTransport(handle)) as client:
    ...     client.get("http://lab/sessions/a%2Fb?x=1").json()
    {'path': '/sessions/a%2Fb', 'query': 'x=1'}
    """

    def __init__(self, handle: Callable[[Request], Response]) -> None:
        self._handle = handle

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
            response = self._handle(asked)
        except ConnectionRefused as fault:
            raise httpx.ConnectError(str(fault), request=request) from None
        except ConnectionLost as fault:
            raise httpx.ReadError(str(fault), request=request) from None
        content = b"" if request.method == "HEAD" else response.body
        return httpx.Response(
            response.status, headers=dict(response.headers), content=content, request=request
        )
