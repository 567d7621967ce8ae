"""Event streams that stay open."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Follow, Request
from session_lab.simulator.backend import Backend
from session_lab.simulator.model.records import StreamKey
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.sse_follow import sse_follow
from session_lab.timing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

LAB = Environment("env_lab", "tr_dev_lab")
KEY = {"authorization": f"Bearer {LAB.secret_key}"}
DONE = ("", "[DONE]")


@pytest.fixture
def sequencer() -> Sequencer:
    backend = Backend([LAB])
    backend.world.start("chat-1")
    return Sequencer(backend)


def append(sequencer: Sequencer, text: str, external_id: str = "chat-1") -> None:
    headers = KEY | {"content-length": str(len(text))}
    path = f"/realtime/v1/sessions/{external_id}/out/append"
    assert sequencer.take(Request("POST", path, headers=headers, body=text.encode())).status == 200


def advance(sequencer: Sequencer, seconds: int) -> None:
    body = json.dumps({"ms": seconds * 1000}).encode()
    sequencer.take(Request("POST", "/_lab/clock/advance", body=body))


def follow(
    sequencer: Sequencer, *, key: str = "chat-1", position: int = 0, patience: int = 60
) -> AsyncIterator[bytes]:
    return sse_follow(sequencer, Follow(StreamKey("env_lab", key, "out"), position, patience))


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


def test_what_is_there_comes_first_then_a_ping_and_then_what_is_appended(sequencer: Sequencer):
    append(sequencer, "one")
    append(sequencer, "two")

    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            assert numbers(await next_event(stream)) == [0, 1]
            name, data = await next_event(stream)
            assert (name, data["tail"]["seq_num"]) == ("ping", 2)
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            append(sequencer, "three")
            assert numbers(await waiting) == [2]

    play(scene)


def test_a_stream_starts_at_its_position(sequencer: Sequencer):
    append(sequencer, "one")
    append(sequencer, "two")

    async def scene() -> None:
        async with aclosing(follow(sequencer, position=1)) as stream:
            assert numbers(await next_event(stream)) == [1]

    play(scene)


def test_a_stream_ends_when_the_worlds_time_has_passed_without_a_record(sequencer: Sequencer):
    async def scene() -> None:
        async with aclosing(follow(sequencer, patience=5)) as stream:
            assert (await next_event(stream))[0] == "ping"
            waiting = asyncio.ensure_future(next_event(stream))
            advance(sequencer, 4)
            assert await none_yet(waiting)
            append(sequencer, "one")
            assert numbers(await waiting) == [0]
            waiting = asyncio.ensure_future(next_event(stream))
            advance(sequencer, 4)
            assert await none_yet(waiting)
            advance(sequencer, 1)
            assert await waiting == DONE
            assert [chunk async for chunk in stream] == []

    play(scene)


def test_pings_come_as_the_worlds_time_passes(sequencer: Sequencer):
    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            first = await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            advance(sequencer, 9)
            assert await none_yet(waiting)
            advance(sequencer, 1)
            second = await waiting
            assert [first[0], second[0]] == ["ping", "ping"]
            assert second[1]["timestamp"] - first[1]["timestamp"] == 10_000

    play(scene)


def test_a_stream_of_nothing_brings_what_a_later_session_of_that_name_gets(sequencer: Sequencer):
    async def scene() -> None:
        async with aclosing(follow(sequencer, key="later")) as stream:
            assert (await next_event(stream))[0] == "ping"
            sequencer.backend.world.start("later")
            append(sequencer, "hello", "later")
            assert numbers(await next_event(stream)) == [0]

    play(scene)


def test_requests_that_append_nothing_send_nothing(sequencer: Sequencer):
    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            sequencer.take(Request("GET", "/api/v1/sessions", headers=KEY))
            assert await none_yet(waiting)
            sequencer.stop()
            assert await waiting == DONE

    play(scene)


def test_a_stream_ends_when_the_server_stops(sequencer: Sequencer):
    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            sequencer.stop()
            assert await waiting == DONE

    play(scene)


def test_a_stream_of_a_world_that_is_gone_ends(sequencer: Sequencer):
    append(sequencer, "one")

    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            await next_event(stream)
            await next_event(stream)
            sequencer.take(Request("POST", "/_lab/reset"))
            assert await next_event(stream) == DONE

    play(scene)


class Stopwatch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("follows_system_clock", [False, True])
def test_a_quiet_stream_ends_by_itself_on_either_clock(follows_system_clock: bool):  # noqa: FBT001
    machine, stopwatch = VirtualClock("2026-01-01T00:00:00Z"), Stopwatch()
    sequencer = Sequencer(
        Backend([LAB], follows_system_clock=follows_system_clock),
        clock=machine if follows_system_clock else None,
        stopwatch=stopwatch,
    )

    async def scene() -> None:
        async with aclosing(follow(sequencer, patience=1)) as stream:
            assert (await next_event(stream))[0] == "ping"
            stopwatch.seconds += 0.999
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            stopwatch.seconds += 0.001
            assert await waiting == DONE

    play(scene)


def test_pings_keep_to_the_machines_time(sequencer: Sequencer):
    stopwatch = Stopwatch()
    sequencer = Sequencer(Backend([LAB]), stopwatch=stopwatch)

    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            for _ in range(3):
                name, data = await next_event(stream)
                assert (name, data["timestamp"]) == ("ping", 1767225600000)
                stopwatch.seconds += 10

    play(scene)


# Under load


class Counted(Sequencer):
    """A sequencer that counts who is woken."""

    def __init__(self, backend: Backend, **options: Any) -> None:
        super().__init__(backend, **options)
        self.woken: Counter[tuple[str, str]] = Counter()

    async def news(self, stream: StreamKey, until: int) -> None:
        await super().news(stream, until)
        self.woken[stream.session, stream.io] += 1


def test_an_append_wakes_the_readers_of_its_own_channel_alone():
    backend = Backend([LAB])
    for name in ("chat-1", "chat-2"):
        backend.world.start(name)
    sequencer = Counted(backend)

    async def scene() -> None:
        streams = [
            sse_follow(sequencer, Follow(StreamKey("env_lab", key, io), 0, 60))
            for key in ("chat-1", "chat-2")
            for io in ("in", "out")
            for _ in range(5)
        ]
        for stream in streams:
            assert (await next_event(stream))[0] == "ping"
        waiting = [asyncio.ensure_future(next_event(stream)) for stream in streams]
        assert all([await none_yet(each) for each in waiting])
        append(sequencer, "one")
        done, pending = await asyncio.wait(waiting, timeout=1, return_when="FIRST_COMPLETED")
        while len(done) < 5:
            more, pending = await asyncio.wait(pending, timeout=1, return_when="FIRST_COMPLETED")
            done |= more
        assert [numbers(each.result()) for each in done] == [[0]] * 5
        assert sequencer.woken == {("chat-1", "out"): 5}
        # What changes everything wakes everybody.
        advance(sequencer, 1)
        assert all([await none_yet(each) for each in pending])
        assert sequencer.woken["chat-2", "in"] == 5
        for each in pending:
            each.cancel()

    play(scene)


def test_what_changed_past_the_requests_is_announced_too(sequencer: Sequencer):
    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            await next_event(stream)
            waiting = asyncio.ensure_future(next_event(stream))
            assert await none_yet(waiting)
            sequencer.backend.world.write_data("chat-1", {"type": "text"})
            sequencer.announce()
            assert numbers(await waiting) == [0]

    play(scene)


@pytest.mark.parametrize("text", ["x" * 900_000, '"\u00e9 1.0 e5}' * 60_000], ids=["plain", "odd"])
def test_a_backlog_comes_in_events_of_a_mebibyte_and_no_faster_than_it_is_read(
    sequencer: Sequencer, text: str
):
    for _ in range(10):
        sequencer.backend.world.append("chat-1", text, io="out")

    async def scene() -> None:
        async with aclosing(follow(sequencer)) as stream:
            found, event = [], b""
            while len(found) < 10:
                piece = await anext(stream)
                assert len(piece) <= 64 * 1024
                event += piece
                if event.endswith(b"\n\n"):
                    [batch] = read(event)
                    assert [json.loads(each["body"])["data"] for each in batch[1]["records"]] == [
                        text
                    ]
                    found += numbers(batch)
                    event = b""
            assert found == list(range(10))

    play(scene)
