"""The control API, request by request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_lab.simulator import RunPolicy
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.faults.plan import ConnectionLost
from session_lab.simulator.front import handle

KEY = "tr_dev_control"
PATHS = [
    "/_lab",
    "/_lab/",
    "/_lab/page.css",
    "/_lab/page.js",
    "/_lab/overview",
    "/_lab/agent",
    "/_lab/clock",
    "/_lab/clock/advance",
    "/_lab/faults",
    "/_lab/journal",
    "/_lab/reset",
    "/_lab/runs",
    "/_lab/runs/{run_id}",
    "/_lab/sessions",
    "/_lab/sessions/{session}",
    "/_lab/sessions/{session}/close",
    "/_lab/sessions/{session}/out",
    "/_lab/snapshot",
]


@pytest.fixture
def backend() -> Backend:
    return Backend([Environment("env_lab", KEY), Environment("env_other", "tr_dev_other")])


def ask(backend: Backend, method: str, path: str, body: Any = None) -> Response:
    content = b"" if body is None else json.dumps(body).encode()
    return handle(backend, Request(method, path, body=content))


def told(backend: Backend, method: str, path: str, body: Any = None) -> Any:
    response = ask(backend, method, path, body)
    assert response.status == 200, response.body
    return json.loads(response.body)


def lines(backend: Backend, path: str) -> list[dict[str, Any]]:
    response = ask(backend, "GET", path)
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.body.splitlines()]


def start(backend: Backend, external_id: str, key: str = KEY) -> Response:
    body = {
        "type": "chat",
        "taskIdentifier": "agent",
        "externalId": external_id,
        "triggerConfig": {"basePayload": {"topic": "tea"}, "machine": "micro"},
    }
    content = json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}", "content-length": str(len(content))}
    return handle(backend, Request("POST", "/api/v1/sessions", headers=headers, body=content))


def run_id(backend: Backend) -> str:
    return json.loads(start(backend, "chat-1").body)["runId"]


def test_the_clock_stands_still_until_it_is_advanced(backend: Backend):
    first = {"now": "2026-01-01T00:00:00.000Z", "ms": 1767225600000, "seed": 0}
    assert told(backend, "GET", "/_lab/clock") == first
    assert told(backend, "GET", "/_lab/clock") == first
    later = told(backend, "POST", "/_lab/clock/advance", {"ms": 1500})
    assert later["now"] == "2026-01-01T00:00:01.500Z"


def test_a_reset_begins_a_new_world_with_seed_and_instant(backend: Backend):
    before = json.loads(start(backend, "chat-1").body)["id"]
    shown = told(backend, "POST", "/_lab/reset", {"seed": 7, "now": "2027-01-01T00:00:00Z"})
    assert (shown["now"], shown["seed"]) == ("2027-01-01T00:00:00.000Z", 7)
    assert lines(backend, "/_lab/sessions") == lines(backend, "/_lab/journal") == []
    assert json.loads(start(backend, "chat-1").body)["id"] != before


@pytest.mark.parametrize("body", [None, {}])
def test_a_reset_of_nothing_in_particular_is_how_it_all_began(backend: Backend, body: Any):
    before = start(backend, "chat-1")
    told(backend, "POST", "/_lab/clock/advance", {"ms": 1})
    told(backend, "PUT", "/_lab/faults", {"rules": [{"match": "*", "status": 503}]})
    told(backend, "PUT", "/_lab/faults", {"trigger": "throw"})
    told(backend, "POST", "/_lab/reset", body)
    assert start(backend, "chat-1") == before


def test_a_run_shows_what_it_was_given(backend: Backend):
    run = told(backend, "GET", f"/_lab/runs/{run_id(backend)}")
    (session,) = lines(backend, "/_lab/sessions")
    assert run["taskIdentifier"] == "agent"
    assert run["payload"] == {"topic": "tea", "sessionId": session["id"]}
    assert run["options"] == {"machine": "micro"}
    assert (run["reason"], run["status"], run["isFinal"]) == ("initial", "PENDING", False)


def test_a_run_is_forced_into_a_status(backend: Backend):
    name = run_id(backend)
    told(backend, "POST", "/_lab/clock/advance", {"ms": 1000})
    run = told(backend, "POST", f"/_lab/runs/{name}", {"status": "CRASHED"})
    assert (run["status"], run["isFinal"], run["endCause"]) == ("CRASHED", True, "crash")
    assert run["endedAt"] == "2026-01-01T00:00:01.000Z"
    assert json.loads(start(backend, "chat-1").body)["runId"] != name
    assert lines(backend, "/_lab/runs")[0]["id"] == name


def test_a_status_that_the_platform_does_not_store_leaves_the_run_alive_and_is_remarked_upon(
    backend: Backend,
):
    path = f"/_lab/runs/{run_id(backend)}"
    run = told(backend, "POST", path, {"status": "COMPLETED"})
    assert (run["status"], run["isFinal"]) == ("COMPLETED", False)
    assert "shows COMPLETED_SUCCESSFULLY as COMPLETED" in run["warning"]
    assert "warning" not in told(backend, "POST", path, {"status": "COMPLETED_SUCCESSFULLY"})


def test_runs_of_every_environment_are_reached(backend: Backend):
    name = json.loads(start(backend, "chat-1", "tr_dev_other").body)["runId"]
    assert told(backend, "GET", f"/_lab/runs/{name}")["id"] == name
    assert lines(backend, "/_lab/sessions")[0]["environment"] == "env_other"


def test_a_policy_keeps_live_runs_from_being_moved():
    backend = Backend([Environment("env_lab", KEY)], policy=RunPolicy())
    name = run_id(backend)
    response = ask(backend, "POST", f"/_lab/runs/{name}", {"status": "EXECUTING"})
    assert response.status == 400
    assert "under a run policy runs move by themselves" in json.loads(response.body)["error"]


def test_sessions_show_status_and_what_the_api_shows(backend: Backend):
    start(backend, "chat-1")
    (session,) = lines(backend, "/_lab/sessions")
    assert session["status"] == "ACTIVE"
    assert session["triggerConfig"]["basePayload"] == {"topic": "tea"}
    assert session["currentRunId"] == lines(backend, "/_lab/runs")[0]["id"]


def test_the_journal_tells_what_was_asked_and_answered(backend: Backend):
    start(backend, "chat-1")
    start(backend, "chat-1")
    entries = lines(backend, "/_lab/journal")
    assert [(entry["op"], entry["status_code"]) for entry in entries] == [
        ("start", 201),
        ("start", 200),
    ]


def test_a_fault_plan_strikes_until_it_is_cleared(backend: Backend):
    plan = {"rules": [{"match": "sessions.start", "lost": True}]}
    assert told(backend, "PUT", "/_lab/faults", plan) == plan | {"trigger": None}
    with pytest.raises(ConnectionLost):
        start(backend, "chat-1")
    assert told(backend, "DELETE", "/_lab/faults") == {"rules": [], "trigger": None}
    assert start(backend, "chat-1").status == 200


@pytest.mark.parametrize(("fault", "status"), [("svc_error", 422), ("throw", 500)])
def test_triggers_fail_until_they_are_told_not_to(backend: Backend, fault: str, status: int):
    assert told(backend, "PUT", "/_lab/faults", {"trigger": fault})["trigger"] == fault
    assert start(backend, "chat-1").status == status
    told(backend, "PUT", "/_lab/faults", {"trigger": None})
    assert start(backend, "chat-1").status == 200


def test_what_setting_faults_answered_sets_them_again(backend: Backend):
    both = {"rules": [{"match": "sessions.list", "status": 503}], "trigger": "throw"}
    assert told(backend, "PUT", "/_lab/faults", both) == both
    assert told(backend, "PUT", "/_lab/faults", both) == both
    assert start(backend, "chat-1").status == 500
    assert told(backend, "PUT", "/_lab/faults", {"trigger": None}) == both | {"trigger": None}


def test_a_snapshot_brings_a_world_back(backend: Backend):
    start(backend, "chat-1")
    snapshot = ask(backend, "GET", "/_lab/snapshot")
    start(backend, "chat-2")
    told(backend, "POST", "/_lab/clock/advance", {"ms": 1000})
    response = handle(backend, Request("PUT", "/_lab/snapshot", body=snapshot.body))
    assert json.loads(response.body)["ms"] == 1767225600000
    assert [row["externalId"] for row in lines(backend, "/_lab/sessions")] == ["chat-1"]
    assert ask(backend, "GET", "/_lab/snapshot") == snapshot


@pytest.mark.parametrize(
    ("request_", "field", "allowed"),
    [
        (("POST", "/_lab/clock/advance", {"ms": -1}), "ms", "whole milliseconds, 0 or more"),
        (("POST", "/_lab/clock/advance", {"ms": 1.5}), "ms", "whole milliseconds, 0 or more"),
        (("POST", "/_lab/clock/advance", {"ms": "1"}), "ms", "whole milliseconds, 0 or more"),
        (("POST", "/_lab/clock/advance", {"ms": True}), "ms", "whole milliseconds, 0 or more"),
        (("POST", "/_lab/clock/advance", {"ms": 10**15}), "ms", "whole milliseconds, 0 or more"),
        (("POST", "/_lab/clock/advance", {}), "ms", "whole milliseconds, 0 or more"),
        (("POST", "/_lab/clock/advance", {"s": 1}), "s", "the fields ms"),
        (("POST", "/_lab/reset", {"seed": "x"}), "seed", "a whole number"),
        (("POST", "/_lab/reset", {"now": "today"}), "now", "an instant such as 2026-"),
        (("POST", "/_lab/reset", []), "", "the fields seed, now"),
        (("POST", "/_lab/runs/RUN", {"status": "crashed"}), "status", "internal name"),
        (("POST", "/_lab/runs/RUN", {"status": 1}), "status", "internal name"),
        (("PUT", "/_lab/faults", {"trigger": "crash"}), "trigger", "svc_error"),
        (("PUT", "/_lab/faults", {"trigger": 1}), "trigger", "svc_error"),
        (("PUT", "/_lab/faults", {"rules": 1}), "rules", "rules"),
        (("PUT", "/_lab/faults", {"rules": 1, "trigger": "throw"}), "rules", "rules"),
        (("PUT", "/_lab/faults", {"rules": [], "trigger": 1}), "trigger", "svc_error"),
        (("PUT", "/_lab/faults", {"rules": [{"match": "x"}]}), "rules[0]", "rules"),
        (("PUT", "/_lab/snapshot", {"format": 0}), "", "what GET /_lab/snapshot answered"),
    ],
    ids=str,
)
def test_a_bad_request_is_told_what_was_wrong_where_and_what_is_allowed(
    backend: Backend, request_: tuple[str, str, Any], field: str, allowed: str
):
    method, path, body = request_
    path = path.replace("RUN", run_id(backend))
    before = backend.snapshot()
    response = ask(backend, method, path, body)
    assert response.status == 400
    answer = json.loads(response.body)
    assert answer.keys() == {"error", "field", "allowed"}
    assert answer["field"].startswith(field)
    assert allowed in answer["allowed"]
    assert answer["error"]
    assert backend.snapshot() == before


def test_a_snapshot_of_an_unknown_profile_changes_nothing(backend: Backend):
    start(backend, "chat-1")
    before = backend.snapshot()
    snapshot = told(backend, "GET", "/_lab/snapshot") | {"profile": "2020-01", "seed": 9}
    assert ask(backend, "PUT", "/_lab/snapshot", snapshot).status == 400
    assert backend.snapshot() == before


@pytest.mark.parametrize("content", [b"{", b"\xff", b"NaN", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(backend: Backend, content: bytes):
    response = handle(backend, Request("POST", "/_lab/reset", body=content))
    assert response.status == 400
    assert "JSON" in json.loads(response.body)["error"]


def test_time_cannot_be_advanced_beyond_the_calendar(backend: Backend):
    told(backend, "POST", "/_lab/reset", {"now": "9999-12-31T23:59:59Z"})
    response = ask(backend, "POST", "/_lab/clock/advance", {"ms": 1000})
    assert response.status == 400
    assert json.loads(response.body)["field"] == "ms"


@pytest.mark.parametrize("path", ["/_lab/clocks", "/_lab/runs/a/b", "/_lab/%"])
def test_an_unknown_path_lists_those_there_are(backend: Backend, path: str):
    response = ask(backend, "GET", path)
    assert (response.status, json.loads(response.body)["allowed"]) == (404, PATHS)


def test_a_missing_run_is_not_found(backend: Backend):
    for method, body in (("GET", None), ("POST", {"status": "CRASHED"})):
        assert ask(backend, method, "/_lab/runs/run_missing", body).status == 404


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_method_is_told_the_right_ones(backend: Backend, path: str):
    response = ask(backend, "PATCH", path)
    assert response.status == 405
    assert response.headers["allow"] == ", ".join(json.loads(response.body)["allowed"])


def test_a_clock_that_follows_the_machine_cannot_be_set():
    backend = Backend([], follows_system_clock=True)
    for path, body in (
        ("/_lab/clock/advance", {"ms": 1}),
        ("/_lab/reset", {"now": "2026-01-01T00:00:00Z"}),
    ):
        response = ask(backend, "POST", path, body)
        assert response.status == 400
        assert "--clock virtual" in json.loads(response.body)["error"]
    backend.clock.advance("1h")
    assert told(backend, "POST", "/_lab/reset")["now"] == "2026-01-01T01:00:00.000Z"


# What an agent writes


def test_objects_and_control_records_are_written_as_an_agent_does(backend: Backend):
    backend.world.start("chat", environment="env_other")
    path = "/_lab/sessions/chat/out"
    for data in ({"type": "text-delta", "delta": "hi"}, None, [1], "text"):
        told(backend, "POST", path, {"data": data})
    headers = {"session-in-event-id": "3"}
    done = told(backend, "POST", path, {"control": "turn-complete", "headers": headers})
    assert done == {"seq": 4}
    records = backend.world.records("chat", environment="env_other")
    assert [record.data for record in records[:-1]] == [
        {"type": "text-delta", "delta": "hi"},
        None,
        [1],
        "text",
    ]
    assert len({record.part_id for record in records[:-1]}) == 4
    assert dict(records[-1].headers) == {"trigger-control": "turn-complete"} | headers
    assert told(backend, "POST", path, {"data": 1, "channel": "frames"}) == {"seq": 0}
    assert len(backend.world.records("chat", channel="frames", environment="env_other")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "control"),
        ({"data": 1, "control": "x"}, "control"),
        ({"data": 1, "headers": {"a": "b"}}, "headers"),
        ({"control": ""}, "control"),
        ({"control": "x", "headers": {"a": 1}}, "headers.a"),
        ({"data": 1, "channel": "a b"}, "channel"),
        ({"control": "x", "headers": {"": "y"}}, "headers"),
        ({"data": "x" * 1_048_000 + "é" * 500}, "data"),
        ({"datum": 1}, "datum"),
    ],
)
def test_what_no_agent_writes_is_refused(backend: Backend, body: Any, field: str):
    backend.world.start("chat")
    response = ask(backend, "POST", "/_lab/sessions/chat/out", body)
    assert (response.status, json.loads(response.body)["field"]) == (400, field)
    assert backend.world.records("chat") == ()


def test_nobodys_channel_is_not_written_to(backend: Backend):
    assert ask(backend, "POST", "/_lab/sessions/nobody/out", {"data": 1}).status == 404
