"""The event stream of a channel, as the stream store (S2) writes it and the API passes it on.

Records travel in ``batch`` events; ``ping`` events say that the connection lives; ``[DONE]`` ends
it. (``packages/core/src/v3/sessionStreams/wireProtocol.ts`` of the open-source SDK.)
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.javascript.json_text import Json, render_texts
from session_lab.simulator.model.records import metered_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.http_types import Follow
    from session_lab.simulator.model.records import Position, Record
    from session_lab.simulator.world.world import World

__all__ = ["BATCH_RECORDS", "DONE", "EventWriter", "next_batch", "written_out"]

DONE: Final = b"data: [DONE]\n\n"
"""The last event of a stream."""

BATCH_RECORDS: Final = 1000
"""How many records a batch holds at most."""

_BATCH_BYTES = 1024 * 1024


def written_out(world: World, follow: Follow) -> bytes:
    """Write a whole event stream for a reader that cannot wait: what there is, and its end."""
    writer, events = EventWriter(follow.position), []
    while event := next_batch(world, follow, writer):
        events.append(event)
    return b"".join([*events, DONE])


def next_batch(world: World, follow: Follow, writer: EventWriter) -> bytes:
    """Write the next batch of a stream; empty where all that there is has been written."""
    tail = world.tail(follow.stream)
    if tail.seq <= writer.position:
        return b""
    records = world.stream_records(follow.stream, writer.position, BATCH_RECORDS)
    return writer.batch(records, tail)


class EventWriter:
    """Writes the events of one connection.

    Parameters
    ----------
    position : int
        The sequence number of the first record to write; it moves on with every batch.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self._n_records = 0
        self._n_bytes = 0

    def batch(self, records: Sequence[Record], tail: Position) -> bytes:
        """Write one batch: records from the position on, as many as one holds; at least one.

        Parameters
        ----------
        records : sequence of Record
            What the channel holds from the position on, or the beginning of it.
        tail : Position
            Where the channel ends.
        """
        fitting = tuple(records[: self._fitting(records)])
        self.position = fitting[-1].seq + 1
        batch = _batch(fitting, tail if self.position == tail.seq else None)
        return _event("batch", batch, f"{self.position - 1},{self._n_records},{self._n_bytes}")

    def ping(self, tail: Position, now: int) -> bytes:
        """Write that the connection lives, and where the channel ends."""
        return _event("ping", render_texts({"timestamp": now, "tail": _tail(tail)}))

    def _fitting(self, records: Sequence[Record]) -> int:
        """Find how many records the next batch holds, and count them and their bytes."""
        n_records, in_batch = 0, 0
        for record in records[:BATCH_RECORDS]:
            size = metered_bytes(record.body, record.headers)
            if in_batch and in_batch + size > _BATCH_BYTES:
                break
            n_records += 1
            in_batch += size
        self._n_records += n_records
        self._n_bytes += in_batch
        return n_records


def _event(name: str, data: bytes, mark: str | None = None) -> bytes:
    identified = b"" if mark is None else f"id: {mark}\n".encode()
    return b"event: %s\ndata: %s\n%s\n" % (name.encode(), data, identified)


@functools.lru_cache(maxsize=8)
def _batch(records: tuple[Record, ...], tail: Position | None) -> bytes:
    """Write the data of a batch; readers of one stream mostly want the same ones."""
    batch: dict[str, Json] = {"records": [_store_record(record) for record in records]}
    return render_texts(batch if tail is None else batch | {"tail": _tail(tail)})


def _store_record(record: Record) -> Json:
    stored: dict[str, Json] = {"seq_num": record.seq, "timestamp": record.at}
    if record.headers:
        stored["headers"] = list(record.headers)
    return stored | {"body": record.body} if record.body else stored


def _tail(tail: Position) -> Json:
    return {"seq_num": tail.seq, "timestamp": tail.at}
