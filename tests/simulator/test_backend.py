"""A simulated API as a whole: what a reset, a snapshot and a fork of it keep."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_lab.errors import DataError
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.faults.plan import FaultPlan
from session_lab.simulator.faults.rate_limit import RateLimit

LAB = Environment("env_lab", "tr_dev_lab")
EVERY_SECOND = [{"match": "sessions.list", "every": 2, "status": 503}]


def listed(backend: Backend) -> Response:
    headers = {"authorization": f"Bearer {LAB.secret_key}"}
    return backend.handle(Request("GET", "/api/v1/sessions", headers=headers))


def statuses(backend: Backend, n: int) -> list[int]:
    return [listed(backend).status for _ in range(n)]


def make(**options: Any) -> Backend:
    return Backend([LAB], **options)


@pytest.mark.parametrize("how", ["snapshot", "fork"])
def test_what_faults_and_limits_have_counted_goes_with_the_world(how: str):
    options: dict[str, Any] = {
        "faults": EVERY_SECOND,
        "rate_limit": RateLimit(burst=4, refill=1, interval="1h"),
    }
    backend = make(**options)
    assert statuses(backend, 3) == [200, 503, 200]
    if how == "fork":
        other = backend.fork()
    else:
        other = make(**options)
        other.restore(backend.snapshot())
    assert other.snapshot() == backend.snapshot()
    rest = statuses(backend, 4)
    assert rest == [503, 200, 503, 200]
    assert statuses(other, 4) == rest
    assert other.snapshot() == backend.snapshot()
    assert statuses(backend, 2) == [503, 429]


def test_replies_carry_the_time_of_the_world():
    backend = make(now="2026-03-01T00:00:59.999Z")
    assert listed(backend).headers["date"] == "Sun, 01 Mar 2026 00:00:59 GMT"
    backend.wait(1)
    assert listed(backend).headers["date"] == "Sun, 01 Mar 2026 00:01:00 GMT"


def test_a_fork_goes_its_own_way():
    backend = make()
    other = backend.fork()
    other.world.start("chat-1")
    other.faults = EVERY_SECOND
    assert len(backend.world.sessions) == 0
    assert statuses(backend, 2) == [200, 200]
    assert statuses(other, 2) == [200, 503]


def test_a_reset_refills_limits_and_restores_the_first_faults():
    backend = make(faults=EVERY_SECOND, rate_limit=RateLimit(burst=1, refill=1))
    assert statuses(backend, 3) == [200, 503, 429]
    backend.faults = None
    backend.reset()
    assert statuses(backend, 3) == [200, 503, 429]


def test_a_reset_changes_seed_and_instant_and_nothing_else():
    backend = make(seed=1, now="2026-03-01T00:00:00Z", profile="2026-08")
    backend.reset(seed=2, now="2026-04-01T00:00:00Z")
    assert (backend.world.seed, backend.world.now) == (2, 1775001600000)
    assert backend.world.profile.name == "2026-08"
    backend.reset()
    assert (backend.world.seed, backend.world.now) == (0, 1772323200000)


@pytest.mark.parametrize("choice", [None, [], FaultPlan(), EVERY_SECOND, {"rules": EVERY_SECOND}])
def test_faults_are_given_in_any_form(choice: Any):
    backend = make()
    backend.faults = choice
    assert backend.faults == FaultPlan.of(choice)


def test_an_unknown_trigger_fault_is_refused():
    backend = make()
    with pytest.raises(DataError, match="'crash' is not one of svc_error, throw and None"):
        backend.trigger_fault = "crash"
    assert backend.trigger_fault is None


def test_the_settings_are_json():
    settings = make(seed=3).settings
    assert json.loads(json.dumps(settings)) == settings
    assert settings["seed"] == 3


def test_a_real_clock_is_no_setting_of_its_first_instant():
    ours = make(now="2026-03-01T00:00:00Z", follows_system_clock=True).settings
    theirs = make(now="2026-04-01T00:00:00Z", follows_system_clock=True).settings
    assert ours == theirs


@pytest.mark.parametrize(
    "options",
    [{"profile": "2020-01"}, {"now": "yesterday"}, {"faults": 1}, {"rate_limit": "much"}],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, Any]):
    with pytest.raises(DataError):
        make(**options)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (Environment("env_lab", "tr_dev_secret"), "two environments are called 'env_lab'"),
        (Environment("env_other", LAB.secret_key), "'env_other' has the key of another"),
        (Environment("env_other", ""), "'env_other' has no key"),
        (Environment("env_other", "two words"), "'env_other' is not printable ASCII"),
        (Environment("env_other", "clé"), "'env_other' is not printable ASCII"),
    ],
    ids=["same id", "same key", "no key", "blank in a key", "letter in a key"],
)
def test_environments_that_cannot_be_told_apart_are_refused(other: Environment, reason: str):
    with pytest.raises(DataError, match=reason) as refusal:
        Backend([LAB, other])
    assert LAB.secret_key not in str(refusal.value)
    assert "tr_dev_secret" not in str(refusal.value)


def test_a_branch_has_the_key_of_the_environment_it_branches_from():
    branch = Environment("env_branch", LAB.secret_key, branch="feature")
    assert Backend([LAB, branch]).environments == (LAB, branch)
