"""Connections with limits, which the application can cut: HTTP/1.1, and HTTP/2 where it begins so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from session_lab.simulator.server.app import BODY_SECONDS, HANG_UP
from session_lab.simulator.server.http2 import PREFACE, Http2Connection

if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from starlette.types import ASGIApp

__all__ = ["HEAD_SECONDS", "IDLE_SECONDS", "MAX_HEAD_BYTES", "Http1Connection"]

MAX_HEAD_BYTES: Final = 64 * 1024
"""The longest request line with its headers; what is longer is answered 431."""
HEAD_SECONDS: Final = 10
"""How long a client has for its request line and headers, also for the first of a connection."""
IDLE_SECONDS: Final = 15
"""How long a connection is kept between two requests."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Http1Connection(HttpToolsProtocol):
    """One connection: waits for the head of a request, then for its body, then answers."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._patience: float | None = None
        self._unread_bytes = 0
        self._is_in_head = True
        self._is_refused = False
        self._is_new = True
        self._first = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the head of the first request."""
        super().connection_made(transport)
        self._extensions: dict[str, dict[object, object]] = {HANG_UP: {"cut": transport.abort}}
        self._allow(HEAD_SECONDS)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request."""
        if self._is_refused:
            return
        if self._is_new:
            data = self._first + data
            if data == PREFACE[: len(data)] and len(data) < len(PREFACE):
                self._first = data
                return
            self._is_new = False
            if data.startswith(PREFACE):
                self._switch(data)
                return
        super().data_received(data)
        # What of a header has come is only shown when all of it has.
        self._unread_bytes = self._unread_bytes + len(data) if self._is_in_head else 0
        if self._unread_bytes > MAX_HEAD_BYTES:
            self._refuse()
        self._start_timer()

    def on_message_begin(self) -> None:
        """Wait for the rest of a request's head."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._is_in_head = True
        self._allow(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Start the application, and wait for the body."""
        self._is_in_head = False
        if len(self.url) + sum([len(name) + len(value) for name, value in self.headers]) > (
            MAX_HEAD_BYTES
        ):
            self._refuse()
        if not self._is_refused:
            self._allow(BODY_SECONDS)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Pass the end of the body on."""
        if not self._is_refused:
            self._stop_timer()
            super().on_message_complete()

    def _switch(self, data: bytes) -> None:
        """Speak HTTP/2 from now on."""
        self._stop_timer()
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment]  # As uvicorn does: the two form a cycle.
        protocol = Http2Connection(
            cast("ASGIApp", self.app),
            connections=self.connections,
            tasks=self.tasks,
            client=self.client,
            hang_up=HANG_UP,
        )
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)

    def _refuse(self) -> None:
        if not self._is_refused:
            self._is_refused = True
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _allow(self, seconds: float) -> None:
        """Allow a client some time for what comes next, from when its last piece is read."""
        self._stop_timer()
        self._patience = seconds

    def _start_timer(self) -> None:
        """Cut the connection after the time that is allowed; of a request read whole, none is."""
        if self._patience is not None:
            self._timer = self.loop.call_later(self._patience, self.transport.abort)
            self._patience = None

    def _stop_timer(self) -> None:
        self._patience = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
