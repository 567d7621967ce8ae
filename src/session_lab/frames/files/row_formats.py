"""How sources write rows: which of their fields make which of our columns, and what is known by.

The rows of the API, of the client's models and of our own frames derive from the schemas. Exports
of the platform's own stores are known by their columns: ``trigger_dev.sessions_v1`` of ClickHouse
(``internal-packages/clickhouse/schema/030_create_sessions_v1.sql`` of the open-source server), the
tables ``Session`` and ``SessionRun`` of Postgres
(``internal-packages/database/prisma/schema.prisma``), and what the query page exports of the table
``runs`` (``apps/webapp/app/v3/querySchemas.ts``). Their times have no zone and are UTC. What
ClickHouse writes as an empty text is missing, and its ``metadata`` is wrapped in ``data``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pydantic.alias_generators import to_snake

from session_lab.errors import DataError
from session_lab.frames.loaders.column_kinds import ARROW_TYPES
from session_lab.frames.schema import POLLS, RUNS, SESSIONS, Column, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from session_lab.frames.schema import Schema

__all__ = [
    "API_RUNS",
    "API_SESSIONS",
    "POLL_ROWS",
    "QUERY_RUNS",
    "RUN_FORMATS",
    "SESSION_FORMATS",
    "Field",
    "RowFormat",
    "recognise",
]


class Field(NamedTuple):
    """One field of a source's rows.

    Attributes
    ----------
    column : Column
        What it makes.
    source : str
        Its name there.
    required : bool
        Whether every row must have a value.
    change : callable, optional
        From the Arrow column as it is read to what it means.
    unwrap : str, optional
        Of JSON that is wrapped in an object: the name under which it stands there.
    """

    column: Column
    source: str
    required: bool = False
    change: Callable[[pa.Array], pa.Array] | None = None
    unwrap: str | None = None


class RowFormat:
    r"""How a source writes rows.

    Parameters
    ----------
    name : str
        What errors call it.
    fields : iterable of Field
        What is read; other fields are left alone.
    known_by : iterable of str
        The names by which rows are known; each row has them.
    naive_is_utc : bool
        Whether times have no zone and are UTC.
    keeps_others : bool
        Whether fields that no column is made of are kept, as those of our own frames are; JSON text
        stays as it is there.
    is_database : bool
        Whether text files of it are a database's: ``\N`` stands for NULL, and with tabs between
        them cells have escapes in place of quotes.
    """

    def __init__(
        self,
        name: str,
        fields: Iterable[Field],
        known_by: Iterable[str],
        *,
        naive_is_utc: bool = False,
        keeps_others: bool = False,
        is_database: bool = False,
    ) -> None:
        self.name = name
        self.fields = tuple(fields)
        self.known_by = frozenset(known_by)
        self.naive_is_utc = naive_is_utc
        self.keeps_others = keeps_others
        self.is_database = is_database

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow columns that are made."""
        kinds = [(field.column.name, ARROW_TYPES[field.column.kind]) for field in self.fields]
        return pa.schema(kinds)

    @cached_property
    def struct(self) -> pa.DataType:
        """What Arrow reads of decoded rows by itself; of tags and JSON values are looked at."""
        looked_at = {Kind.JSON, Kind.TAGS}
        return pa.struct(
            [
                (field.source, self.json_types[field.source])
                for field in self.fields
                if field.column.kind not in looked_at
            ]
        )

    @cached_property
    def json_types(self) -> Mapping[str, pa.DataType]:
        """As what fields are read of lines of JSON; times come as text."""
        as_text = {Kind.INSTANT: ARROW_TYPES[Kind.TEXT]}
        return {
            field.source: as_text.get(field.column.kind, ARROW_TYPES[field.column.kind])
            for field in self.fields
        }

    def json_types_of(self, row: Mapping[str, object]) -> Mapping[str, pa.DataType]:
        """As what fields are read of lines such as one; stores write numbers as text, or not."""
        return {
            name: ARROW_TYPES[Kind.TEXT]
            if kind == pa.float64() and isinstance(row.get(name), str)
            else kind
            for name, kind in self.json_types.items()
        }

    @cached_property
    def sources(self) -> frozenset[str]:
        """The names that are understood: what is read, and what can be derived again."""
        return frozenset(field.source for field in self.fields) | _DERIVED

    @cached_property
    def renamed(self) -> Mapping[str, str]:
        """Names there by those in Python: ours, and those of the client's models."""
        names = [
            (name, field.source)
            for field in self.fields
            for name in (field.column.name, to_snake(field.source))
        ]
        return {name: source for name, source in names if name != source}


_DERIVED = frozenset({"observed_at", *(c.name for c in SESSIONS.columns if c.wire is None)})


def recognise(columns: Iterable[str], formats: Iterable[RowFormat], source: str) -> RowFormat:
    """Recognise how rows are written by the names of their columns.

    Of several formats it is the one that knows most of them, and of those our own: users add
    columns to our frames, such as an ``id``.

    Raises
    ------
    DataError
        It is none of the formats; the message names the nearest, and the columns that it lacks.
    """
    found = set(columns)
    known = [*formats]
    possible = [format for format in known if format.known_by <= found]
    if possible:
        return max(possible, key=lambda one: (len(one.sources & found), one.keeps_others))
    # Of several that are as near, the last one: it has our own names.
    nearest = min(reversed(known), key=lambda format: len(format.known_by - found))
    message = (
        f"the columns {', '.join(sorted(found)) or '(none)'} are of no known kind; "
        f"{nearest.name} would also have {', '.join(sorted(nearest.known_by - found))}: rename "
        f"or add columns. Known are {', '.join(format.name for format in known)}"
    )
    raise DataError(message, source=source)


def _without_empty(column: pa.Array) -> pa.Array:
    """Read empty text as missing."""
    is_empty = pc.call_function("equal", [column, pa.scalar("", column.type)])
    return pc.call_function("if_else", [is_empty, pa.scalar(None, column.type), column])


def _with_prefix(prefix: str) -> Callable[[pa.Array], pa.Array]:
    """Make the id that the API shows of the one that the database keeps."""

    def change(column: pa.Array) -> pa.Array:
        start, end = pa.scalar(prefix, column.type), pa.scalar("", column.type)
        return pc.call_function("binary_join_element_wise", [start, _without_empty(column), end])

    return change


def _in_cents(column: pa.Array) -> pa.Array:
    return pc.call_function("multiply", [column, pa.scalar(100.0)])


def _in_milliseconds(column: pa.Array) -> pa.Array:
    return pc.call_function("multiply", [column, pa.scalar(1_000.0)])


def _status_names(column: pa.Array) -> pa.Array:
    """Make the API's names of the query page's words: ``Timed out`` is ``TIMED_OUT``."""
    upper = pc.call_function("utf8_upper", [column])
    options = pc.ReplaceSubstringOptions(" ", "_")
    return pc.call_function("replace_substring", [upper], options)


def _wire_fields(schema: Schema) -> list[Field]:
    return [
        Field(column, column.wire, column.required)
        for column in schema.columns
        if column.wire is not None
    ]


def _kept_fields(schema: Schema, required: set[str]) -> list[Field]:
    """Read columns by their own names, in which a replay's rows may lack what nobody told."""
    stored = (column for column in schema.columns if schema is RUNS or column.wire is not None)
    observed_at = Column("observed_at", Kind.INSTANT, "when the frame was observed")
    return [Field(c, c.name, c.name in required) for c in (*stored, observed_at)]


def _of_client(format: RowFormat) -> RowFormat:
    """Describe rows whose fields have the names of the client's models."""
    fields = (field._replace(source=to_snake(field.source)) for field in format.fields)
    known_by = map(to_snake, format.known_by)
    return RowFormat(f"{format.name}, as the client names them", fields, known_by)


API_SESSIONS = RowFormat(
    "rows of the API",
    _wire_fields(SESSIONS),
    ["id", "externalId", "type", "taskIdentifier", "createdAt", "updatedAt"],
)

_CLICKHOUSE_CHANGES = {"external_id": _without_empty, "closed_reason": _without_empty}
_CLICKHOUSE = RowFormat(
    "ClickHouse sessions_v1",
    [
        *(
            field._replace(
                source="friendly_id" if field.source == "id" else field.column.name,
                change=_CLICKHOUSE_CHANGES.get(field.column.name),
                unwrap="data" if field.column.kind is Kind.JSON else None,
            )
            for field in API_SESSIONS.fields
        ),
        Field(Column("_version", Kind.NUMBER, "which version of the row it is"), "_version"),
        Field(Column("_is_deleted", Kind.NUMBER, "whether it was deleted"), "_is_deleted"),
    ],
    {
        "friendly_id",
        "external_id",
        "type",
        "task_identifier",
        "tags",
        "closed_at",
        "closed_reason",
        "expires_at",
        "created_at",
        "updated_at",
    },
    naive_is_utc=True,
    is_database=True,
)

_POSTGRES = RowFormat(
    "Postgres Session",
    [
        field._replace(
            source="friendlyId" if field.source == "id" else field.source,
            change=_with_prefix("run_") if field.source == "currentRunId" else None,
        )
        for field in API_SESSIONS.fields
    ],
    {
        "friendlyId",
        "externalId",
        "type",
        "taskIdentifier",
        "tags",
        "closedAt",
        "closedReason",
        "expiresAt",
        "createdAt",
        "updatedAt",
    },
    naive_is_utc=True,
    is_database=True,
)

SESSION_FORMATS = (
    _CLICKHOUSE,
    _POSTGRES,
    API_SESSIONS,
    _of_client(API_SESSIONS),
    RowFormat(
        "a sessions frame",
        _kept_fields(SESSIONS, {"session_id", "created_at"}),
        ["session_id", "external_id", "type", "task_identifier", "created_at", "updated_at"],
        keeps_others=True,
    ),
)

API_RUNS = RowFormat(
    "rows of the API",
    [
        *_wire_fields(RUNS),
        Field(Column("payload", Kind.JSON, "what it was triggered with"), "payload"),
    ],
    ["id", "status", "createdAt"],
)


def _run_fields(
    names: Mapping[str, str],
    changes: Mapping[str, Callable[[pa.Array], pa.Array]],
    required: set[str],
) -> list[Field]:
    """Describe fields of runs: the names there by ours."""
    return [
        Field(RUNS.column(ours), theirs, ours in required, changes.get(ours))
        for ours, theirs in names.items()
    ]


_SESSION_RUN = RowFormat(
    "Postgres SessionRun",
    _run_fields(
        {
            "run_id": "runId",
            "session_id": "sessionId",
            "reason": "reason",
            "triggered_at": "triggeredAt",
        },
        {"run_id": _with_prefix("run_"), "session_id": _with_prefix("session_")},
        {"run_id", "session_id", "triggered_at"},
    ),
    {"sessionId", "runId", "reason", "triggeredAt"},
    naive_is_utc=True,
    is_database=True,
)

QUERY_RUNS = RowFormat(
    "runs of the query page",
    _run_fields(
        {
            "run_id": "run_id",
            "status": "status",
            "triggered_at": "triggered_at",
            "started_at": "executed_at",
            "ended_at": "completed_at",
            "billed": "usage_duration",
            "queued": "queued_duration",
            "max_duration": "max_duration",
            "cost_in_cents": "compute_cost",
            "base_cost_in_cents": "invocation_cost",
            "task_identifier": "task_identifier",
            "version": "task_version",
            "machine": "machine",
            "region": "region",
            "is_warm_start": "is_warm_start",
            "is_test": "is_test",
            "tags": "tags",
            "delayed_until": "delay_until",
            "expired_at": "expired_at",
        },
        {
            "status": _status_names,
            "cost_in_cents": _in_cents,
            "base_cost_in_cents": _in_cents,
            "max_duration": _in_milliseconds,
            "version": _without_empty,
            "machine": _without_empty,
            "region": _without_empty,
        },
        {"run_id", "triggered_at"},
    ),
    {"run_id", "triggered_at"},
    naive_is_utc=True,
    is_database=True,
)

RUN_FORMATS = (
    _SESSION_RUN,
    API_RUNS,
    _of_client(API_RUNS),
    RowFormat(
        "a runs frame",
        _kept_fields(RUNS, {"run_id", "triggered_at"}),
        ["run_id", "session_id", "triggered_at"],
        keeps_others=True,
    ),
    QUERY_RUNS,
)

POLL_ROWS = RowFormat("polls", _wire_fields(POLLS), ["id", "polledAt"])
