"""Event streams that stay open and go on as records are appended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.views.sse import DONE, EventWriter, next_batch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from session_lab.simulator.api.http_types import Follow
    from session_lab.simulator.server.sequencer import Sequencer

__all__ = ["sse_follow"]

_PIECE_BYTES: Final = 64 * 1024
"""What is written at once; of a batch, so much waits in memory for a reader that is slow."""
PING_EVERY: Final = 10_000
"""Milliseconds between pings; the store leaves 5 to 15 s between them, at random."""


async def sse_follow(sequencer: Sequencer, follow: Follow) -> AsyncGenerator[bytes]:
    """Write a channel's events as they happen.

    The stream ends when no record came for as long as the reader is patient, or when the server
    stops; how patience is measured says :meth:`Sequencer.waited`. One ping says that following
    begins, and further ones that it goes on.
    """
    writer = EventWriter(follow.position)
    deadline = sequencer.waited() + follow.patience * 1000
    next_ping = sequencer.waited()
    may_be_large = True
    while not sequencer.is_stopping:
        if may_be_large:
            await sequencer.turn()
        now, waited = sequencer.now(), sequencer.waited()
        world = sequencer.backend.world
        tail = world.tail(follow.stream)
        if tail.seq < writer.position:
            break  # Another world has taken this one's place.
        if batch := next_batch(world, follow, writer):
            deadline = waited + follow.patience * 1000
            may_be_large = len(batch) > _PIECE_BYTES
            for start in range(0, len(batch), _PIECE_BYTES):
                yield batch[start : start + _PIECE_BYTES]
        elif waited >= deadline:
            break
        elif waited >= next_ping:
            next_ping = waited + PING_EVERY
            yield writer.ping(tail, now)
        else:
            until, comes_at = min(deadline, next_ping), world.next_record_at(follow.stream)
            if comes_at is not None:
                until = sequencer.reached(comes_at, until)
            await sequencer.news(follow.stream, until)
    yield DONE
