"""The simulated API: requests in, responses out, a world behind.

Around the endpoints stand, where they are wanted, the faults that strike a request and the rate
limit that turns it away.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import timedelta
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from session_lab.errors import DataError, SimulationError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.simulator.agent.scripted_agent import ScriptedAgent
from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import session_token
from session_lab.simulator.api.rate_limiting import identifier_of
from session_lab.simulator.api.routing import answer, refuse_early, session_asked_for
from session_lab.simulator.api.stores import stream_store
from session_lab.simulator.api.views.sse import written_out
from session_lab.simulator.faults.calls import IncomingCall
from session_lab.simulator.faults.plan import (
    ConnectionLost,
    ConnectionRefused,
    FaultPlan,
    Faults,
    FaultState,
)
from session_lab.simulator.faults.rate_limit import (
    Identifier,
    RateLimit,
    RateLimitResult,
    TokenBucket,
)
from session_lab.simulator.model.trigger_faults import TRIGGER_FAULTS
from session_lab.simulator.world.snapshots.snapshot import Snapshot
from session_lab.simulator.world.world import World
from session_lab.timing import to_instant
from session_lab.wire.endpoints import endpoint_of
from session_lab.wire.run.run_status import FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Follow, Request, Response
    from session_lab.simulator.model.settings.platform import Platform
    from session_lab.simulator.model.settings.policy import RunPolicy
    from session_lab.timing import Instant, VirtualClock

__all__ = ["Backend"]


@answer_mistyped_fields
class Backend:
    """One simulated API; it outlives its world, which a reset replaces.

    Threads may share it: one request is answered at a time, whole.

    Parameters
    ----------
    environments : sequence of Environment
        Whose keys are accepted.
    seed : int
        What identifiers, faults and crashes draw on.
    now : str, datetime or int
        The first instant of the world's clock.
    profile : str
        The published state of the API to follow.
    policy : RunPolicy, optional
        How runs behave.
    platform : Platform, optional
        What the environment does to them.
    faults : FaultPlan or what ``FaultPlan.of`` reads, optional
        What goes wrong.
    rate_limit : RateLimit or bool, optional
        How many requests are taken; True stands for the API's own limits.
    follows_system_clock : bool
        Whether somebody moves the clock along with the machine's, so that nobody else may.
    agent : ScriptedAgent or what ``ScriptedAgent.of`` reads, optional
        What serves turns.

    Raises
    ------
    DataError
        A setting cannot be used, or the environments cannot be told apart.

    Attributes
    ----------
    world : World
        The sessions and runs there are.
    rate_limit : RateLimit or None
        How many requests are taken.
    lock : RLock
        Is held while a request is answered; whoever reads or changes the world beside requests
        that other threads send holds it too.

    Examples
    --------
    >>> from session_lab.simulator.api.auth import Environment
    >>> from session_lab.simulator.api.http_types import Request
    >>> backend = Backend([Environment("env_lab", "tr_dev_example")])
    >>> _ = backend.world.start("chat-1")
    >>> key = {"authorization": "Bearer tr_dev_example"}
    >>> backend.handle(Request("GET", "/api/v1/sessions/chat-1", headers=key)).status
    200
    >>> backend.handle(Request("GET", "/api/v1/sessions/chat-2", headers=key)).body
    b'{"error":"Not found"}'
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        *,
        seed: int = 0,
        now: Instant | int = "2026-01-01T00:00:00Z",
        profile: str = "2026-10",
        policy: RunPolicy | None = None,
        platform: Platform | None = None,
        faults: object = None,
        rate_limit: RateLimit | bool | None = None,
        follows_system_clock: bool = False,
        agent: object = None,
    ) -> None:
        self.environments = _checked(environments)
        self.follows_system_clock = follows_system_clock
        self._seed = seed
        self._now = to_instant(now, name="now")
        self._profile = profile
        self._policy, self._platform = policy, platform
        self._first_faults = FaultPlan.of(faults)
        self._first_agent = ScriptedAgent.of(agent)
        self.rate_limit = RateLimit.of(rate_limit)
        self.lock = threading.RLock()
        self._buckets: dict[Identifier, TokenBucket]
        self._begin(seed, self._now)

    @property
    def clock(self) -> VirtualClock:
        """The world's clock, which only moves when it is told to."""
        return cast("VirtualClock", self.world.clock)

    @property
    def faults(self) -> FaultPlan:
        """What goes wrong; can be set to whatever ``FaultPlan.of`` reads, and then counts anew."""
        return self._faults

    @faults.setter
    def faults(self, choice: object) -> None:
        plan = FaultPlan.of(choice)
        with self.lock:
            self._faults = plan
            self._fault_state = plan.begin(seed=self.world.seed, now=self.world.now)

    @property
    def agent(self) -> ScriptedAgent | None:
        """What serves turns; can be set to whatever ``ScriptedAgent.of`` reads."""
        return self.world.agent

    @agent.setter
    def agent(self, choice: object) -> None:
        with self.lock:
            self.world.agent = choice

    @property
    def trigger_fault(self) -> str | None:
        """How every trigger of a run fails: as a refusal or as a crash; None: it does not."""
        return self.world.trigger_fault

    @trigger_fault.setter
    def trigger_fault(self, fault: str | None) -> None:
        if fault is not None and not (isinstance(fault, str) and fault in TRIGGER_FAULTS):
            message = f"{fault!r} is not one of {', '.join(TRIGGER_FAULTS)} and None"
            raise DataError(message, column="trigger")
        self.world.trigger_fault = fault

    @property
    def settings(self) -> dict[str, Any]:
        """What the backend was made with, as JSON values; it holds the keys."""
        agent = {} if self._first_agent is None else {"agent": self._first_agent.to_dict()}
        return agent | {
            "clock": "real" if self.follows_system_clock else "virtual",
            "now": None if self.follows_system_clock else self._now,
            "seed": self._seed,
            "profile": self._profile,
            "policy": None if self._policy is None else self._policy.to_dict(),
            "platform": None if self._platform is None else self._platform.to_dict(),
            "rate_limit": None if self.rate_limit is None else asdict(self.rate_limit),
            "environments": [asdict(environment) for environment in self.environments],
        }

    def handle(self, request: Request) -> Response:
        """Answer a request to the public API, with the world's time in the header ``date``.

        Raises
        ------
        ConnectionRefused, ConnectionLost
            A fault leaves the request without a reply: before it had any effect, or after.
        """
        with self.lock:
            faults = self._faults_of(request) if self._faults.rules else None
            if faults is not None and faults.is_refused:
                raise ConnectionRefused
            response = self._respond(request, faults)
            if request.method == "HEAD":
                response = response.without_body()
            if faults is not None:
                if faults.is_lost:
                    raise ConnectionLost
                response = response.delayed(faults.latency)
            return response.with_headers({"date": _http_date(self.world.now // 1000)})

    def written_out(self, follow: Follow) -> bytes:
        """Write a whole event stream for a reader that cannot wait for what is to come."""
        with self.lock:
            return written_out(self.world, follow)

    def store_refusal(self, request: Request) -> Response | None:
        """Return why the store of streams lets the sender of a request write nothing."""
        with self.lock:
            return stream_store.refusal(request, self.world, self.environments)

    def _faults_of(self, request: Request) -> Faults:
        endpoint = endpoint_of(request.method, request.path)
        name = None if endpoint is None else endpoint.name
        call = IncomingCall(name, request.method, request.path, self.world.now)
        faults, self._fault_state = self._faults.decide(call, self._fault_state)
        return faults

    def _respond(self, request: Request, faults: Faults | None) -> Response:
        refusal = refuse_early(request)
        if refusal is not None:
            return refusal
        if faults is not None and faults.status is not None:
            return _failure(faults.status, faults)
        limited = None if self.rate_limit is None else self._take(request, self.rate_limit)
        if limited is not None and not limited.success:
            return error_responses.rate_limited(limited, self._present(request))
        if faults is not None and faults.run_status is not None:
            self._end_run(request, faults.run_status)
        list_lag = 0 if faults is None else faults.list_lag
        response = answer(request, self.world, self.environments, list_lag)
        return response if limited is None else response.with_headers(limited.headers)

    def _take(self, request: Request, limit: RateLimit) -> RateLimitResult | None:
        """Count a request against the rate limit, if it is limited.

        Only time fills a bucket again. Where the world's stands still the machine's does, and every
        move of the world's as well.
        """
        identifier = identifier_of(request, self.environments, self.world.now)
        if identifier is None:
            return None
        moved = self.world.now - self._now if self._stands_still_for(request) else 0
        present = self._present(request) + moved
        result, bucket = limit.take(identifier, self._buckets.get(identifier), present)
        self._buckets[identifier] = bucket
        return result._replace(reset=result.reset - moved)

    def _stands_still_for(self, request: Request) -> bool:
        """Return whether the world's time stands still while that of a request's sender goes on."""
        return request.machine_at is not None and not self.follows_system_clock

    def _present(self, request: Request) -> int:
        """Return the present as a request's sender sees it pass, in milliseconds since 1970."""
        machine_at = request.machine_at
        if machine_at is None or not self._stands_still_for(request):
            return self.world.now
        return machine_at

    def _end_run(self, request: Request, status: str) -> None:
        """End the current run of the session that a request is about, if it is alive."""
        asked = session_asked_for(request, self.environments, self.world.now)
        if asked is None:
            return
        environment, key = asked
        record = self.world.current_run(key, environment=environment)
        if record is not None and record.run.status not in FINAL_INTERNAL_STATUSES:
            self.world.set_run_status(record.run_id, status)

    def wait(self, milliseconds: int) -> None:
        """Move the world's time on, as whoever waits for a late reply does."""
        with self.lock:
            self.clock.advance(timedelta(milliseconds=milliseconds))

    def reset(self, *, seed: int = 0, now: Instant | int | None = None) -> None:
        """Begin again with an empty world, and with the faults and the agent of the beginning.

        Parameters
        ----------
        seed : int
            The new world's seed.
        now : str, datetime or int, optional
            Its first instant; by default that of the first world, or, where the clock follows the
            machine's, the present.
        """
        with self.lock:
            first = self.clock.milliseconds() if self.follows_system_clock else self._now
            self._begin(seed, first if now is None else to_instant(now, name="now"))

    def snapshot(self) -> str:
        """Write all there is: what faults and limits have counted on one line, then the world."""
        with self.lock:
            counted = {
                "faults": self._faults.to_dict(),
                "fault_state": self._fault_state,
                "buckets": list(self._buckets.items()),
            }
            return f"{json.dumps(counted)}\n{self.world.snapshot().to_json()}"

    def restore(self, snapshot: str) -> None:
        """Become what :meth:`snapshot` wrote."""
        line, _, world = snapshot.partition("\n")
        counted = json.loads(line)
        seed, since, counts = counted["fault_state"]
        self._adopt(
            Snapshot.from_json(world),
            FaultPlan.from_dict(counted["faults"]),
            FaultState(seed, since, tuple(counts)),
            {Identifier(*name): TokenBucket(*bucket) for name, bucket in counted["buckets"]},
        )

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse to be pickled: requests that are under way cannot go along."""
        message = (
            "a simulator lives in one process; pickle its snapshot() and restore() it there, or "
            "serve it"
        )
        raise SimulationError(message)

    def fork(self) -> Backend:
        """Return a second backend that stands where this one does and goes its own way."""
        other = Backend(
            self.environments,
            seed=self._seed,
            now=self._now,
            profile=self._profile,
            policy=self._policy,
            platform=self._platform,
            faults=self._first_faults,
            rate_limit=self.rate_limit,
            follows_system_clock=self.follows_system_clock,
            agent=self._first_agent,
        )
        with self.lock:
            other._adopt(
                self.world.snapshot(), self._faults, self._fault_state, dict(self._buckets)
            )
        return other

    def _adopt(
        self,
        snapshot: Snapshot,
        faults: FaultPlan,
        fault_state: FaultState,
        buckets: dict[Identifier, TokenBucket],
    ) -> None:
        with self.lock:
            self.world.restore(snapshot)
            self._faults = faults
            self._fault_state = fault_state
            self._buckets = buckets

    def _token_of(self, environment_id: str, session_key: str, now: int) -> str | None:
        """Make the public token of a session; None where its environment has no key here."""
        for environment in self.environments:
            if environment.id == environment_id:
                key = environment.secret_key
                return session_token(
                    environment_id=environment_id, secret_key=key, session_key=session_key, now=now
                )
        return None

    def _begin(self, seed: int, now: int) -> None:
        self.world = World(
            seed=seed,
            now=now,
            policy=self._policy,
            platform=self._platform,
            profile=self._profile,
            agent=self._first_agent,
            mint=self._token_of,
        )
        self._buckets = {}
        self.faults = self._first_faults


def _checked(environments: Sequence[Environment]) -> tuple[Environment, ...]:
    """Return environments that ids and keys tell apart; the messages show no key."""
    ids: set[str] = set()
    keys: set[tuple[str, str | None]] = set()
    for environment in environments:
        for name, value in (
            ("environment_id", environment.id),
            ("secret_key", environment.secret_key),
        ):
            if not isinstance(value, str):
                raise DataError(f"{type(value).__name__} is not text", column=name)
        key = environment.secret_key
        if not key:
            message = f"the environment {environment.id!r} has no key, so nobody could use it"
            raise DataError(message, column="secret_key")
        if not (key.isascii() and key.isprintable()) or " " in key:
            message = f"the key of {environment.id!r} is not printable ASCII without blanks"
            raise DataError(message, column="secret_key")
        if environment.id in ids:
            raise DataError(f"two environments are called {environment.id!r}", column="environment")
        if (key, environment.branch) in keys:
            message = f"{environment.id!r} has the key of another environment; each has its own"
            raise DataError(message, column="secret_key")
        ids.add(environment.id)
        keys.add((key, environment.branch))
    return tuple(environments)


def _failure(status: int, faults: Faults) -> Response:
    """Answer as the server does where it fails, or as a proxy in front of it does."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        result = RateLimitResult(
            success=False, limit=RateLimit().burst, remaining=-1, reset=faults.reset
        )
        return error_responses.rate_limited(result, faults.at)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return error_responses.error(status, HTTPStatus(status).phrase)
    return error_responses.page(status)


@lru_cache(maxsize=1)
def _http_date(seconds: int) -> str:
    """Write an instant as HTTP does; many requests come within one second."""
    return formatdate(seconds, usegmt=True)
