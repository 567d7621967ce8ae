"""The chat trace released with the Mooncake paper (FAST'25), one request a line.

Fields, from the trace's documentation: ``timestamp`` (milliseconds from the start of the trace),
``input_length`` and ``output_length`` (tokens), ``hash_ids`` (ids of the request's 512-token prefix
blocks; the last one is partial). The requests of the release carry no conversation, so it is
recovered from the prefixes: a request continues the conversation of the earlier request whose
blocks but the last are the longest beginning of its own, at least two blocks long; of equally long
ones the latest counts. Of requests of one instant the earlier is the one whose newest block is
older, since blocks are numbered as they appear.

Tools that took the format up (NVIDIA's AIPerf and Dynamo) added fields, which count where they are
there: ``session_id`` is the conversation; without ``hash_ids`` and ``session_id`` a request stands
alone; ``delay`` (milliseconds) stands in for the ``timestamp`` of a session's later requests, as the
time since the answer before was there; and numbers may have fractions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError
from session_lab.timing import to_instant
from session_lab.traffic.formats.format import Format
from session_lab.traffic.parsing import token_trace
from session_lab.traffic.parsing.text_rows import BadRows, json_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import Head, ReadOptions

__all__ = ["FORMAT", "Conversations"]

_SHORTEST_PREFIX = 2
_ALIASES = {
    "timestamp": "created_time",
    "output_length": "output_tokens",
    "delay": "delay_ms",
}


class Conversations:
    """Which conversation each request belongs to, told from its prefix blocks.

    Blocks form a trie; a node remembers the latest conversation one of whose requests consists,
    but for its last block, of the blocks on the way to it.

    Examples
    --------
    >>> conversations = Conversations()
    >>> [conversations.of(ids) for ids in ([0, 1, 2], [0, 9, 8], [0, 1, 3, 4])]
    [0, 1, 0]
    """

    def __init__(self) -> None:
        self._children: dict[tuple[int, int], int] = {}
        self._latest: dict[int, int] = {}
        self.n = 0

    def of(self, blocks: Sequence[int]) -> int:
        """Return the conversation of the next request, numbered in order of appearance."""
        conversation = self._continued(blocks)
        if conversation is None:
            conversation = self.n
            self.n += 1
        node = 0
        for block in blocks[:-1]:
            node = self._children.setdefault((node, block), len(self._children) + 1)
        if len(blocks) > _SHORTEST_PREFIX:
            self._latest[node] = conversation
        return conversation

    def _continued(self, blocks: Sequence[int]) -> int | None:
        node, found = 0, None
        for block in blocks:
            child = self._children.get((node, block))
            if child is None:
                break
            node = child
            found = self._latest.get(node, found)
        return found


class _Request(NamedTuple):
    """One request; requests compare by instant, then by what tells their order within it.

    Of requests for one answer the one that got more of it stands first.
    """

    at: int
    newest_block: int
    blocks: tuple[int, ...]
    less: int
    session: str

    @property
    def turn_duration(self) -> int:
        return -self.less


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    The first request of a conversation is a start that carries its first turn, the others are
    messages; a turn lasts as long as its output takes to generate. Conversations are called
    ``conv-<n>``, numbered in order of time, or ``chat-<session_id>``.
    """
    free_at: dict[str, int] = {}
    requests: list[_Request] = []
    for number, record in json_lines(source, bad):
        try:
            request = _request(record, options, free_at)
        except DataError as error:
            bad.report(error, source=source.name, row=number)
            continue
        requests.append(request)
        if request.session:
            free_at[request.session] = request.at + request.turn_duration
    order = sorted(range(len(requests)), key=requests.__getitem__)
    conversations = Conversations()
    named = [token_trace.TraceRequest(one.at, one.turn_duration, one.session) for one in requests]
    for place in order:
        if not named[place].chat:
            conversation = conversations.of(requests[place].blocks)
            named[place] = named[place]._replace(chat=f"conv-{conversation}")
    return token_trace.to_events(named, order)


def _recognise(head: Head) -> str | None:
    fields = set(head.fields)
    times, blocks = {"timestamp", "delay"}, {"hash_ids", "session_id", "input_length"}
    if "output_length" not in fields or not fields & times or not fields & blocks:
        return None
    seen = ", ".join(name for name in head.fields if name in {"output_length"} | times | blocks)
    return f"its first line has the fields {seen}"


FORMAT = Format("mooncake", _read, _recognise)


def _request(
    record: Mapping[str, Any], options: ReadOptions, free_at: Mapping[str, int]
) -> _Request:
    session = record.get("session_id")
    if session is not None and (isinstance(session, bool) or not isinstance(session, (str, int))):
        raise DataError(f"{session!r} is neither text nor a whole number", column="session_id")
    chat = "" if session is None else token_trace.external_id_of("chat", session, "session_id")
    tokens, tokens_name = _field(record, "output_length")
    lasts = token_trace.turn_of_tokens(
        token_trace.tokens_of(tokens, tokens_name), options.tokens_per_second, tokens_name
    )
    blocks = _blocks(record.get("hash_ids", []))
    at = _at(record, options.origin, free_at.get(chat))
    return _Request(at, max(blocks, default=-1), blocks, -lasts, chat)


def _field(record: Mapping[str, Any], name: str) -> tuple[Any, str]:
    """Return a field that some tools call otherwise, and what it is called here."""
    alias = _ALIASES[name]
    if name not in record and alias in record:
        name = alias
    if name not in record:
        token_trace.require(record, name)
    return record[name], name


def _blocks(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(block) is int for block in value):
        raise DataError(f"{value!r} is not a list of whole numbers", column="hash_ids")
    return tuple(value)


def _at(record: Mapping[str, Any], origin: int, free_at: int | None) -> int:
    """Return when a request came: as the row says, or after the answer before and a delay."""
    if {"timestamp", _ALIASES["timestamp"]} & record.keys() or free_at is None:
        since, name = _field(record, "timestamp")
        return to_instant(origin + _milliseconds(since, name), name=name)
    delay, name = _field(record, "delay")
    return to_instant(free_at + _milliseconds(delay, name), name=name)


def _milliseconds(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise DataError(f"{value!r} is not a number of zero or more", column=name)
    return round(value)
