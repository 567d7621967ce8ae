"""What answers requests: the API's own by the service, those below ``/_lab`` by the control API."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from session_lab.errors import DataError
from session_lab.simulator.control import answer, is_control
from session_lab.simulator.faults.plan import FaultPlan, FaultState
from session_lab.simulator.faults.rate_limit import Account, Meter, RateLimit
from session_lab.simulator.model.trigger_faults import TRIGGER_FAULTS
from session_lab.simulator.service import Service
from session_lab.simulator.world.snapshot import Snapshot
from session_lab.simulator.world.world import World
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.simulator.model.policy import RunPolicy
    from session_lab.timing import Instant, VirtualClock

__all__ = ["Backend"]


class Backend:
    """One simulated API with its control API; it outlives its world, which a reset replaces.

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
    faults : FaultPlan or what ``FaultPlan.of`` reads, optional
        What goes wrong.
    rate_limit : RateLimit or bool, optional
        How many requests are taken; True stands for the API's own limits.
    follows_system_clock : bool
        Whether somebody moves the clock along with the machine's, so that nobody else may.

    Raises
    ------
    DataError
        A setting cannot be used, or the environments cannot be told apart.

    Attributes
    ----------
    world : World
        The sessions and runs there are.
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        *,
        seed: int = 0,
        now: Instant | int = "2026-01-01T00:00:00Z",
        profile: str = "2026-10",
        policy: RunPolicy | None = None,
        faults: object = None,
        rate_limit: RateLimit | bool | None = None,
        follows_system_clock: bool = False,
    ) -> None:
        self.environments = _checked(environments)
        self.follows_system_clock = follows_system_clock
        self._seed = seed
        self._now = to_instant(now, name="now")
        self._profile = profile
        self._policy = policy
        self._first_faults = FaultPlan.of(faults)
        self._rate_limit = RateLimit.of(rate_limit)
        self._begin(seed, self._now)

    @property
    def clock(self) -> VirtualClock:
        """The world's clock, which only moves when it is told to."""
        return cast("VirtualClock", self.world.clock)

    @property
    def faults(self) -> FaultPlan:
        """What goes wrong; can be set to whatever ``FaultPlan.of`` reads."""
        return self._service.faults

    @faults.setter
    def faults(self, choice: object) -> None:
        self._service.faults = FaultPlan.of(choice)

    @property
    def trigger_fault(self) -> str | None:
        """How every trigger of a run fails: as a refusal or as a crash; None: it does not."""
        return self.world.trigger_fault

    @trigger_fault.setter
    def trigger_fault(self, fault: str | None) -> None:
        if fault is not None and fault not in TRIGGER_FAULTS:
            message = f"{fault!r} is none of {', '.join(TRIGGER_FAULTS)} and None"
            raise DataError(message, column="trigger")
        self.world.trigger_fault = fault

    @property
    def settings(self) -> dict[str, Any]:
        """What the backend was made with, as JSON values; it holds the keys."""
        return {
            "clock": "real" if self.follows_system_clock else "virtual",
            "now": None if self.follows_system_clock else self._now,
            "seed": self._seed,
            "profile": self._profile,
            "policy": None if self._policy is None else asdict(self._policy),
            "rate_limit": None if self._rate_limit is None else asdict(self._rate_limit),
            "environments": [asdict(environment) for environment in self.environments],
        }

    def handle(self, request: Request) -> Response:
        """Answer a request, with the world's time in the header ``date``.

        Raises
        ------
        ConnectionRefused, ConnectionLost
            A fault leaves the request without a reply: before it had any effect, or after.
        """
        if is_control(request.path):
            return answer(self, request)
        response = self._service.handle(request)
        return response.with_headers({"date": _http_date(self.world.now // 1000)})

    def wait(self, milliseconds: int) -> None:
        """Let the world's time pass, as whoever waits for a late reply does."""
        self.clock.advance(timedelta(milliseconds=milliseconds))

    def reset(self, *, seed: int = 0, now: Instant | int | None = None) -> None:
        """Begin again with an empty world, and with the faults that there were at first.

        Parameters
        ----------
        seed : int
            The new world's seed.
        now : str, datetime or int, optional
            Its first instant; by default that of the first world, or, where the clock follows the
            machine's, the present.
        """
        first = self.clock.milliseconds() if self.follows_system_clock else self._now
        self._begin(seed, first if now is None else to_instant(now, name="now"))

    def snapshot(self) -> str:
        """Write all there is: what faults and limits have counted on one line, then the world."""
        service = self._service
        counted = {
            "faults": service.faults.to_dict(),
            "fault_state": service.fault_state,
            "meters": list(service.meters.items()),
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
            {Account(*account): Meter(*meter) for account, meter in counted["meters"]},
        )

    def fork(self) -> Backend:
        """Make a second backend that stands where this one does and goes its own way."""
        other = Backend(
            self.environments,
            seed=self._seed,
            now=self._now,
            profile=self._profile,
            policy=self._policy,
            faults=self._first_faults,
            rate_limit=self._rate_limit,
            follows_system_clock=self.follows_system_clock,
        )
        service = self._service
        other._adopt(
            self.world.snapshot(), service.faults, service.fault_state, dict(service.meters)
        )
        return other

    def _adopt(
        self,
        snapshot: Snapshot,
        faults: FaultPlan,
        fault_state: FaultState,
        meters: dict[Account, Meter],
    ) -> None:
        self.world.restore(snapshot)
        self._service.faults = faults
        self._service.fault_state = fault_state
        self._service.meters = meters

    def _begin(self, seed: int, now: int) -> None:
        self.world = World(seed=seed, now=now, policy=self._policy, profile=self._profile)
        self._service = Service(
            self.world,
            self.environments,
            faults=self._first_faults,
            rate_limit=self._rate_limit,
        )


def _checked(environments: Sequence[Environment]) -> tuple[Environment, ...]:
    """Return environments that ids and keys tell apart; the messages show no key."""
    ids: set[str] = set()
    keys: set[tuple[str, str | None]] = set()
    for environment in environments:
        if not environment.secret_key:
            message = f"the environment {environment.id!r} has no key, so nobody could use it"
            raise DataError(message, column="secret_key")
        if environment.id in ids:
            raise DataError(f"two environments are called {environment.id!r}", column="environment")
        if (environment.secret_key, environment.branch) in keys:
            message = f"{environment.id!r} has the key of another environment; each has its own"
            raise DataError(message, column="secret_key")
        ids.add(environment.id)
        keys.add((environment.secret_key, environment.branch))
    return tuple(environments)


@lru_cache(maxsize=1)
def _http_date(seconds: int) -> str:
    """Write an instant as HTTP does; many requests come within one second."""
    return formatdate(seconds, usegmt=True)
