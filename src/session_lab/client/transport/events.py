"""The bytes of an event stream on their way to the parser: one event has a size, and one process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
from httpx_sse import EventSource

from session_lab.client.retry import Unanswered
from session_lab.client.streams import StreamBroken
from session_lab.client.transport.reply_body import BodyError
from session_lab.errors import APIConnectionError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

__all__ = ["AsyncEventBytes", "EventBytes", "events_of"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")
_OF_PARENTS: list[object] = []
"""Streams that were open when this process was forked: kept, so that nothing closes them here."""

_HEAD = {"content-type": "text/event-stream; charset=utf-8"}


class _Watch:
    """What is looked at before and after each piece."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._last = b""
        self._held: bytes | None = b""
        self._process = os.getpid()

    def before(self, pieces: object) -> None:
        """Refuse to read on in a child: its socket is the parent's, and so is what arrives."""
        if os.getpid() != self._process:
            _OF_PARENTS.append(pieces)
            error = APIConnectionError("the stream was opened before this process was forked")
            raise StreamBroken(Unanswered(error, may_have_acted=True))

    def after(self, piece: bytes) -> bytes:
        """Return the piece; what may be the mark that a stream begins with is held back."""
        if self._held is not None:
            self._held += piece
            if len(self._held) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(self._held):
                return b""
            piece, self._held = self._held.removeprefix(_BYTE_ORDER_MARK), None
        joined = self._last + piece
        self._last = joined[-3:]
        self._size += len(piece)
        if any(end in joined for end in _ENDS):
            self._size = 0
        if self._size > self._most:
            raise BodyError(f"an event is longer than {self._most} bytes")
        return piece


class EventBytes(httpx.SyncByteStream):
    """Pass the pieces of a stream on."""

    def __init__(self, pieces: Iterable[bytes], most: int) -> None:
        self._pieces = pieces
        self._watch = _Watch(most)

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the pieces as they arrive."""
        pieces = iter(self._pieces)
        while True:
            self._watch.before(self._pieces)
            piece = next(pieces, None)
            if piece is None:
                return
            yield self._watch.after(piece)


class AsyncEventBytes(httpx.AsyncByteStream):
    """The same for the asynchronous client."""

    def __init__(self, pieces: AsyncIterable[bytes], most: int) -> None:
        self._pieces = pieces
        self._watch = _Watch(most)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the pieces as they arrive."""
        self._watch.before(self._pieces)
        async for piece in self._pieces:
            yield self._watch.after(piece)
            self._watch.before(self._pieces)


def events_of(pieces: EventBytes | AsyncEventBytes) -> EventSource:
    """Make the parser of a stream; it takes a response, of which this is all it looks at."""
    return EventSource(httpx.Response(200, headers=_HEAD, stream=pieces))
