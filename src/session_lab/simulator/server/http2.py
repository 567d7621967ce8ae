"""HTTP/2 connections in cleartext, on the port that speaks HTTP/1.1 too.

Clients begin them with prior knowledge (RFC 9113, section 3.3), as the SDK's writers of output do.
Frames, header compression and flow control are h2's; what is here starts the application for each
stream, and lets it write no faster than its client reads.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

__all__ = ["PREFACE", "Http2Connection"]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client of HTTP/2 sends first."""

_IDLE_SECONDS = 15
_DISCARD_SECONDS = 10
_MAX_HEAD_BYTES = 64 * 1024
_MAX_STREAMS = 1_000
_WINDOW_BYTES = 1024 * 1024
_HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding"}
_ENDED: Message = {"type": "http.request", "body": b"", "more_body": False}
_GONE: Message = {"type": "http.disconnect"}


class _Stream:
    """One request with its response: what has come of its body, and whether it is still wanted."""

    def __init__(self) -> None:
        self.pieces: list[tuple[bytes, int]] = []
        self.is_ended = False
        self.is_read = False
        self.is_gone = False
        self.is_answered = False
        self.has_news = asyncio.Event()


class Http2Connection(asyncio.Protocol):
    """One connection with its streams.

    Parameters
    ----------
    app : ASGI application
        What answers.
    connections, tasks : set
        Where the server keeps account of what is open and what runs.
    client : tuple of (str, int) or None
        Who is connected.
    hang_up : str
        The extension of the scope in which a stream can be ``cut``.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        connections: set[Any],
        tasks: set[asyncio.Task[None]],
        client: tuple[str, int] | None,
        hang_up: str,
    ) -> None:
        self._app = app
        self._connections = connections
        self._tasks = tasks
        self._client = client
        self._hang_up = hang_up
        self._streams: dict[int, _Stream] = {}
        self._is_stopping = False
        self._is_lost = False
        self._timer: asyncio.TimerHandle | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._frames = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the settings that are accepted."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        codes = h2.settings.SettingCodes
        settings = {
            codes.MAX_CONCURRENT_STREAMS: _MAX_STREAMS,
            codes.MAX_HEADER_LIST_SIZE: _MAX_HEAD_BYTES,
            codes.INITIAL_WINDOW_SIZE: _WINDOW_BYTES,
        }
        self._frames.local_settings = h2.settings.Settings(client=False, initial_values=settings)
        self._frames.decoder.max_header_list_size = _MAX_HEAD_BYTES
        self._frames.initiate_connection()
        self._frames.increment_flow_control_window(_WINDOW_BYTES)
        self._flush()
        self._close_when_idle()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  why does not matter
        """Notify every stream that its client is gone."""
        self._connections.discard(self)
        self._is_lost = True
        self._may_write.set()
        for stream in self._streams.values():
            _leave(stream)
        if not self._streams:
            self._let_go()

    def pause_writing(self) -> None:
        """Stop writing: the client does not read."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        try:
            events = self._frames.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._flush()
            self._transport.close()
            return
        for event in events:
            self._take(event)
        self._flush()

    def shutdown(self) -> None:
        """Wait for streams under way, and then close."""
        self._is_stopping = True
        self._close_if_done()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream_id), headers=headers):
                self._begin(stream_id, headers)
            case h2.events.DataReceived(stream_id=int(stream_id), data=bytes(data)):
                self._keep(stream_id, data, event.flow_controlled_length or 0)
            case h2.events.StreamEnded(stream_id=int(stream_id)):
                if stream := self._streams.get(stream_id):
                    stream.is_ended = True
                    stream.has_news.set()
            case h2.events.StreamReset(stream_id=int(stream_id)):
                if stream := self._streams.get(stream_id):
                    _leave(stream)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for stream in self._streams.values():
                    stream.has_news.set()
            case h2.events.ConnectionTerminated():
                self._transport.close()
            case _:
                pass  # Pings and settings are answered by the library.

    def _keep(self, stream_id: int, data: bytes, size: int) -> None:
        if stream := self._streams.get(stream_id):
            stream.pieces.append((data, size))
            stream.has_news.set()
        else:
            self._acknowledge(stream_id, [(data, size)])

    def _begin(self, stream_id: int, headers: list[tuple[bytes, bytes]]) -> None:
        path = dict(headers).get(b":path", b"")
        if not (path.startswith((b"/", b"*")) and path.isascii()):
            self._reset(stream_id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        stream = self._streams[stream_id] = _Stream()
        task = asyncio.ensure_future(self._run(stream_id, stream, headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self, stream_id: int, stream: _Stream, headers: list[tuple[bytes, bytes]]
    ) -> None:
        async def receive() -> Message:
            return await self._receive(stream_id, stream)

        async def send(message: Message) -> None:
            await self._send(stream_id, stream, message)

        def cut() -> None:
            self._reset(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            _leave(stream)

        scope = _scope(headers, self._client) | {"extensions": {self._hang_up: {"cut": cut}}}
        try:
            await self._app(scope, receive, send)
        finally:
            if not stream.is_answered:
                self._reset(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            elif not (stream.is_ended or stream.is_gone):
                await self._discard(stream_id, stream)
            self._forget(stream_id, stream)

    async def _receive(self, stream_id: int, stream: _Stream) -> Message:
        while not stream.is_gone:
            if stream.pieces:
                pieces, stream.pieces = stream.pieces, []
                self._acknowledge(stream_id, pieces)
                body = b"".join(data for data, _ in pieces)
                return {"type": "http.request", "body": body, "more_body": True}
            if stream.is_ended and not stream.is_read:
                stream.is_read = True
                return _ENDED
            stream.has_news.clear()
            await stream.has_news.wait()
        return _GONE

    async def _discard(self, stream_id: int, stream: _Stream) -> None:
        """Read a body to which the answer is given already; not every client stands to be cut."""
        try:
            async with asyncio.timeout(_DISCARD_SECONDS):
                while await self._receive(stream_id, stream) not in (_ENDED, _GONE):
                    pass
        except TimeoutError:
            self._reset(stream_id, h2.errors.ErrorCodes.NO_ERROR)

    async def _send(self, stream_id: int, stream: _Stream, message: Message) -> None:
        if stream.is_gone:
            return
        if message["type"] == "http.response.start":
            headers = [(b":status", str(message["status"]).encode())]
            headers += [pair for pair in message["headers"] if pair[0] not in _HOP_BY_HOP]
            with suppress(h2.exceptions.ProtocolError):
                self._frames.send_headers(stream_id, headers)
            self._flush()
            return
        await self._write(stream_id, stream, memoryview(message.get("body", b"")))
        if not message.get("more_body", False) and not stream.is_gone:
            stream.is_answered = True
            with suppress(h2.exceptions.ProtocolError):
                self._frames.end_stream(stream_id)
            self._flush()

    async def _write(self, stream_id: int, stream: _Stream, body: memoryview) -> None:
        while body and not stream.is_gone:
            await self._may_write.wait()
            try:
                window = self._frames.local_flow_control_window(stream_id)
                size = min(len(body), window, self._frames.max_outbound_frame_size)
                if size > 0:
                    self._frames.send_data(stream_id, bytes(body[:size]))
            except h2.exceptions.ProtocolError:
                _leave(stream)
                return
            if size > 0:
                body = body[size:]
                self._flush()
            else:
                stream.has_news.clear()
                await stream.has_news.wait()

    def _acknowledge(self, stream_id: int, pieces: list[tuple[bytes, int]]) -> None:
        for _, size in pieces:
            if size:
                with suppress(h2.exceptions.ProtocolError):
                    self._frames.acknowledge_received_data(size, stream_id)
        self._flush()

    def _reset(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        with suppress(h2.exceptions.ProtocolError):
            self._frames.reset_stream(stream_id, code)
        self._flush()

    def _forget(self, stream_id: int, stream: _Stream) -> None:
        del self._streams[stream_id]
        self._acknowledge(stream_id, stream.pieces)
        self._close_if_done()
        if not self._streams:
            if self._is_lost:
                self._let_go()
            else:
                self._close_when_idle()

    def _let_go(self) -> None:
        """Forget what the connection was, which refers to itself: cycles are searched for seldom."""
        if self._timer is not None:
            self._timer.cancel()
        vars(self._frames).clear()

    def _close_if_done(self) -> None:
        if self._is_stopping and not self._streams and not self._transport.is_closing():
            self._frames.close_connection()
            self._flush()
            self._transport.close()

    def _close_when_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_IDLE_SECONDS, self._transport.close)

    def _flush(self) -> None:
        data = self._frames.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)


def _leave(stream: _Stream) -> None:
    """Note that a stream's client is gone."""
    stream.is_gone = True
    stream.has_news.set()


def _scope(headers: list[tuple[bytes, bytes]], client: tuple[str, int] | None) -> dict[str, Any]:
    pseudo = {name: value for name, value in headers if name.startswith(b":")}
    rest = [(name, value) for name, value in headers if not name.startswith(b":")]
    if b":authority" in pseudo and all(name != b"host" for name, _ in rest):
        rest.append((b"host", pseudo[b":authority"]))
    target = pseudo[b":path"]
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "2",
        "method": pseudo[b":method"].decode("ascii", "replace"),
        "scheme": "http",
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": rest,
        "client": client,
        "server": None,
        "root_path": "",
        "state": {},
    }
