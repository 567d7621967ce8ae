"""Serving a simulator on a port, until a signal ends it."""

from __future__ import annotations

import errno
import gc
import signal
import socket
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from session_lab.errors import DataError, SessionLabWarning
from session_lab.simulator.server.app import HANG_UP, make_app
from session_lab.simulator.server.origin_check import is_loopback
from session_lab.simulator.server.sequencer import LiveBackend
from session_lab.simulator.server.state_file import StateFile
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator
    from pathlib import Path

    from starlette.types import ASGIApp

    from session_lab.simulator.backend import Backend

__all__ = ["serve"]

_COLLECTION_THRESHOLDS = (50_000, 10_000, 10)
_LAST_PORT = 65_535
_PATIENCE = 5
"""Seconds that requests under way have when the server stops."""


def serve(
    backend: Backend,
    *,
    host: str,
    port: int,
    announce: Callable[[str], object],
    state: Path | None = None,
) -> None:
    """Serve a simulator until SIGINT or SIGTERM, then let requests under way finish and return.

    Parameters
    ----------
    backend : Backend
        What answers. Its clock follows the machine's if it says so.
    host : str
        The address to listen on. One that other machines reach lets them use the control API.
    port : int
        The port; 0 takes any that is free.
    announce : callable
        Called with the server's address when it takes requests.
    state : Path, optional
        A file that keeps the world.

    Raises
    ------
    DataError
        The port is taken, or the file cannot be used.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(host, port))
        address, actual_port = listener.getsockname()[:2]
        guarded = is_loopback(address)
        if not guarded:
            message = (
                f"everybody who reaches {host} can use the control API, which takes no key; "
                "listen on 127.0.0.1 to keep it to this machine"
            )
            warnings.warn(message, SessionLabWarning, stacklevel=2)
        kept = None if state is None else StateFile(state, backend.settings)
        if kept is not None:
            stack.callback(kept.close)
        system_clock = SystemClock() if backend.follows_system_clock else None
        live = LiveBackend(backend, system_clock=system_clock, state_file=kept)
        app = make_app(live, guarded=guarded)
        name = f"[{address}]" if ":" in address else address
        url = f"http://{name}:{actual_port}"
        stack.enter_context(_rare_collections())
        _Server(_config(app), on_ready=lambda: announce(url), on_stop=live.stop).run([listener])


@contextmanager
def _rare_collections() -> Generator[None]:
    """Look for cycles seldom, and only among what is new; the rest is the world, which makes none.

    The server has the process to itself, so this disturbs nobody.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise DataError(f"{port} is no port; those are 0 to {_LAST_PORT}", column="port")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        reason = str(error)
        if error.errno == errno.EADDRINUSE:
            reason = "it is taken; choose another one, or 0 for any that is free"
        raise DataError(f"cannot serve on port {port} of {host}: {reason}", column="port") from None


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # Nothing depends on who asks.
        server_header=False,
        date_header=False,  # It would show the machine's time, not the world's.
        timeout_graceful_shutdown=_PATIENCE,
    )


class _Protocol(HttpToolsProtocol):
    """HTTP whose application can cut the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions: dict[str, dict[object, object]] = {HANG_UP: {"cut": transport.abort}}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions


class _Server(uvicorn.Server):
    """A server that says when it is ready, and for which a signal is no failure."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], object],
        on_stop: Callable[[], object],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop at a signal; uvicorn's own way would raise it again afterwards."""
        handlers = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
