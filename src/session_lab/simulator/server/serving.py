"""Serving a simulator on a port, until a signal ends it."""

from __future__ import annotations

import errno
import gc
import signal
import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from session_lab.errors import DataError
from session_lab.numbers import is_integer
from session_lab.simulator.server.app import DOCUMENTED_KEY, make_app
from session_lab.simulator.server.connections import IDLE_SECONDS, Http1Connection
from session_lab.simulator.server.origin_check import is_loopback
from session_lab.simulator.server.real_clock import RealClock
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.state_file import StateFile
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from starlette.types import ASGIApp

    from session_lab.simulator.backend import Backend

__all__ = ["listen", "make_server", "serve"]

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
    allow_remote: bool = False,
    first: int | None = None,
    speed: float = 1.0,
) -> None:
    """Serve a simulator until SIGINT or SIGTERM, then let requests under way finish and return.

    Parameters
    ----------
    backend : Backend
        What answers. Its clock follows the machine's if it says so.
    host : str
        The address to listen on.
    port : int
        The port; 0 takes any that is free.
    announce : callable
        Called with the server's address when it takes requests.
    state : Path, optional
        A file that keeps the world.
    allow_remote : bool
        Listen on an address that other machines reach. They need a key for the control API too.
    first : int, optional
        What a clock that follows the machine's showed when its world began, in milliseconds since
        1970; by default the machine's time.
    speed : float
        How many milliseconds of such a clock pass in one of the machine's.

    Raises
    ------
    DataError
        The port is taken, the file cannot be used, or other machines would reach the server
        without leave or with a key that everybody knows.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(listen(host, port))
        address, actual_port = listener.getsockname()[:2]
        if not is_loopback(address):
            _check_exposure(host, backend, allow_remote=allow_remote)
        machine = SystemClock()
        began_at = machine.milliseconds()
        kept = None
        if state is not None:
            paced = {"now": first, "speed": speed} if backend.follows_system_clock else {}
            settings = backend.settings | paced
            kept = StateFile(state, settings, machine_at=began_at)
            stack.callback(kept.close)
            began_at = kept.began_at
        clock = None
        if backend.follows_system_clock:
            clock = RealClock(began_at=began_at, first=first, speed=speed)
        sequencer = Sequencer(backend, clock=clock, state_file=kept)
        app = make_app(sequencer, guarded=True)
        name = f"[{address}]" if ":" in address else address
        url = f"http://{name}:{actual_port}"
        stack.enter_context(_rare_collections())
        server = make_server(app, on_ready=lambda: announce(url), on_stop=sequencer.stop)
        server.run([listener])


def make_server(
    app: ASGIApp, *, on_ready: Callable[[], object], on_stop: Callable[[], object]
) -> uvicorn.Server:
    """Make a server that keeps to the limits of connections; ``run`` it with a listening socket.

    Parameters
    ----------
    app : ASGI application
        What it serves.
    on_ready : callable
        Called when it takes requests.
    on_stop : callable
        Called when it begins to end.
    """
    config = uvicorn.Config(
        app,
        http=Http1Connection,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # Who asks is who is connected.
        server_header=False,
        date_header=False,  # It would show the machine's time, not the world's.
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_PATIENCE,
    )
    return _Server(config, on_ready=on_ready, on_stop=on_stop)


def _check_exposure(host: str, backend: Backend, *, allow_remote: bool) -> None:
    """Check that a server that other machines reach is meant to be one, and has its own keys."""
    if not allow_remote:
        message = (
            f"other machines would reach {host}, with all that the control API can do; add "
            "--allow-remote if that is wanted, or listen on 127.0.0.1"
        )
        raise DataError(message, column="--host")
    if any(environment.secret_key == DOCUMENTED_KEY for environment in backend.environments):
        message = f"everybody knows the key {DOCUMENTED_KEY}; choose one of your own to be reached"
        raise DataError(message, column="--secret-key")


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


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on a port; 0 takes any that is free.

    Raises
    ------
    DataError
        There is no such port, or it is taken.
    """
    if not is_integer(port) or not 0 <= port <= _LAST_PORT:
        raise DataError(f"{port!r} is not a port; those are 0 to {_LAST_PORT}", column="port")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        reason = str(error)
        if error.errno == errno.EADDRINUSE:
            reason = "it is taken; choose another one, or 0 for any that is free"
        raise DataError(f"cannot serve on port {port} of {host}: {reason}", column="port") from None


class _Server(uvicorn.Server):
    """A server that says when it is ready, and for which a signal is not a failure."""

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
        if threading.current_thread() is not threading.main_thread():
            yield  # Only the main thread hears signals.
            return
        handlers = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
