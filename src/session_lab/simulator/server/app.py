"""The ASGI application: from ASGI's messages to values and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, StreamingResponse

from session_lab.simulator.api import http_types
from session_lab.simulator.control import is_control
from session_lab.simulator.faults.plan import ConnectionLost, ConnectionRefused
from session_lab.simulator.server.openapi import describe
from session_lab.simulator.server.origin_check import comes_from_elsewhere
from session_lab.simulator.server.sse_follow import events
from session_lab.wire.limits import MAX_APPEND_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from session_lab.simulator.server.sequencer import LiveBackend

__all__ = ["HANG_UP", "make_app"]

HANG_UP = "session_lab.hang_up"
"""The extension of ASGI's scope in which a server offers the function to ``cut`` a connection."""

_DESCRIPTION = "/openapi.json"
_BODILESS = (204, 304)


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
    return _App(live, guarded=guarded)


class _App:
    """Takes every request."""

    def __init__(self, live: LiveBackend, *, guarded: bool) -> None:
        self._live = live
        self._guarded = guarded
        self._description = JSONResponse(describe())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == _DESCRIPTION and scope["method"] in ("GET", "HEAD"):
            await self._description(scope, receive, send)
            return
        path, headers = scope["raw_path"].decode("ascii"), _headers(scope)
        controls = is_control(path)
        body = await _body(receive) if controls or _is_read(headers) else b""
        if body is None:
            return
        query = scope["query_string"].decode("latin-1")
        request = http_types.Request(scope["method"], path, query, headers, body)
        if self._guarded and controls and comes_from_elsewhere(request):
            message = "the control API is for this machine, and the request comes from elsewhere"
            await _respond(http_types.json_response({"error": message}, 403), scope, send)
            return
        try:
            response = self._live.take(request)
        except (ConnectionRefused, ConnectionLost):
            await _hang_up(scope, receive)
            return
        if response.latency:
            await asyncio.sleep(response.latency / 1000)
        if response.follow is None or request.method == "HEAD":
            await _respond(response, scope, send)
            return
        stream = StreamingResponse(
            events(self._live, response.follow), response.status, dict(response.headers)
        )
        await stream(scope, receive, send)


def _is_read(headers: Mapping[str, str]) -> bool:
    """Tell whether the API looks at a request's body.

    The API measures what was announced, so a body over its largest limit or of no announced length
    is refused unread, however much of it is still to come.
    """
    length = headers.get("content-length", "")
    return length.isdecimal() and length.isascii() and int(length) <= MAX_APPEND_BODY_BYTES


async def _body(receive: Receive) -> bytes | None:
    """Read the whole body; None where the client leaves before its end."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _headers(scope: Scope) -> dict[str, str]:
    """Read a request's headers, whose names ASGI gives in lower case."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _respond(response: http_types.Response, scope: Scope, send: Send) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers.items()
    ]
    content = b"" if scope["method"] == "HEAD" else response.body
    if response.status not in _BODILESS and "content-length" not in response.headers:
        headers.append((b"content-length", str(len(content)).encode()))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": content})


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
