"""Scripted agents over the control API, and on a clock that goes on by itself."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Follow, Request
from session_lab.simulator.backend import Backend
from session_lab.simulator.front import handle
from session_lab.simulator.model.records import StreamKey
from session_lab.simulator.server.real_clock import RealClock
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.sse_follow import sse_follow
from session_lab.timing import VirtualClock

KEY = "tr_dev_example"
CREATE = {
    "type": "chat",
    "externalId": "chat",
    "taskIdentifier": "agent",
    "triggerConfig": {"basePayload": {"message": "a b"}},
}


@pytest.fixture
def backend() -> Backend:
    return Backend([Environment("env_lab", KEY)])


def ask(backend: Backend, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-length": str(len(content))}
    response = handle(backend, Request(method, path, headers=headers, body=content))
    return response.status, json.loads(response.body)


def test_an_agent_is_set_shown_and_cleared(backend: Backend):
    assert ask(backend, "GET", "/_lab/agent") == (200, None)
    script = {"replies": "echo", "pace": "50ms"}
    shown = {"replies": [[{"echo": True}]], "pace": "50 ms"}
    assert ask(backend, "PUT", "/_lab/agent", script) == (200, shown)
    assert ask(backend, "PUT", "/_lab/agent", shown) == (200, shown)
    assert ask(backend, "DELETE", "/_lab/agent") == (200, None)


@pytest.mark.parametrize(
    ("script", "field"),
    [
        ("echo", ""),
        ({}, "replies"),
        ({"replies": [["Hi", {"wait": 1}]]}, "replies[0][1].wait"),
        ({"function": "main", "pace": "0 s"}, "function"),
    ],
    ids=str,
)
def test_an_agent_that_makes_no_sense_is_refused_with_the_place_and_changes_nothing(
    backend: Backend, script: Any, field: str
):
    backend.agent = "echo"
    status, told = ask(backend, "PUT", "/_lab/agent", script)
    assert (status, told["field"]) == (400, field)
    assert backend.agent is not None


def test_readers_of_records_get_objects(backend: Backend):
    ask(backend, "PUT", "/_lab/agent", {"replies": "echo"})
    assert ask(backend, "POST", "/api/v1/sessions", CREATE)[0] == 201
    _, told = ask(backend, "GET", "/realtime/v1/sessions/chat/out/records")
    assert told["records"][3]["data"] == {"type": "text-delta", "id": "text-0", "delta": "a"}


def test_a_reset_brings_back_the_first_agent():
    backend = Backend([Environment("env_lab", KEY)], agent="echo")
    backend.agent = ["Hello"]
    backend.reset()
    assert repr(backend.agent) == "ScriptedAgent('echo')"
    assert backend.settings["agent"] == {"replies": [[{"echo": True}]], "pace": "0 s"}


def test_on_a_real_clock_a_reader_is_woken_for_each_chunk():
    """Sixty seconds of the world pass in one, so an hour of thinking would hang a late reader."""
    machine = VirtualClock("2026-06-01T00:00:00Z")
    began_at = machine.milliseconds()
    backend = Backend(
        [Environment("env_lab", KEY)],
        now=began_at,
        follows_system_clock=True,
        agent={"replies": [["a", {"wait": "2min"}, "b"]]},
    )
    clock = RealClock(began_at=began_at, first=began_at, speed=60, machine=machine)
    sequencer = Sequencer(backend, clock=clock, stopwatch=lambda: machine.milliseconds() / 1000)
    slept: list[int] = []

    async def news(_stream: StreamKey, until: int) -> None:
        slept.append(until - sequencer.waited())
        machine.advance_to(machine.milliseconds() + slept[-1])

    sequencer.news = news  # type: ignore[method-assign]
    content = json.dumps(CREATE).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-length": str(len(content))}
    sequencer.take(Request("POST", "/api/v1/sessions", headers=headers, body=content))

    async def read() -> list[bytes]:
        follow = Follow(StreamKey("env_lab", "chat", "out"), 0, 60)
        async with aclosing(sse_follow(sequencer, follow)) as stream:  # type: ignore[type-var]
            return [await anext(stream) for _ in range(3)]

    first, ping, rest = asyncio.run(read())
    assert (b"event: batch" in first, b"event: ping" in ping) == (True, True)
    assert b"turn-complete" in rest
    batch = json.loads(first.decode().split("data: ")[1].splitlines()[0])
    envelope = json.loads(batch["records"][3]["body"])
    assert envelope["data"] == {"type": "text-delta", "id": "text-0", "delta": "a"}
    assert slept == [2000]
