"""Rows of the API into Arrow columns, without a model for each row.

Whole lists of decoded rows go to Arrow at once. Only where Arrow refuses them is each value looked
at, to read a time in an unusual form or to name the row and the column that cannot be used.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from pydantic.alias_generators import to_snake
from pydantic_core import PydanticSerializationError, to_json

from session_lab.errors import DataError
from session_lab.wire.base import read_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "KEPT_RUNS",
    "KEPT_SESSIONS",
    "POLL_ROWS",
    "RUN_ROWS",
    "SESSION_ROWS",
    "Field",
    "Form",
    "Layout",
    "Rows",
    "json_text",
    "moment",
    "table_of",
]

TEXT = pa.large_string()
TAGS = pa.list_(pa.string())
INSTANT = pa.timestamp("ms", "UTC")

_LISTS = {list, type(None)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Form(Enum):
    """What a field holds on the wire."""

    TEXT = "text"
    TAGS = "a list of texts"
    TIME = "an ISO 8601 time with a zone"
    NUMBER = "a number"
    JSON = "JSON"


class Field(NamedTuple):
    """One field of a row: our name, the name on the wire, its form, whether it must be there."""

    name: str
    wire: str
    form: Form = Form.TEXT
    required: bool = False


class Layout:
    """The fields of a row that are read; others are left alone."""

    def __init__(self, *fields: Field) -> None:
        self.fields = fields

    @cached_property
    def struct(self) -> pa.DataType:
        """What Arrow reads by itself; times come as text and JSON is written before."""
        types = {Form.TEXT: TEXT, Form.TIME: TEXT, Form.TAGS: TAGS, Form.NUMBER: pa.float64()}
        return pa.struct(
            [(field.wire, types[field.form]) for field in self.fields if field.form in types]
        )

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns that are made."""
        types = {
            Form.TEXT: TEXT,
            Form.JSON: TEXT,
            Form.TIME: INSTANT,
            Form.TAGS: TAGS,
            Form.NUMBER: pa.float64(),
        }
        return pa.schema([(field.name, types[field.form]) for field in self.fields])

    @cached_property
    def renamed(self) -> dict[str, str]:
        """Names on the wire by those in Python: ours, and those of the client's models."""
        names = [
            (name, field.wire)
            for field in self.fields
            for name in (field.name, to_snake(field.wire))
        ]
        return {name: wire for name, wire in names if name != wire}


SESSION_ROWS = Layout(
    Field("session_id", "id", required=True),
    Field("external_id", "externalId"),
    Field("type", "type", required=True),
    Field("task_identifier", "taskIdentifier", required=True),
    Field("tags", "tags", Form.TAGS),
    Field("metadata", "metadata", Form.JSON),
    Field("current_run_id", "currentRunId"),
    Field("created_at", "createdAt", Form.TIME, required=True),
    Field("updated_at", "updatedAt", Form.TIME, required=True),
    Field("closed_at", "closedAt", Form.TIME),
    Field("closed_reason", "closedReason"),
    Field("expires_at", "expiresAt", Form.TIME),
)

KEPT_SESSIONS = Layout(
    *(
        field._replace(required=field.name in {"session_id", "created_at"})
        for field in SESSION_ROWS.fields
    )
)
"""Sessions as this package keeps them; a replay's may lack what its events did not tell."""

RUN_ROWS = Layout(
    Field("run_id", "id", required=True),
    Field("status", "status", required=True),
    Field("triggered_at", "createdAt", Form.TIME, required=True),
    Field("updated_at", "updatedAt", Form.TIME),
    Field("ended_at", "finishedAt", Form.TIME),
    Field("tags", "tags", Form.TAGS),
    Field("billed", "durationMs", Form.NUMBER),
    Field("cost_in_cents", "costInCents", Form.NUMBER),
    Field("payload", "payload", Form.JSON),
)

KEPT_RUNS = Layout(
    Field("run_id", "run_id", required=True),
    Field("session_id", "session_id"),
    Field("reason", "reason"),
    Field("status", "status"),
    Field("triggered_at", "triggered_at", Form.TIME, required=True),
    Field("ended_at", "ended_at", Form.TIME),
    Field("end_cause", "end_cause"),
    *(
        Field(name, name, Form.NUMBER)
        for name in ("turns", "resumes", "active", "idle", "suspended", "cost_in_cents", "billed")
    ),
)
"""Runs as this package keeps them, durations in milliseconds."""

POLL_ROWS = Layout(
    Field("session_id", "id", required=True),
    Field("current_run_id", "currentRunId"),
    Field("polled_at", "polledAt", Form.TIME, required=True),
)


class Rows:
    """Rows on their way into columns.

    Parameters
    ----------
    layout : Layout
        What to read of them.
    source : str
        Where they come from, for errors.
    """

    def __init__(self, layout: Layout, source: str) -> None:
        self._layout = layout
        self._source = source
        self._batches: list[pa.RecordBatch] = []
        self.count = 0

    def add(self, rows: Sequence[Mapping[str, Any]], places: Sequence[int] | None = None) -> None:
        """Take rows; ``places`` are their numbers in the source, by default counted on.

        Raises
        ------
        DataError
            A row cannot be used; the error names it and the column.
        """
        try:
            batch = _at_once(rows, self._layout)
        except (
            pa.ArrowException,
            PydanticSerializationError,
            AttributeError,
            TypeError,
            ValueError,
        ):
            numbers = range(self.count, self.count + len(rows)) if places is None else places
            batch = _one_by_one(rows, self._layout, self._source, numbers)
        self._batches.append(batch)
        self.count += len(rows)

    def table(self) -> pa.Table:
        """Make one table of all rows, each column in one piece."""
        table = pa.Table.from_batches(self._batches, self._layout.schema)
        self._batches.clear()
        return table.combine_chunks()


def table_of(table: pa.Table, layout: Layout, source: str) -> pa.Table:
    """Bring a table with the names of a frame's columns to the types of a layout.

    Raises
    ------
    DataError
        A column cannot be brought to its type, or misses values that it must have.
    """
    columns = []
    for field, wanted in zip(layout.fields, layout.schema, strict=True):
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, wanted.type))
            continue
        column = table[field.name]
        if field.form is Form.TIME and getattr(column.type, "tz", None) is None:
            message = f"the column holds {column.type} where times with a zone are expected"
            raise DataError(message, source=source, column=field.name)
        try:
            if pa.types.is_duration(column.type):
                column = column.cast(pa.duration("ms")).cast(pa.int64())
            columns.append(column.cast(wanted.type, safe=False))
        except pa.ArrowException as error:
            message = f"the column holds {column.type} where {field.form.value} is expected"
            raise DataError(message, source=source, column=field.name) from error
        if field.required and column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise DataError("is missing", source=source, row=row, column=field.name)
    return pa.table(columns, schema=layout.schema)


def json_text(value: object) -> bytes | str | None:
    """Write a value as compact JSON; None stays None.

    Examples
    --------
    >>> json_text({"plan": "pro", "seats": [1, 2]})
    b'{"plan":"pro","seats":[1,2]}'
    """
    if value is None:
        return None
    try:
        return to_json(value)
    except (PydanticSerializationError, UnicodeEncodeError):
        # Half of a surrogate pair has no place in UTF-8, but its escape has one in JSON.
        return json.dumps(value, separators=(",", ":"))


def moment(value: object) -> int:
    """Turn a time into milliseconds since 1970; text and datetimes must carry a zone.

    Raises
    ------
    ValueError
        It is no time, or has no zone; the message says so.
    """
    if isinstance(value, str):
        is_naive = value[:1] not in "+-" and datetime.fromisoformat(value).tzinfo is None
    else:
        is_naive = isinstance(value, datetime) and value.tzinfo is None
    if is_naive:
        message = f"has no time zone; add one, as in {value}Z"
        raise ValueError(message)
    return (read_moment(value) - _EPOCH) // _MILLISECOND


def _at_once(rows: Sequence[Mapping[str, Any]], layout: Layout) -> pa.RecordBatch:
    struct = pa.array(rows, layout.struct)
    columns = []
    for field in layout.fields:
        if field.form is Form.JSON:
            name = field.wire
            column = pa.array([json_text(row.get(name)) for row in rows], TEXT)
        else:
            column = struct.field(field.wire)
            if field.form is Form.TIME:
                column = column.cast(INSTANT)
            elif field.form is Form.TAGS and not _are_lists(rows, field.wire, column):
                raise TypeError(field.name)
        if struct.null_count or (field.required and column.null_count):
            raise ValueError(field.name)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=layout.schema)


def _are_lists(rows: Sequence[Mapping[str, Any]], name: str, column: pa.ListArray) -> bool:
    """Tell whether tags are lists of texts: Arrow also takes a text for a list of its letters."""
    return not column.values.null_count and {type(row.get(name)) for row in rows} <= _LISTS


def _one_by_one(
    rows: Sequence[Mapping[str, Any]], layout: Layout, source: str, places: Sequence[int]
) -> pa.RecordBatch:
    for place, row in zip(places, rows, strict=True):
        if not isinstance(row, dict):
            message = f"a row is a JSON object, not {_short(row)}"
            raise DataError(message, source=source, row=place)
    columns = [
        pa.array(_values(rows, field, source, places), layout.schema.field(field.name).type)
        for field in layout.fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=layout.schema)


def _values(
    rows: Iterable[Mapping[str, Any]], field: Field, source: str, places: Sequence[int]
) -> list[Any]:
    read, values = _READERS[field.form], []
    for place, row in zip(places, rows, strict=True):
        value = row.get(field.wire)
        problem = None
        if value is not None:
            try:
                values.append(read(value))
            except (TypeError, ValueError) as error:
                told = str(error) if str(error).startswith("has ") else f"is not {field.form.value}"
                problem = f"{_short(value)} {told}"
        elif field.required:
            problem = f"{field.wire} is null" if field.wire in row else _missing(field, row)
        else:
            values.append(None)
        if problem:
            raise DataError(problem, source=source, row=place, column=field.name)
    return values


def _missing(field: Field, row: Mapping[str, Any]) -> str:
    return f"{field.wire} is missing; the row has {', '.join(map(str, row)) or 'no fields'}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    try:
        value.encode()
    except UnicodeEncodeError:
        message = "has half of a character in it, which no file can hold"
        raise ValueError(message) from None
    return value


def _tags(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [_text(tag) for tag in value]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


_READERS: dict[Form, Callable[[Any], Any]] = {
    Form.TEXT: _text,
    Form.TAGS: _tags,
    Form.TIME: moment,
    Form.NUMBER: _number,
    Form.JSON: json_text,
}
