"""The Qwen-Bailian trace (alibaba-edu/qwen-bailian-usagetraces-anon), one request a line.

Fields, from the trace's documentation: ``chat_id`` (of the request), ``parent_chat_id`` (of the
request that it continues, -1 for none), ``timestamp`` (seconds from the start of the trace),
``input_length`` and ``output_length`` (tokens), ``type`` (text, search, image, file), ``turn`` and
``hash_ids`` (16-token blocks). A conversation is what hangs together by parents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.traffic.formats import token_trace
from session_lab.traffic.formats.text_rows import BadRows, json_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["FIELDS", "read"]

FIELDS = ("chat_id", "parent_chat_id", "timestamp", "output_length")
_NO_PARENT = -1


def read(path: Path, origin: int, tokens_per_second: float, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    A conversation is called after its first request, ``conv-<chat_id>``. Requests whose common
    parent was cut off the trace are one conversation, called after it.

    Parameters
    ----------
    path : Path
        The trace.
    origin : int
        The instant of timestamp zero, in milliseconds since 1970.
    tokens_per_second : float
        How fast output is generated.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    parents: dict[int, int] = {}
    found: list[tuple[int, token_trace.Request]] = []
    for number, record in json_lines(path, bad):
        try:
            chat, parent, request = _request(record, origin, tokens_per_second)
            _adopt(parents, chat, parent)
        except DataError as error:
            bad.report(error, source=path.name, row=number)
        else:
            found.append((chat, request))
    return token_trace.to_events(
        [request._replace(chat=f"conv-{_root(parents, chat)}") for chat, request in found]
    )


def _request(
    record: Mapping[str, Any], origin: int, tokens_per_second: float
) -> tuple[int, int, token_trace.Request]:
    token_trace.require(record, FIELDS)
    for name in ("chat_id", "parent_chat_id"):
        if type(record[name]) is not int:
            raise DataError(f"{record[name]!r} is not a whole number", column=name)
    tokens = token_trace.tokens_of(record["output_length"], "output_length")
    kind = record.get("type")
    request = token_trace.Request(
        at=token_trace.moment(origin, record["timestamp"], "timestamp"),
        chat="",
        turn_duration=token_trace.turn_of_tokens(tokens, tokens_per_second, "output_length"),
        tags=(f"type:{kind}",) if isinstance(kind, str) else (),
    )
    return record["chat_id"], record["parent_chat_id"], request


def _adopt(parents: dict[int, int], chat: int, parent: int) -> None:
    if chat in parents:
        raise DataError(f"an earlier row has the id {chat} too", column="chat_id")
    if parent != _NO_PARENT and _root(parents, parent) == chat:
        raise DataError(f"{parent} descends from {chat} already", column="parent_chat_id")
    parents[chat] = chat if parent == _NO_PARENT else parent


def _root(parents: dict[int, int], chat: int) -> int:
    """Follow parents up to the first request, and shorten the way for those who come after."""
    root = chat
    while parents.get(root, root) != root:
        root = parents[root]
    while parents.get(chat, root) != root:
        parents[chat], chat = root, parents[chat]
    return root
