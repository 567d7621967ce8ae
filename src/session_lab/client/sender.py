"""Sending requests: the only module of this room that knows httpx.

Whatever httpx raises becomes an :class:`Unanswered` here, in one place.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import httpx
from httpx_sse import EventSource

from session_lab.client.responses import Reply, redact
from session_lab.client.retry import Unanswered
from session_lab.client.streams import StreamBroken
from session_lab.errors import APIConnectionError, APITimeoutError, DataError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from session_lab.client.config import Settings
    from session_lab.client.requests import Request
    from session_lab.client.retry import Outcome

__all__ = ["AsyncSender", "AsyncTransport", "Sender", "Transport"]

Transport = httpx.BaseTransport
"""What carries requests: httpx's own, a proxy, a mock, or a simulator."""

AsyncTransport = httpx.AsyncBaseTransport
"""The same for the asynchronous client."""

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Sender:
    """Sends requests and brings back what came of them."""

    def __init__(self, settings: Settings, transport: Transport | None) -> None:
        self._key = settings.api_key
        self._http = httpx.Client(transport=transport)

    def send(self, request: Request) -> Outcome:
        """Send one request and read its whole reply."""
        try:
            return _reply(self._http.send(_build(self._http, request, self._key)))
        except httpx.RequestError as error:
            return _unanswered(error, request)

    @contextmanager
    def open(self, request: Request) -> Generator[tuple[Reply, EventSource], None, None]:
        """Open an event stream; what breaks it, then or later, is a StreamBroken."""
        try:
            response = self._http.send(_build(self._http, request, self._key), stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise StreamBroken(_reply(response))
                yield _head(response), EventSource(response)
            finally:
                response.close()
        except httpx.RequestError as error:
            raise StreamBroken(_unanswered(error, request)) from error

    def close(self) -> None:
        """Close all connections."""
        self._http.close()


class AsyncSender:
    """The same for the asynchronous client."""

    def __init__(self, settings: Settings, transport: AsyncTransport | None) -> None:
        self._key = settings.api_key
        self._http = httpx.AsyncClient(transport=transport)

    async def send(self, request: Request) -> Outcome:
        """Send one request and read its whole reply."""
        try:
            return _reply(await self._http.send(_build(self._http, request, self._key)))
        except httpx.RequestError as error:
            return _unanswered(error, request)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[tuple[Reply, EventSource], None]:
        """Open an event stream; what breaks it, then or later, is a StreamBroken."""
        try:
            response = await self._http.send(_build(self._http, request, self._key), stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise StreamBroken(_reply(response))
                yield _head(response), EventSource(response)
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            raise StreamBroken(_unanswered(error, request)) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _build(http: httpx.Client | httpx.AsyncClient, request: Request, key: str) -> httpx.Request:
    timeout = httpx.Timeout(request.timeout / 1000, read=request.read_timeout / 1000)
    try:
        return http.build_request(
            request.method,
            request.url,
            headers={**request.headers, "authorization": f"Bearer {key}"},
            content=request.content,
            timeout=timeout,
        )
    except httpx.InvalidURL as error:
        raise DataError(f"{request.url!r} is not an address: {error}", column="path") from None


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, _headers(response), response.content)


def _head(response: httpx.Response) -> Reply:
    return Reply(response.status_code, _headers(response), b"")


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _unanswered(error: httpx.RequestError, request: Request) -> Unanswered:
    kind = APIConnectionError
    reason = redact(str(error)) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        kind = APITimeoutError
        waited = request.read_timeout if isinstance(error, httpx.ReadTimeout) else request.timeout
        reason = f"timed out after {waited / 1000:g} s"
    elif isinstance(error, httpx.ConnectError):
        reason += "; check base_url and the network"
    place = request.url.partition("?")[0]
    mapped = kind(f"{request.method} {place}: no reply: {reason}")
    mapped.__cause__ = error
    return Unanswered(mapped, may_have_acted=not isinstance(error, _NOTHING_SENT))
