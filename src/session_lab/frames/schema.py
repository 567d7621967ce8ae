"""The one definition of every frame: its columns, their kinds and their meaning.

Instants are ``datetime64[ms, UTC]``, durations ``timedelta64[ms]``, text is Arrow-backed, text of
few values is categorical, tags are lists of Arrow text, and what is missing is NA.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from session_lab.errors import DataError

__all__ = ["EVENTS", "OPERATIONS", "RUNS", "SCHEMAS", "SESSIONS", "Column", "Kind", "Schema"]


class Kind(Enum):
    """What a column holds."""

    INSTANT = "datetime64[ms, UTC]"
    DURATION = "timedelta64[ms]"
    TEXT = "string[pyarrow]"
    CATEGORY = "category"
    TAGS = "list<string>[pyarrow]"
    COUNT = "int64"
    CODE = "Int64"
    NUMBER = "Float64"
    FLAG = "boolean"


class Column(NamedTuple):
    """One column: its name, what it holds, what it means, and the values it is limited to."""

    name: str
    kind: Kind
    meaning: str
    allowed: tuple[str, ...] = ()
    optional: bool = False


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
        Column("session_id", Kind.TEXT, "the platform's id of the session"),
        Column("external_id", Kind.TEXT, "the caller's own id, unique in an environment"),
        Column("type", Kind.CATEGORY, "what kind of session it is"),
        Column("task_identifier", Kind.CATEGORY, "the task that its runs execute"),
        Column("tags", Kind.TAGS, "the session's own tags"),
        Column("metadata", Kind.TEXT, "the session's metadata, as JSON text"),
        Column("current_run_id", Kind.TEXT, "the last claimed run, dead or alive"),
        Column("created_at", Kind.INSTANT, "when it was created"),
        Column("updated_at", Kind.INSTANT, "when its row was last written"),
        Column("closed_at", Kind.INSTANT, "when it was closed"),
        Column("closed_reason", Kind.TEXT, "the reason given with the close"),
        Column("expires_at", Kind.INSTANT, "when it expires"),
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

RUNS = Schema(
    "runs",
    (
        Column("run_id", Kind.TEXT, "the platform's id of the run"),
        Column("session_id", Kind.TEXT, "the session it serves"),
        Column(
            "reason",
            Kind.CATEGORY,
            "why it was triggered",
            ("initial", "continuation", "upgrade", "manual"),
        ),
        Column("status", Kind.CATEGORY, "the API's status at the observation instant"),
        Column("triggered_at", Kind.INSTANT, "when it was triggered"),
        Column("ended_at", Kind.INSTANT, "when it ended"),
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
                "open",
            ),
        ),
        Column("turns", Kind.COUNT, "turns it started"),
        Column("resumes", Kind.COUNT, "how often a turn woke it from suspension"),
        Column("active", Kind.DURATION, "time spent in turns, billed"),
        Column("idle", Kind.DURATION, "time awake with nothing to do, billed"),
        Column("suspended", Kind.DURATION, "time suspended, not billed"),
        Column("cost_in_cents", Kind.NUMBER, "what the platform says it cost"),
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
            ("initial", "continuation", "upgrade", "queued", "warm", "resumed"),
        ),
        Column("waited", Kind.DURATION, "from the arrival of the turn to its start"),
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

SCHEMAS = {schema.name: schema for schema in (SESSIONS, RUNS, OPERATIONS, EVENTS)}
