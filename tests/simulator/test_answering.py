"""The backend: what stands around the endpoints, and where answers are explained."""

from __future__ import annotations

import json

import pytest

from session_lab.simulator.api.context import ENTRY_HEADER
from session_lab.simulator.faults.plan import (
    ConnectionLost,
    ConnectionRefused,
    FaultPlan,
)
from session_lab.simulator.faults.rate_limit import RateLimit
from session_lab.simulator.faults.rules import FaultRule
from tests.api_lab import CREATE, ApiLab

CHAT = "/api/v1/sessions/chat"
APPEND = "/realtime/v1/sessions/chat/in/append"


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab("2026-10")
    lab.start("chat")
    return lab


# Explanations


@pytest.mark.parametrize(
    ("method", "path", "body", "op"),
    [
        ("POST", "/api/v1/sessions", CREATE | {"externalId": "chat"}, "start"),
        ("POST", "/api/v1/sessions", CREATE | {"externalId": "late", "expiresAt": 0}, "start"),
        ("GET", CHAT, None, "retrieve"),
        ("GET", "/api/v1/sessions/none", None, "retrieve"),
        ("PATCH", CHAT, {"externalId": "other"}, "update"),
        ("POST", f"{CHAT}/close", {}, "close"),
        (
            "POST",
            f"{CHAT}/end-and-continue",
            {"callingRunId": "run_x", "reason": ""},
            "end_and_continue",
        ),
        ("POST", APPEND, "hello", "append"),
        ("POST", "/realtime/v1/sessions/none/in/append", "hello", "append"),
    ],
)
def test_an_answer_says_where_the_journal_explains_it(
    lab: ApiLab, method: str, path: str, body: object, op: str
) -> None:
    response = lab.ask(method, path, body)
    entry = lab.world.journal[int(response.headers[ENTRY_HEADER])]
    assert (entry.op, entry.reply.status_code) == (op, response.status)
    assert lab.world.explain(entry).startswith(f"{response.status}: ")
    assert len(lab.world.journal) == entry.seq + 1


def test_a_cancel_is_explained_too(lab: ApiLab) -> None:
    run_id = lab.json("GET", CHAT)["currentRunId"]
    response = lab.ask("POST", f"/api/v2/runs/{run_id}/cancel")
    entry = lab.world.journal[int(response.headers[ENTRY_HEADER])]
    assert lab.world.explain(entry).startswith("200: ")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/sessions", {}),
        ("POST", f"{CHAT}/close", None),
        ("GET", "/api/v1/nothing", None),
        ("OPTIONS", CHAT, None),
    ],
)
def test_what_never_reaches_the_world_is_not_in_the_journal(
    lab: ApiLab, method: str, path: str, body: object
) -> None:
    before = len(lab.world.journal)
    assert ENTRY_HEADER not in lab.ask(method, path, body).headers
    assert len(lab.world.journal) == before


def test_the_same_requests_make_the_same_world() -> None:
    digests = set()
    for _ in range(2):
        lab = ApiLab()
        lab.start("chat", tags=["a"])
        lab.ask("POST", APPEND, "hello")
        lab.ask("GET", "/api/v1/sessions")
        lab.ask("GET", "/realtime/v1/sessions/chat/out")
        lab.ask("POST", f"{CHAT}/close", {"reason": "done"})
        digests.add(lab.world.digest())
    assert len(digests) == 1


# Rate limits


def test_limited_responses_tell_what_is_left(lab: ApiLab) -> None:
    lab.backend.rate_limit = RateLimit(burst=2, refill=1, interval="10s")
    first = lab.ask("GET", CHAT).headers
    assert (first["x-ratelimit-limit"], first["x-ratelimit-remaining"]) == ("2", "1")
    assert first["x-ratelimit-reset"] == str(lab.world.now + 10_000)
    assert lab.ask("GET", "/api/v1/nothing").headers["x-ratelimit-remaining"] == "0"
    refused = lab.ask("GET", CHAT, origin="https://app.example")
    assert refused.status == 429
    assert json.loads(refused.body)["title"] == "Rate Limit Exceeded"
    assert "access-control-allow-origin" not in refused.headers
    lab.world.clock.advance("10s")
    assert lab.ask("GET", CHAT).status == 200


def test_what_is_not_limited_is_not_counted(lab: ApiLab) -> None:
    lab.backend.rate_limit = RateLimit(burst=1, refill=1, interval="10s")
    for response in (
        lab.ask("POST", APPEND, "x"),
        lab.ask("GET", f"{CHAT}/snapshot-url"),
        lab.ask("OPTIONS", CHAT),
        lab.ask("GET", CHAT, key=None),
        lab.ask("GET", f"{CHAT}/"),
    ):
        assert "x-ratelimit-limit" not in response.headers
    assert lab.ask("GET", CHAT).status == 200


# Faults


def test_a_refused_connection_has_no_effect(lab: ApiLab) -> None:
    lab.backend.faults = FaultPlan([FaultRule("sessions.close", nth=1, refused=True)])
    with pytest.raises(ConnectionRefused):
        lab.ask("POST", f"{CHAT}/close", {})
    assert lab.json("GET", CHAT)["closedAt"] is None
    assert lab.json("POST", f"{CHAT}/close", {})["closedAt"] is not None


def test_a_lost_reply_has_its_effect(lab: ApiLab) -> None:
    lab.backend.faults = FaultPlan([FaultRule("sessions.close", lost=True)])
    with pytest.raises(ConnectionLost):
        lab.ask("POST", f"{CHAT}/close", {})
    assert lab.json("GET", CHAT)["closedAt"] is not None


def test_a_failing_server_has_no_effect_and_uses_no_limit(lab: ApiLab) -> None:
    lab.backend.rate_limit = RateLimit(burst=1, refill=1, interval="10s")
    lab.backend.faults = FaultPlan([FaultRule("sessions.close", nth=1, status=503)])
    response = lab.ask("POST", f"{CHAT}/close", {})
    assert (response.status, ENTRY_HEADER in response.headers) == (503, False)
    assert lab.json("POST", f"{CHAT}/close", {})["closedAt"] is not None


def test_a_late_reply_says_how_late_it_is(lab: ApiLab) -> None:
    rules = [FaultRule("*", latency="2s"), FaultRule("sessions.retrieve", latency="1s")]
    lab.backend.faults = FaultPlan(rules)
    assert lab.ask("GET", CHAT).latency == 3_000
    assert lab.ask("GET", "/api/v1/sessions").latency == 2_000
    lab.backend.faults = FaultPlan()
    assert lab.ask("GET", CHAT).latency == 0


@pytest.mark.parametrize("path", ["/api/v1/sessions", "/api/v1/runs"])
def test_a_lagging_list_does_not_show_what_is_new(lab: ApiLab, path: str) -> None:
    lab.backend.faults = FaultPlan([FaultRule("*.list", list_lag="5s")])
    lab.world.clock.advance("4999ms")
    lab.start("new")
    assert lab.json("GET", path)["data"] == []
    lab.world.clock.advance("1ms")
    assert len(lab.json("GET", path)["data"]) == 1
    lab.backend.faults = FaultPlan()
    assert len(lab.json("GET", path)["data"]) == 2


@pytest.mark.parametrize(
    ("match", "method", "path", "body"),
    [
        ("sessions.append", "POST", APPEND, "x"),
        ("sessions.start", "POST", "/api/v1/sessions", CREATE | {"externalId": " chat "}),
        ("sessions.retrieve", "GET", CHAT, None),
    ],
)
def test_a_run_can_be_made_to_end_just_before_a_call(
    lab: ApiLab, match: str, method: str, path: str, body: object
) -> None:
    first = lab.json("GET", CHAT)["currentRunId"]
    lab.backend.faults = FaultPlan([FaultRule(match, run_status="CRASHED")])
    assert lab.ask(method, path, body, key="wrong").status == 401
    assert lab.world.current_run("chat") == lab.world.run(first)
    assert lab.ask(method, path, body).status == 200
    ended = lab.world.run(first)
    assert ended is not None
    assert ended.run.status == "CRASHED"
    current = lab.world.current_run("chat")
    assert current is not None
    assert (current.run_id == first) is (method == "GET")


def test_a_run_cannot_be_made_to_end_where_there_is_none(lab: ApiLab) -> None:
    lab.backend.faults = FaultPlan([FaultRule("sessions.*", run_status="CRASHED")])
    for method, path, body in (
        ("GET", "/api/v1/sessions/none", None),
        ("GET", "/api/v1/sessions/%zz", None),
        ("POST", "/api/v1/sessions", CREATE),
        ("POST", "/api/v1/sessions", "{"),
        ("POST", "/api/v1/sessions", "[]"),
    ):
        assert lab.ask(method, path, body).status in {201, 400, 404}


def test_a_new_plan_begins_to_count_anew(lab: ApiLab) -> None:
    plan = FaultPlan([FaultRule("sessions.retrieve", nth=1, status=500)])
    for _ in range(2):
        lab.backend.faults = plan
        assert [lab.ask("GET", CHAT).status for _ in range(2)] == [500, 200]
