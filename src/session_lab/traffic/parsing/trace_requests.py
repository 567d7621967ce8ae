"""From the requests of a serving trace to events: whole columns where all is plainly right."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames import UnusualError, in_one_piece, join_events
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION
from session_lab.traffic.parsing.units import column_in_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.parsing.text_rows import BadRows, Piece

__all__ = [
    "TraceRequest",
    "after_seconds",
    "column",
    "in_order",
    "known",
    "named",
    "read_requests",
    "requests_of",
    "texts_after",
    "ties",
    "to_events",
    "turns_of_tokens",
]

_TEXT = pa.large_string()
# Chats and tags come again and again, so a text stands once and its number in each row.
_CODED = pa.dictionary(pa.int32(), _TEXT)


class TraceRequest(NamedTuple):
    """One request: when, how long its answer took, of which chat if that is told, and a tag."""

    at: int
    turn_duration: int
    chat: str | None = None
    tag: str | None = None


_COLUMNS = pa.schema({"at": pa.int64(), "turn_duration": pa.int64(), "chat": _CODED, "tag": _CODED})
_BY_ALL = pc.SortOptions([(name, "ascending") for name in _COLUMNS.names])


def read_requests(
    pieces: Generator[Piece],
    of_table: Callable[[pa.Table], pa.Table],
    of_row: Callable[[Mapping[str, Any]], TraceRequest | None],
    source: Source,
    bad: BadRows,
) -> pa.Table:
    """Read the requests of a trace: whole pieces where all is plainly right, else row by row.

    Parameters
    ----------
    pieces : generator of Piece
        Of the file.
    of_table : callable
        Makes a table of :func:`requests_of` of the columns of a piece, or raises
        :class:`UnusualError` where anything needs a closer look.
    of_row : callable
        Makes a request of a row, or None where it is none; raises :class:`DataError` where the row
        cannot be used.
    source, bad
        What the file is called, and what becomes of rows that cannot be used.

    Returns
    -------
    Table
        As they stand in the file.
    """
    tables = [_COLUMNS.empty_table()]
    with closing(pieces):
        for piece in pieces:
            try:
                found = None if piece.table is None else of_table(piece.table)
            except UnusualError:
                found = None
            tables.append(_read_rows(piece, of_row, source, bad) if found is None else found)
    return pa.concat_tables(tables).combine_chunks()


def _read_rows(
    piece: Piece,
    of_row: Callable[[Mapping[str, Any]], TraceRequest | None],
    source: Source,
    bad: BadRows,
) -> pa.Table:
    requests = []
    for number, record in piece.rows():
        try:
            request = of_row(record)
        except DataError as error:
            bad.report(error, source=source.name, row=number)
        else:
            requests += [] if request is None else [request]
    columns = zip(*requests, strict=True) if requests else [[]] * len(_COLUMNS)
    return pa.table(list(map(_column, columns, _COLUMNS.types)), _COLUMNS)


def _column(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if kind != _CODED:
        return pa.array(values, kind)
    # The lowest Arrow makes no dictionary of Python's values at once.
    return pa.array(values, kind.value_type).dictionary_encode()


def requests_of(
    at: NDArray[np.int64],
    turn_duration: NDArray[np.int64],
    chat: pa.Array | None = None,
    tag: pa.Array | None = None,
) -> pa.Table:
    """Make a table of requests of its columns; a chat or a tag that is not given is missing.

    Parameters
    ----------
    at, turn_duration : array of int64
        Milliseconds.
    chat, tag : DictionaryArray, optional
        Of :func:`texts_after`.

    Raises
    ------
    UnusualError
        A time lies beyond the year 9999, or a duration is longer than a century.
    """
    n = len(at)
    if n and (at.max() > LAST_INSTANT or turn_duration.max() > LONGEST_DURATION):
        raise UnusualError
    texts = [pa.nulls(n, _CODED) if text is None else text for text in (chat, tag)]
    return pa.table([pa.array(at), pa.array(turn_duration), *texts], _COLUMNS)


def in_order(requests: pa.Table) -> NDArray[np.int64]:
    """Return the places of requests in order of time.

    Those of one instant are put in an order that has nothing to do with where they stand in a file:
    by duration, chat and tag.
    """
    at, lasts = (np.asarray(requests[name]) for name in ("at", "turn_duration"))
    # Traces are in order of time but for few.
    is_in_order = (at[1:] >= at[:-1]).all()
    order = np.arange(len(at)) if is_in_order else np.argsort(at, kind="stable")
    tied = ties(at if is_in_order else at[order])
    places = order[tied]
    places = places[np.lexsort((lasts[places], at[places]))]
    alike = ties(at[places], lasts[places])
    rest = places[alike]
    # Those without a chat or a tag come first.
    texts = {name: requests[name].take(rest).cast(_TEXT).fill_null("") for name in ("chat", "tag")}
    keys_of_all = {"at": at[rest], "turn_duration": lasts[rest], **texts}
    by_all = pc.call_function("sort_indices", [pa.table(keys_of_all)], _BY_ALL)
    places[alike] = rest[np.asarray(by_all)]
    order[tied] = places
    return order


def ties(*keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of some places in order have the same keys as the one before or behind."""
    same = np.ones(max(len(keys[0]) - 1, 0), np.bool_)
    for key in keys:
        same &= key[1:] == key[:-1]
    return (np.append(same, [False]) | np.insert(same, 0, [False]))[: len(keys[0])]


def named(requests: pa.Table, prefix: str, numbers: pa.Array) -> pa.Table:
    """Give the requests that are of no chat one by its number, such as ``conv-7``.

    ``numbers`` has one for each of these. No chat that another request is of begins with this
    prefix.
    """
    chat = in_one_piece(requests["chat"])
    names = texts_after(prefix, numbers)
    codes = np.array(chat.indices.fill_null(0))
    codes[np.asarray(chat.is_null())] = len(chat.dictionary) + np.asarray(names.indices)
    texts = pa.concat_arrays([chat.dictionary, names.dictionary])
    chat = pa.DictionaryArray.from_arrays(codes, texts)
    return requests.set_column(_COLUMNS.get_field_index("chat"), "chat", chat)


def texts_after(prefix: str, values: pa.Array) -> pa.DictionaryArray:
    """Put a text before each of some values, each different one once."""
    encoded = values.dictionary_encode()
    texts = [pa.scalar(prefix, _TEXT), encoded.dictionary.cast(_TEXT), pa.scalar("", _TEXT)]
    texts = pc.call_function("binary_join_element_wise", texts)
    return pa.DictionaryArray.from_arrays(encoded.indices, texts)


def to_events(requests: pa.Table, order: NDArray[np.int64] | None = None) -> pd.DataFrame:
    """Make events of requests: the earliest of a chat is its start, the others are messages.

    Each carries its turn; a start asks for the tag of its request.

    Parameters
    ----------
    requests : Table
        As they stand in the file.
    order : array of int, optional
        Their places in order of time; by default by :func:`in_order`.

    Returns
    -------
    DataFrame
        The events in order of time. The index holds the place of each among the requests.
    """
    if order is None:
        order = in_order(requests)
    if (order[1:] < order[:-1]).any():
        requests = requests.take(order)
    at, turn_duration, chat, tag = map(in_one_piece, requests.columns)
    codes = np.asarray(chat.indices)
    # Of the places that are written for a chat the last one stays, which here is its first.
    first = np.full(len(chat.dictionary), -1, np.int32)
    first[codes[::-1]] = np.arange(len(codes), dtype=np.int32)[::-1]
    is_start = np.zeros(len(codes), np.bool_)
    is_start[first[first >= 0]] = True
    op = pa.DictionaryArray.from_arrays((~is_start).view(np.int8), ["start", "message"])
    ids = chat.dictionary.take(chat.indices)
    events = {"at": at, "op": op, "external_id": ids, "turn_duration": turn_duration}
    if tag.null_count < len(tag):
        has_tag = is_start & np.asarray(tag.is_valid())
        ends = np.zeros(len(has_tag) + 1, np.int32)
        np.cumsum(has_tag, out=ends[1:])
        events["tags"] = pa.ListArray.from_arrays(
            pa.array(ends, mask=np.append(~is_start, [False])),
            tag.filter(pa.array(has_tag)).cast(pa.string()),
        )
    return join_events([pa.table(events)]).set_axis(order)


def after_seconds(origin: int, seconds: pa.Array) -> NDArray[np.int64]:
    """Do what :func:`instant_of_seconds` does to a column.

    Raises
    ------
    UnusualError
        One is missing, or needs a closer look.
    """
    return origin + known(column_in_milliseconds(seconds, "s"))


def turns_of_tokens(tokens: pa.Array | None, tokens_per_second: float) -> NDArray[np.int64]:
    """Do what :func:`turn_of_tokens` does to a column of numbers of tokens.

    Raises
    ------
    UnusualError
        One is missing, or needs a closer look.
    """
    if tokens is None or not pa.types.is_integer(tokens.type):
        raise UnusualError
    whole = known(tokens)
    most = min(2**53 // 1000, LONGEST_DURATION // 1000 * tokens_per_second)
    if len(whole) and not 0 <= whole.min() <= whole.max() <= most:
        raise UnusualError
    return np.rint(whole * 1000 / tokens_per_second).astype(np.int64)


def column(table: pa.Table, name: str) -> pa.Array:
    """Return a column of a piece.

    Raises
    ------
    UnusualError
        There is none.
    """
    if name not in table.column_names:
        raise UnusualError
    return in_one_piece(table[name])


def known(values: pa.Array) -> NDArray[np.int64]:
    """Return whole numbers of which none is missing.

    Raises
    ------
    UnusualError
        One is.
    """
    if values.null_count:
        raise UnusualError
    return np.asarray(values, np.int64)
