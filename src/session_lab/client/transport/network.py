"""Sockets that keep to a deadline, however slowly bytes arrive.

httpx and httpcore bound each read and each write, never all of them together: a server that sends a
byte now and then holds a call for ever, in the body and already in the headers. A
:class:`TimeLeft` goes the way of their timeouts, down to the sockets wrapped here, where it bounds
every operation by what is left of the whole. Names are looked up in a thread of their own, since
nothing else bounds that. The asynchronous client has asyncio's own timeout.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

__all__ = ["BoundedBackend", "TimeLeft"]

_PIECE = 65_536


class TimeLeft(float):
    """Seconds that one wait may take, and the instant at which all waits end.

    Attributes
    ----------
    until : float
        On the monotonic clock.
    """

    until: float

    def __new__(cls, seconds: float, until: float) -> Self:
        """Make a number of seconds that knows its end."""
        made = super().__new__(cls, seconds)
        made.until = until
        return made

    def bounded(self, error: type[Exception]) -> float:
        """Return what a wait that begins now may take, or raise the error where nothing is left."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise error("the deadline has passed")
        return min(float(self), left)


def _bounded(timeout: float | None, error: type[Exception]) -> float | None:
    return timeout.bounded(error) if isinstance(timeout, TimeLeft) else timeout


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._inner.write(piece, _bounded(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _bounded(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  as in the class above
        return self._inner.get_extra_info(info)


_UNREACHED = (httpcore.ConnectError, httpcore.ConnectTimeout)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int, timeout: float) -> list[str]:
    """Look up a name, for no longer than a wait may take; a thread that still looks is left alone."""
    found: list[str] = []
    failures: list[Exception] = []

    def look() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failures.append(error)
        else:
            found.extend(dict.fromkeys(str(row[4][0]) for row in rows))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(_bounded(timeout, httpcore.ConnectTimeout))
    if looking.is_alive():
        raise httpcore.ConnectTimeout(f"{host} was not found in time")
    if failures:
        raise httpcore.ConnectError(str(failures[0])) from failures[0]
    return found


class BoundedBackend(httpcore.NetworkBackend):
    """Opens sockets that keep to a deadline."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host."""
        addresses = (
            [host] if timeout is None or _is_address(host) else _look_up(host, port, timeout)
        )
        for place, address in enumerate(addresses, start=1):
            left = _bounded(timeout, httpcore.ConnectTimeout)
            with suppress(*(_UNREACHED if place < len(addresses) else ())):
                return _Stream(
                    self._inner.connect_tcp(address, port, left, local_address, socket_options)
                )
        raise httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a socket of this machine."""
        left = _bounded(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_unix_socket(path, left, socket_options))

    def sleep(self, seconds: float) -> None:
        """Wait between attempts to connect."""
        self._inner.sleep(seconds)
