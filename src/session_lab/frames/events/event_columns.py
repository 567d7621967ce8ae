"""Columns of events in Arrow, checked whole.

Whatever reads many events at once (Parquet, blocks of text, tables that users hand in) gives its
columns here. A column in which anything is not plainly right is not judged here but by
:mod:`session_lab.frames.events.event_values`, value by value, which can name the row.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames.build import in_one_piece
from session_lab.frames.events.event_values import NOTHING, event_cell, event_value
from session_lab.frames.schema import EVENTS, Kind
from session_lab.frames.values import is_missing
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from session_lab.frames.schema import Column

__all__ = [
    "UnusualError",
    "event_array",
    "event_cells",
    "event_column",
    "event_columns",
    "table_of_rows",
    "whole_numbers",
    "without_nothing",
]

_MOST_CODE = 999
_NAMES = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    Kind.INSTANT: pa.int64(),
    Kind.DURATION: pa.int64(),
    Kind.TEXT: pa.large_string(),
    Kind.CATEGORY: _NAMES,
    Kind.TAGS: pa.list_(pa.string()),
    Kind.CODE: pa.int64(),
    Kind.FLAG: pa.bool_(),
}


class UnusualError(Exception):
    """A column holds something that needs a closer look; nobody outside of readers sees this."""


def event_columns(columns: Mapping[str, pa.Array | pa.ChunkedArray], n: int) -> pa.Table:
    """Check columns of events and bring them to one type each.

    Parameters
    ----------
    columns : mapping of str to Arrow array
        By the names of the events schema. Instants are timestamps with a zone, whole milliseconds
        since 1970, or ISO 8601 text with a zone; durations are Arrow's, whole milliseconds, or
        text with a unit; text may be dictionary-encoded; ids may be whole numbers.
    n : int
        The number of rows.

    Returns
    -------
    Table
        Instants and durations as whole milliseconds, text of few values dictionary-encoded.
        Optional columns without a value are left out.

    Raises
    ------
    UnusualError
        A required column or value is missing, or anything is not plainly right.
    """
    checked = {}
    for column in EVENTS.columns:
        values = columns.get(column.name)
        if values is None or (column.optional and values.null_count == n):
            if not column.optional:
                raise UnusualError
            continue
        if not column.optional and values.null_count:
            raise UnusualError
        checked[column.name] = event_column(values, column)
    return pa.table(checked)


def event_column(values: pa.Array | pa.ChunkedArray, column: Column) -> pa.Array:
    """Check one of these columns.

    Raises
    ------
    UnusualError
        Anything in it is not plainly right.
    """
    try:
        return _CHECKS[column.kind](in_one_piece(values), column)
    except (pa.ArrowException, UnicodeError, OverflowError) as error:
        raise UnusualError from error


def event_array(
    values: Iterable[object], column: Column, *, source: str, first_row: int = 0
) -> pa.Array:
    """Make such a column of values that need a closer look each.

    Parameters
    ----------
    values : iterable
        As JSON, Parquet, NumPy or pandas give them.
    column : Column
        Of the events schema.
    source : str
        What errors call it.
    first_row : int
        The row of the first value, for errors.

    Raises
    ------
    DataError
        A value cannot be used; the error names its row.
    """
    read = []
    for row, value in enumerate(values, first_row):
        plain = _plain(value, column.kind)
        try:
            read.append(None if plain is None else event_value(column, plain, column.name))
        except DataError as error:
            message = str(error.args[0])
            raise DataError(message, source=source, row=row, column=column.name) from None
    return pa.array(read, _TYPES[column.kind])


def _plain(value: Any, kind: Kind) -> Any:  # noqa: ANN401  of any kind
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if is_missing(value):
        return None
    if isinstance(value, tuple):
        return list(value)
    # Gaps make floats of whole numbers.
    is_whole = kind is Kind.CODE and isinstance(value, float) and value.is_integer()
    return int(value) if is_whole else value


def event_cells(values: pa.Array, column: Column) -> pa.Array:
    """Read the texts of a column of cells, as :func:`event_cell` reads each.

    Raises
    ------
    UnusualError
        A cell needs a closer look.
    """
    kind = column.kind
    values = without_nothing(values, ("", "\\N") if kind in _PLAIN_TEXT else ("", *NOTHING))
    if kind in _PLAIN_TEXT:
        return values
    if kind in _NUMBERS and (whole := whole_numbers(values)) is not None:
        return whole
    if kind is Kind.INSTANT and not _are_digits(values, "any"):
        return values
    encoded = values.dictionary_encode()
    try:
        cells = [event_cell(column, text) for text in encoded.dictionary.to_pylist()]
        known = [None if cell is None else event_value(column, cell, column.name) for cell in cells]
    except DataError as error:
        raise UnusualError from error
    return pa.array(known, _TYPES[kind]).take(encoded.indices)


_PLAIN_TEXT = frozenset({Kind.TEXT, Kind.CATEGORY})
_NUMBERS = frozenset({Kind.INSTANT, Kind.DURATION, Kind.CODE})
_DIGITS = 18


def without_nothing(values: pa.Array, nothing: Sequence[str] = ("", *NOTHING)) -> pa.Array:
    """Make null the texts of cells that say that there is nothing.

    Raises
    ------
    UnusualError
        These are no texts, which is what Arrow makes of a column whose name it cannot find again.
    """
    if not _is_text(values.type):
        raise UnusualError
    shortest = pc.call_function("min", [pc.call_function("binary_length", [values])]).as_py()
    if shortest is None or shortest > max(map(len, nothing)):
        return values
    options = pc.SetLookupOptions(pa.array(nothing, values.type))
    is_nothing = pc.call_function("is_in", [values], options)
    if not pc.call_function("any", [is_nothing]).as_py():
        return values
    return pc.call_function("if_else", [is_nothing, pa.scalar(None, values.type), values])


def whole_numbers(texts: pa.Array) -> pa.Array | None:
    """Read texts as whole numbers of at most 18 digits; None where one of them is anything else."""
    lengths = pc.call_function("binary_length", [texts])
    longest = pc.call_function("max", [lengths]).as_py() or 0
    return texts.cast(pa.int64()) if longest <= _DIGITS and _are_digits(texts, "all") else None


def _are_digits(texts: pa.Array, how: str) -> bool:
    """Return whether all known texts, or any of them, have digits only."""
    found = pc.call_function(how, [pc.call_function("ascii_is_decimal", [texts])]).as_py()
    return how == "all" if found is None else bool(found)


def table_of_rows(events: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Make such a table of events that were read value by value.

    Columns that no event has are left out.
    """
    names = [
        column.name
        for column in EVENTS.columns
        if not column.optional or any(event.get(column.name) is not None for event in events)
    ]
    return pa.table(
        {
            name: pa.array([event.get(name) for event in events], _TYPES[EVENTS.column(name).kind])
            for name in names
        }
    )


def _instants(values: pa.Array, column: Column) -> pa.Array:
    if _is_text(values.type):
        return _within(_instants_of_text(values, column), LAST_INSTANT)
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = _cut(values)
    return _within(values, LAST_INSTANT)


def _cut(values: pa.Array) -> pa.Array:
    """Cut off digits below a millisecond, as they are from text; towards zero, so none before it."""
    if values.type.unit in {"us", "ns"}:
        _within(values.cast(pa.int64()), 2**63 - 1)
        return values.cast(pa.timestamp("ms", values.type.tz), safe=False).cast(pa.int64())
    return values.cast(pa.timestamp("ms", values.type.tz)).cast(pa.int64())


def _instants_of_text(values: pa.Array, column: Column) -> pa.Array:
    texts = _texts(values)
    for unit in ("ms", "us"):
        with suppress(pa.ArrowInvalid):
            return _cut(texts.cast(pa.timestamp(unit, "UTC")))
    # Written in one of the ways that Arrow does not know.
    return _one_by_one(values, column)


def _durations(values: pa.Array, column: Column) -> pa.Array:
    if _is_text(values.type):
        return _one_by_one(values, column)
    if pa.types.is_duration(values.type):
        values = values.cast(pa.duration("ms")).cast(pa.int64())
    return _within(values, LONGEST_DURATION)


def _one_by_one(values: pa.Array, column: Column) -> pa.Array:
    """Read each different text once."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    try:
        known = [event_value(column, text, column.name) for text in encoded.dictionary.to_pylist()]
    except DataError as error:
        raise UnusualError from error
    return pa.array(known, pa.int64()).take(encoded.indices)


def _within(values: pa.Array, most: int) -> pa.Array:
    if not pa.types.is_integer(values.type):
        raise UnusualError
    whole = values.cast(pa.int64())
    ends = pc.call_function("min_max", [whole])
    if ends["min"].is_valid and (ends["min"].as_py() < 0 or ends["max"].as_py() > most):
        raise UnusualError
    return whole


def _ids(values: pa.Array, _: Column) -> pa.Array:
    if pa.types.is_integer(values.type):
        return values.cast(pa.large_string())
    texts = _texts(values).cast(pa.large_string())
    reserved = pc.MatchSubstringOptions(RESERVED_ID_PREFIX)
    is_reserved = pc.call_function("starts_with", [texts], reserved)
    shortest = pc.call_function("min", [pc.call_function("binary_length", [texts])]).as_py()
    if shortest == 0 or pc.call_function("any", [is_reserved]).as_py():
        raise UnusualError
    return texts


def _categories(values: pa.Array, column: Column) -> pa.Array:
    if not pa.types.is_dictionary(values.type):
        values = _texts(values).dictionary_encode()
    values = values.cast(_NAMES)
    if column.allowed and not set(values.dictionary.to_pylist()) <= set(column.allowed):
        raise UnusualError
    return values


def _texts(values: pa.Array) -> pa.Array:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not _is_text(kind):
        raise UnusualError
    return values.cast(kind)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _tags(values: pa.Array, _: Column) -> pa.Array:
    kind = values.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not is_list or values.flatten().null_count:
        raise UnusualError
    if not _is_text(kind.value_type) and not pa.types.is_null(kind.value_type):
        raise UnusualError
    return values.cast(pa.list_(pa.string()))


def _statuses(values: pa.Array, _: Column) -> pa.Array:
    return _within(values, _MOST_CODE)


def _flags(values: pa.Array, _: Column) -> pa.Array:
    if not pa.types.is_boolean(values.type):
        raise UnusualError
    return values


_CHECKS: dict[Kind, Callable[[pa.Array, Column], pa.Array]] = {
    Kind.INSTANT: _instants,
    Kind.DURATION: _durations,
    Kind.TEXT: _ids,  # The one column of the schema that is plain text.
    Kind.CATEGORY: _categories,
    Kind.TAGS: _tags,
    Kind.CODE: _statuses,
    Kind.FLAG: _flags,
}
