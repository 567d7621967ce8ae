"""The event stream of a channel, as the stream store (S2) writes it and the API passes it on.

Records travel in ``batch`` events; ``ping`` events say that the connection lives; ``[DONE]`` ends
it. (``packages/core/src/v3/sessionStreams/wireProtocol.ts`` of the open-source SDK.)
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.javascript.json_text import Json, render_json
from session_lab.wire.limits import record_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.world.channels import Record

__all__ = ["DONE", "EventWriter"]

DONE: Final = b"data: [DONE]\n\n"
"""The last event of a stream."""

_BATCH_RECORDS = 1000
_BATCH_BYTES = 1024 * 1024


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

    def batches(self, records: Sequence[Record]) -> bytes:
        """Write what a channel holds from the position on.

        Parameters
        ----------
        records : sequence of Record
            All records of the channel.
        """
        events: list[bytes] = []
        while self.position < len(records):
            start, end = self.position, self._end_of_batch(records)
            batch: dict[str, Json] = {
                "records": [_store_record(records[seq], seq) for seq in range(start, end)]
            }
            if end == len(records):
                batch["tail"] = _tail(records)
            mark = f"{end - 1},{self._n_records},{self._n_bytes}"
            events.append(_event("batch", batch, mark))
            self.position = end
        return b"".join(events)

    def ping(self, records: Sequence[Record], now: int) -> bytes:
        """Write that the connection lives, and where the channel ends."""
        return _event("ping", {"timestamp": now, "tail": _tail(records)})

    def _end_of_batch(self, records: Sequence[Record]) -> int:
        """Find where the next batch ends, and count its records and bytes."""
        in_batch = 0
        most = min(len(records), self.position + _BATCH_RECORDS)
        for seq in range(self.position, most):
            size = _metered_bytes(records[seq])
            if in_batch and in_batch + size > _BATCH_BYTES:
                most = seq
                break
            in_batch += size
        self._n_records += most - self.position
        self._n_bytes += in_batch
        return most


def _event(name: str, data: Json, mark: str | None = None) -> bytes:
    identified = b"" if mark is None else f"id: {mark}\n".encode()
    return b"event: %s\ndata: %s\n%s\n" % (name.encode(), render_json(data), identified)


def _store_record(record: Record, seq: int) -> Json:
    stored: dict[str, Json] = {"seq_num": seq, "timestamp": record.at}
    if record.headers:
        return stored | {"headers": list(record.headers)}
    envelope = {"data": record.data, "id": record.part_id}
    return stored | {"body": render_json(envelope).decode()}


def _tail(records: Sequence[Record]) -> Json:
    return {"seq_num": len(records), "timestamp": records[-1].at if records else 0}


def _metered_bytes(record: Record) -> int:
    if not record.headers:
        return record_bytes(record.data, record.part_id)
    texts = itertools.chain.from_iterable(record.headers)
    return 8 + 2 * len(record.headers) + sum(len(text.encode()) for text in texts)
