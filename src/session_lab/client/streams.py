"""How an event stream is read: which record comes out, and where to begin again. Pure.

The server passes the events of its stream store through. Only ``batch`` events carry records, in
version 2 of the framing. (``packages/core/src/v3/apiClient/runStream.ts``)
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from session_lab.client.requests import prepare
from session_lab.client.retry import Unanswered, fail, wait_before_retry
from session_lab.errors import APIConnectionError, APIResponseError
from session_lab.wire.channels import BatchRecord, ChannelRecord, StreamBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.client.requests import Operation, Request
    from session_lab.client.responses import Reply
    from session_lab.client.retry import CallContext, Outcome

__all__ = ["Feed", "StreamBroken"]

_REMEMBERED_IDS = 5000
"""How many part ids are kept to tell a record that the store wrote twice."""


class StreamBroken(Exception):  # noqa: N818  it is caught by the shells and never reaches a caller
    """The stream could not be opened, or ended in the middle."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("stream broken")
        self.outcome = outcome


class Feed:
    """One subscription over as many connections as it takes.

    It is *opening* after each ``request``, *open* once ``opened`` has seen the head of the reply,
    and then turns events into records until the connection ends. A broken connection makes it wait
    (``wait``) and open again after the last record that arrived.
    """

    def __init__(self, operation: Operation[None], context: CallContext) -> None:
        self._operation = operation
        self._context = context
        self._failures = 0
        self._last = -1
        self._recent: dict[str, None] = {}
        self._is_done = False

    def is_done(self) -> bool:
        """Return whether everything there was has come, and the operation asks for no more than that."""
        return self._is_done

    def request(self) -> Request:
        """Make the request of the next connection."""
        self._recent.clear()
        return prepare(self._operation, self._context.settings, self._context.uniform)

    def opened(self, head: Reply) -> None:
        """Look at the head of the reply.

        Raises
        ------
        APIResponseError
            It does not begin an event stream of the version that is understood.
        """
        kind = head.headers.get("content-type", "of no stated type")
        version = head.headers.get("x-stream-version", "of no stated version")
        if not kind.lower().startswith("text/event-stream") or version != "v2":
            message = (
                f"GET {self._operation.path}: the reply ({kind}, {version}) is not an event stream "
                "of version v2; is base_url the address of the API?"
            )
            raise APIResponseError(message, status_code=head.status_code, body="")

    def receive(self, event: str, data: str) -> Iterator[ChannelRecord]:
        """Turn an event into records.

        Raises
        ------
        StreamBroken
            The store reported an error.
        APIResponseError
            A batch is not what the store documents.
        """
        if event == "error":
            error = APIConnectionError(f"GET {self._operation.path}: the stream store failed")
            raise StreamBroken(Unanswered(error, may_have_acted=True))
        if event not in {"batch", "ping"}:
            return
        try:
            batch = StreamBatch.model_validate(json.loads(data))
        except (ValidationError, ValueError, RecursionError):
            message = f"GET {self._operation.path}: an event of the stream cannot be read"
            raise APIResponseError(message, status_code=200, body="") from None
        for record in batch.records:
            # A server that ignores where to go on would otherwise be followed for ever.
            if record.seq_num <= self._last:
                continue
            self._move_to(record.seq_num)
            if record.is_command:
                continue
            content = _read_record(record)
            if not self._is_repeated(content.id):
                yield content
        if not self._operation.follows:
            # The store pings when it begins to wait for more.
            self._is_done = event == "ping" or batch.ends_at(self._last)

    def wait(self, outcome: Outcome) -> int:
        """Return how many milliseconds to wait before connecting again.

        Raises
        ------
        APIError
            The outcome is final, or there were too many failures in a row.
        """
        self._failures += 1
        wait = wait_before_retry(self._operation, outcome, self._failures, self._context)
        if wait is None:
            fail(self._operation, outcome, self._failures, self._context)
        return wait

    def _move_to(self, seq_num: int) -> None:
        self._failures = 0
        self._last = seq_num
        headers = {**self._operation.headers, "last-event-id": str(seq_num)}
        self._operation = replace(self._operation, headers=headers)

    def _is_repeated(self, part_id: str) -> bool:
        if part_id in self._recent:
            return True
        if part_id:
            self._recent[part_id] = None
        if len(self._recent) > _REMEMBERED_IDS:
            del self._recent[next(iter(self._recent))]
        return False


def _read_record(record: BatchRecord) -> ChannelRecord:
    part_id, data = _open_envelope(record.body)
    return ChannelRecord(
        seq_num=record.seq_num,
        id=part_id,
        data=data,
        headers=record.headers,
        timestamp=record.timestamp,
    )


def _open_envelope(body: str) -> tuple[str, Any]:
    """Read id and data; what is not an envelope has neither, as on the records route."""
    try:
        envelope = json.loads(body)
        return str(envelope["id"]), envelope["data"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", ""
