"""What each call puts on the wire and what it returns."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from session_lab.client import AsyncClient, Client
from session_lab.errors import DataError
from session_lab.wire import RetrievedRun, Session, StartedSession, TriggerConfig

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "tr_dev_0123456789abcdefghijklmn"
TOKEN = "eyJh.eyJz.c2ln"
START: dict[str, Any] = {
    "type": "chat",
    "task_identifier": "support",
    "trigger_config": {"base_payload": {"a": 1}},
}


@pytest.fixture
def session(row: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return row(1, triggerConfig={"basePayload": {}})


@pytest.fixture
def started(session: dict[str, Any]) -> dict[str, Any]:
    return session | {"runId": "run_1", "publicAccessToken": TOKEN, "isCached": False}


def ok(body: object, status: int = 200) -> list[httpx.Response]:
    return [httpx.Response(status, json=body)]


def test_a_start_sends_its_fields_and_returns_the_session(connect: Any, started: dict[str, Any]):
    bench = connect(ok(started, 201))

    result = bench.run(
        lambda client: client.sessions.start(
            **START,
            external_id=" chat-1 ",
            tags=("a", "b"),
            metadata={"plan": None},
            expires_at=datetime(2026, 2, 1, 1, tzinfo=UTC),
        )
    )

    assert isinstance(result, StartedSession)
    assert (result.run_id, result.is_cached) == ("run_1", False)
    assert bench.sent() == [("POST", "/api/v1/sessions")]
    assert bench.sent_json() == {
        "type": "chat",
        "taskIdentifier": "support",
        "triggerConfig": {"basePayload": {"a": 1}},
        "externalId": "chat-1",
        "tags": ["a", "b"],
        "metadata": {"plan": None},
        "expiresAt": "2026-02-01T01:00:00.000Z",
    }


def test_a_start_never_sends_null_for_what_was_not_given(connect: Any, started: dict[str, Any]):
    bench = connect(ok(started, 201))

    bench.run(
        lambda client: client.sessions.start(
            **START, external_id=None, tags=None, metadata=None, expires_at=None
        )
    )

    assert set(bench.sent_json()) == {"type", "taskIdentifier", "triggerConfig"}


def test_the_headers_name_the_client_and_the_version_of_the_api(
    connect: Any, session: dict[str, Any]
):
    bench = connect(ok(session), preview_branch="feature/a")

    bench.run(lambda client: client.sessions.update("a", tags=[]))

    headers = bench.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"].startswith("session-lab/")
    assert headers["x-trigger-api-version"] == "2025-07-16"
    assert headers["x-trigger-branch"] == "feature/a"
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(bench.requests[0].content))


def test_a_trigger_config_may_come_from_a_session(connect: Any, started: dict[str, Any]):
    config = TriggerConfig.model_validate({"basePayload": {}, "newerField": 1, "queue": "q"})
    bench = connect(ok(started))

    bench.run(lambda client: client.sessions.start(**START | {"trigger_config": config}))

    assert bench.sent_json()["triggerConfig"] == {"basePayload": {}, "newerField": 1, "queue": "q"}


def test_a_session_is_retrieved_by_either_id(connect: Any, session: dict[str, Any]):
    bench = connect(lambda _request: httpx.Response(200, json=session))

    result = bench.run(lambda client: client.sessions.retrieve("team/chat 1?#é"))

    assert isinstance(result, Session)
    assert bench.sent() == [("GET", "/api/v1/sessions/team%2Fchat%201%3F%23%C3%A9")]


def test_an_update_tells_absent_from_null(connect: Any, session: dict[str, Any]):
    bench = connect(lambda _request: httpx.Response(200, json=session))

    for fields in ({}, {"metadata": None}, {"tags": ["a"], "external_id": None}):
        bench.run(lambda client, fields=fields: client.sessions.update("a", **fields))

    assert bench.sent() == [("PATCH", "/api/v1/sessions/a")] * 3
    assert [request.content for request in bench.requests] == [
        b"{}",
        b'{"metadata":null}',
        b'{"tags":["a"],"externalId":null}',
    ]


def test_a_close_always_sends_an_object(connect: Any, session: dict[str, Any]):
    bench = connect(lambda _request: httpx.Response(200, json=session))

    bench.run(lambda client: client.sessions.close("a"))
    bench.run(lambda client: client.sessions.close("a", reason="done", calling_run_id="run_1"))

    assert bench.sent() == [("POST", "/api/v1/sessions/a/close")] * 2
    assert [request.content for request in bench.requests] == [
        b"{}",
        b'{"reason":"done","callingRunId":"run_1"}',
    ]


def test_an_end_and_continue_returns_the_run_of_the_session(connect: Any):
    bench = connect(ok({"runId": "run_2", "swapped": True}))

    result = bench.run(
        lambda client: client.sessions.end_and_continue(
            "a", calling_run_id="run_1", reason="upgrade", external_deployment_id="d"
        )
    )

    assert (result.run_id, result.swapped) == ("run_2", True)
    assert bench.sent() == [("POST", "/api/v1/sessions/a/end-and-continue")]
    assert bench.sent_json() == {
        "callingRunId": "run_1",
        "reason": "upgrade",
        "externalDeploymentId": "d",
    }


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("plain text", b"plain text"),
        ("", b""),
        ({"kind": "message", "text": "é"}, '{"kind":"message","text":"é"}'.encode()),
        (None, b"null"),
        ([1, True], b"[1,true]"),
    ],
)
def test_an_append_sends_text_as_it_is_and_anything_else_as_json(
    connect: Any, value: object, content: bytes
):
    bench = connect(ok({"ok": True, "seq": 3}))

    result = bench.run(lambda client: client.sessions.append("a", value))

    assert result.seq == 3
    assert bench.sent() == [("POST", "/realtime/v1/sessions/a/in/append")]
    assert bench.requests[0].content == content
    assert bench.requests[0].headers["content-length"] == str(len(content))


def test_every_append_has_a_part_id_of_its_own_unless_one_is_given(connect: Any):
    numbers = iter(index % 97 / 97 for index in range(10_000))
    bench = connect(
        lambda _request: httpx.Response(200, json={"ok": True}), uniform=lambda: next(numbers)
    )

    for part_id in (None, None, "mine-1"):
        bench.run(lambda client, part_id=part_id: client.sessions.append("a", "x", part_id=part_id))

    first, second, third = (request.headers["x-part-id"] for request in bench.requests)
    assert len({first, second}) == 2
    assert len(first) == len(second) == 21
    assert (first + second).isalnum()
    assert third == "mine-1"


def test_records_are_read_from_either_channel(connect: Any):
    record = {"data": "hi", "id": "p", "seqNum": 8}
    bench = connect(lambda _request: httpx.Response(200, json={"records": [record]}))

    result = bench.run(lambda client: client.sessions.records("a", after=7))
    bench.run(lambda client: client.sessions.records("a", io="in"))

    assert [found.seq_num for found in result] == [8]
    assert bench.sent() == [
        ("GET", "/realtime/v1/sessions/a/out/records?afterEventId=7"),
        ("GET", "/realtime/v1/sessions/a/in/records"),
    ]


def test_a_run_is_retrieved_and_cancelled(connect: Any):
    run = {
        "id": "run_1",
        "status": "NEWEST_STATUS",
        "taskIdentifier": "support",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "tags": [],
        "costInCents": 0,
        "baseCostInCents": 0,
        "durationMs": 0,
        "depth": 0,
        "triggerFunction": "trigger",
        "relatedRuns": {},
        **{
            f"is{state}": False
            for state in (
                [
                    "Test",
                    "Queued",
                    "Executing",
                    "Waiting",
                    "Completed",
                    "Success",
                    "Failed",
                    "Cancelled",
                ]
            )
        },
    }
    bench = connect([httpx.Response(200, json=run), httpx.Response(200, json={"id": "run_1"})])

    retrieved = bench.run(lambda client: client.runs.retrieve("run_1"))
    cancelled = bench.run(lambda client: client.runs.cancel("run_1"))

    assert isinstance(retrieved, RetrievedRun)
    assert retrieved.status == "NEWEST_STATUS"
    assert cancelled.id == "run_1"
    assert bench.sent() == [
        ("GET", "/api/v3/runs/run_1"),
        ("POST", "/api/v2/runs/run_1/cancel"),
    ]
    assert bench.requests[1].headers["content-length"] == "0"


def test_any_request_can_be_sent(connect: Any):
    bench = connect(
        [httpx.Response(200, json={"sub": "env_1"}), httpx.Response(204), httpx.Response(200)]
    )

    claims = bench.run(lambda client: client.request("post", "/api/v1/auth/jwt/claims"))
    nothing = bench.run(
        lambda client: client.request(
            "PUT", "/api/x", params={"a b": "c/d"}, json={"e": 1}, headers={"X-Extra": "1"}
        )
    )

    assert claims == {"sub": "env_1"}
    assert nothing is None
    assert bench.sent() == [
        ("POST", "/api/v1/auth/jwt/claims"),
        ("PUT", "/api/x?a%20b=c%2Fd"),
    ]
    assert bench.requests[1].headers["x-extra"] == "1"
    assert bench.sent_json() == {"e": 1}


CIRCULAR: list[object] = []
CIRCULAR.append(CIRCULAR)


@pytest.mark.parametrize(
    ("use", "column"),
    [
        (lambda c: c.sessions.retrieve(""), "id"),
        (lambda c: c.sessions.retrieve(" \ufeff"), "id"),
        (lambda c: c.sessions.retrieve(None), "id"),
        (lambda c: c.sessions.retrieve(".."), "id"),
        (lambda c: c.sessions.retrieve("a%2Fb"), "id"),
        (lambda c: c.sessions.retrieve("\ud83d"), "id"),
        (lambda c: c.runs.cancel(""), "id"),
        (lambda c: c.sessions.start(**START | {"type": "a" * 65}), "type"),
        (lambda c: c.sessions.start(**START, external_id="session_1"), "external_id"),
        (lambda c: c.sessions.start(**START, tags="vip"), "tags"),
        (lambda c: c.sessions.start(**START, tags=["a", "b" * 129]), "tags[1]"),
        (lambda c: c.sessions.start(**START, expires_at=1_767_225_600), "expires_at"),
        (lambda c: c.sessions.start(**START, expires_at="2026-01-01T00:00:00"), "expires_at"),
        (lambda c: c.sessions.start(**START, expires_at=timedelta(hours=1)), "expires_at"),
        (lambda c: c.sessions.start(**START, metadata={"a": object()}), "metadata.a"),
        (lambda c: c.sessions.start(**START, metadata={"a": float("nan")}), "metadata.a"),
        (lambda c: c.sessions.start(**START, metadata={"a": "x" * 32_768}), "body"),
        (lambda c: c.sessions.start(**START, metadata={"a": "\ud83d"}), "metadata.a"),
        (
            lambda c: c.sessions.start(**START | {"trigger_config": {"basePayload": 1}}),
            "trigger_config.base_payload",
        ),
        (
            lambda c: c.sessions.start(
                **START | {"trigger_config": {"base_payload": {}, "max_attempts": 11}}
            ),
            "trigger_config.max_attempts",
        ),
        (
            lambda c: c.sessions.start(
                **START | {"trigger_config": {"base_payload": {}, "machin": "micro"}}
            ),
            "trigger_config",
        ),
        (lambda c: c.sessions.update("a", tags=None), "tags"),
        (lambda c: c.sessions.close("a", reason="é" * 257), "reason"),
        (
            lambda c: c.sessions.end_and_continue("a", calling_run_id="r" * 1024, reason="x"),
            "body",
        ),
        (lambda c: c.sessions.append("a", "x", io="both"), "io"),
        (lambda c: c.sessions.append("a", "x", part_id=""), "part_id"),
        (lambda c: c.sessions.append("a", "x", part_id="é"), "part_id"),
        (lambda c: c.sessions.append("a", "\ud83d"), "value"),
        (lambda c: c.sessions.append("a", object()), "value"),
        (lambda c: c.sessions.append("a", CIRCULAR), "value"),
        (lambda c: c.sessions.append("a", "x" * 1_048_577), "value"),
        (lambda c: c.sessions.append("a", '"' * 600_000), "value"),
        (lambda c: c.sessions.records("a", after=-1), "after"),
        (lambda c: c.sessions.records("a", after="3,1,70"), "after"),
        (lambda c: c.sessions.stream("a", last_event_id="1-0"), "last_event_id"),
        (lambda c: c.sessions.stream("a", timeout="601s"), "timeout"),
        (lambda c: c.sessions.stream("a", timeout="1500ms"), "timeout"),
        (lambda c: c.sessions.stream("a", timeout=30), "timeout"),
        (lambda c: c.sessions.list(status="active"), "status"),
        (lambda c: c.sessions.list(tag=[]), "tag"),
        (lambda c: c.sessions.list(tag=[1]), "tag"),
        (lambda c: c.sessions.list(period="0"), "period"),
        (lambda c: c.sessions.list(period=7), "period"),
        (lambda c: c.sessions.list(from_=0), "from_"),
        (lambda c: c.sessions.list(limit=101), "limit"),
        (lambda c: c.sessions.list(after="a", before="b"), "before"),
        (lambda c: c.runs.list(period="1d", to="2026-01-01T00:00:00Z"), "period"),
        (lambda c: c.runs.list(tag="a,b"), "tag"),
        (lambda c: c.request("GET", "https://elsewhere.example/"), "path"),
        (lambda c: c.request("GET", "/a", headers={"Authorization": "Bearer x"}), "headers"),
        (lambda c: c.request("GET", "/a", headers={"X-A": "b\r\nc: d"}), "X-A"),
        (lambda c: c.request("POST", "/a", json={1, 2}), "json"),
    ],
)
def test_what_breaks_a_limit_is_refused_by_name_before_anything_is_sent(
    connect: Any, use: Callable[[Any], Any], column: str
):
    bench = connect([])

    with pytest.raises(DataError) as caught:
        bench.run(use)

    assert caught.value.column == column
    assert bench.requests == []


def test_a_body_just_within_its_limit_is_sent(connect: Any, session: dict[str, Any]):
    bench = connect(ok(session))
    frame = len(b'{"metadata":{"a":""}}')

    bench.run(lambda client: client.sessions.update("a", metadata={"a": "x" * (32_768 - frame)}))

    assert bench.requests[0].headers["content-length"] == "32768"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("group", "name"),
    [("sessions", "start"), ("sessions", "list"), ("sessions", "stream"), ("runs", "retrieve")],
)
def test_methods_have_the_signature_and_documentation_of_their_call(
    kind: type[Any], group: str, name: str
):
    client = kind(KEY)

    methods = [getattr(getattr(client, group), name), getattr(getattr(client.dry_run, group), name)]

    for method in methods:
        assert method.__name__ == name
        assert "Parameters\n" in inspect.getdoc(method)
        assert "self" not in inspect.signature(method).parameters
    plain, dry = (inspect.signature(method) for method in methods)
    assert plain.parameters == dry.parameters
    assert dry.return_annotation == "Request"


def test_both_clients_have_the_same_calls():
    blocking, asynchronous = Client(KEY), AsyncClient(KEY)

    for path in ("sessions", "runs", "with_raw_response", "dry_run"):
        assert public(getattr(blocking, path)) == public(getattr(asynchronous, path))
    assert public(blocking) == public(asynchronous)


def public(thing: object) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_")]
