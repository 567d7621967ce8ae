"""The Qwen-Bailian trace (alibaba-edu/qwen-bailian-usagetraces-anon), one request a line.

Fields, from the trace's documentation: ``chat_id`` (of the request), ``parent_chat_id`` (of the
request that it continues, -1 for none), ``timestamp`` (seconds from the start of the trace),
``input_length`` and ``output_length`` (tokens), ``type`` (text, search, image, file), ``turn`` and
``hash_ids`` (16-token blocks). A conversation is what hangs together by parents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.traffic.formats.format import Format, in_first_line
from session_lab.traffic.parsing import token_trace
from session_lab.traffic.parsing.text_rows import BadRows, json_lines
from session_lab.traffic.parsing.token_trace import TraceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT"]

_FIELDS = ("chat_id", "parent_chat_id", "timestamp", "output_length")
_NO_PARENT = -1


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    A conversation is called after its first request, ``conv-<chat_id>``. Requests whose common
    parent was cut off the trace are one conversation, called after it.
    """
    parents: dict[int, int] = {}
    found: list[tuple[int, TraceRequest]] = []
    for number, record in json_lines(source, bad):
        try:
            request_id, parent, request = _request(record, options)
            _adopt(parents, request_id, parent)
        except DataError as error:
            bad.report(error, source=source.name, row=number)
        else:
            found.append((request_id, request))
    return token_trace.to_events(
        [request._replace(chat=f"conv-{_root(parents, one)}") for one, request in found]
    )


FORMAT = Format("bailian", _read, in_first_line(*_FIELDS))


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
        chat="",
        tags=(token_trace.tag_of("type", kind, "type"),) if isinstance(kind, str) else (),
    )
    return record["chat_id"], record["parent_chat_id"], request


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
