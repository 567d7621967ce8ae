"""What files of sessions and runs look like: whose columns they have, and how to read a row.

Exports of the platform's own stores are known by their columns: ``trigger_dev.sessions_v1`` of
ClickHouse (``internal-packages/clickhouse/schema/030_create_sessions_v1.sql`` of the open-source
server) and the tables ``Session`` and ``SessionRun`` of Postgres
(``internal-packages/database/prisma/schema.prisma``). Their times have no zone and are UTC. What
ClickHouse writes as an empty text is missing, and its ``metadata`` is wrapped in ``data``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["RUN_FILES", "SESSION_FILES", "Kept", "recognise"]

Row = dict[str, Any]


class Kept(NamedTuple):
    """A kind of file: its name, the columns it is known by, and what makes a row of the API."""

    name: str
    known_by: frozenset[str]
    to_row: Callable[[Mapping[str, Any]], Row]


def recognise(columns: Iterable[str], kinds: tuple[Kept, ...], source: str) -> Kept:
    """Tell what kind of file it is by its columns.

    Raises
    ------
    DataError
        It is none of the kinds; the message lists the columns that each lacks.
    """
    found = set(columns)
    for kind in kinds:
        if kind.known_by <= found:
            return kind
    lacks = "; ".join(
        f"{kind.name} lacks {', '.join(sorted(kind.known_by - found))}" for kind in kinds
    )
    message = f"the columns {', '.join(sorted(found)) or '(none)'} are of no known kind: {lacks}"
    raise DataError(message, source=source)


def _utc(value: object) -> object:
    """Give a time without zone the zone that it is in."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    try:
        is_naive = isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        return value  # What is wrong with it is told where rows are read.
    return f"{value}Z" if is_naive else value


def _zoned(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value or None


def _json(value: object) -> object:
    """Read what a text column holds as JSON; text that is none stays text, for the error."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except ValueError:
        return value


def _list(value: object) -> object:
    """Read a list: JSON, Postgres ``{a,"b c"}`` or ClickHouse ``['a','b']``."""
    if not isinstance(value, str):
        return value
    if value.startswith("[") and "'" not in value:
        return _json(value)
    if value[:1] + value[-1:] not in {"{}", "[]"}:
        return value or None
    return _items(value[1:-1])


def _items(text: str) -> list[str]:
    items: list[str] = []
    current, quote, was_quoted, escaped = "", "", False, False
    for character in text:
        if escaped:
            current, escaped = current + character, False
        elif character == "\\":
            escaped = True
        elif quote:
            quote, current = ("", current) if character == quote else (quote, current + character)
        elif character in "'\"":
            quote, was_quoted = character, True
        elif character == ",":
            items.append(current)
            current, was_quoted = "", False
        else:
            current += character
    if current or was_quoted or items:
        items.append(current)
    return items


def _metadata(value: object) -> object:
    wrapped = _json(value)
    return wrapped.get("data") if isinstance(wrapped, dict) else wrapped


def _of_api(row: Mapping[str, Any]) -> Row:
    return {
        **row,
        "tags": _list(row.get("tags")),
        "metadata": _json(row.get("metadata")),
        **{name: row.get(name) or None for name in ("closedAt", "expiresAt", "externalId")},
    }


def _of_frame(row: Mapping[str, Any]) -> Row:
    times = ("created_at", "updated_at", "closed_at", "expires_at")
    return {
        "id": row["session_id"],
        "externalId": row.get("external_id"),
        "type": row.get("type"),
        "taskIdentifier": row.get("task_identifier"),
        "tags": _list(row.get("tags")),
        "metadata": _json(row.get("metadata")),
        "currentRunId": row.get("current_run_id"),
        "closedReason": row.get("closed_reason"),
        **{_camel(name): _zoned(row.get(name)) for name in times},
    }


def _of_clickhouse(row: Mapping[str, Any]) -> Row:
    times = ("created_at", "updated_at", "closed_at", "expires_at")
    return {
        "id": row["friendly_id"],
        "externalId": row["external_id"] or None,
        "type": row["type"],
        "taskIdentifier": row["task_identifier"] or "",
        "tags": _list(row["tags"]) or [],
        "metadata": _metadata(row.get("metadata")),
        "closedReason": row["closed_reason"] or None,
        **{_camel(name): _utc(row[name]) for name in times},
    }


def _of_postgres(row: Mapping[str, Any]) -> Row:
    run_id = row.get("currentRunId") or None
    return {
        "id": row["friendlyId"],
        "externalId": row["externalId"] or None,
        "type": row["type"],
        "taskIdentifier": row["taskIdentifier"],
        "tags": _list(row["tags"]) or [],
        "metadata": _json(row.get("metadata")),
        "currentRunId": None if run_id is None else f"run_{run_id}",
        "closedReason": row["closedReason"] or None,
        **{name: _utc(row[name]) for name in ("createdAt", "updatedAt", "closedAt", "expiresAt")},
    }


def _run_of_postgres(row: Mapping[str, Any]) -> Row:
    return {
        "run_id": f"run_{row['runId']}",
        "session_id": f"session_{row['sessionId']}",
        "reason": row["reason"],
        "triggered_at": _utc(row["triggeredAt"]),
    }


def _run_of_api(row: Mapping[str, Any]) -> Row:
    numbers = ("durationMs", "costInCents")
    return {
        **row,
        "tags": _list(row.get("tags")),
        "payload": _json(row.get("payload")),
        "finishedAt": row.get("finishedAt") or None,
        **{name: _json(row.get(name)) for name in numbers},
    }


def _run_of_frame(row: Mapping[str, Any]) -> Row:
    times = ("triggered_at", "ended_at")
    numbers = ("turns", "resumes", "active", "idle", "suspended", "cost_in_cents", "billed")
    return {
        **row,
        **{name: _zoned(row.get(name)) for name in times},
        **{name: _json(row.get(name)) for name in numbers},
    }


def _camel(name: str) -> str:
    first, second = name.split("_")
    return first + second.capitalize()


SESSION_FILES = (
    Kept(
        "ClickHouse sessions_v1",
        frozenset(
            [
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
            ]
        ),
        _of_clickhouse,
    ),
    Kept(
        "Postgres Session",
        frozenset(
            [
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
            ]
        ),
        _of_postgres,
    ),
    Kept(
        "rows of the API",
        frozenset(["id", "externalId", "type", "taskIdentifier", "createdAt", "updatedAt"]),
        _of_api,
    ),
    Kept(
        "a sessions frame",
        frozenset(
            ["session_id", "external_id", "type", "task_identifier", "created_at", "updated_at"]
        ),
        _of_frame,
    ),
)

RUN_FILES = (
    Kept(
        "Postgres SessionRun",
        frozenset(["sessionId", "runId", "reason", "triggeredAt"]),
        _run_of_postgres,
    ),
    Kept("rows of the API", frozenset(["id", "status", "createdAt"]), _run_of_api),
    Kept("a runs frame", frozenset(["run_id", "session_id", "triggered_at"]), _run_of_frame),
)
