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

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames import UnusualError
from session_lab.timing import to_instant
from session_lab.traffic.formats.format import Format
from session_lab.traffic.parsing import token_trace, trace_requests
from session_lab.traffic.parsing.text_rows import BadRows, json_pieces
from session_lab.traffic.parsing.trace_requests import TraceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from session_lab.frames.files.blocks import Block
    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import Head, ReadOptions

__all__ = ["FORMAT", "conversations"]

_SHORTEST_PREFIX = 2
_FEW = 2**31
_ALIASES = {
    "timestamp": "created_time",
    "output_length": "output_tokens",
    "delay": "delay_ms",
}


def conversations(blocks: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the conversation of each request, numbered in order of appearance.

    Parameters
    ----------
    blocks : array of int
        The prefix blocks of all requests, one after the other.
    lengths : array of int
        How many of them each request has, in order of time.

    Examples
    --------
    >>> conversations(np.array([0, 1, 2, 0, 9, 8, 0, 1, 3, 4]), np.array([3, 3, 4])).tolist()
    [0, 1, 0]
    """
    beginnings = _beginnings(blocks, lengths)
    ends = np.cumsum(lengths)
    is_long = lengths > _SHORTEST_PREFIX
    # A request can be continued by what begins as it does, but for its last block.
    made = np.full(len(lengths), -1)
    made[is_long] = beginnings[ends[is_long] - 2]
    # The conversation of the latest request that consists of a beginning, so far.
    latest = np.full(beginnings.max(initial=-1) + 1, -1, np.int32).data
    held = beginnings.data
    numbers, n = [], 0
    for start, end, beginning in zip(
        (ends - lengths).tolist(), ends.tolist(), made.tolist(), strict=True
    ):
        for known in reversed(held[start:end]):
            number = latest[known]
            if number >= 0:
                break
        else:
            number = n
            n += 1
        if beginning >= 0:
            latest[beginning] = number
        numbers.append(number)
    return np.asarray(numbers, np.int64)


def _beginnings(blocks: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the number of the beginning that ends with each block; equal ones have one number."""
    if len(blocks) >= _FEW:
        raise DataError(f"{len(blocks):,} prefix blocks are more than 2**31", column="hash_ids")
    # A beginning is another and one block more, each of which is half of a number.
    is_narrow = blocks.dtype == np.int32
    codes = blocks if is_narrow else np.asarray(pd.factorize(blocks)[0], np.int32)
    found = np.empty(len(blocks), np.int32)
    by_length = np.argsort(-lengths, kind="stable")
    places = (np.cumsum(lengths) - lengths)[by_length]
    n_longer = len(lengths) - np.cumsum(np.bincount(lengths))
    before, n = np.zeros(len(lengths), np.int64), 0
    for depth, longer in enumerate(n_longer.tolist()):
        here = places[:longer] + depth
        pairs = (before[:longer] << 32) + codes[here]
        numbers, different = pd.factorize(pairs)
        before = found[here] = numbers + n
        n += len(different)
    return found


class _Prefixes:
    """The prefix blocks of requests, as they stand in the file."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[Any]] = [np.empty(0, np.int32)]
        self._lengths: list[NDArray[np.int64]] = [np.empty(0, np.int64)]

    def add(self, blocks: NDArray[Any], lengths: NDArray[np.int64]) -> None:
        self._blocks.append(blocks)
        self._lengths.append(lengths)

    def add_row(self, blocks: Sequence[int]) -> None:
        try:
            found: NDArray[Any] = np.array(blocks, np.int64)
        except OverflowError:
            found = np.array(blocks, object)
        self.add(found, np.array([len(blocks)]))

    def whole(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all blocks, by numbers in the same order, and how many of them each request has.

        They are many, and no longer held here.
        """
        blocks = np.concatenate(self._blocks)
        self._blocks.clear()
        if blocks.dtype == object:
            blocks = np.unique(blocks, return_inverse=True)[1]
        return blocks, np.concatenate(self._lengths)


class _Reader(NamedTuple):
    """Reads requests; their blocks are put aside, and when each session's answer was there."""

    options: ReadOptions
    prefixes: _Prefixes
    free_at: dict[str | None, int]

    def of_row(self, record: Mapping[str, Any]) -> TraceRequest:
        request, blocks = _request(record, self.options, self.free_at)
        self.prefixes.add_row(blocks)
        if request.chat is not None:
            self.free_at[request.chat] = request.at + request.turn_duration
        return request

    def of_table(self, table: pa.Table) -> pa.Table:
        since = trace_requests.column(table, "timestamp")
        passed = np.asarray(since.fill_null(np.nan))
        if not ((passed >= 0) & (passed < 2**53)).all():
            raise UnusualError
        at = self.options.origin + np.rint(passed).astype(np.int64)
        tokens = trace_requests.column(table, "output_length")
        lasts = trace_requests.turns_of_tokens(tokens, self.options.tokens_per_second)
        chat = None
        if "session_id" in table.column_names:
            session = trace_requests.column(table, "session_id")
            chat = trace_requests.texts_after("chat-", session)
        requests = trace_requests.requests_of(at, lasts, chat)
        self.prefixes.add(*_lists(table))
        if chat is not None and chat.null_count < len(chat):
            self.free_at.update(zip(chat.to_pylist(), (at + lasts).tolist(), strict=True))
        return requests


def _lists(table: pa.Table) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the blocks of some requests, and how many each has."""
    if "hash_ids" not in table.column_names:
        return np.empty(0, np.int64), np.zeros(table.num_rows, np.int64)
    lists = trace_requests.column(table, "hash_ids")
    lengths = trace_requests.known(lists.value_lengths())
    blocks = trace_requests.known(lists.flatten())
    is_narrow = len(blocks) and -_FEW < blocks.min() <= blocks.max() < _FEW
    return blocks.astype(np.int32) if is_narrow else blocks, lengths


def _types(block: Block) -> dict[str, pa.DataType]:
    """Return the fields to look for in a block.

    To Arrow a list that is null and one that is not there are the same, and to us they are not.
    """
    types = {"timestamp": pa.float64(), "output_length": pa.int64(), "session_id": pa.string()}
    if b'"hash_ids"' in block.data or b"\\u" in block.data:
        types["hash_ids"] = pa.list_(pa.int64())
    try:
        record = json.loads(block.data.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return types
    if isinstance(record, dict) and isinstance(record.get("session_id"), int):
        types["session_id"] = pa.int64()
    return types


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    The first request of a conversation is a start that carries its first turn, the others are
    messages; a turn lasts as long as its output takes to generate. Conversations are called
    ``conv-<n>``, numbered in order of time, or ``chat-<session_id>``.
    """
    reader = _Reader(options, _Prefixes(), {})
    pieces = json_pieces(source, bad, _types)
    requests = trace_requests.read_requests(pieces, reader.of_table, reader.of_row, source, bad)
    blocks, lengths = reader.prefixes.whole()
    order = _in_order(requests, blocks, lengths)
    is_of_none = np.asarray(requests["chat"].is_null())
    numbers = np.zeros(len(order), np.int64)
    places = order[is_of_none[order]]
    numbers[places] = conversations(*_chosen(blocks, lengths, places))
    requests = trace_requests.named(requests, "conv-", pa.array(numbers[is_of_none]))
    return trace_requests.to_events(requests, order)


def _chosen(
    blocks: NDArray[np.int64], lengths: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the blocks of the requests at some places, and how many each has."""
    if len(places) == len(lengths) and (np.diff(places) == 1).all():
        return blocks, lengths
    chosen = lengths[places]
    shifts = (np.cumsum(lengths) - lengths)[places] - (np.cumsum(chosen) - chosen)
    return blocks[np.repeat(shifts, chosen) + np.arange(chosen.sum())], chosen


def _in_order(
    requests: pa.Table, blocks: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the places of requests in order of time, and within an instant of their newest block.

    After that it is their blocks, how long answers took, the longest first, and the session: of
    requests for one answer the one that got more of it stands first.
    """
    at, lasts = (np.asarray(requests[name]) for name in ("at", "turn_duration"))
    ends = np.cumsum(lengths)
    newest = np.full(len(lengths), -1)
    if len(blocks):
        has_any = lengths > 0
        newest[has_any] = np.maximum.reduceat(blocks, (ends - lengths)[has_any])
    order = np.lexsort((newest, at))
    tied = trace_requests.ties(at[order], newest[order])
    chats = requests["chat"]

    def key(place: int) -> tuple[Any, ...]:
        own = tuple(blocks[ends[place] - lengths[place] : ends[place]].tolist())
        return at[place], newest[place], own, -lasts[place], chats[place].as_py() or ""

    order[tied] = sorted(order[tied].tolist(), key=key)
    return order


def _recognise(head: Head) -> str | None:
    fields = set(head.fields)
    times, blocks = {"timestamp", "delay"}, {"hash_ids", "session_id", "input_length"}
    if "output_length" not in fields or not fields & times or not fields & blocks:
        return None
    seen = ", ".join(name for name in head.fields if name in {"output_length"} | times | blocks)
    return f"its first line has the fields {seen}"


FORMAT = Format("mooncake", _read, _recognise, begins_chats=True)


def _request(
    record: Mapping[str, Any], options: ReadOptions, free_at: Mapping[str | None, int]
) -> tuple[TraceRequest, Sequence[int]]:
    session = record.get("session_id")
    if session is not None and (isinstance(session, bool) or not isinstance(session, (str, int))):
        raise DataError(f"{session!r} is neither text nor a whole number", column="session_id")
    chat = None
    if session is not None:
        chat = token_trace.external_id_of("chat", session, "session_id")
    tokens, tokens_name = _field(record, "output_length")
    lasts = token_trace.turn_of_tokens(
        token_trace.tokens_of(tokens, tokens_name), options.tokens_per_second, tokens_name
    )
    blocks = _blocks(record.get("hash_ids", []))
    at = _at(record, options.origin, free_at.get(chat))
    return TraceRequest(at, lasts, chat), blocks


def _field(record: Mapping[str, Any], name: str) -> tuple[Any, str]:
    """Return a field that some tools call otherwise, and what it is called here."""
    alias = _ALIASES[name]
    if name not in record and alias in record:
        name = alias
    if name not in record:
        token_trace.require(record, name)
    return record[name], name


def _blocks(value: object) -> Sequence[int]:
    if not isinstance(value, list) or not all(type(block) is int for block in value):
        raise DataError(f"{value!r} is not a list of whole numbers", column="hash_ids")
    return value


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
