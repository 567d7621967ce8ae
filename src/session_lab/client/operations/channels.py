"""The calls on a session's channels: arguments in, operation out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, get_args

from session_lab.client.config import check_header
from session_lab.client.operations.arguments import limit_bytes, path_id
from session_lab.client.operations.json_values import json_text
from session_lab.client.requests import PART_ID_LENGTH, operation_on
from session_lab.errors import DataError
from session_lab.timing import duration_text, to_milliseconds
from session_lab.wire import limits
from session_lab.wire.channels import AppendReply, ChannelName, ChannelRecord, RecordsReply

if TYPE_CHECKING:
    from session_lab.client.requests import Operation
    from session_lab.timing import Duration

__all__ = ["append", "records", "stream"]

_DEFAULT_SILENCE: Final = 60_000
_SHORTEST_SILENCE: Final = "1s"


def append(
    id: str,
    value: object,
    *,
    io: ChannelName = "in",
    part_id: str | None = None,
) -> Operation[AppendReply]:
    """Append one record to a channel, and start a run if none is alive.

    The part id makes it safe to send twice: for five minutes the API stores nothing more under the
    same one, and then answers without ``seq``.

    Parameters
    ----------
    id : str
        Either id of the session.
    value : str or JSON
        Text is appended as it is, anything else as JSON.
    io : {"in", "out"}
        The channel; ``"out"`` takes a secret key.
    part_id : str, optional
        By default every call makes its own.

    Returns
    -------
    AppendReply
        With the record's sequence number.

    Raises
    ------
    SessionClosedError
        The session is closed; older servers answer with a BadRequestError.
    BadRequestError
        The session is expired.
    """
    text = value if isinstance(value, str) else json_text(value, name="value")
    content = limit_bytes(text, limits.MAX_APPEND_BODY_BYTES, name="value")
    size = limits.record_bytes(text, part_id or "x" * PART_ID_LENGTH)
    if size > limits.MAX_RECORD_BYTES:
        message = f"the record takes {size} bytes, and the API stores {limits.MAX_RECORD_BYTES}"
        raise DataError(message, column="value")
    headers = {} if part_id is None else {"x-part-id": check_header(part_id, name="part_id")}
    return operation_on(
        "sessions.append",
        AppendReply.model_validate,
        _channel(id, io),
        content=content,
        headers=headers,
        makes_part_id=part_id is None,
    )


def records(
    id: str, *, io: ChannelName = "out", after: int | str | None = None
) -> Operation[list[ChannelRecord]]:
    """Read every retained record of a channel at once.

    ``out`` holds about one turn: the agent trims what came before.

    Parameters
    ----------
    id : str
        Either id of the session.
    io : {"in", "out"}
        The channel.
    after : int or str, optional
        Leave out everything up to this sequence number.

    Returns
    -------
    list of ChannelRecord
        In order.
    """
    query = () if after is None else (("afterEventId", _sequence_number(after, "after")),)
    return operation_on(
        "sessions.records",
        lambda decoded: RecordsReply.model_validate(decoded).records,
        _channel(id, io),
        query=query,
    )


def stream(
    id: str,
    *,
    io: ChannelName = "out",
    last_event_id: int | str | None = None,
    timeout: Duration | None = None,
    follow: bool = True,
) -> Operation[None]:
    """Follow a channel, record by record, as they are appended.

    Unlike ``records`` it tells when each record was appended. It ends when the server ends it,
    which it does when nothing was appended for ``timeout``; with ``follow=False`` it ends at the
    last record that is there.

    After a cut connection the stream goes on behind the last record that arrived; after
    ``max_retries`` failures with no record between them it gives up. Orders to the store itself are
    skipped; control records come with ``control`` set, such as ``"turn-complete"``.

    Parameters
    ----------
    id : str
        Either id of the session.
    io : {"in", "out"}
        The channel.
    last_event_id : int or str, optional
        Begin after the record with this sequence number.
    timeout : str or timedelta, optional
        Longest silence before the server ends the stream: whole seconds, ``"1s"`` to ``"10m"``; the
        server's own is a minute, and a second with ``follow=False``.
    follow : bool
        Whether to go on with what has yet to come.

    Returns
    -------
    iterator of ChannelRecord
        Close it to hang up before the end.
    """
    headers = {"accept": "text/event-stream"}
    if last_event_id is not None:
        headers["last-event-id"] = _sequence_number(last_event_id, "last_event_id")
    silence = _DEFAULT_SILENCE
    if timeout is None and not follow:
        timeout = _SHORTEST_SILENCE
    if timeout is not None:
        silence = to_milliseconds(timeout, name="timeout")
        headers["timeout-seconds"] = _whole_seconds(silence)
    return operation_on(
        "sessions.stream",
        _nothing,
        _channel(id, io),
        headers=headers,
        silence=silence,
        follows=follow,
    )


def _nothing(_decoded: object) -> None:
    """Return nothing: an event stream is read as it comes."""


def _channel(id: str, io: str) -> dict[str, str]:
    if io not in get_args(ChannelName):
        raise DataError(f'{io!r} is not a channel; those are "in" and "out"', column="io")
    return {"session": path_id(id), "io": io}


def _sequence_number(value: object, name: str) -> str:
    text = str(value)
    if not re.fullmatch(r"[0-9]+", text):
        message = f"{value!r} is not a sequence number; those are the seq_num of records, from 0"
        raise DataError(message, column=name)
    return text


def _whole_seconds(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    if rest or not 1 <= seconds <= limits.MAX_STREAM_TIMEOUT_SECONDS:
        message = (
            f"{duration_text(milliseconds)} cannot be asked for; the API takes whole seconds from "
            f"1 to {limits.MAX_STREAM_TIMEOUT_SECONDS}"
        )
        raise DataError(message, column="timeout")
    return str(seconds)
