"""The Qwen-Bailian trace (alibaba-edu/qwen-bailian-usagetraces-anon), one request a line.

Fields, from the trace's documentation: ``chat_id`` (of the request), ``parent_chat_id`` (of the
request that it continues, -1 for none), ``timestamp`` (seconds from the start of the trace),
``input_length`` and ``output_length`` (tokens), ``type`` (text, search, image, file), ``turn`` and
``hash_ids`` (16-token blocks). A conversation is what hangs together by parents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames import UnusualError
from session_lab.traffic.formats.format import Format, in_first_line
from session_lab.traffic.parsing import token_trace, trace_requests
from session_lab.traffic.parsing.text_rows import BadRows, json_pieces
from session_lab.traffic.parsing.trace_requests import TraceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT"]

_FIELDS = ("chat_id", "parent_chat_id", "timestamp", "output_length")
_NO_PARENT = -1
_TYPES = {
    "chat_id": pa.int64(),
    "parent_chat_id": pa.int64(),
    "timestamp": pa.float64(),
    "output_length": pa.int64(),
    "type": pa.string(),
}


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    A conversation is called after its first request, ``conv-<chat_id>``. Requests whose common
    parent was cut off the trace are one conversation, called after it.
    """
    return trace_requests.to_events(_read_requests(source, options, bad))


FORMAT = Format("bailian", _read, in_first_line(*_FIELDS), begins_chats=True)


def _read_requests(source: Source, options: ReadOptions, bad: BadRows) -> pa.Table:
    parents: dict[int, int] = {}
    ids: list[int] = []

    def of_table(table: pa.Table) -> pa.Table:
        requests = _requests(table, options)
        found = [table[name].to_pylist() for name in ("chat_id", "parent_chat_id")]
        _adopt_all(parents, *found)
        ids.extend(found[0])
        return requests

    def of_row(record: Mapping[str, Any]) -> TraceRequest:
        request_id, parent, request = _request(record, options)
        _adopt(parents, request_id, parent)
        ids.append(request_id)
        return request

    pieces = json_pieces(source, bad, lambda _: _TYPES)
    requests = trace_requests.read_requests(pieces, of_table, of_row, source, bad)
    roots = [_root(parents, one) for one in ids]
    try:
        numbers = pa.array(roots, pa.int64())
    except OverflowError:
        numbers = pa.array([str(root) for root in roots], pa.large_string())
    return trace_requests.named(requests, "conv-", numbers)


def _request(record: Mapping[str, Any], options: ReadOptions) -> tuple[int, int, TraceRequest]:
    token_trace.require(record, *_FIELDS)
    for name in ("chat_id", "parent_chat_id"):
        if type(record[name]) is not int:
            raise DataError(f"{record[name]!r} is not a whole number", column=name)
    tokens = token_trace.tokens_of(record["output_length"], "output_length")
    kind = record.get("type")
    request = TraceRequest(
        at=token_trace.instant_of_seconds(options.origin, record["timestamp"], "timestamp"),
        turn_duration=token_trace.turn_of_tokens(
            tokens, options.tokens_per_second, "output_length"
        ),
        tag=token_trace.tag_of("type", kind, "type") if isinstance(kind, str) else None,
    )
    return record["chat_id"], record["parent_chat_id"], request


def _requests(table: pa.Table, options: ReadOptions) -> pa.Table:
    """Do what :func:`_request` does to columns."""
    fields = [trace_requests.column(table, name) for name in _FIELDS]
    if any(field.null_count for field in fields):
        raise UnusualError
    seconds, tokens = fields[2:]
    kinds = trace_requests.column(table, "type") if "type" in table.column_names else None
    return trace_requests.requests_of(
        trace_requests.after_seconds(options.origin, seconds),
        trace_requests.turns_of_tokens(tokens, options.tokens_per_second),
        tag=None if kinds is None else trace_requests.texts_after("type:", kinds),
    )


def _adopt_all(parents: dict[int, int], ids: Sequence[int], of: Sequence[int]) -> None:
    """Adopt all requests, or none of them.

    Raises
    ------
    UnusualError
        One of them cannot be.
    """
    for place, (request_id, parent) in enumerate(zip(ids, of, strict=True)):
        try:
            _adopt(parents, request_id, parent)
        except DataError as error:
            for earlier in ids[:place]:
                del parents[earlier]
            raise UnusualError from error


def _adopt(parents: dict[int, int], request_id: int, parent: int) -> None:
    if request_id in parents:
        raise DataError(f"an earlier row has the id {request_id} too", column="chat_id")
    if parent != _NO_PARENT and _root(parents, parent) == request_id:
        message = f"{parent} descends from {request_id} already"
        raise DataError(message, column="parent_chat_id")
    parents[request_id] = request_id if parent == _NO_PARENT else parent


def _root(parents: dict[int, int], request_id: int) -> int:
    """Follow parents up to the first request, and shorten the way for those who come after."""
    root = request_id
    while parents.get(root, root) != root:
        root = parents[root]
    while parents.get(request_id, root) != root:
        parents[request_id], request_id = root, parents[request_id]
    return root
