"""Arrow columns of any type, as columns of the kinds that frames have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames.events.event_columns import whole_numbers
from session_lab.frames.schema import Kind
from session_lab.frames.values import decoded, json_text, read_value
from session_lab.timing import FIRST_INSTANT, LAST_INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from session_lab.frames.files.row_formats import Field, RowFormat

__all__ = ["ARROW_TYPES", "TEXT", "Unusual", "converted", "of_json", "unwrapped"]

TEXT = pa.large_string()
_INSTANT = pa.timestamp("ms", "UTC")
ARROW_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.INSTANT: _INSTANT,
    Kind.DURATION: pa.float64(),
    Kind.TEXT: TEXT,
    Kind.JSON: TEXT,
    Kind.CATEGORY: TEXT,
    Kind.TAGS: pa.list_(pa.string()),
    Kind.COUNT: pa.float64(),
    Kind.CODE: pa.float64(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
}
"""What columns become on their way into a frame; durations are milliseconds."""

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_MOST_TEXT = 1 << 31


class Unusual(Exception):  # noqa: N818  not an error: a sign to look at each value
    """A column holds something that needs a closer look."""


def unwrapped(value: Any, name: str) -> Any:  # noqa: ANN401  JSON
    """Return a field of an object; of anything else the value itself."""
    return value.get(name) if isinstance(value, dict) else value


def of_json(value: Any) -> Any:  # noqa: ANN401  JSON, or its text
    """Return what a value says, decoded where it is text; other text stands for itself."""
    if isinstance(value, str) and value:
        try:
            return decoded(value)
        except ValueError:
            return value
        except TypeError:
            pass  # It has half of a character in it, and is refused below.
    text = read_value(Kind.JSON, value)
    return None if text is None else decoded(text)


def converted(column: pa.Array, field: Field, format: RowFormat) -> pa.Array:
    """Bring a column to the kind of its field.

    Raises
    ------
    Unusual, ArrowException, TypeError, ValueError
        Some value needs a closer look.
    """
    kind = field.column.kind
    if kind is Kind.INSTANT:
        column = _instants(column, naive_is_utc=format.naive_is_utc)
    elif kind is Kind.JSON:
        column = _json_texts(column, field, keeps_text=format.keeps_others)
    elif kind in _CONVERTERS:
        column = _CONVERTERS[kind](column)
    else:
        column = _numbers(column)
    return column if field.change is None else field.change(column)


def _texts(column: pa.Array) -> pa.Array:
    if column.type == TEXT:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), TEXT)
    if pa.types.is_dictionary(column.type):
        words = _texts(column.dictionary)
        lengths = pc.call_function("binary_length", [words])
        size = pc.call_function("sum", [lengths.take(column.indices)]).as_py() or 0
        if size > _MOST_TEXT:
            raise DataError(f"it would take {size >> 20:,} MiB of text", column=None)
        return words.take(column.indices)
    if not _is_text(column.type) and not _is_binary(column.type):
        raise Unusual
    return column.cast(TEXT)


def _is_text(kind: pa.DataType) -> bool:
    is_known = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(is_known) or str(kind) == "string_view"


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _by_value(column: pa.Array, read: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """Read text value by value, each different one once."""
    encoded = _texts(column).dictionary_encode()
    known = pa.array([read(value) for value in encoded.dictionary.to_pylist()], kind)
    return known.take(encoded.indices)


def _instants(column: pa.Array, *, naive_is_utc: bool) -> pa.Array:
    kind = column.type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), _INSTANT)
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
    elif _is_text(kind) or _is_binary(kind):
        column = _instants_of_text(_texts(column), naive_is_utc=naive_is_utc)
    elif not pa.types.is_timestamp(kind):
        raise Unusual
    if column.type.tz is None and not naive_is_utc:
        raise Unusual
    whole = column.view(pa.int64())
    parts = _PER_SECOND[column.type.unit]
    if parts < 1000:
        whole = pc.call_function("multiply_checked", [whole, 1000 // parts])
    elif parts > 1000:
        # What is finer than a millisecond is cut off, before 1970 too.
        known = np.asarray(whole.fill_null(0)) // (parts // 1000)
        mask = np.asarray(whole.is_null()) if whole.null_count else None
        whole = pa.array(known, pa.int64(), mask=mask)
    first, last = pc.call_function("min_max", [whole]).as_py().values()
    if first is not None and not (first >= FIRST_INSTANT and last <= LAST_INSTANT):
        raise Unusual
    return whole.view(_INSTANT)


def _instants_of_text(column: pa.Array, *, naive_is_utc: bool) -> pa.Array:
    """Read the usual ways to write a time at once, others by value."""
    zoned = (_INSTANT, pa.timestamp("us", "UTC"))
    naive = (pa.timestamp("ms"), pa.timestamp("us")) if naive_is_utc else ()
    for kind in (*naive, *zoned):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return _by_value(
        column,
        lambda value: read_value(Kind.INSTANT, value, naive_is_utc=naive_is_utc),
        _INSTANT,
    )


def _numbers(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_duration(kind):
        parts = _PER_SECOND[kind.unit]
        column = pc.call_function(
            "multiply", [column.cast(pa.int64()).cast(pa.float64()), 1000 / parts]
        )
    elif _is_text(kind) or _is_binary(kind):
        column = _numbers_of_text(_texts(column))
    elif pa.types.is_boolean(kind) or not (
        pa.types.is_null(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        raise Unusual
    numbers = column.cast(pa.float64(), safe=False)
    held = np.asarray(numbers.fill_null(np.nan))
    if np.isinf(held).any():
        raise Unusual
    return pa.array(held, from_pandas=True)


def _numbers_of_text(column: pa.Array) -> pa.Array:
    """Read whole numbers at once, others by value."""
    whole = whole_numbers(column)
    if whole is not None:
        return whole
    return _by_value(column, lambda value: read_value(Kind.DURATION, value), pa.float64())


def _flags(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.bool_())
    return pa.array([read_value(Kind.FLAG, value) for value in column.to_pylist()], pa.bool_())


def _tag_lists(column: pa.Array) -> pa.Array:
    kind = column.type
    if kind == ARROW_TYPES[Kind.TAGS] and not column.values.null_count:
        return column
    if pa.types.is_null(kind):
        return pa.nulls(len(column), ARROW_TYPES[Kind.TAGS])
    if _is_text(kind) or pa.types.is_dictionary(kind):
        return _by_value(column, lambda value: read_value(Kind.TAGS, value), ARROW_TYPES[Kind.TAGS])
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise Unusual
    if pa.types.is_dictionary(kind.value_type):
        column = column.cast(pa.list_(kind.value_type.value_type))
    if not (_is_text(column.type.value_type) or pa.types.is_null(column.type.value_type)):
        raise Unusual
    if column.flatten().null_count:
        raise Unusual
    return column.cast(ARROW_TYPES[Kind.TAGS])


def _json_texts(column: pa.Array, field: Field, *, keeps_text: bool) -> pa.Array:
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), TEXT)
    texts = _texts(column)
    if keeps_text:
        return texts
    name = field.unwrap

    def read(text: str | None) -> str | None:
        value = of_json(text)
        if isinstance(value, str) and value.startswith("{"):
            # Whether this was written as an object or as text only the row tells.
            raise Unusual
        inner = value if name is None else unwrapped(value, name)
        is_read = name is None or isinstance(inner, dict)
        written: str | None = json_text(inner) if is_read else read_value(Kind.JSON, inner)
        return written

    return _by_value(texts, read, TEXT)


_CONVERTERS: Mapping[Kind, Callable[[pa.Array], pa.Array]] = {
    Kind.TEXT: _texts,
    Kind.CATEGORY: _texts,
    Kind.TAGS: _tag_lists,
    Kind.FLAG: _flags,
}
