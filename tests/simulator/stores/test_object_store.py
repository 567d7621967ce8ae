"""Snapshots of chats, which agents keep in a store of objects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator import Snapshot
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.api.stores import object_store
from session_lab.simulator.api.stores.object_store import MAX_OBJECT_BYTES
from tests.api_lab import LAB, OTHER, ApiLab

CHAT = "/api/v1/sessions/chat"
TYPE = "application/vnd.trigger.transcript+ndjson"


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab("2026-10")
    lab.start("chat")
    return lab


def url(lab: ApiLab, method: str, path: str = CHAT) -> str:
    reply = lab.json(method, f"{path}/snapshot-url", host="lab")
    address: str = reply["presignedUrl"]
    return address.removeprefix("http://lab")


def ask(lab: ApiLab, method: str, address: str, body: bytes = b"", **headers: str) -> Response:
    path, _, query = address.partition("?")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lab.backend.handle(Request(method, path, query, given, body))


def keep(lab: ApiLab, body: bytes) -> None:
    assert ask(lab, "PUT", url(lab, "PUT"), body, content_type=TYPE).status == 200


def kept(lab: ApiLab) -> bytes:
    response = ask(lab, "GET", url(lab, "GET"))
    assert (response.status, response.headers["content-type"]) == (200, TYPE)
    return response.body


def test_what_was_kept_comes_back_and_the_last_write_wins(lab: ApiLab):
    missing = ask(lab, "GET", url(lab, "GET"))
    assert (missing.status, b"NoSuchKey" in missing.body) == (404, True)
    for body in (b"first", b"", b"{not JSON", bytes(range(256))):
        keep(lab, body)
        assert kept(lab) == body
    head = ask(lab, "HEAD", url(lab, "GET"))
    assert (head.status, head.body) == (200, b"")


def test_both_names_of_a_session_lead_to_one_object(lab: ApiLab):
    keep(lab, b"x")
    session_id = lab.json("GET", CHAT)["id"]
    other = url(lab, "GET", f"/api/v1/sessions/{session_id}")
    assert ask(lab, "GET", other).body == b"x"


def test_what_says_no_type_is_plain_bytes(lab: ApiLab):
    ask(lab, "PUT", url(lab, "PUT"), b"x")
    found = ask(lab, "GET", url(lab, "GET"))
    assert found.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("spoil", ["method", "session", "environment", "time", "text", "none"])
def test_an_address_is_good_for_one_thing_and_an_hour(lab: ApiLab, spoil: str):
    keep(lab, b"x")
    other = lab.start("other")["id"]
    address = url(lab, "PUT" if spoil == "method" else "GET")
    path, _, query = address.partition("?")
    match spoil:
        case "session":
            path = path.replace(lab.json("GET", CHAT)["id"], other)
        case "environment":
            path = path.replace(LAB.id, OTHER.id)
        case "time":
            lab.world.clock.advance("1h")
        case "text":
            query += "x"
        case "none":
            query = ""
    response = ask(lab, "GET", f"{path}?{query}")
    assert (response.status, b"AccessDenied" in response.body) == (403, True)


@pytest.mark.parametrize("path", ["/packets/a", "/packets/%zz", "/packets/a/sessions/b/other.json"])
def test_other_objects_are_not_there(lab: ApiLab, path: str):
    assert ask(lab, "GET", path).status == 404


def test_what_is_too_large_is_refused(lab: ApiLab, monkeypatch: pytest.MonkeyPatch):
    assert MAX_OBJECT_BYTES == 64 * 1024 * 1024
    monkeypatch.setattr(object_store, "MAX_OBJECT_BYTES", 3)
    response = ask(lab, "PUT", url(lab, "PUT"), b"four")
    assert (response.status, b"EntityTooLarge" in response.body) == (400, True)
    assert ask(lab, "GET", url(lab, "GET")).status == 404


@given(st.binary(max_size=300))
def test_objects_are_part_of_the_world(body: bytes):
    lab = ApiLab()
    lab.start("chat")
    before = lab.world.digest()
    keep(lab, body)
    digest, fork = lab.world.digest(), lab.world.fork()
    assert before != digest == fork.digest()
    lab.world.restore(Snapshot.from_json(lab.world.snapshot().to_json()))
    assert (lab.world.digest(), kept(lab)) == (digest, body)
    keep(lab, body + b"more")
    assert fork.digest() == digest != lab.world.digest()
    assert lab.world.explain(lab.world.journal[-1]).startswith("200: the snapshot of the chat")


def test_a_snapshot_with_an_object_of_nobody_is_refused(lab: ApiLab):
    keep(lab, b"x")
    document: dict[str, Any] = json.loads(lab.world.snapshot().to_json())
    for bad in (["session_nobody", 0, "", ""], [lab.json("GET", CHAT)["id"], 0, "", "?"]):
        text = json.dumps(document | {"chat_snapshots": [bad]})
        refused = lab.ask("PUT", "/_lab/snapshot", text)
        assert refused.status in (400, 404)
