"""The simulated API in one object: a world, clients of it, and its sessions and runs as frames."""

from __future__ import annotations

import warnings
from html import escape
from typing import TYPE_CHECKING, Any

from session_lab.client import AsyncClient, Client
from session_lab.errors import DataError, SessionLabWarning
from session_lab.frames.loaders.from_world import runs_of, sessions_of
from session_lab.mistyped import AnswersMistyped, answer_mistyped_fields, level_of_caller
from session_lab.simulator import Snapshot
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.context import ENTRY_HEADER
from session_lab.simulator.backend import Backend
from session_lab.simulator.control_json import status_warning
from session_lab.simulator.model.randomness import RandomStream
from session_lab.simulator.transport import SimulatorTransport
from session_lab.simulator.world.journal import Entry
from session_lab.simulator.world.world import ENVIRONMENT
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd
    from starlette.types import ASGIApp

    from session_lab.client import RawResponse
    from session_lab.errors import APIStatusError
    from session_lab.simulator import (
        AgentTurn,
        Platform,
        RunPolicy,
        ScriptedAgent,
        World,
    )
    from session_lab.simulator.faults.plan import FaultPlan
    from session_lab.simulator.faults.rate_limit import RateLimit
    from session_lab.simulator.faults.rules import FaultRule
    from session_lab.simulator.world.snapshots.diff import Difference
    from session_lab.timing import Instant, VirtualClock

    AgentChoice = (
        ScriptedAgent | str | Sequence[Any] | Mapping[str, Any] | Callable[[AgentTurn], Any] | None
    )
    FaultsChoice = FaultPlan | FaultRule | Iterable[FaultRule] | Mapping[str, Any] | None

__all__ = ["Simulator"]

_ADDRESS = "http://session-lab"


@answer_mistyped_fields
class Simulator(AnswersMistyped):
    """A simulated Sessions API with virtual time, and everything there is to ask of it.

    Threads may share it: a request is answered whole, one after the other.

    Parameters
    ----------
    seed : int
        What identifiers, part ids, faults and crashes draw on.
    now : str or datetime
        The first instant of its clock.
    profile : str
        The published state of the API to follow.
    policy : RunPolicy, optional
        How runs behave; without one a run lives until :meth:`set_run_status` ends it.
    platform : Platform, optional
        What the environment does to them; with it and no policy, ``RunPolicy()`` holds.
    faults : FaultPlan, FaultRule or iterable of FaultRule, optional
        What goes wrong.
    rate_limit : RateLimit or bool, optional
        How many requests it takes; True stands for the API's own limits, None for no limit.
    secret_key : str
        The key of its one environment.
    agent : ScriptedAgent, "echo", sequence or callable, optional
        What serves turns; with it and no policy, ``RunPolicy()`` holds.
    limits : None
        Refused: the runs of a simulated world never wait for a slot, as those of ``sl.replay`` may.

    Attributes
    ----------
    transport : SimulatorTransport
        Carries the requests of any httpx client to it.

    Examples
    --------
    >>> import session_lab as sl
    >>> sim = sl.Simulator(seed=1)
    >>> client = sim.client()
    >>> config = {"base_payload": {}}
    >>> session = client.sessions.start(
    ...     type="chat", task_identifier="agent", trigger_config=config, external_id="chat-1"
    ... )
    >>> session.is_cached
    False
    >>> _ = client.sessions.close("chat-1", reason="done")
    >>> sim.clock.advance("90m")
    >>> try:
    ...     client.sessions.append("chat-1", "hello?")
    ... except sl.SessionClosedError as error:
    ...     print(sim.explain(error))
    409: the session was closed at 2026-01-01T00:00:00.000Z; closing is final and the external id \
is spent, so append to a new session under another external id
    """

    def __init__(
        self,
        seed: int = 0,
        now: Instant | int = "2026-01-01T00:00:00Z",
        profile: str = "2026-10",
        *,
        policy: RunPolicy | None = None,
        platform: Platform | None = None,
        faults: FaultsChoice = None,
        rate_limit: RateLimit | bool | None = None,
        secret_key: str = "tr_dev_simulated",  # noqa: S107  it opens nothing but this simulator
        agent: AgentChoice = None,
        limits: object = None,
    ) -> None:
        if limits is not None:
            message = (
                "the runs of a simulated world never wait for a slot; "
                "sl.replay(events, limits=...) plays limits"
            )
            raise DataError(message, source="Simulator", column="limits")
        backend = Backend(
            [Environment(ENVIRONMENT, secret_key)],
            seed=seed,
            now=now,
            profile=profile,
            policy=policy,
            platform=platform,
            faults=faults,
            rate_limit=rate_limit,
            agent=agent,
        )
        self._secret_key = secret_key
        self._stand_on(backend, n_clients=0)

    def _stand_on(self, backend: Backend, *, n_clients: int) -> None:
        self._backend = backend
        self._n_clients = n_clients
        self.transport = SimulatorTransport(backend)

    @property
    def world(self) -> World:
        """The world, for what has no method here."""
        return self._backend.world

    @property
    def clock(self) -> VirtualClock:
        """The world's clock: ``.now``, and ``.advance("90m")``."""
        return self._backend.clock

    @property
    def journal(self) -> Sequence[Entry]:
        """Everything that was asked and answered, in order."""
        return self.world.journal

    @property
    def faults(self) -> FaultPlan:
        """What goes wrong; assign a plan, a rule, a list of rules, or None."""
        return self._backend.faults

    @faults.setter
    def faults(self, choice: FaultsChoice) -> None:
        self._backend.faults = choice

    @property
    def trigger_fault(self) -> str | None:
        """How every trigger of a run fails: ``"svc_error"``, ``"throw"``; None: it does not."""
        return self._backend.trigger_fault

    @trigger_fault.setter
    def trigger_fault(self, fault: str | None) -> None:
        self._backend.trigger_fault = fault

    @property
    def agent(self) -> ScriptedAgent | None:
        """What serves turns; assign an agent, ``"echo"``, a list of replies, a callable, or None.

        Turns that were accepted before stay as they are. The first agent of a simulator without a
        run policy brings ``RunPolicy()`` with it, which stays when the agent goes.
        """
        return self._backend.agent

    @agent.setter
    def agent(self, choice: AgentChoice) -> None:
        self._backend.agent = choice

    @property
    def app(self) -> ASGIApp:
        """An ASGI application that serves this very world; needs the extra ``server``."""
        # Starlette is an extra, and slow to load.
        from session_lab.simulator.server.app import make_app  # noqa: PLC0415
        from session_lab.simulator.server.sequencer import Sequencer  # noqa: PLC0415

        return make_app(Sequencer(self._backend))

    def client(self, **options: Any) -> Client:  # noqa: ANN401  those of Client
        """Make a client of this simulator.

        Its waits move the simulator's clock, and what it draws at random comes from the
        simulator's seed, so a script with clients is as repeatable as the world itself.

        Parameters
        ----------
        **options
            Of :class:`~session_lab.Client`, such as ``max_retries``.
        """
        return Client(**self._client_options(self._sleep) | options)

    def async_client(self, **options: Any) -> AsyncClient:  # noqa: ANN401  those of AsyncClient
        """Make an asynchronous client of this simulator; the rest is as in :meth:`client`."""

        async def sleep(seconds: float) -> None:
            self._sleep(seconds)

        return AsyncClient(**self._client_options(sleep) | options)

    def reset(self, seed: int = 0, now: Instant | int | None = None) -> None:
        """Begin again with an empty world; ``now`` is by default the first instant it ever had."""
        self._backend.reset(seed=seed, now=now)

    def set_run_status(self, run_id: str, status: str) -> Entry:
        """Force a run into a status, in the platform's internal names; a final one ends it.

        A name that the platform does not store counts as alive, as it does there: ``COMPLETED``,
        which the API shows, ends no run, while ``COMPLETED_SUCCESSFULLY`` does. Such a name brings
        a :class:`~session_lab.errors.SessionLabWarning`.

        Raises
        ------
        SimulationError
            There is no such run, or a policy decides how live runs go on.
        """
        with self._backend.lock:
            entry = self.world.set_run_status(run_id, status)
        warning = status_warning(status)
        if warning is not None:
            warnings.warn(warning, SessionLabWarning, stacklevel=level_of_caller())
        return entry

    def write_data(self, session: str, data: object, *, channel: str | None = None) -> Entry:
        """Write an object on a session's ``out``, as an agent does.

        Parameters
        ----------
        session : str
            The session, by either of its ids.
        data : JSON value
            What readers get.
        channel : str, optional
            The name of a side channel whose ``out`` is meant.

        Raises
        ------
        SimulationError
            There is no such session.
        """
        with self._backend.lock:
            return self.world.write_data(session, data, channel=channel)

    def write_control(
        self,
        session: str,
        control: str,
        headers: Mapping[str, str] | None = None,
        *,
        channel: str | None = None,
    ) -> Entry:
        """Write a control record on a session's ``out``, as an agent does.

        Parameters
        ----------
        session : str
            The session, by either of its ids.
        control : str
            What the record tells, such as ``"turn-complete"``.
        headers : mapping, optional
            Further headers.
        channel : str, optional
            The name of a side channel whose ``out`` is meant.

        Raises
        ------
        SimulationError
            There is no such session.
        """
        with self._backend.lock:
            return self.world.write_control(session, control, headers, channel=channel)

    def explain(self, reply: Entry | RawResponse[Any] | APIStatusError) -> str:
        """Explain in a sentence why a request was answered as it was.

        Parameters
        ----------
        reply : Entry, RawResponse or APIStatusError
            An entry of the journal, a reply of ``with_raw_response``, or the error of a call.

        Raises
        ------
        DataError
            The reply is none of this world's.
        """
        if isinstance(reply, Entry):
            return self.world.explain(reply)
        if not hasattr(reply, "headers"):
            message = f"{type(reply).__name__} is not an entry of the journal, a reply or an error"
            raise DataError(message, column="reply")
        number = reply.headers.get(ENTRY_HEADER)
        if number is None:
            return f"{reply.status_code}: the request was answered without looking at a session"
        if not number.isdecimal() or int(number) >= len(self.journal):
            message = f"the journal has no entry {number}; the reply is one of another world"
            raise DataError(message, source="reply", column=ENTRY_HEADER)
        return self.world.explain(self.journal[int(number)])

    def digest(self) -> str:
        """Hash everything the world knows (SHA-256); equal worlds have equal digests."""
        with self._backend.lock:
            return self.world.digest()

    def snapshot(self) -> Snapshot:
        """Keep the whole world as a value; ``.to_json()`` writes it."""
        with self._backend.lock:
            return self.world.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Become the world of a snapshot, its clock, seed and policy included.

        Raises
        ------
        DataError
            This is not a snapshot.
        """
        _check_kind(snapshot, Snapshot, "snapshot")
        with self._backend.lock:
            self.world.restore(snapshot)

    def fork(self) -> Simulator:
        """Make a second simulator that stands where this one does and goes its own way."""
        other = Simulator(secret_key=self._secret_key)
        other._stand_on(self._backend.fork(), n_clients=self._n_clients)
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Simulator:
        """Fork."""
        del memo
        return self.fork()

    def diff(self, other: Simulator) -> tuple[Difference, ...]:
        """Return what differs between two worlds: session by session, run by run.

        Raises
        ------
        DataError
            The other is not a simulator.
        """
        _check_kind(other, Simulator, "other")
        with self._backend.lock:
            return self.world.diff(other.world)

    def sessions_frame(self) -> pd.DataFrame:
        """Return the sessions as a frame, observed now."""
        with self._backend.lock:
            return sessions_of(self.world)

    def runs_frame(self) -> pd.DataFrame:
        """Return the runs as a frame, observed now."""
        with self._backend.lock:
            return runs_of(self.world)

    def __repr__(self) -> str:
        """Show the seed, the instant and how much there is."""
        return f"Simulator{repr(self.world).removeprefix('World')}"

    def _repr_html_(self) -> str:
        world = self.world
        facts = {
            "now": instant_text(world.now),
            "seed": world.seed,
            "profile": world.profile.name,
            "policy": world.policy or "none: runs live until they are ended from outside",
            "platform": world.platform or "none",
            "agent": world.agent or "none",
            "sessions": _tally(self.sessions_frame()["status"]),
            "runs": _tally(self.runs_frame()["status"]),
            "requests": f"{len(world.journal):,}",
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{escape(str(fact))}</td></tr>" for name, fact in facts.items()
        )
        return f"<p><b>Simulator</b></p><table>{rows}</table>"

    def _client_options(self, sleep: Callable[[float], object]) -> dict[str, Any]:
        # Each client draws on a stream of its own, so that no two make the same part id.
        with self._backend.lock:
            number, self._n_clients = self._n_clients, self._n_clients + 1
        numbers = RandomStream(self.world.seed, f"clients/{number}")
        return {
            "api_key": self._secret_key,
            "base_url": _ADDRESS,
            # Keeps out the branch that the environment's variables may name for the real API.
            "preview_branch": "default",
            "transport": self.transport,
            "clock": _Time(self._backend),
            "sleep": sleep,
            "uniform": lambda: float(numbers.uniforms(1)[0]),
        }

    def _sleep(self, seconds: float) -> None:
        self._backend.wait(round(seconds * 1000))


class _Time:
    """The time of a simulator, whichever world it has."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def milliseconds(self) -> int:
        return self._backend.clock.milliseconds()


def _check_kind(given: object, kind: type, name: str) -> None:
    if not isinstance(given, kind):
        message = f"{type(given).__name__} is not a {kind.__name__}"
        raise DataError(message, column=name)


def _tally(column: pd.Series) -> str:
    counts = column.value_counts(sort=False)
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "none"
