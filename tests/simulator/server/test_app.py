"""The ASGI application, message by message."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.backend import Backend
from session_lab.simulator.server.app import DOCUMENTED_KEY, HANG_UP, make_app
from session_lab.simulator.server.openapi import describe
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.wire.limits import MAX_APPEND_BODY_BYTES

LAB = Environment("env_lab", "tr_dev_lab")
KEY = {"authorization": f"Bearer {LAB.secret_key}"}


@pytest.fixture
def backend() -> Backend:
    backend = Backend([LAB])
    backend.world.start("a/b\nc")
    backend.world.start("chat-1")
    return backend


def send(
    backend: Backend,
    method: str,
    path: str,
    *,
    guarded: bool = False,
    client: str = "127.0.0.1",
    **options: Any,
) -> httpx.Response:
    async def main() -> httpx.Response:
        app = make_app(Sequencer(backend), guarded=guarded)
        transport = httpx.ASGITransport(app, client=(client, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as user:
            return await user.request(method, path, **options)

    return asyncio.run(main())


def test_an_id_is_split_off_before_it_is_decoded(backend: Backend):
    response = send(backend, "GET", "/api/v1/sessions/a%2Fb%0Ac", headers=KEY)
    assert response.json()["externalId"] == "a/b\nc"


def test_a_trailing_slash_is_left_to_the_api(backend: Backend):
    response = send(backend, "GET", "/api/v1/sessions/?page[size]=1", headers=KEY)
    assert response.status_code == 301
    assert response.headers["location"].startswith("/api/v1/sessions?page")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_every_method_reaches_the_api(backend: Backend, method: str):
    headers = KEY | {"origin": "http://page.example"}
    response = send(backend, method, "/api/v1/sessions/chat-1/records", headers=headers)
    assert response.headers["content-type"].startswith("text/html")


def test_a_body_without_an_announced_length_is_refused(backend: Backend):
    async def chunks() -> Any:
        yield b"{}"

    path = "/api/v1/sessions/chat-1/close"
    assert send(backend, "POST", path, headers=KEY, content=chunks()).status_code == 413
    assert send(backend, "POST", path, headers=KEY, content=b"{}").status_code == 200


def test_a_head_is_answered_without_a_body_and_ends(backend: Backend):
    response = send(backend, "HEAD", "/realtime/v1/sessions/chat-1/out", headers=KEY)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["x-last-chunk-index"] == "0"


def test_the_description_is_served(backend: Backend):
    response = send(backend, "GET", "/openapi.json")
    assert response.json() == describe()


def test_the_control_api_is_served(backend: Backend):
    assert send(backend, "GET", "/_lab/clock").json()["ms"] == 1767225600000


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8787", "origin": "https://page.example"},
        {"host": "127.0.0.1:8787", "origin": "null"},
        {"host": "rebound.example:8787"},
    ],
)
def test_a_guarded_control_api_is_closed_to_pages_of_other_machines(
    backend: Backend, headers: dict[str, str]
):
    response = send(backend, "POST", "/_lab/reset", guarded=True, headers=headers)
    assert response.status_code == 403
    assert len(backend.world.sessions) == 2
    assert send(backend, "GET", "/api/v1/sessions", guarded=True, headers=KEY).status_code == 200


PAGE = {"host": "127.0.0.1:8787", "origin": "https://page.example"}


def test_pages_of_other_sites_use_the_api_only_with_a_key_that_is_not_known_to_all():
    path = "/api/v1/sessions"
    for key, status in ((DOCUMENTED_KEY, 403), ("tr_dev_mine", 200)):
        known = Backend([Environment("env_lab", key)])
        headers = PAGE | {"authorization": f"Bearer {key}"}
        assert send(known, "GET", path, guarded=True, headers=headers).status_code == status
        assert send(known, "OPTIONS", path, guarded=True, headers=PAGE).status_code == status
        headers = headers | {"origin": "http://localhost:3000"}
        assert send(known, "GET", path, guarded=True, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.9", {}, 401),
        ("192.0.2.9", {"authorization": "Bearer tr_dev_wrong"}, 401),
        ("192.0.2.9", KEY, 200),
        ("192.0.2.9", KEY | {"origin": "https://page.example"}, 403),
    ],
)
def test_other_machines_use_the_control_api_only_with_a_key(
    backend: Backend, client: str, headers: dict[str, str], status: int
):
    response = send(
        backend,
        "GET",
        "/_lab/clock",
        guarded=True,
        client=client,
        headers={"host": "192.0.2.7:8787"} | headers,
    )
    assert response.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8787"},
        {"host": "localhost:8787", "origin": "http://localhost:3000"},
        {"host": "[::1]:8787", "origin": "http://127.0.0.1:3000"},
    ],
)
def test_a_guarded_control_api_is_open_to_this_machine(backend: Backend, headers: dict[str, str]):
    response = send(backend, "POST", "/_lab/reset", guarded=True, headers=headers)
    assert response.status_code == 200


def call(
    backend: Backend,
    *,
    body: list[dict[str, Any]],
    extensions: dict[str, Any] | None = None,
    path: str = "/api/v1/sessions/chat-1/close",
    length: int = 2,
) -> list[dict[str, Any]]:
    """Drive the application without a server; return the messages that it sent."""
    sent: list[dict[str, Any]] = []
    messages = iter(body)

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def collect(message: Any) -> None:
        sent.append(message)

    headers = KEY | {"content-length": str(length)}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": extensions or {},
    }
    asyncio.run(make_app(Sequencer(backend))(scope, receive, collect))
    return sent


WHOLE = {"type": "http.request", "body": b"{}", "more_body": False}
PART = {"type": "http.request", "body": b"{", "more_body": True}
GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize("fault", ["refused", "lost"])
def test_a_reply_that_never_comes_cuts_the_connection(backend: Backend, fault: str):
    backend.faults = [{"match": "*", fault: True}]
    cuts: list[str] = []
    extensions = {HANG_UP: {"cut": lambda: cuts.append("cut")}}
    assert call(backend, extensions=extensions, body=[WHOLE, GONE]) == []
    assert cuts == ["cut"]


def test_a_server_that_cannot_cut_connections_gets_an_error(backend: Backend):
    backend.faults = [{"match": "*", "lost": True}]
    with pytest.raises(ConnectionResetError, match="without a reply"):
        call(backend, body=[WHOLE])


def test_a_request_whose_client_leaves_in_the_middle_has_no_effect(backend: Backend):
    before = backend.snapshot()
    assert call(backend, body=[PART, GONE]) == []
    assert backend.snapshot() == before


def test_a_body_over_every_limit_is_refused_before_any_of_it_has_come(backend: Backend):
    path = "/realtime/v1/sessions/chat-1/in/append"
    start, _ = call(backend, body=[], path=path, length=MAX_APPEND_BODY_BYTES + 1)
    assert start["status"] == 413


def test_a_control_body_that_goes_on_and_on_is_refused_as_it_comes(backend: Backend):
    piece = {"type": "http.request", "body": b" " * 600_000, "more_body": True}
    start, _ = call(backend, body=[piece, piece], path="/_lab/reset", length=2)
    assert start["status"] == 413


def test_a_snapshot_may_be_longer_than_other_control_bodies(backend: Backend):
    piece = {"type": "http.request", "body": b" " * 600_000, "more_body": True}
    body = [piece, piece, {**piece, "more_body": False}]
    start, _ = call(backend, body=body, path="/_lab/snapshot", length=1_800_000)
    assert start["status"] in {400, 405}  # It was read, and held no snapshot.


def test_a_stream_is_sent_as_it_happens(backend: Backend):
    backend.world.append("chat-1", "hello", io="out")

    async def main() -> list[str]:
        transport = httpx.ASGITransport(make_app(Sequencer(backend)))
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as client:
            path = "/realtime/v1/sessions/chat-1/out"
            reading = asyncio.ensure_future(client.get(path, headers=KEY))
            while not reading.done():
                await client.post("/_lab/clock/advance", json={"ms": 60_000})
                await asyncio.sleep(0)  # No socket here gives the reader its turn.
            response = await reading
            assert response.headers["content-type"] == "text/event-stream"
            assert response.headers["x-stream-version"] == "v2"
            return response.text.split("\n\n")

    batch, *pings, done, rest = asyncio.run(main())
    assert json.loads(batch.split("\n")[1].removeprefix("data: "))["records"][0]["seq_num"] == 0
    assert all(ping.startswith("event: ping\n") for ping in pings)
    assert (done, rest) == ("data: [DONE]", "")
