from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import pytest

KEY = "tr_dev_0123456789abcdefghijklmn"


def test_attempts_and_waits_are_logged_without_the_key(
    connect: Any, caplog: pytest.LogCaptureFixture
):
    bench = connect(
        [httpx.Response(503), httpx.ConnectError(f"bad {KEY}"), httpx.Response(200, json={})]
    )

    with caplog.at_level(logging.DEBUG):
        bench.run(lambda client: client.request("GET", "/api/v1/x"))

    own = [record.getMessage() for record in caplog.records if record.name == "session_lab.client"]
    assert own[0] == "GET /api/v1/x: 503 (attempt 1)"
    assert own[1] == "GET /api/v1/x: trying again in 250 ms"
    assert own[2].startswith("GET /api/v1/x: GET https://api.trigger.dev/api/v1/x: no reply: bad")
    assert own[3] == "GET /api/v1/x: trying again in 500 ms"
    assert own[4] == "GET /api/v1/x: 200 (attempt 3)"
    assert KEY not in caplog.text


def test_nothing_is_shown_to_those_who_did_not_ask(
    connect: Any, capsys: pytest.CaptureFixture[str]
):
    connect([httpx.Response(200, json={})]).run(lambda client: client.request("GET", "/a"))

    assert capsys.readouterr() == ("", "")
