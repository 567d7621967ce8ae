"""The one definition of every frame: its columns, their kinds, names on the wire and meaning.

Loaders, exports and the frames of a simulated world derive from these columns, so a new field of
the API's rows is a column here and a field of the wire's model. Instants are ``datetime64[ms, UTC]``, durations ``timedelta64[ms]``, text is Arrow-backed, text of
few values is categorical, tags are lists of Arrow text, and what is missing is NA.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from session_lab.errors import DataError

__all__ = [
    "EVENTS",
    "OPERATIONS",
    "POLLS",
    "RUNS",
    "SCHEMAS",
    "SESSIONS",
    "TURNS",
    "WAITS",
    "Column",
    "Kind",
    "Schema",
]


class Kind(Enum):
    """What a column holds, and the dtype it has for that."""

    INSTANT = "an instant as datetime64[ms, UTC]"
    DURATION = "a duration as timedelta64[ms]"
    TEXT = "text as string[pyarrow]"
    JSON = "JSON text as string[pyarrow]"
    CATEGORY = "text of few values as category"
    TAGS = "texts as list<string>[pyarrow]"
    COUNT = "a whole number as int64"
    CODE = "a whole number or NA as Int64"
    NUMBER = "a number or NA as Float64"
    FLAG = "true, false or NA as boolean"


class Column(NamedTuple):
    """One column of a frame.

    Attributes
    ----------
    name : str
        Its name in the frame.
    kind : Kind
        What it holds.
    meaning : str
        What it means.
    allowed : tuple of str
        The values it is limited to; empty where there is no limit.
    optional : bool
        Whether the frame goes without it where its source does not have it.
    wire : str or None
        Its name in the API's rows; None where they do not have it.
    required : bool
        Whether every row of the API has it.
    """

    name: str
    kind: Kind
    meaning: str
    allowed: tuple[str, ...] = ()
    optional: bool = False
    wire: str | None = None
    required: bool = False


class Schema(NamedTuple):
    """One frame's columns, in order."""

    name: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Find a column by its name.

        Raises
        ------
        DataError
            The schema has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        message = f"{name!r} is not a column of the {self.name} frame; it has {known}"
        raise DataError(message, column=name)


SESSIONS = Schema(
    "sessions",
    (
        Column(
            "session_id", Kind.TEXT, "the platform's id of the session", wire="id", required=True
        ),
        Column(
            "external_id",
            Kind.TEXT,
            "the caller's own id, unique in an environment",
            wire="externalId",
        ),
        Column("type", Kind.CATEGORY, "what kind of session it is", wire="type", required=True),
        Column(
            "task_identifier",
            Kind.CATEGORY,
            "the task that its runs execute",
            wire="taskIdentifier",
            required=True,
        ),
        Column("tags", Kind.TAGS, "the session's own tags", wire="tags"),
        Column("metadata", Kind.JSON, "the session's metadata, as JSON text", wire="metadata"),
        Column(
            "current_run_id",
            Kind.TEXT,
            "the last claimed run, dead or alive",
            wire="currentRunId",
        ),
        Column("created_at", Kind.INSTANT, "when it was created", wire="createdAt", required=True),
        Column(
            "updated_at",
            Kind.INSTANT,
            "when its row was last written",
            wire="updatedAt",
            required=True,
        ),
        Column("closed_at", Kind.INSTANT, "when it was closed", wire="closedAt"),
        Column("closed_reason", Kind.TEXT, "the reason given with the close", wire="closedReason"),
        Column("expires_at", Kind.INSTANT, "when it expires", wire="expiresAt"),
        Column(
            "status",
            Kind.CATEGORY,
            "the API's status at the observation instant",
            ("ACTIVE", "CLOSED", "EXPIRED"),
        ),
        Column("ended_at", Kind.INSTANT, "the earlier of close and expiry, once it has come"),
        Column("end_cause", Kind.CATEGORY, "what ended it", ("closed", "expired", "open")),
        Column("lifetime", Kind.DURATION, "from creation to its end, or to the observation"),
    ),
)


def _known(name: str, kind: Kind, meaning: str, wire: str | None = None) -> Column:
    """Define a column that a frame of runs has where its source tells it."""
    return Column(name, kind, meaning, optional=True, wire=wire)


RUNS = Schema(
    "runs",
    (
        Column("run_id", Kind.TEXT, "the platform's id of the run", wire="id", required=True),
        Column("session_id", Kind.TEXT, "the session it serves"),
        Column(
            "reason",
            Kind.CATEGORY,
            "why it was triggered",
            ("initial", "continuation", "upgrade", "manual"),
        ),
        _known("reason_rule", Kind.CATEGORY, "by which rule the reason was inferred"),
        Column(
            "status",
            Kind.CATEGORY,
            "the API's status at the observation instant",
            wire="status",
            required=True,
        ),
        Column(
            "triggered_at", Kind.INSTANT, "when it was triggered", wire="createdAt", required=True
        ),
        _known("started_at", Kind.INSTANT, "when it began to execute", "startedAt"),
        Column("ended_at", Kind.INSTANT, "when it ended", wire="finishedAt"),
        Column(
            "end_cause",
            Kind.CATEGORY,
            "why it ended",
            (
                "turn_timeout",
                "max_turns",
                "max_duration",
                "crash",
                "upgrade",
                "cancelled",
                "session_closed",
                "preload_exit",
                "open",
            ),
        ),
        _known("end_cause_rule", Kind.CATEGORY, "by which rule the end cause was inferred"),
        Column("turns", Kind.COUNT, "turns it started"),
        Column("resumes", Kind.COUNT, "how often a turn woke it from suspension"),
        Column("active", Kind.DURATION, "time spent in turns, billed"),
        Column("idle", Kind.DURATION, "time awake with nothing to do, billed"),
        Column("suspended", Kind.DURATION, "time suspended, not billed"),
        _known("billed", Kind.DURATION, "time that is billed, as one sum", "durationMs"),
        _known("queued", Kind.DURATION, "time it waited for its place in the queue"),
        _known("max_duration", Kind.DURATION, "the active time after which it is ended"),
        Column(
            "cost_in_cents",
            Kind.NUMBER,
            "what the platform says its compute cost",
            wire="costInCents",
        ),
        _known(
            "base_cost_in_cents",
            Kind.NUMBER,
            "what the platform says its trigger cost",
            "baseCostInCents",
        ),
        _known("task_identifier", Kind.CATEGORY, "the task it executes", "taskIdentifier"),
        _known("task_kind", Kind.CATEGORY, "what kind of task that is", "taskKind"),
        _known("version", Kind.CATEGORY, "the version of the code it runs on", "version"),
        _known("machine", Kind.CATEGORY, "its machine preset"),
        _known("region", Kind.CATEGORY, "the region it executes in", "region"),
        _known("is_warm_start", Kind.FLAG, "whether it began on a machine that was ready"),
        _known("is_test", Kind.FLAG, "whether it was triggered as a test", "isTest"),
        _known("tags", Kind.TAGS, "the run's tags", "tags"),
        _known("metadata", Kind.JSON, "the run's metadata, as JSON text", "metadata"),
        _known("idempotency_key", Kind.TEXT, "the key given with its trigger", "idempotencyKey"),
        _known("depth", Kind.CODE, "how many runs stand above it", "depth"),
        _known("ttl", Kind.CATEGORY, "how long it may wait in the queue", "ttl"),
        _known("delayed_until", Kind.INSTANT, "before which it may not start", "delayedUntil"),
        _known("expired_at", Kind.INSTANT, "when it expired in the queue", "expiredAt"),
        _known("updated_at", Kind.INSTANT, "when its row was last written", "updatedAt"),
    ),
)

_START_KINDS = ("initial", "continuation", "upgrade", "queued", "warm", "resumed")

TURNS = Schema(
    "turns",
    (
        Column("session_id", Kind.TEXT, "the session it belongs to"),
        Column("external_id", Kind.TEXT, "the caller's own id of that session"),
        Column("run_id", Kind.TEXT, "the run that served it"),
        Column("number", Kind.CODE, "its number within that run, from 1"),
        Column("arrived_at", Kind.INSTANT, "when its message arrived; NA where nothing tells"),
        Column("started_at", Kind.INSTANT, "when it began to be served"),
        Column("ended_at", Kind.INSTANT, "when it had been served"),
        _known("ended_at_rule", Kind.CATEGORY, "by which rule its end was found"),
        Column("start_kind", Kind.CATEGORY, "how the turn started", _START_KINDS),
        Column("waited", Kind.DURATION, "from its arrival to its start"),
        _known("trigger", Kind.CATEGORY, "what the SDK calls the kind of its message"),
        _known("first_chunk_at", Kind.INSTANT, "when the first of its answer came"),
    ),
)

WAITS = Schema(
    "waits",
    (
        Column("session_id", Kind.TEXT, "the session it belongs to"),
        Column("run_id", Kind.TEXT, "the run that waited for a message"),
        Column("number", Kind.CODE, "after which turn of the run; 0 before its first"),
        Column("started_at", Kind.INSTANT, "when the run had nothing more to do"),
        Column("suspended_at", Kind.INSTANT, "when it was suspended; NA where it was not"),
        Column("ended_at", Kind.INSTANT, "when a turn began, or the run ended"),
    ),
)

POLLS = Schema(
    "polls",
    (
        Column("session_id", Kind.TEXT, "the session that was looked at", wire="id", required=True),
        Column("current_run_id", Kind.TEXT, "its run then", wire="currentRunId"),
        Column("polled_at", Kind.INSTANT, "when it was looked at", wire="polledAt", required=True),
    ),
)

_RECORDED = (
    Column("recorded_status", Kind.CODE, "the HTTP status it was answered with", optional=True),
    Column(
        "recorded_is_cached",
        Kind.FLAG,
        "whether the recorded answer to a start found the session",
        optional=True,
    ),
)

OPERATIONS = Schema(
    "operations",
    (
        Column("at", Kind.INSTANT, "when it was asked"),
        Column("op", Kind.CATEGORY, "what was asked", ("start", "message", "close", "retrieve")),
        Column("external_id", Kind.TEXT, "of which session"),
        Column("status_code", Kind.COUNT, "the HTTP status of the answer"),
        Column("error", Kind.CATEGORY, "the message of a refusal"),
        Column("is_cached", Kind.FLAG, "whether an accepted start found the session"),
        Column("session_id", Kind.TEXT, "the session, where there is one"),
        Column("run_id", Kind.TEXT, "the run that serves the turn; of a start, the newest run"),
        Column(
            "start_kind",
            Kind.CATEGORY,
            "how the turn started",
            _START_KINDS,
        ),
        Column("waited", Kind.DURATION, "from the arrival of the turn to its start"),
        Column(
            "queued",
            Kind.DURATION,
            "the part of that in which its session's runs waited for a concurrency slot",
            optional=True,
        ),
        *_RECORDED,
    ),
)

EVENTS = Schema(
    "events",
    (
        Column("at", Kind.INSTANT, "when it happens"),
        Column("op", Kind.CATEGORY, "what is asked", ("start", "message", "close", "retrieve")),
        Column("external_id", Kind.TEXT, "of which session"),
        Column("turn_duration", Kind.DURATION, "how long the turn lasts", optional=True),
        Column("expires_at", Kind.INSTANT, "the expiry a start asks for", optional=True),
        Column("tags", Kind.TAGS, "the tags a start asks for", optional=True),
        Column("type", Kind.CATEGORY, "the type a start asks for", optional=True),
        Column("task_identifier", Kind.CATEGORY, "the task a start asks for", optional=True),
        *_RECORDED,
    ),
)

SCHEMAS = {schema.name: schema for schema in (SESSIONS, RUNS, TURNS, WAITS, OPERATIONS, EVENTS)}
