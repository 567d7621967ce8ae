"""A simulated API on a port of this machine, for as long as a test or a notebook needs it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from session_lab.client import AsyncClient, Client
from session_lab.errors import DataError, SimulationError
from session_lab.mistyped import AnswersMistyped, answer_mistyped_fields
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.backend import Backend
from session_lab.simulator.server.app import make_app
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.serving import listen, make_server
from session_lab.timing import instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from session_lab.replays.simulator import AgentChoice
    from session_lab.simulator import ScriptedAgent
    from session_lab.timing import Duration, Instant

__all__ = ["LocalServer"]

_HOST = "127.0.0.1"
_SECONDS_TO_START = 30.0


@answer_mistyped_fields
class LocalServer(AnswersMistyped):
    """A simulated API that any program of this machine can talk to, until :meth:`stop`.

    It serves from a thread of this process, on the loopback interface, on a virtual clock. What
    ``session-lab serve`` has beside that (a real clock, a state file) needs a process of its own.

    Parameters
    ----------
    port : int
        0 takes any that is free.
    secret_key : str
        The key of its one environment, which other programs are given.
    environment_id : str
        The environment's id, which is the ``sub`` of tokens.
    **world
        ``seed``, ``now``, ``profile``, ``policy``, ``agent``, ``faults`` and the other options of
        :class:`~session_lab.Simulator`.

    Raises
    ------
    MissingDependencyError
        The extra ``server`` is not installed.
    DataError
        The port is taken, or an option cannot be used.

    Attributes
    ----------
    url : str
        Where it listens, as ``TRIGGER_API_URL`` wants it.
    secret_key : str
        What ``TRIGGER_SECRET_KEY`` must be.

    Examples
    --------
    >>> import session_lab as sl
    >>> with sl.LocalServer(seed=1) as server, server.client() as client:
    ...     session = client.sessions.start(
    ...         type="chat", task_identifier="agent", trigger_config={"base_payload": {}}
    ...     )
    ...     server.advance("90m")
    ...     server.now()
    '2026-01-01T01:30:00.000Z'
    """

    def __init__(
        self,
        *,
        port: int = 0,
        secret_key: str = "tr_dev_local",  # noqa: S107 (it opens nothing but this server)
        environment_id: str = "env_lab",
        **world: Any,  # noqa: ANN401  the options of a simulator
    ) -> None:
        if not isinstance(port, int):
            raise DataError(f"{port!r} is not the number of a port", column="port")
        self.secret_key = secret_key
        self._backend = Backend([Environment(environment_id, secret_key)], **world)
        self._thread, self._server, actual_port = _start(self._backend, port)
        self.url = f"http://{_HOST}:{actual_port}"
        self._control = Client(secret_key, self.url)

    def __repr__(self) -> str:
        """Show where it listens, or that it has stopped."""
        return f"LocalServer({self.url}, {'running' if self.is_running else 'stopped'})"

    def __enter__(self) -> Self:
        """Return the server, which stops at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which official SDKs and this package's client find it."""
        return {"TRIGGER_API_URL": self.url, "TRIGGER_SECRET_KEY": self.secret_key}

    def client(self, **options: Any) -> Client:  # noqa: ANN401  the client's own options
        """Make a client of it."""
        return Client(self.secret_key, self.url, **options)

    def async_client(self, **options: Any) -> AsyncClient:  # noqa: ANN401  the client's own options
        """Make an asynchronous client of it."""
        return AsyncClient(self.secret_key, self.url, **options)

    @property
    def agent(self) -> ScriptedAgent | None:
        """What serves turns; assign whatever :attr:`Simulator.agent` takes."""
        return self._backend.agent

    @agent.setter
    def agent(self, choice: AgentChoice) -> None:
        self._backend.agent = choice

    def now(self) -> str:
        """Return the instant that the world's clock shows."""
        return str(self.control("GET", "/clock")["now"])

    def advance(self, by: Duration) -> None:
        """Advance the world's clock; whoever follows a stream hears of it."""
        self.control("POST", "/clock/advance", {"ms": to_milliseconds(by, name="by")})

    def reset(self, *, seed: int = 0, now: Instant | None = None) -> None:
        """Begin again with an empty world."""
        first = None if now is None else instant_text(to_instant(now, name="now"))
        self.control("POST", "/reset", {"seed": seed, "now": first})

    def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        """Ask the control API, whose paths are given without ``/_lab``.

        Raises
        ------
        APIStatusError
            The control API refuses.
        SimulationError
            The server has stopped.
        """
        if not self.is_running:
            raise SimulationError("the server has stopped; make another LocalServer")
        return self._control.request(method, f"/_lab{path}", json=body, idempotent=False)

    def stop(self) -> None:
        """Finish requests under way and free the port; a second stop changes nothing."""
        self._control.close()
        self._server.should_exit = True
        self._thread.join()


def _start(backend: Backend, port: int) -> tuple[threading.Thread, Any, int]:
    """Serve a backend from a thread; return the thread, its server and the port."""
    listener = listen(_HOST, port)
    ready = threading.Event()
    sequencer = Sequencer(backend)
    app = make_app(sequencer, guarded=True)
    server = make_server(app, on_ready=ready.set, on_stop=sequencer.stop)

    def run() -> None:
        with listener:
            server.run([listener])

    thread = threading.Thread(target=run, name="session-lab", daemon=True)
    thread.start()
    if not ready.wait(_SECONDS_TO_START):
        raise SimulationError("the server did not start in time")
    return thread, server, listener.getsockname()[1]
