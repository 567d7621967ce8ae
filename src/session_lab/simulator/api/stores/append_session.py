"""Append sessions: many batches of records over one request, each acknowledged as it comes.

Body and response are frames: three bytes of length, one of flags, and what the flags say: a message,
or, in the last frame, a status and the JSON of an error. (``s2s/proto`` of the open-source stream
store.) Every frame that comes is answered as a request of its own would be.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.http_types import Response, json_response
from session_lab.simulator.api.stores.stream_store import PROTOBUF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.simulator.api.http_types import Request

__all__ = ["SESSION_TYPE", "AppendSession"]

SESSION_TYPE: Final = "s2s/proto"
"""The content type of an append session."""

_LENGTH_BYTES = 3
_FLAGS_AT = _LENGTH_BYTES
_MAX_FRAME_BYTES = 2 * 1024 * 1024
_IS_LAST = 0x80
_COMPRESSION = 0x60
_GZIP = 0x40
_OF_ONE_APPEND = {"content-type": PROTOBUF, "accept": PROTOBUF}


class AppendSession:
    r"""One append session: bytes in, requests out; responses in, bytes out.

    Parameters
    ----------
    request : Request
        What began the session.

    Attributes
    ----------
    is_over : bool
        Whether the session has ended with an error, after which nothing is taken.

    Examples
    --------
    >>> from session_lab.simulator.api.http_types import Request
    >>> session = AppendSession(Request("POST", "/v1/streams/a/records"))
    >>> [request.body for request in session.requests(bytes([0, 0, 3, 0]) + b"ab")]
    [b'ab']
    >>> session.acknowledge(Response(200, {}, b"yes"))
    b'\x00\x00\x04\x00yes'
    """

    def __init__(self, request: Request) -> None:
        self.is_over = False
        headers = {**request.headers, **_OF_ONE_APPEND}
        headers.pop("content-length", None)
        self._one = request._replace(headers=headers, body=b"")
        self._buffer = bytearray()
        self._problem: str | None = None

    def requests(self, chunk: bytes) -> Iterator[Request]:
        """Iterate over the appends that a further piece of the body completes."""
        self._buffer += chunk
        while self._problem is None and not self.is_over:
            message = self._next()
            if message is None:
                return
            yield self._one.with_body(message)

    def acknowledge(self, response: Response) -> bytes:
        """Write the frame that answers one append; a refusal ends the session."""
        if response.status < 400:
            return _frame(0, response.body)
        self.is_over = True
        return _frame(_IS_LAST, response.status.to_bytes(2, "big") + response.body)

    def problem(self, *, at_end: bool) -> bytes:
        """Write the frame that says what is wrong with the frames that came; empty if nothing is.

        Parameters
        ----------
        at_end : bool
            Whether the body has ended, so that what is left of a frame is all there will be.
        """
        problem = self._problem
        if problem is None and at_end and self._buffer:
            problem = "The last frame is cut short."
        if problem is None or self.is_over:
            return b""
        return self.acknowledge(json_response({"code": "bad_frame", "message": problem}, 400))

    def _next(self) -> bytes | None:
        """Remove and return the message of the next frame; None where there is no whole frame yet."""
        buffer = self._buffer
        if len(buffer) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(buffer[:_LENGTH_BYTES], "big")
        if not 1 <= length <= _MAX_FRAME_BYTES:
            self._problem = f"A frame has 1 to {_MAX_FRAME_BYTES} bytes, not {length}."
            return None
        if len(buffer) < _LENGTH_BYTES + length:
            return None
        flags = buffer[_FLAGS_AT]
        message = bytes(buffer[_FLAGS_AT + 1 : _LENGTH_BYTES + length])
        del buffer[: _LENGTH_BYTES + length]
        if flags & _IS_LAST:
            self._problem = "A writer does not end a session with a frame; it ends the body."
            return None
        return self._plain(flags & _COMPRESSION, message)

    def _plain(self, compression: int, message: bytes) -> bytes | None:
        if not compression:
            return message
        if compression != _GZIP:
            self._problem = "Of the compressions gzip alone is read."
            return None
        unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain = unzip.decompress(message, _MAX_FRAME_BYTES)
        except zlib.error:
            self._problem = "A frame is not gzip, as its flags say."
            return None
        if unzip.unconsumed_tail or not unzip.eof:
            self._problem = "A frame is cut short, or too large when it is unzipped."
            return None
        return plain


def _frame(flags: int, content: bytes) -> bytes:
    return (len(content) + 1).to_bytes(_LENGTH_BYTES, "big") + bytes([flags]) + content
