"""The body of a reply, piece by piece: decompressed here, so that its size has a limit."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACCEPTED_ENCODINGS", "BodyError", "ReplyBody"]

ACCEPTED_ENCODINGS: Final = "gzip, deflate"

_GZIP = zlib.MAX_WBITS | 16


class BodyError(Exception):
    """A body that is too long, or cannot be decompressed; it never reaches a caller."""


class ReplyBody:
    """Collect a body, at most so many bytes of it, compressed or not.

    Parameters
    ----------
    encoding : str
        The ``content-encoding`` of the reply; the last of several was applied last.
    limit : int
        Bytes.

    Examples
    --------
    >>> body = ReplyBody("", limit=10)
    >>> body.add(b"hello")
    >>> body.content()
    b'hello'
    >>> body.add(b" to you all")
    Traceback (most recent call last):
    session_lab.client.transport.reply_body.BodyError: the reply is longer than 10 bytes
    """

    def __init__(self, encoding: str, *, limit: int) -> None:
        named = [name.strip().lower() for name in encoding.split(",")]
        applied = [name for name in named if name not in {"", "identity"}]
        self._layers = [_layer(name) for name in reversed(applied)]
        self._limit = limit
        self._received = 0
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Read the next piece as it came.

        Raises
        ------
        BodyError
            The body is too long, or is not what its encoding says.
        """
        self._received += len(piece)
        for layer in self._layers:
            piece = layer.decompress(piece, self._limit + 1)
        self._size += len(piece)
        if max(self._size, self._received) > self._limit:
            raise BodyError(f"the reply is longer than {self._limit} bytes")
        self._pieces.append(piece)

    def content(self) -> bytes:
        """Return the whole body.

        Raises
        ------
        BodyError
            It ends in the middle of its compression.
        """
        if self._received and not all(layer.is_finished for layer in self._layers):
            raise BodyError("the compressed reply is cut off")
        return b"".join(self._pieces)


class _Layer:
    """One compression that was applied to a body."""

    def __init__(self, window_bits: int, otherwise: int | None = None) -> None:
        self._window_bits = window_bits
        self._stream = zlib.decompressobj(window_bits)
        self._otherwise = otherwise

    @property
    def is_finished(self) -> bool:
        return self._stream.eof

    def decompress(self, piece: bytes, most: int) -> bytes:
        found = b""
        while piece and len(found) < most:
            if self._stream.eof:  # gzip may have several members (RFC 1952, 2.2)
                self._stream = zlib.decompressobj(self._window_bits)
            try:
                found += self._stream.decompress(piece, most - len(found))
            except zlib.error as error:
                if self._otherwise is None:
                    raise BodyError(f"the compressed reply cannot be read: {error}") from None
                # Some servers call it deflate when they leave out zlib's frame.
                self._window_bits, self._otherwise = self._otherwise, None
                self._stream = zlib.decompressobj(self._window_bits)
                continue
            piece = self._stream.unused_data
        return found


_LAYERS: Final[dict[str, Callable[[], _Layer]]] = {
    "gzip": lambda: _Layer(_GZIP),
    "x-gzip": lambda: _Layer(_GZIP),
    "deflate": lambda: _Layer(zlib.MAX_WBITS, -zlib.MAX_WBITS),
}


def _layer(name: str) -> _Layer:
    if name not in _LAYERS:
        message = f"the reply is compressed as {name[:40]!r}; asked for was {ACCEPTED_ENCODINGS}"
        raise BodyError(message)
    return _LAYERS[name]()
