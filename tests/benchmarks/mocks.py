"""The readable engine against what teams test with today: httpx calls that respx answers.

The mock is used as its documentation shows, and spared what it can be: routes are set once, one
client stays open, and of each reply only the body is read. It keeps no state: whatever happened
before, a call gets the same answer. So the log holds only the events that the engine answers
likewise.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import respx

from session_lab.traffic.engine.engine_result import NONE
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.logs import chats
from tests.benchmarks.replays import DEFAULT, as_log, played_by_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.traffic.engine.engine_result import EngineResult

__all__ = ["BENCHMARKS", "engine"]

BASE_URL = "https://api.trigger.dev"
STATUS = {"start": 201, "message": 200, "retrieve": 200, "close": 200}
SESSION = {
    "id": "session_cm5yk3m2p0000abcd1234efgh",
    "externalId": "chat-00001",
    "type": "chat.agent",
    "taskIdentifier": "support-chat",
    "triggerConfig": {"basePayload": {"chatId": "chat-00001"}},
    "currentRunId": "run_cm5yk3m2q0001abcd1234efgh",
    "tags": ["chat:chat-00001"],
    "metadata": None,
    "closedAt": None,
    "closedReason": None,
    "expiresAt": None,
    "createdAt": "2026-01-01T09:00:00.000Z",
    "updatedAt": "2026-01-01T09:00:00.000Z",
}
STARTED = {
    **SESSION,
    "runId": SESSION["currentRunId"],
    "publicAccessToken": "a-made-up-token",
    "isCached": False,
}
CLOSED = {**SESSION, "closedAt": "2026-01-01T10:00:00.000Z", "closedReason": "done"}


@contextmanager
def engine(n_chats: int = 300) -> Iterator[tuple[Side, Side]]:
    """Answer the same events, the engine by the rules and the mock by its routes."""
    events = chats(n_chats)
    answered = played_by_engine(as_log(events, DEFAULT)).status_code.tolist()
    alike = [
        event for event, code in zip(events, answered, strict=True) if code == STATUS[event["op"]]
    ]
    log = as_log(alike, DEFAULT)
    with (
        respx.mock(base_url=BASE_URL, assert_all_called=False) as router,
        httpx.Client(base_url=BASE_URL, headers={"Authorization": "Bearer made-up"}) as client,
    ):
        _set_routes(router)
        yield (
            Side(
                f"readable engine, {len(alike):,} events",
                partial(played_by_engine, log),
                _of_engine,
            ),
            Side(
                f"httpx calls mocked with respx, {len(alike):,} calls",
                partial(_call_each, client, router, alike),
                _of_mock,
            ),
        )


BENCHMARKS = (Benchmark("engine-respx", engine, "B/A", 50),)


def _set_routes(router: respx.MockRouter) -> None:
    append = router.post(path__regex=r"^/realtime/v1/sessions/[^/]+/in/append$")
    append.respond(STATUS["message"], json={"ok": True, "seq": 0})
    router.get(path__regex=r"^/api/v1/sessions/[^/]+$").respond(STATUS["retrieve"], json=SESSION)
    router.post("/api/v1/sessions").respond(STATUS["start"], json=STARTED)
    router.post(path__regex=r"^/api/v1/sessions/[^/]+/close$").respond(STATUS["close"], json=CLOSED)


def _call_each(
    client: httpx.Client, router: respx.MockRouter, events: list[dict[str, Any]]
) -> list[tuple[int, bool | None]]:
    replies = (_call(client, event) for event in events)
    seen = [(reply.status_code, reply.json().get("isCached")) for reply in replies]
    # The mock keeps every call; left in memory, they would slow the other side's turn.
    router.reset()
    return seen


def _call(client: httpx.Client, event: dict[str, Any]) -> httpx.Response:
    op, name = event["op"], event["external_id"]
    if op == "message":
        body = {"kind": "message", "payload": {"chatId": name, "message": "Hello"}}
        return client.post(f"/realtime/v1/sessions/{name}/in/append", json=body)
    if op == "retrieve":
        return client.get(f"/api/v1/sessions/{name}")
    if op == "close":
        return client.post(f"/api/v1/sessions/{name}/close", json={"reason": "done"})
    body = {
        "type": "chat.agent",
        "taskIdentifier": "support-chat",
        "externalId": name,
        "triggerConfig": {"basePayload": {"chatId": name}},
    }
    return client.post("/api/v1/sessions", json=body)


def _of_engine(played: EngineResult) -> dict[str, object]:
    return {
        "status_code": played.status_code.tolist(),
        "is_cached": [None if code == NONE else bool(code) for code in played.is_cached],
    }


def _of_mock(seen: list[tuple[int, bool | None]]) -> dict[str, object]:
    status_codes, is_cached = zip(*seen, strict=True)
    return {"status_code": list(status_codes), "is_cached": list(is_cached)}
