"""The raw view, the dry run and the life of a client."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any

import httpx
import pytest

from session_lab.client import AsyncClient, Client, Request
from session_lab.errors import DataError, NotFoundError

KEY = "tr_dev_0123456789abcdefghijklmn"
TOKEN = "eyJh.eyJz.c2ln"


def test_a_raw_response_shows_status_and_headers_and_parses(connect: Any, row: Any):
    body = row(1, triggerConfig={"basePayload": {}}, runId="run_1", isCached=False)
    bench = connect(
        [httpx.Response(201, json=body | {"publicAccessToken": TOKEN}, headers={"X-Extra": "1"})]
    )

    raw = bench.run(
        lambda client: client.with_raw_response.sessions.start(
            type="chat", task_identifier="t", trigger_config={"base_payload": {}}
        )
    )

    assert raw.status_code == 201
    assert raw.headers["x-extra"] == "1"
    assert raw.parse().run_id == "run_1"
    assert TOKEN in raw.content.decode()
    assert TOKEN not in repr(raw)


def test_a_raw_call_raises_errors_too(connect: Any):
    bench = connect([httpx.Response(404, json={"error": "Not found"})])

    with pytest.raises(NotFoundError):
        bench.run(lambda client: client.with_raw_response.sessions.retrieve("a"))


def test_a_raw_list_is_one_page(connect: Any, list_server: Any, row: Any):
    bench = connect(list_server([row(number) for number in range(5)]))

    raw = bench.run(lambda client: client.with_raw_response.sessions.list(limit=2))

    assert [item.id for item in raw.parse().data] == ["session_c0004", "session_c0003"]
    assert raw.parse().pagination.next == "c0003"
    with pytest.raises(DataError, match="one value"):
        bench.run(lambda client: client.with_raw_response.sessions.list(tag=["a", "b"]))


def test_a_raw_request_gives_the_decoded_body(connect: Any):
    bench = connect([httpx.Response(202, json={"version": "v2"})])

    raw = bench.run(lambda client: client.with_raw_response.request("PUT", "/realtime/x"))

    assert (raw.status_code, raw.parse()) == (202, {"version": "v2"})


def test_a_dry_run_shows_the_request_and_sends_nothing(connect: Any):
    bench = connect([])

    shown = bench.client.dry_run.sessions.append("a b", {"it's": 1}, part_id="p")

    assert isinstance(shown, Request)
    assert (shown.method, shown.content) == ("POST", b'{"it\'s":1}')
    assert shown.url == "https://api.trigger.dev/realtime/v1/sessions/a%20b/in/append"
    assert shown.headers["x-part-id"] == "p"
    assert bench.requests == []


def test_the_key_is_not_in_a_dry_run(connect: Any):
    shown = connect([]).client.dry_run.sessions.list(tag="vip", limit=3)

    assert shown.headers["authorization"] == "Bearer $TRIGGER_SECRET_KEY"
    assert KEY not in f"{shown!r} {shown.curl()} {shown.headers}"
    assert shown.url.endswith("/api/v1/sessions?filter%5Btags%5D=vip&page%5Bsize%5D=3")


def test_the_curl_command_takes_the_key_from_the_environment_and_quotes_the_rest(connect: Any):
    command = connect([]).client.dry_run.sessions.append("a", "it's $HOME", part_id="p").curl()

    assert '"authorization: Bearer $TRIGGER_SECRET_KEY"' in command
    words = shlex.split(command)
    assert words[:3] == ["curl", "--request", "POST"]
    assert words[-2:] == ["--data-raw", "it's $HOME"]
    assert words.count("--header") == 6


def test_what_a_dry_run_shows_is_what_is_sent(connect: Any):
    bench = connect([httpx.Response(200, json={"ok": True})])
    shown = bench.client.dry_run.sessions.append("a", "x")

    bench.run(lambda client: client.sessions.append("a", "x"))

    sent = bench.requests[0]
    assert str(sent.url) == shown.url
    assert sent.content == shown.content
    assert shown.headers.items() - sent.headers.items() == {
        ("authorization", "Bearer $TRIGGER_SECRET_KEY")
    }


def test_a_dry_run_of_every_call_works(connect: Any):
    dry = connect([]).client.dry_run

    shown = [
        dry.sessions.start(type="a", task_identifier="b", trigger_config={"base_payload": {}}),
        dry.sessions.retrieve("a"),
        dry.sessions.update("a"),
        dry.sessions.close("a"),
        dry.sessions.end_and_continue("a", calling_run_id="r", reason="x"),
        dry.sessions.records("a"),
        dry.sessions.stream("a", last_event_id=0, timeout="10m"),
        dry.runs.retrieve("r"),
        dry.runs.cancel("r"),
        dry.runs.list(status=["QUEUED", "WAITING"]),
        dry.request("GET", "/api/v1/whoami"),
    ]

    assert [request.method for request in shown] == [
        *("POST", "GET", "PATCH", "POST", "POST", "GET", "GET", "GET", "POST", "GET", "GET")
    ]
    assert shown[6].headers["last-event-id"] == "0"
    assert shown[6].headers["timeout-seconds"] == "600"
    assert shown[6].headers["accept"] == "text/event-stream"
    assert shown[9].url.endswith("filter%5Bstatus%5D=QUEUED%2CWAITING")


def test_a_blocking_client_closes_its_transport():
    transport = _Transport()
    with Client(KEY, transport=transport) as client:
        assert client.request("GET", "/a") is None
        assert not transport.closed
    assert transport.closed


def test_an_asynchronous_client_closes_its_transport():
    transport = _Transport()

    async def main() -> None:
        async with AsyncClient(KEY, transport=transport) as client:
            assert await client.request("GET", "/a") is None
            assert not transport.closed

    asyncio.run(main())
    assert transport.closed


class _Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    closed = False

    def handle_request(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True
