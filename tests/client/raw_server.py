"""A server on the loopback interface that sends whatever bytes a test says, when it says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["RawServer", "head", "serving"]


def head(status: int = 200, *lines: str, length: int | None = None) -> bytes:
    """Write the head of a reply."""
    all_lines = [f"HTTP/1.1 {status} X", *lines]
    if length is not None:
        all_lines.append(f"content-length: {length}")
    return "\r\n".join([*all_lines, "", ""]).encode("latin-1")


class RawServer:
    """Answers each request by a script: bytes are sent, numbers are seconds to wait.

    Attributes
    ----------
    address : str
        For a client's ``base_url``.
    peers : list of tuple
        For each request, in order, the port it came from and its first line.
    """

    def __init__(self, script: Callable[[bytes], Iterable[bytes | float]]) -> None:
        self._script = script
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.peers: list[tuple[int, str]] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        with connection, contextlib.suppress(OSError):
            port = connection.getpeername()[1]
            while (request := self._receive(connection)) is not None:
                self.peers.append((port, request.partition(b"\r\n")[0].decode()))
                for step in self._script(request):
                    if isinstance(step, bytes):
                        connection.settimeout(5)
                        connection.sendall(step)
                        connection.settimeout(0.05)
                    elif step < 0 or self._stopping.wait(step):
                        return

    def _receive(self, connection: socket.socket) -> bytes | None:
        received = b""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                piece = connection.recv(65_536)
                if not piece:
                    return None
                received += piece
                start, gap, body = received.partition(b"\r\n\r\n")
                if gap and len(body) >= _length(start):
                    return received
        return None

    def stop(self) -> None:
        """End all connections."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def _length(start: bytes) -> int:
    for line in start.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@contextlib.contextmanager
def serving(script: Callable[[bytes], Iterable[bytes | float]]) -> Iterator[RawServer]:
    """Serve for the length of a block."""
    server = RawServer(script)
    try:
        yield server
    finally:
        server.stop()
