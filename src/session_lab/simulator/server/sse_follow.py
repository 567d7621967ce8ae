"""Event streams that stay open and go on as records are appended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.sse import DONE, EventWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from session_lab.simulator.api.http_types import Follow
    from session_lab.simulator.server.sequencer import LiveBackend

__all__ = ["events"]

PING_EVERY: Final = 10_000
"""Milliseconds between pings; the store leaves 5 to 15 s between them, at random."""


async def events(live: LiveBackend, follow: Follow) -> AsyncIterator[bytes]:
    """Write a channel's events as they happen, in the time of the world.

    The stream ends when no record came for as long as the reader is patient, or when the server
    stops. One ping says that following begins, and further ones that it goes on.
    """
    writer = EventWriter(follow.position)
    deadline = live.now() + follow.patience * 1000
    next_ping = live.now()
    while not live.is_stopping:
        world, now = live.backend.world, live.now()
        records = world.records(follow.key, io=follow.io, environment=follow.environment)
        if len(records) < writer.position:
            break  # Another world has taken this one's place.
        if batches := writer.batches(records):
            deadline = now + follow.patience * 1000
            yield batches
        elif now >= deadline:
            break
        elif now >= next_ping:
            next_ping = now + PING_EVERY
            yield writer.ping(records, now)
        else:
            await live.news(min(deadline, next_ping))
    yield DONE
