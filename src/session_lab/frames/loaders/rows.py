"""Rows and columns of any source into Arrow columns, without a model for each row.

Whole columns go through Arrow at once. Only where something in them is unusual is each value
looked at, to read it in the form it has or to name the row and the column that cannot be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from pydantic_core import PydanticSerializationError

from session_lab.errors import DataError
from session_lab.frames.build import in_one_piece
from session_lab.frames.loaders.column_kinds import (
    ARROW_TYPES,
    TEXT,
    Unusual,
    converted,
    of_json,
    unwrapped,
)
from session_lab.frames.schema import Kind
from session_lab.frames.values import json_text, read_value, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.frames.files.row_formats import Field, RowFormat

__all__ = ["Places", "table_of_columns", "table_of_rows"]

_LISTS = {list, type(None)}
_UNUSUAL = (
    Unusual,
    pa.ArrowException,
    PydanticSerializationError,
    AttributeError,
    LookupError,
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
                column = converted(column, field, format)
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
        return pa.array([json_text(value) for value in values], TEXT)


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
        return pa.array(texts, TEXT)
    # Times come as text.
    column = pa.array(values, ARROW_TYPES[Kind.TEXT if kind is Kind.INSTANT else kind])
    # Arrow also takes a text for a list of its letters.
    if kind is Kind.TAGS and not set(map(type, values)) <= _LISTS:
        raise Unusual
    return _checked(column, field, format)


def _checked(column: pa.Array, field: Field, format: RowFormat) -> pa.Array:
    column = converted(column, field, format)
    if field.required and column.null_count:
        raise Unusual
    return column


def _json_of_values(values: list[Any], field: Field) -> list[str | None]:
    if field.unwrap is not None:
        values = [unwrapped(value, field.unwrap) for value in values]
    if any(issubclass(kind, str) for kind in set(map(type, values))):
        raise Unusual
    return [None if value is None else json_text(value) for value in values]


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
        value = unwrapped(of_json(value), field.unwrap)
    return read_value(kind, value, naive_is_utc=format.naive_is_utc)


def _missing(name: str, row: Mapping[str, Any]) -> str:
    return f"{name} is missing; the row has {', '.join(map(str, row)) or 'no fields'}"
