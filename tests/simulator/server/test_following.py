"""Event streams that stay open."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Follow, Request
from session_lab.simulator.backend import Backend
from session_lab.simulator.server.sequencer import LiveBackend
from session_lab.simulator.server.sse_follow import events
from session_lab.timing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

LAB = Environment("env_lab", "tr_dev_lab")
KEY = {"authorization": f"Bearer {LAB.secret_key}"}
DONE = ("", "[DONE]")


@pytest.fixture
def live() -> LiveBackend:
    backend = Backend([LAB])
    backend.world.start("chat-1")
    return LiveBackend(backend)


def append(live: LiveBackend, text: str, external_id: str = "chat-1") -> None:
    headers = KEY | {"content-length": str(len(text))}
    path = f"/realtime/v1/sessions/{external_id}/out/append"
    assert live.take(Request("POST", path, headers=headers, body=text.encode())).status == 200


def advance(live: LiveBackend, seconds: int) -> None:
    body = json.dumps({"ms": seconds * 1000}).encode()
    live.take(Request("POST", "/_lab/clock/advance", body=body))


def follow(
    live: LiveBackend, *, key: str = "chat-1", position: int = 0, patience: int = 60
) -> AsyncIterator[bytes]:
    return events(live, Follow("env_lab", key, "out", position, patience))


def read(chunk: bytes) -> list[tuple[str, Any]]:
    """Take events apart into their names and what they carry."""
    found = []
    for block in chunk.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields["data"] if "event" not in fields else json.loads(fields["data"])
        found.append((fields.get("event", ""), data))
    return found


def numbers(event: tuple[str, Any]) -> list[int]:
    assert event[0] == "batch"
    return [record["seq_num"] for record in event[1]["records"]]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(scene(), timeout=30)

    asyncio.run(bounded())


async def next_event(stream: AsyncIterator[bytes]) -> tuple[str, Any]:
    (event,) = read(await anext(stream))
    return event


async def none_yet(stream: asyncio.Task[Any]) -> bool:
    """Let everything run that can run, and tell whether the stream still waits."""
    for _ in range(10):
        await asyncio.sleep(0)
    return not stream.done()


def test_what_is_there_comes_first_then_a_ping_and_then_what_is_appended(live: LiveBackend):
    append(live, "one")
    append(live, "two")

    async def scene() -> None:
        async with aclosing(follow(live)) as stream:
            assert numbers(await next_event(stream)) == [0, 1]
            name, data = await next_event(stream)
            assert (name, data["tail"]["seq_num"]) == ("ping", 2)
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            append(live, "three")
            assert numbers(await waiting) == [2]

    play(scene)


def test_a_stream_starts_at_its_position(live: LiveBackend):
    append(live, "one")
    append(live, "two")

    async def scene() -> None:
        async with aclosing(follow(live, position=1)) as stream:
            assert numbers(await next_event(stream)) == [1]

    play(scene)


def test_a_stream_ends_when_the_worlds_time_has_passed_without_a_record(live: LiveBackend):
    async def scene() -> None:
        async with aclosing(follow(live, patience=5)) as stream:
            assert (await next_event(stream))[0] == "ping"
            waiting = asyncio.ensure_future(next_event(stream))
            advance(live, 4)
            assert await none_yet(waiting)
            append(live, "one")
            assert numbers(await waiting) == [0]
            waiting = asyncio.ensure_future(next_event(stream))
            advance(live, 4)
            assert await none_yet(waiting)
            advance(live, 1)
            assert await waiting == DONE
            assert [chunk async for chunk in stream] == []

    play(scene)


def test_pings_come_as_the_worlds_time_passes(live: LiveBackend):
    async def scene() -> None:
        async with aclosing(follow(live)) as stream:
            first = await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            advance(live, 9)
            assert await none_yet(waiting)
            advance(live, 1)
            second = await waiting
            assert [first[0], second[0]] == ["ping", "ping"]
            assert second[1]["timestamp"] - first[1]["timestamp"] == 10_000

    play(scene)


def test_a_stream_of_nothing_brings_what_a_later_session_of_that_name_gets(live: LiveBackend):
    async def scene() -> None:
        async with aclosing(follow(live, key="later")) as stream:
            assert (await next_event(stream))[0] == "ping"
            live.backend.world.start("later")
            append(live, "hello", "later")
            assert numbers(await next_event(stream)) == [0]

    play(scene)


def test_requests_that_append_nothing_send_nothing(live: LiveBackend):
    async def scene() -> None:
        async with aclosing(follow(live)) as stream:
            await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            live.take(Request("GET", "/api/v1/sessions", headers=KEY))
            assert await none_yet(waiting)
            live.stop()
            assert await waiting == DONE

    play(scene)


def test_a_stream_ends_when_the_server_stops(live: LiveBackend):
    async def scene() -> None:
        async with aclosing(follow(live)) as stream:
            await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            live.stop()
            assert await waiting == DONE

    play(scene)


def test_a_stream_of_a_world_that_is_gone_ends(live: LiveBackend):
    append(live, "one")

    async def scene() -> None:
        async with aclosing(follow(live)) as stream:
            await next_event(stream)
            await next_event(stream)
            live.take(Request("POST", "/_lab/reset"))
            assert await next_event(stream) == DONE

    play(scene)


def test_where_time_passes_by_itself_nobody_has_to_ask_for_the_end():
    machine = VirtualClock("2026-01-01T00:00:00Z")
    live = LiveBackend(Backend([LAB], follows_system_clock=True), system_clock=machine)

    async def scene() -> None:
        async with aclosing(follow(live, patience=1)) as stream:
            assert (await next_event(stream))[0] == "ping"
            machine.advance("999ms")
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            machine.advance("1ms")
            assert await waiting == DONE

    play(scene)
