"""The simulated API as one object: requests in, responses out, a world behind.

The public paths are answered by the routes. Around them stand, where they are wanted, the faults
that strike a request and the rate limits that turn it away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.api.calls import call_of
from session_lab.simulator.api.checks import Setting
from session_lab.simulator.api.routes import answer, refuse_at_the_door, session_asked_for
from session_lab.simulator.faults.plan import ConnectionLost, ConnectionRefused, FaultPlan, Faults
from session_lab.simulator.faults.rate_limit import Account, Meter, RateLimit, Verdict, account_of
from session_lab.wire.run_status import FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.simulator.faults.plan import FaultState
    from session_lab.simulator.world.world import World

__all__ = ["Service"]


class Service:
    """Answers requests as the API does.

    Parameters
    ----------
    world : World
        The world behind it.
    environments : sequence of Environment
        Whose keys and tokens are accepted; the world's environments go by their ids.
    faults : FaultPlan, optional
        What goes wrong.
    rate_limit : RateLimit, optional
        How many requests are taken; without one, all are.

    Attributes
    ----------
    world : World
        The world behind it.
    fault_state : FaultState
        What the fault plan has counted.
    meters : dict of Account to Meter
        What each account may still send.

    Examples
    --------
    >>> from session_lab.simulator import World
    >>> from session_lab.simulator.api.auth import Environment
    >>> from session_lab.simulator.api.http_types import Request
    >>> world = World()
    >>> _ = world.start("chat-1")
    >>> service = Service(world, [Environment("env_lab", "tr_dev_example")])
    >>> key = {"authorization": "Bearer tr_dev_example"}
    >>> service.handle(Request("GET", "/api/v1/sessions/chat-1", headers=key)).status
    200
    >>> service.handle(Request("GET", "/api/v1/sessions/chat-2", headers=key)).body
    b'{"error":"Not found"}'
    """

    def __init__(
        self,
        world: World,
        environments: Sequence[Environment],
        *,
        faults: FaultPlan | None = None,
        rate_limit: RateLimit | None = None,
    ) -> None:
        self.world = world
        self.rate_limit = rate_limit
        self._setting = Setting(world, tuple(environments))
        self.meters: dict[Account, Meter] = {}
        self.fault_state: FaultState
        self.faults = FaultPlan() if faults is None else faults

    @property
    def faults(self) -> FaultPlan:
        """What goes wrong; a plan that is set begins to count anew."""
        return self._faults

    @faults.setter
    def faults(self, plan: FaultPlan) -> None:
        self._faults = plan
        self.fault_state = plan.begin(seed=self.world.seed, now=self.world.now)

    def handle(self, request: Request) -> Response:
        """Answer a request.

        Raises
        ------
        ConnectionRefused, ConnectionLost
            A fault leaves the request without a reply: before it had any effect, or after.
        """
        faults = self._before(request)
        response = self._respond(request, faults)
        if request.method == "HEAD":
            response = response.without_body()
        return self._after(response, faults)

    def _before(self, request: Request) -> Faults | None:
        """Let faults strike a request that arrives."""
        if not self._faults.rules:
            return None
        call = call_of(request, self.world.now)
        faults, self.fault_state = self._faults.decide(call, self.fault_state)
        if faults.is_refused:
            raise ConnectionRefused
        return faults

    def _respond(self, request: Request, faults: Faults | None) -> Response:
        turned_away = refuse_at_the_door(request)
        if turned_away is not None:
            return turned_away
        if faults is not None and faults.response is not None:
            return faults.response
        verdict = self._verdict(request)
        if verdict is not None and verdict.refusal is not None:
            return verdict.refusal
        setting = self._setting
        if faults is not None:
            setting = setting._replace(list_lag=faults.list_lag)
            if faults.run_status is not None:
                self._end_run(request, setting, faults.run_status)
        response = answer(request, setting)
        return response if verdict is None else response.with_headers(verdict.headers)

    def _after(self, response: Response, faults: Faults | None) -> Response:
        """Let faults strike the reply: it is lost, or late."""
        if faults is None:
            return response
        if faults.is_lost:
            raise ConnectionLost
        return response.delayed(faults.latency)

    def _verdict(self, request: Request) -> Verdict | None:
        """Count a request against the rate limit, if it is limited."""
        if self.rate_limit is None:
            return None
        now = self.world.now
        account = account_of(request, self._setting.environments, now)
        if account is None:
            return None
        verdict, meter = self.rate_limit.take(account, self.meters.get(account), now)
        self.meters[account] = meter
        return verdict

    def _end_run(self, request: Request, setting: Setting, status: str) -> None:
        """End the current run of the session that a request is about, if it is alive."""
        asked = session_asked_for(request, setting)
        if asked is None:
            return
        environment, key = asked
        record = self.world.current_run(key, environment=environment)
        if record is not None and record.run.status not in FINAL_INTERNAL_STATUSES:
            self.world.set_run_status(record.run_id, status)
