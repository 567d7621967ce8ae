"""Rows and columns of any source into Arrow columns, without a model for each row.

Whole columns go through Arrow at once. Only where something in them is unusual is each value
looked at, to read it in the form it has or to name the row and the column that cannot be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import PydanticSerializationError

from session_lab.errors import DataError
from session_lab.frames.build import in_one_piece
from session_lab.frames.schema import Kind
from session_lab.frames.values import decoded, json_text, read_value, short
from session_lab.timing import LAST_INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from session_lab.frames.files.row_formats import Field, RowFormat

__all__ = ["ARROW_TYPES", "Places", "Unusual", "table_of_columns", "table_of_rows"]

_TEXT = pa.large_string()
_INSTANT = pa.timestamp("ms", "UTC")
ARROW_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.INSTANT: _INSTANT,
    Kind.DURATION: pa.float64(),
    Kind.TEXT: _TEXT,
    Kind.JSON: _TEXT,
    Kind.CATEGORY: _TEXT,
    Kind.TAGS: pa.list_(pa.string()),
    Kind.COUNT: pa.float64(),
    Kind.CODE: pa.float64(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
}
"""What columns become on their way into a frame; durations are milliseconds."""

_LISTS = {list, type(None)}
_FIRST_INSTANT = -62_135_596_800_000
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_MOST_TEXT = 1 << 31


class Unusual(Exception):  # noqa: N818  not an error: a sign to look at each value
    """A column holds something that needs a closer look."""


_UNUSUAL = (
    Unusual,
    pa.ArrowException,
    PydanticSerializationError,
    AttributeError,
    TypeError,
    ValueError,
    RecursionError,
)


class Places(NamedTuple):
    """Where rows stand.

    Attributes
    ----------
    source : str
        What they come from.
    numbers : sequence of int
        The number of each row in it.
    unit : str
        What these numbers count.
    """

    source: str
    numbers: Sequence[int]
    unit: str = "row"


def table_of_rows(rows: Sequence[Mapping[str, Any]], format: RowFormat, places: Places) -> pa.Table:
    """Make Arrow columns of decoded rows.

    Parameters
    ----------
    rows : sequence of mapping
        What a source has, by its own names.
    format : RowFormat
        Which columns of ours they make.
    places : Places
        Where they stand, for errors.

    Returns
    -------
    Table
        A column for each field of the format, in :data:`ARROW_TYPES`; where the format keeps
        columns of the user's, those as well.

    Raises
    ------
    DataError
        A row cannot be used; the error names it and the column.
    """
    struct = _struct(rows, format, places)
    columns = [_column(rows, field, format, places, struct) for field in format.fields]
    table = pa.table(columns, schema=format.schema)
    if not format.keeps_others:
        return table
    names = dict.fromkeys(name for row in rows for name in row if name not in format.sources)
    for name in names:
        table = table.append_column(name, _other([row.get(name) for row in rows]))
    return table


def table_of_columns(given: pa.Table, format: RowFormat) -> pa.Table:
    """Make Arrow columns of the columns of a file or a frame.

    Raises
    ------
    Unusual
        Some column needs a closer look: :func:`table_of_rows` takes one, given the rows.
    """
    columns = []
    present = set(given.column_names)
    for field in format.fields:
        if field.source not in present:
            column = pa.nulls(given.num_rows, ARROW_TYPES[field.column.kind])
        else:
            try:
                column = in_one_piece(given[field.source])
                # Of what a file calls text Arrow believes that it is.
                column.validate(full=True)
                column = _converted(column, field, format)
            except DataError:
                raise
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                raise Unusual from error
        if field.required and column.null_count:
            raise Unusual
        columns.append(column)
    table = pa.table(columns, schema=format.schema)
    if not format.keeps_others:
        return table
    for name in given.column_names:
        if name not in format.sources:
            table = table.append_column(name, given[name])
    return table


def _other(values: list[Any]) -> pa.Array:
    """Keep a column of the user's as Arrow takes it, else as JSON."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([json_text(value) for value in values], _TEXT)


def _struct(
    rows: Sequence[Mapping[str, Any]], format: RowFormat, places: Places
) -> pa.StructArray | None:
    """Read all fields of all rows at once, or return None where one of them is unusual."""
    try:
        struct = pa.array(rows, format.struct)
    except _UNUSUAL:
        struct = None
    if struct is None or struct.null_count:
        for place, row in zip(places.numbers, rows, strict=True):
            if not isinstance(row, dict):
                message = f"a row is a JSON object, not {short(row)}"
                raise DataError(message, source=places.source, row=place, unit=places.unit)
    return struct


def _column(
    rows: Sequence[Mapping[str, Any]],
    field: Field,
    format: RowFormat,
    places: Places,
    struct: pa.StructArray | None,
) -> pa.Array:
    """Read a field of all rows at once, or where anything in it is unusual each by itself."""
    try:
        if struct is not None and struct.type.get_field_index(field.source) >= 0:
            return _checked(struct.field(field.source), field, format)
        return _at_once([row.get(field.source) for row in rows], field, format)
    except _UNUSUAL:
        column = pa.array(_values(rows, field, format, places), ARROW_TYPES[field.column.kind])
        column = column if field.change is None else field.change(column)
    return column


def _at_once(values: list[Any], field: Field, format: RowFormat) -> pa.Array:
    kind = field.column.kind
    if kind is Kind.JSON:
        texts = values if format.keeps_others else _json_of_values(values, field)
        return pa.array(texts, _TEXT)
    # Times come as text.
    column = pa.array(values, ARROW_TYPES[Kind.TEXT if kind is Kind.INSTANT else kind])
    # Arrow also takes a text for a list of its letters.
    if kind is Kind.TAGS and not set(map(type, values)) <= _LISTS:
        raise Unusual
    return _checked(column, field, format)


def _checked(column: pa.Array, field: Field, format: RowFormat) -> pa.Array:
    column = _converted(column, field, format)
    if field.required and column.null_count:
        raise Unusual
    return column


def _json_of_values(values: list[Any], field: Field) -> list[str | None]:
    if field.unwrap is not None:
        values = [_unwrapped(value, field.unwrap) for value in values]
    if any(issubclass(kind, str) for kind in set(map(type, values))):
        raise Unusual
    return [None if value is None else json_text(value) for value in values]


def _unwrapped(value: Any, name: str) -> Any:  # noqa: ANN401  JSON
    return value.get(name) if isinstance(value, dict) else value


def _values(
    rows: Sequence[Mapping[str, Any]], field: Field, format: RowFormat, places: Places
) -> list[Any]:
    source, numbers, unit = places
    name, values = field.source, []
    for place, row in zip(numbers, rows, strict=True):
        value, problem = row.get(name), None
        try:
            value = _read(value, field, format)
        except ValueError as error:
            problem = f"{short(value)} {error}"
        if value is None and field.required:
            problem = f"{name} is null" if name in row else _missing(name, row)
        if problem:
            raise DataError(problem, source=source, row=place, column=field.column.name, unit=unit)
        values.append(value)
    return values


def _read(value: Any, field: Field, format: RowFormat) -> Any:  # noqa: ANN401  by its kind
    kind = field.column.kind
    if kind is Kind.JSON and format.keeps_others and isinstance(value, str):
        kind = Kind.TEXT
    if field.unwrap is not None:
        value = _unwrapped(_of_json(value), field.unwrap)
    return read_value(kind, value, naive_is_utc=format.naive_is_utc)


def _of_json(value: Any) -> Any:  # noqa: ANN401  JSON, or its text
    text = read_value(Kind.JSON, value)
    return None if text is None else decoded(text)


def _missing(name: str, row: Mapping[str, Any]) -> str:
    return f"{name} is missing; the row has {', '.join(map(str, row)) or 'no fields'}"


def _converted(column: pa.Array, field: Field, format: RowFormat) -> pa.Array:
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
    if column.type == _TEXT:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), _TEXT)
    if pa.types.is_dictionary(column.type):
        words = _texts(column.dictionary)
        lengths = pc.call_function("binary_length", [words])
        size = pc.call_function("sum", [lengths.take(column.indices)]).as_py() or 0
        if size > _MOST_TEXT:
            raise DataError(f"it would take {size >> 20:,} MiB of text", column=None)
        return words.take(column.indices)
    if not _is_text(column.type) and not _is_binary(column.type):
        raise Unusual
    return column.cast(_TEXT)


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
    if first is not None and not (first >= _FIRST_INSTANT and last <= LAST_INSTANT):
        raise Unusual
    return whole.view(_INSTANT)


def _instants_of_text(column: pa.Array, *, naive_is_utc: bool) -> pa.Array:
    """Read the usual ways to write a time at once, others by value."""
    zoned = (_INSTANT, pa.timestamp("us", "UTC"))
    for kind in (*zoned, pa.timestamp("us")) if naive_is_utc else zoned:
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
        column = _by_value(column, lambda value: read_value(Kind.DURATION, value), pa.float64())
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
        return pa.nulls(len(column), _TEXT)
    texts = _texts(column)
    if keeps_text:
        return texts
    if field.unwrap is None:
        return _by_value(texts, lambda value: read_value(Kind.JSON, value), _TEXT)
    name = field.unwrap

    def read(value: str | None) -> str | None:
        return json_text(_unwrapped(_of_json(value), name))

    return _by_value(texts, read, _TEXT)


_CONVERTERS: Mapping[Kind, Callable[[pa.Array], pa.Array]] = {
    Kind.TEXT: _texts,
    Kind.CATEGORY: _texts,
    Kind.TAGS: _tag_lists,
    Kind.FLAG: _flags,
}
