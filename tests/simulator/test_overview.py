"""What the page at ``/_lab/`` is given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.front import handle
from session_lab.simulator.overview import N_NEWEST

HOSTILE = '<img src=x onerror="alert(1)">/..%2F'


@pytest.fixture
def backend() -> Backend:
    return Backend([Environment("env_lab", "tr_dev_a"), Environment("env_other", "tr_dev_b")])


def ask(backend: Backend, method: str, path: str, body: Any = None) -> Response:
    content = b"" if body is None else json.dumps(body).encode()
    return handle(backend, Request(method, path, body=content))


def told(backend: Backend, path: str) -> Any:
    response = ask(backend, "GET", path)
    assert response.status == 200, response.body
    return json.loads(response.body)


def test_the_page_is_three_files_that_may_load_nothing_from_elsewhere(backend: Backend):
    for path, kind in (
        ("/_lab/", "text/html"),
        ("/_lab/page.css", "text/css"),
        ("/_lab/page.js", "text/javascript"),
    ):
        response = ask(backend, "GET", path)
        assert response.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert b"http://" not in response.body
        assert b"https://" not in response.body
    moved = ask(backend, "GET", "/_lab")
    assert (moved.status, moved.headers["location"]) == (308, "/_lab/")


def test_an_empty_world_has_a_clock_and_nothing_else(backend: Backend):
    world = told(backend, "/_lab/overview")
    assert (world["now"], world["clock"], world["seed"]) == (
        "2026-01-01T00:00:00.000Z",
        "virtual",
        0,
    )
    assert (world["sessions"], world["runs"], world["journal"], world["sessionCount"]) == (
        [],
        [],
        [],
        0,
    )


def test_what_is_shown_is_the_newest_of_every_environment_and_the_whole_is_counted(
    backend: Backend,
):
    for number in range(N_NEWEST + 5):
        backend.world.start(f"chat-{number}")
    backend.world.start("elsewhere", environment="env_other")
    world = told(backend, "/_lab/overview")
    assert world["sessionCount"] == world["requestCount"] == N_NEWEST + 6
    names = [session["externalId"] for session in world["sessions"]]
    assert names[:2] == [f"chat-{N_NEWEST + 4}", f"chat-{N_NEWEST + 3}"]
    assert (len(names), names[-1]) == (N_NEWEST + 1, "elsewhere")
    assert len(world["journal"]) == N_NEWEST
    assert "elsewhere" in world["journal"][0]


@pytest.mark.parametrize("external_id", ["chat-1", "a b", "日本", '<b>"bold"</b>'])
def test_a_session_is_shown_with_its_runs_and_its_records_newest_first(
    backend: Backend, external_id: str
):
    world = backend.world
    world.start(external_id, environment="env_other")
    world.append(external_id, "one", environment="env_other")
    world.append(external_id, "two", environment="env_other")
    world.write_control(external_id, "turn-complete", environment="env_other")
    session = world.session(external_id, environment="env_other")
    assert session is not None
    detail = told(backend, f"/_lab/sessions/{session.session_id}")
    assert detail["session"]["externalId"] == external_id
    assert [run["reason"] for run in detail["runs"]] == ["initial"]
    assert [(each["seq"], each["data"]) for each in detail["records"]["in"]] == [
        (1, "two"),
        (0, "one"),
    ]
    assert [each["control"] for each in detail["records"]["out"]] == ["turn-complete"]


def test_a_session_is_closed_in_its_own_environment(backend: Backend):
    backend.world.start("chat-1", environment="env_other")
    response = ask(backend, "POST", "/_lab/sessions/chat-1/close", {"reason": "seen enough"})
    session = json.loads(response.body)["session"]
    assert (session["status"], session["closedReason"]) == ("CLOSED", "seen enough")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_that_is_not_there_is_a_404(backend: Backend, method: str):
    path = "/_lab/sessions/nobody" + ("/close" if method == "POST" else "")
    response = ask(backend, method, path, {} if method == "POST" else None)
    assert response.status == 404
    assert json.loads(response.body)["field"] == "session"


@pytest.mark.parametrize("path", ["/_lab/sessions/", "/_lab/sessions/a/b", "/_lab/sessions/a%ZZ"])
def test_other_paths_are_named_as_unknown(backend: Backend, path: str):
    assert ask(backend, "GET", path).status == 404


def test_faults_are_shown_as_they_were_set(backend: Backend):
    ask(backend, "PUT", "/_lab/faults", {"trigger": "throw"})
    assert told(backend, "/_lab/faults")["trigger"] == "throw"
    assert told(backend, "/_lab/overview")["faults"] == told(backend, "/_lab/faults")
