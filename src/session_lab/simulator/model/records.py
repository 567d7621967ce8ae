"""Records of a stream and the rules by which the stream store (S2) takes them.

A stream numbers its records from 0, one by one. A record with a single header of an empty name is a
command to the store itself: ``trim`` removes what lies before a record, ``fence`` sets a token that
later writers may be asked for. (The open-source stream store, and
``apps/webapp/app/services/realtime/s2realtimeStreams.server.ts`` of the open-source server.)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.simulator.model.machine import WorldReply
from session_lab.wire.limits import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CONTROL_HEADER",
    "FENCED",
    "MAX_STREAM_BYTES",
    "OUT_OF_SEQUENCE",
    "TRIM_HEADERS",
    "TURN_COMPLETE",
    "NewRecord",
    "Position",
    "Record",
    "StreamKey",
    "append_refusal",
    "control_record",
    "enveloped",
    "metered_bytes",
    "write_refusal",
]

CONTROL_HEADER = "trigger-control"
"""The header that names what a control record tells."""

MAX_STREAM_BYTES = 256 * 1024 * 1024
"""What one stream holds at most, as the store meters it; a limit of the simulator's own."""

FENCED = "fencing_token_mismatch"
OUT_OF_SEQUENCE = "seq_num_mismatch"
"""Why a conditional write is refused with 412, by the names that the store gives it."""

_MAX_BATCH_RECORDS = 1000
_MAX_BATCH_BYTES = MAX_RECORD_BYTES
_MAX_FENCE_BYTES = 36
_TRIM_BYTES = 8
_OVERHEAD = 8

Headers = tuple[tuple[str, str], ...]


class Position(NamedTuple):
    """Where a stream ends: the number of its next record, and when the last one was stored.

    ``at`` is in milliseconds since 1970; 0 on a stream that never had a record.
    """

    seq: int
    at: int


class StreamKey(NamedTuple):
    """Which stream.

    Attributes
    ----------
    environment : str
        The id of the environment.
    session : str
        The session's external id where it has one, else its id.
    io : str
        ``"in"`` or ``"out"``.
    channel : str
        The name of a side channel; empty for the session's own two.
    """

    environment: str
    session: str
    io: str
    channel: str = ""


class NewRecord(NamedTuple):
    """A record that is to be written: its body, which can be any bytes, and its headers."""

    body: bytes
    headers: Headers = ()

    @property
    def control(self) -> str | None:
        """What a control record tells, such as ``"turn-complete"``; None on all others."""
        return _control(self.headers)

    @property
    def command(self) -> str | None:
        """What a command record asks of the store; None on all others."""
        return _command(self.headers)


class Record(NamedTuple):
    """One record of a stream.

    Attributes
    ----------
    seq : int
        Its place in the stream.
    at : int
        When it was stored, in milliseconds since 1970.
    body : str
        Its text. On a session's channels that is JSON with the data and the part id.
    headers : tuple of (str, str)
        What makes it a control or a command record; empty on all others.
    """

    seq: int
    at: int
    body: str
    headers: Headers = ()

    @property
    def control(self) -> str | None:
        """What a control record tells, such as ``"turn-complete"``; None on all others."""
        return _control(self.headers)

    @property
    def command(self) -> str | None:
        """What a command record asked of the store; None on all others."""
        return _command(self.headers)

    @property
    def data(self) -> Any:  # noqa: ANN401  whatever JSON was written
        """The data of its body: the text that was appended, or whatever an agent wrote.

        Empty where the body is not the JSON of a record.
        """
        return self._envelope().get("data", "")

    @property
    def part_id(self) -> str:
        """The part id of its body; empty where it has none."""
        part_id = self._envelope().get("id", "")
        return part_id if isinstance(part_id, str) else ""

    def _envelope(self) -> dict[str, Any]:
        try:
            envelope = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return envelope if isinstance(envelope, dict) else {}


TURN_COMPLETE = "turn-complete"
"""The control record that an agent writes on ``out`` when a turn has ended."""

TRIM_HEADERS: Headers = (("", "trim"),)
"""What makes a record a command to forget those before a number, which is its body."""


def enveloped(data: object, part_id: str) -> str:
    """Write data and part id as the body of a record; halves of surrogate pairs become escapes.

    Examples
    --------
    >>> enveloped("hello", "p1")
    '{"data":"hello","id":"p1"}'
    """
    text = json.dumps({"data": data, "id": part_id}, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def control_record(control: str, headers: Sequence[tuple[str, str]] = ()) -> NewRecord:
    """Return a control record, whose body is empty."""
    return NewRecord(b"", ((CONTROL_HEADER, control), *headers))


def metered_bytes(body: str | bytes, headers: Headers) -> int:
    """Count what a record takes of the store's limits.

    Examples
    --------
    >>> metered_bytes("hello", (("a", "b"),))
    17
    """
    n_body = len(body) if isinstance(body, bytes) or body.isascii() else len(body.encode())
    if not headers:
        return _OVERHEAD + n_body
    n_headers = sum(len(name.encode()) + len(value.encode()) for name, value in headers)
    return _OVERHEAD + 2 * len(headers) + n_headers + n_body


def write_refusal(
    records: Sequence[NewRecord],
    *,
    next_seq: int,
    fence: str,
    n_bytes: int,
    match_seq_num: int | None,
    fencing_token: str | None,
) -> WorldReply | None:
    """Return why the store refuses a batch of records; None when it takes them, all at once.

    Parameters
    ----------
    records : sequence of NewRecord
        The batch.
    next_seq, fence, n_bytes : int, str, int
        The stream's next number, its fencing token and what it holds.
    match_seq_num, fencing_token : int, str or None
        What the writer expects the first two to be, if it does.
    """
    problem = _problem(records)
    if problem is not None:
        return WorldReply(400, problem)
    if fencing_token is not None and fencing_token != fence:
        return WorldReply(412, FENCED)
    if match_seq_num is not None and match_seq_num != next_seq:
        return WorldReply(412, OUT_OF_SEQUENCE)
    return _full(n_bytes + sum(metered_bytes(*record) for record in records))


def append_refusal(body: str, n_bytes: int) -> WorldReply | None:
    """Return why a stream that holds so many bytes does not take the body of an append."""
    size = metered_bytes(body, ())
    if size > MAX_RECORD_BYTES:
        message = (
            f"Record metered size {size} bytes exceeds the S2 per-record limit of "
            f"{MAX_RECORD_BYTES} bytes. Reduce tool-output size or split into smaller parts."
        )
        return WorldReply(413, message)
    return _full(n_bytes + size)


def _full(n_bytes: int) -> WorldReply | None:
    if n_bytes <= MAX_STREAM_BYTES:
        return None
    message = (
        f"The stream would hold {n_bytes} bytes, and this simulator keeps at most "
        f"{MAX_STREAM_BYTES} of one stream. Trim it, or use another session."
    )
    return WorldReply(413, message)


def _problem(records: Sequence[NewRecord]) -> str | None:
    if not 0 < len(records) <= _MAX_BATCH_RECORDS:
        return f"A batch has 1 to {_MAX_BATCH_RECORDS} records, not {len(records)}."
    n_bytes = sum(metered_bytes(*record) for record in records)
    if n_bytes > _MAX_BATCH_BYTES:
        return f"A batch has at most {_MAX_BATCH_BYTES} metered bytes, not {n_bytes}."
    return next((problem for record in records if (problem := _command_problem(record))), None)


def _command_problem(record: NewRecord) -> str | None:
    if all(name for name, _ in record.headers):
        return None
    if len(record.headers) != 1:
        return "A header with an empty name is a command, which has no other headers."
    size = len(record.body)
    match record.command:
        case "trim":
            problem = f"A trim has {_TRIM_BYTES} bytes, the big-endian number of a record."
            return None if size == _TRIM_BYTES else problem
        case "fence":
            problem = f"A fencing token has at most {_MAX_FENCE_BYTES} bytes."
            return None if size <= _MAX_FENCE_BYTES else problem
        case command:
            return f"{command!r} is not a command; the commands are trim and fence."


def _control(headers: Headers) -> str | None:
    return next((value for name, value in headers if name == CONTROL_HEADER), None)


def _command(headers: Headers) -> str | None:
    return headers[0][1] if headers and not headers[0][0] else None
