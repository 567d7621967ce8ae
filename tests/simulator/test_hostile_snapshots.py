"""A snapshot is checked whole before it replaces anything."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError
from session_lab.simulator import Snapshot, World
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request
from session_lab.simulator.backend import Backend
from session_lab.simulator.front import handle
from session_lab.simulator.model.records import NewRecord
from session_lab.simulator.world.journal import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = {"authorization": "tr_dev_example"}
CREATE = {"type": "chat", "taskIdentifier": "agent", "triggerConfig": {"basePayload": {}}}
ODD = (None, True, -1, 0, 2**64, 1.5, "", "x", "session_x", "run_x", [], {}, [[]], {"a": None})


def a_rich_world() -> World:
    world = World(
        policy=sl.RunPolicy(),
        platform=sl.Platform(turn_duration="5s", deploys=["2026-01-02T00:00:00Z"]),
        agent={"replies": [["a", {"wait": "5s"}, "b"]]},
    )
    config = {"basePayload": {"message": {}}, "tags": ["t"], "queue": "q", "maxDuration": 9}
    world.start("a", trigger_config=config, tags=["vip"], metadata={"a": [1, {}]})
    world.clock.advance("10s")
    world.append("a", "one", part_id="p")
    world.append("a", "chunk", io="out")
    run_id = world.start("b", expires_at="2026-01-01T00:00:20Z").run_id
    world.end_and_continue("b", calling_run_id=run_id, reason="upgrade")
    world.wait(world.runs[0].run_id, "chat", idempotency_key="k", timeout_at=world.now + 1)
    world.wait(world.runs[0].run_id, "a", tags=["t"])
    world.write_chat_snapshot("a", b"{}", "application/json")
    trim, fence = (("", "trim"),), (("", "fence"),)
    world.write("a", [NewRecord(b"x"), NewRecord(b"t", fence), NewRecord(bytes(7) + b"\x01", trim)])
    world.clock.advance("10s")
    world.append("a", "two", io="out")
    world.close("a", reason="done")
    world.start("a")
    world.retrieve("none")
    return world


RICH = json.loads(a_rich_world().snapshot().to_json())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Iterate over every place in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


PLACES = list(places(RICH))


def changed(place: tuple[Any, ...], how: str, value: Any) -> Any:
    document = copy.deepcopy(RICH)
    *way, last = place
    part = document
    for key in way:
        part = part[key]
    if how == "set":
        part[last] = value
    elif how == "delete":
        del part[last]
    elif isinstance(part, list):
        part.insert(last, copy.deepcopy(part[last]))
    return document


def try_everything(backend: Backend) -> None:
    """Ask a backend whatever can be asked; nothing but an answer may come."""

    def ask(method: str, path: str, body: Any = None, query: str = "") -> int:
        content = b"" if body is None else json.dumps(body).encode()
        headers = KEY | {"content-length": str(len(content))}
        return handle(backend, Request(method, path, query, headers, content)).status

    session = "/api/v1/sessions"
    for key in ("a", "b", "new"):
        assert ask("POST", session, CREATE | {"externalId": key}) in {200, 201, 409}
        assert ask("GET", f"{session}/{key}") == 200
        for io in ("in", "out"):
            assert ask("POST", f"/realtime/v1/sessions/{key}/{io}/append", "x") in {200, 400, 409}
            assert ask("GET", f"/realtime/v1/sessions/{key}/{io}/records") == 200
            assert ask("GET", f"/realtime/v1/sessions/{key}/{io}") == 200
    assert ask("POST", session, CREATE) == 201
    assert ask("GET", session, query="filter[status]=ACTIVE") == 200
    assert ask("GET", "/api/v1/runs") == 200
    for record in backend.world.runs:
        for path in (f"/api/v3/runs/{record.run_id}", f"/api/v1/runs/{record.run_id}/trace"):
            assert ask("GET", path) in {200, 404}
    for path in ("journal", "sessions", "runs", "snapshot", "clock"):
        assert ask("GET", f"/_lab/{path}") == 200
    assert ask("POST", "/_lab/clock/advance", {"ms": 7_200_000}) in {200, 400}
    world = backend.world
    assert [to_line(entry) for entry in world.journal]
    assert [world.explain(entry) for entry in world.journal]
    assert world.fork().diff(world) == ()


@given(
    place=st.sampled_from(PLACES),
    how=st.sampled_from(["set", "set", "set", "delete", "double"]),
    value=st.sampled_from(ODD),
)
def test_any_change_is_refused_or_leaves_a_world_that_works(
    place: tuple[Any, ...], how: str, value: Any
):
    backend = Backend([Environment("env_lab", "tr_dev_example")])
    before = backend.world.digest()
    body = json.dumps(changed(place, how, value)).encode()
    response = handle(backend, Request("PUT", "/_lab/snapshot", body=body))
    if response.status == 200:
        try_everything(backend)
        return
    assert response.status == 400
    assert backend.world.digest() == before


def test_the_unchanged_one_works():
    backend = Backend([Environment("env_lab", "tr_dev_example")])
    response = handle(backend, Request("PUT", "/_lab/snapshot", body=json.dumps(RICH).encode()))
    assert response.status == 200
    try_everything(backend)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "1" * 5_000,
        "[" * 100_000,
        '{"format":' + "[" * 3_000 + "]" * 3_000 + "}",
        '{"format":2,"seed":' + "9" * 5_000 + "}",
        '{"format":2,"seed":NaN}',
    ],
)
def test_no_text_raises_anything_but_a_data_error(text: str):
    with pytest.raises(DataError):
        Snapshot.from_json(text)
