"""Sending requests, within a deadline and a size.

Whatever the HTTP library raises becomes an :class:`Unanswered` here, in one place.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from contextlib import asynccontextmanager, contextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, cast

import httpx

from session_lab.client.config import check_key
from session_lab.client.redaction import redact
from session_lab.client.responses import Reply
from session_lab.client.retry import Unanswered
from session_lab.client.streams import StreamBroken
from session_lab.client.transport.events import AsyncEventBytes, EventBytes, events_of
from session_lab.client.transport.network import TimeLeft
from session_lab.client.transport.pools import AsyncPools, Pools
from session_lab.client.transport.reply_body import ACCEPTED_ENCODINGS, BodyError, ReplyBody
from session_lab.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    ConnectionLimitError,
    DataError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from httpx_sse import EventSource

    from session_lab.client.config import Settings
    from session_lab.client.requests import Request
    from session_lab.client.retry import Outcome

__all__ = ["AsyncSender", "AsyncTransport", "Sender", "Transport"]

Transport = httpx.BaseTransport
"""What carries requests: httpx's own, a proxy, a mock, or a simulator."""

AsyncTransport = httpx.AsyncBaseTransport
"""The same for the asynchronous client."""

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_FAILURES = (httpx.HTTPError, httpx.StreamError, OSError, BodyError)
"""What may come out of a transport; TimeoutError is an OSError."""


class Sender:
    """Sends requests and brings back what came of them."""

    def __init__(self, settings: Settings, transport: Transport | None) -> None:
        self._settings = settings
        self._pools = Pools(settings, transport)

    def send(self, request: Request) -> Outcome:
        """Send one request and read its whole reply."""
        attempt = _Attempt(request, self._key(), self._settings)
        try:
            response = self._pools.current().handle_request(attempt.sent)
            try:
                return self._read(response, attempt)
            finally:
                response.close()
        except _FAILURES as error:
            return attempt.unanswered(error)

    @contextmanager
    def open(self, request: Request) -> Generator[tuple[Reply, EventSource], None, None]:
        """Open an event stream; what breaks it, then or later, is a StreamBroken."""
        attempt = _Attempt(request, self._key(), self._settings, is_stream=True)
        process = os.getpid()
        try:
            response = self._pools.current().handle_request(attempt.sent)
            try:
                if not response.is_success:
                    raise StreamBroken(self._read(response, attempt))
                attempt.lift_deadline()
                pieces = EventBytes(response.iter_bytes(), attempt.most)
                yield attempt.reply(response, b""), events_of(pieces)
            finally:
                # A child's copy of the connection is the parent's to close.
                if os.getpid() == process:
                    response.close()
        except _FAILURES as error:
            raise StreamBroken(attempt.unanswered(error)) from error

    def close(self) -> None:
        """Close all connections."""
        self._pools.close()

    def _key(self) -> str:
        source = self._settings.api_key
        return check_key(source if isinstance(source, str) else source())

    def _read(self, response: httpx.Response, attempt: _Attempt) -> Reply:
        if response.is_closed:
            return attempt.reply(response, response.content)
        body = attempt.body_of(response)
        for piece in cast("httpx.SyncByteStream", response.stream):
            attempt.check_time()
            body.add(piece)
        return attempt.reply(response, body.content())


class AsyncSender:
    """The same for the asynchronous client."""

    def __init__(self, settings: Settings, transport: AsyncTransport | None) -> None:
        self._settings = settings
        self._pools = AsyncPools(settings, transport)

    async def send(self, request: Request) -> Outcome:
        """Send one request and read its whole reply."""
        attempt = _Attempt(request, await self._key(), self._settings)
        pool = await self._pools.current()
        try:
            async with asyncio.timeout(request.deadline / 1000):
                response = await pool.handle_async_request(attempt.sent)
                try:
                    return await self._read(response, attempt)
                finally:
                    await response.aclose()
        except _FAILURES as error:
            return attempt.unanswered(error)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[tuple[Reply, EventSource], None]:
        """Open an event stream; what breaks it, then or later, is a StreamBroken."""
        attempt = _Attempt(request, await self._key(), self._settings, is_stream=True)
        pool = await self._pools.current()
        process = os.getpid()
        try:
            async with asyncio.timeout(request.deadline / 1000) as bound:
                response = await pool.handle_async_request(attempt.sent)
                try:
                    if not response.is_success:
                        raise StreamBroken(await self._read(response, attempt))
                    bound.reschedule(None)
                    attempt.lift_deadline()
                    pieces = AsyncEventBytes(response.aiter_bytes(), attempt.most)
                    yield attempt.reply(response, b""), events_of(pieces)
                finally:
                    if os.getpid() == process:
                        await response.aclose()
        except _FAILURES as error:
            raise StreamBroken(attempt.unanswered(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._pools.close()

    async def _key(self) -> str:
        source = self._settings.api_key
        key = source if isinstance(source, str) else source()
        return check_key(await key if isawaitable(key) else key)

    async def _read(self, response: httpx.Response, attempt: _Attempt) -> Reply:
        if response.is_closed:
            return attempt.reply(response, response.content)
        body = attempt.body_of(response)
        async for piece in cast("httpx.AsyncByteStream", response.stream):
            attempt.check_time()
            body.add(piece)
        return attempt.reply(response, body.content())


class _Attempt:
    """One request on its way: what is sent, until when, and what its outcome means."""

    def __init__(
        self, request: Request, key: str, settings: Settings, *, is_stream: bool = False
    ) -> None:
        self._request = request
        self._secrets = (key,)
        self._until = time.monotonic() + request.deadline / 1000
        self.most = settings.max_reply_bytes
        self._limit = settings.max_connections
        self._read_timeout = self._wait(request.read_timeout)
        connect = self._wait(request.timeout)
        timeouts = {
            "connect": connect,
            "read": self._read_timeout,
            "write": connect,
            "pool": float(connect),
        }
        try:
            self.sent = httpx.Request(
                request.method,
                request.url,
                headers={
                    **request.headers,
                    "authorization": f"Bearer {key}",
                    "accept-encoding": "identity" if is_stream else ACCEPTED_ENCODINGS,
                },
                content=request.content,
                extensions={"timeout": timeouts},
            )
        except (httpx.InvalidURL, UnicodeError) as error:  # the latter of names of other alphabets
            raise DataError(f"{request.url!r} is not an address: {error}", column="path") from None

    def _wait(self, milliseconds: int) -> TimeLeft:
        return TimeLeft(milliseconds / 1000, self._until)

    def lift_deadline(self) -> None:
        """Lift the deadline of a stream: from now on only its silence is bounded."""
        self._read_timeout.until = self._until = math.inf

    def check_time(self) -> None:
        """Raise a timeout once the deadline has passed."""
        if time.monotonic() > self._until:
            raise httpx.ReadTimeout("the deadline has passed")

    def body_of(self, response: httpx.Response) -> ReplyBody:
        return ReplyBody(response.headers.get("content-encoding", ""), limit=self.most)

    def reply(self, response: httpx.Response, content: bytes) -> Reply:
        return Reply(response.status_code, _headers(response), content, self._secrets)

    def unanswered(self, error: Exception) -> Unanswered:
        """Classify a failure, and whether trying again makes sense."""
        request = self._request
        place = f"{request.method} {request.url.partition('?')[0]}"
        if isinstance(error, BodyError):
            mapped = APIResponseError(f"{place}: {error}", status_code=200, body="")
            return Unanswered(mapped, may_have_acted=True, is_final=True)
        kind, reason = self._named(error)
        failure = kind(f"{place}: no reply: {reason}")
        if redact(str(error), self._secrets) == str(error):
            failure.__cause__ = error  # It is shown in tracebacks and goes along in pickles.
        return Unanswered(failure, may_have_acted=not isinstance(error, _NOTHING_SENT))

    def _named(self, error: Exception) -> tuple[type[APIError], str]:
        request = self._request
        if isinstance(error, httpx.PoolTimeout):
            reason = (
                f"all {self._limit} connections of this client were in use for "
                f"{request.timeout / 1000:g} s; end some streams, or raise max_connections"
            )
            return ConnectionLimitError, reason
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            waited = (
                request.read_timeout if isinstance(error, httpx.ReadTimeout) else request.timeout
            )
            if time.monotonic() >= self._until or isinstance(error, TimeoutError):
                return APITimeoutError, f"the deadline passed after {request.deadline / 1000:g} s"
            return APITimeoutError, f"timed out after {waited / 1000:g} s"
        reason = redact(str(error), self._secrets) or type(error).__name__
        if isinstance(error, httpx.ConnectError):
            reason += "; check base_url and the network, proxies included"
        if isinstance(error, httpx.ProxyError):
            reason += "; check the proxy that the environment names"
        return APIConnectionError, reason


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
