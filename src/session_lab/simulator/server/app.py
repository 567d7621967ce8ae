"""The ASGI application: ASGI's messages to requests, and responses to ASGI's messages."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse

from session_lab.simulator.api import http_types
from session_lab.simulator.api.stores.append_session import SESSION_TYPE, AppendSession
from session_lab.simulator.api.stores.object_store import MAX_OBJECT_BYTES, is_for_object_store
from session_lab.simulator.api.stores.stream_store import is_for_stream_store
from session_lab.simulator.faults.plan import ConnectionLost, ConnectionRefused
from session_lab.simulator.front import is_append_session, is_control
from session_lab.simulator.server.openapi import describe
from session_lab.simulator.server.origin_check import comes_from_elsewhere, is_loopback
from session_lab.simulator.server.sse_follow import sse_follow
from session_lab.wire.limits import MAX_APPEND_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from session_lab.simulator.server.sequencer import Sequencer

__all__ = ["BODY_SECONDS", "DOCUMENTED_KEY", "HANG_UP", "make_app"]

HANG_UP = "session_lab.hang_up"
"""The extension of ASGI's scope in which a server offers the function to ``cut`` a connection."""

DOCUMENTED_KEY = "tr_dev_local"
"""The key that ``session-lab serve`` takes if none is chosen; everybody can know it."""

BODY_SECONDS: Final = 60
"""How long a client has for a request's body."""

_DESCRIPTION = "/openapi.json"
_SNAPSHOT = "/_lab/snapshot"
_MOST_CONTROL_BYTES = 1024 * 1024
_MOST_STORE_BYTES = 8 * 1024 * 1024
"""A batch of 1 MiB can be six times as long in JSON."""
_MOST_SNAPSHOT_BYTES = 256 * 1024 * 1024
_BODILESS = (204, 304)


def make_app(sequencer: Sequencer, *, guarded: bool = False) -> ASGIApp:
    """Make the application that serves a simulator.

    Parameters
    ----------
    sequencer : Sequencer
        What answers.
    guarded : bool
        Keep pages of other sites away from the control API, and from the public paths too as long
        as a key is in use that everybody knows; and let other machines use the control API only
        with a key.
    """
    return _App(sequencer, guarded=guarded)


class _App:
    """Answers every request."""

    def __init__(self, sequencer: Sequencer, *, guarded: bool) -> None:
        self._sequencer = sequencer
        self._guarded = guarded
        self._keys = {each.secret_key for each in sequencer.backend.environments}
        self._is_open = DOCUMENTED_KEY in self._keys
        self._description = JSONResponse(describe())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == _DESCRIPTION and scope["method"] in ("GET", "HEAD"):
            await self._description(scope, receive, send)
            return
        path, headers = scope["raw_path"].decode("ascii"), _headers(scope)
        query = scope["query_string"].decode("latin-1")
        request = http_types.Request(scope["method"], path, query, headers)
        refusal = self._refusal(request, scope) if self._guarded else None
        if refusal is not None:
            await _respond(refusal, scope, send)
            return
        if is_append_session(request):
            await self._append(request, scope, receive, send)
        else:
            await self._answer(request, scope, receive, send)

    async def _answer(
        self, request: http_types.Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        reading = _body(receive, _most_bytes(request))
        if scope.get("http_version") == "2":  # A connection of HTTP/1.1 is cut by its own timer.
            reading = asyncio.wait_for(reading, BODY_SECONDS)
        try:
            body = await reading
        except _TooLargeError:
            await _respond(_too_large(request), scope, send)
            return
        except TimeoutError:
            return
        if body is None:
            return
        try:
            response = self._sequencer.take(request.with_body(body))
        except (ConnectionRefused, ConnectionLost):
            await _hang_up(scope, receive)
            return
        if response.latency:
            await asyncio.sleep(response.latency / 1000)
        if response.follow is None or request.method == "HEAD":
            await _respond(response, scope, send)
            return
        await _follow(response, sse_follow(self._sequencer, response.follow), receive, send)

    async def _append(
        self, request: http_types.Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer an append session, frame by frame as they come."""
        refused = self._sequencer.backend.store_refusal(request)
        if refused is not None:
            await _respond(refused, scope, send)
            return
        headers = [(b"content-type", SESSION_TYPE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        session, has_more = AppendSession(request), True
        while has_more and not session.is_over:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            has_more = message.get("more_body", False)
            for one in session.requests(message.get("body", b"")):
                try:
                    response = self._sequencer.take(one)
                except (ConnectionRefused, ConnectionLost):
                    await _hang_up(scope, receive)
                    return
                if response.latency:
                    await asyncio.sleep(response.latency / 1000)
                frame = session.acknowledge(response)
                await send({"type": "http.response.body", "body": frame, "more_body": True})
            problem = session.problem(at_end=not has_more)
            if problem:
                await send({"type": "http.response.body", "body": problem, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _refusal(self, request: http_types.Request, scope: Scope) -> http_types.Response | None:
        """Refuse what pages of other sites send, and what other machines send without a key."""
        controls = is_control(request.path)
        if (controls or self._is_open) and comes_from_elsewhere(request):
            message = "the request comes from a page of another site"
            if not controls:
                message += f"; to admit it, give the server a key other than {DOCUMENTED_KEY}"
            return http_types.json_response({"error": message}, 403)
        if controls and not self._is_trusted(request, scope):
            message = "from another machine the control API takes the secret key, as a bearer token"
            return http_types.json_response({"error": message}, 401)
        return None

    def _is_trusted(self, request: http_types.Request, scope: Scope) -> bool:
        """Return whether a request comes from this machine or with a secret key."""
        client = scope.get("client")
        if client is None or is_loopback(client[0]):
            return True
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return any(hmac.compare_digest(given.encode(), key.encode()) for key in self._keys)


class _TooLargeError(Exception):
    """A body is longer than what is read."""


def _most_bytes(request: http_types.Request) -> int | None:
    """Return how much of a request's body is read at most; None where none of it is.

    The API measures what was announced, so a body over its largest limit or of no announced length
    is refused unread, however much of it is still to come.
    """
    if is_control(request.path):
        return _MOST_SNAPSHOT_BYTES if request.path == _SNAPSHOT else _MOST_CONTROL_BYTES
    if is_for_stream_store(request.path):
        return _MOST_STORE_BYTES
    if is_for_object_store(request.path):
        return MAX_OBJECT_BYTES
    length = request.headers.get("content-length", "")
    is_short = length.isdecimal() and length.isascii() and int(length) <= MAX_APPEND_BODY_BYTES
    return MAX_APPEND_BODY_BYTES if is_short else None


def _too_large(request: http_types.Request) -> http_types.Response:
    most = _most_bytes(request)
    return http_types.json_response({"error": f"the body is over {most} bytes"}, 413)


async def _body(receive: Receive, most: int | None) -> bytes | None:
    """Read the whole body; None where the client leaves before its end.

    Raises
    ------
    _TooLargeError
        It is longer than ``most`` bytes.
    """
    chunks: list[bytes] = []
    n_bytes = 0
    while most is not None:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        n_bytes += len(chunk)
        if n_bytes > most:
            raise _TooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _headers(scope: Scope) -> dict[str, str]:
    """Read a request's headers, whose names ASGI gives in lower case."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _follow(
    response: http_types.Response,
    events: AsyncGenerator[bytes],
    receive: Receive,
    send: Send,
) -> None:
    """Write events until they end or the client leaves.

    Nothing here refers to itself: what a client leaves unread is gone with it, and need not wait
    for a search for cycles, which this server makes seldom.
    """
    tasks = (
        asyncio.ensure_future(_write(response, events, send)),
        asyncio.ensure_future(_until_gone(receive)),
    )
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if not tasks[0].cancelled():
        tasks[0].result()


async def _write(response: http_types.Response, events: AsyncGenerator[bytes], send: Send) -> None:
    async with aclosing(events):
        headers = _encoded(response.headers)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        async for piece in events:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _respond(response: http_types.Response, scope: Scope, send: Send) -> None:
    headers = _encoded(response.headers)
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
    await _until_gone(receive)
