"""The ASGI application: from ASGI's messages to values and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.requests import Request as Incoming
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, Router

from session_lab.simulator.control import is_control
from session_lab.simulator.faults import ConnectionLost, ConnectionRefused
from session_lab.simulator.protocol import messages
from session_lab.simulator.server.following import events
from session_lab.simulator.server.guard import comes_from_elsewhere
from session_lab.simulator.server.openapi import describe

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from session_lab.simulator.server.live import LiveBackend

__all__ = ["HANG_UP", "make_app"]

HANG_UP = "session_lab.hang_up"
"""The extension of ASGI's scope in which a server offers the function to ``cut`` a connection."""


def make_app(live: LiveBackend, *, guarded: bool = False) -> ASGIApp:
    """Make the application that serves a simulator.

    Parameters
    ----------
    live : LiveBackend
        What answers.
    guarded : bool
        Keep pages of other machines away from the control API. For servers that only this machine
        can reach.
    """
    description = describe()

    async def openapi(_: Incoming) -> Response:
        return JSONResponse(description)

    return Router(
        [Route("/openapi.json", openapi)],
        redirect_slashes=False,
        default=_Door(live, guarded=guarded),
    )


class _Door:
    """Takes every request that is not for the description."""

    def __init__(self, live: LiveBackend, *, guarded: bool) -> None:
        self._live = live
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await Incoming(scope, receive).body()
        except ClientDisconnect:
            return
        request = _request(scope, body)
        if self._guarded and is_control(request) and comes_from_elsewhere(request):
            message = "the control API is for this machine, and the request comes from elsewhere"
            await _respond(messages.json_response({"error": message}, 403), scope, receive, send)
            return
        try:
            response = self._live.take(request)
        except (ConnectionRefused, ConnectionLost):
            await _hang_up(scope, receive)
            return
        if response.latency:
            await asyncio.sleep(response.latency / 1000)
        if response.follow is None or request.method == "HEAD":
            await _respond(response, scope, receive, send)
            return
        stream = StreamingResponse(
            events(self._live, response.follow), response.status, dict(response.headers)
        )
        await stream(scope, receive, send)


def _request(scope: Scope, body: bytes) -> messages.Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return messages.Request(
        scope["method"],
        scope["raw_path"].decode("ascii"),
        scope["query_string"].decode("latin-1"),
        headers,
        body,
    )


async def _respond(response: messages.Response, scope: Scope, receive: Receive, send: Send) -> None:
    content = b"" if scope["method"] == "HEAD" else response.body
    await Response(content, response.status, dict(response.headers))(scope, receive, send)


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Leave a request without a reply: cut the connection, and wait until that is known.

    Raises
    ------
    ConnectionResetError
        The server cannot cut connections, so the error is all there is.
    """
    extension = scope.get("extensions", {}).get(HANG_UP)
    if extension is None:
        raise ConnectionResetError("a fault left the request without a reply")
    extension["cut"]()
    while (await receive())["type"] != "http.disconnect":
        pass
