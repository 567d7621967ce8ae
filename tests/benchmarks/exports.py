"""Sessions and runs as the API and the platform's stores export them, made up line by line.

Metadata are objects in four of five rows: either of few texts, as plans and seats are, or another in
each row. The words of tags and reasons repeat, ids do not.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["api_runs", "api_sessions", "clickhouse", "postgres"]


def api_sessions(path: Path, n: int, *, distinct: bool = False) -> None:
    """Write rows of the list of sessions as lines of JSON."""
    _write_lines(path, (_session(row, distinct=distinct) for row in _rows(n)))


def clickhouse(path: Path, n: int, *, distinct: bool = False) -> None:
    """Write ``sessions_v1`` as lines of JSON, or as CSV where the name says so."""
    rows = (_of_clickhouse(_session(row, distinct=distinct)) for row in _rows(n))
    if path.suffix != ".csv":
        _write_lines(path, rows)
        return
    _write_table(
        path,
        (
            row
            | {
                "tags": str(row["tags"]),
                "metadata": json.dumps(row["metadata"], separators=(",", ":")),
                "closed_at": row["closed_at"] or r"\N",
                "expires_at": r"\N",
            }
            for row in rows
        ),
    )


def postgres(path: Path, n: int, *, distinct: bool = False) -> None:
    """Write the table ``Session`` as CSV."""
    _write_table(path, (_of_postgres(_session(row, distinct=distinct)) for row in _rows(n)))


def api_runs(path: Path, n: int, *, distinct: bool = False) -> None:
    """Write rows of the list of runs as lines of JSON."""
    prices = 0.01 if distinct else 0.0
    _write_lines(path, (_run(row, prices) for row in _rows(n)))


def _rows(n: int) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each row, when it was created, and when it was updated."""
    created = np.datetime64("2026-01-01", "ms") + 7_013 * np.arange(n)
    texts = (np.datetime_as_string(at, "ms").tolist() for at in (created, created + 35_713))
    for number, (first, last) in enumerate(zip(*texts, strict=True)):
        yield number, f"{first}Z", f"{last}Z"


def _session(row: tuple[int, str, str], *, distinct: bool) -> dict[str, Any]:
    n, created, updated = row
    closed = updated if n % 3 else None
    return {
        "id": f"session_{n:024x}",
        "externalId": f"chat-{n}" if n % 50 else None,
        "type": "chat.agent",
        "taskIdentifier": "support",
        "triggerConfig": {"basePayload": {"chatId": f"chat-{n}"}, "tags": ["web"]},
        "currentRunId": f"run_{n}" if n % 2 else None,
        "tags": ["vip", "plan:pro"] if n % 4 == 0 else [],
        "metadata": {"plan": ("pro", "free")[n % 2], "seats": n if distinct else n % 100}
        if n % 5
        else None,
        "closedAt": closed,
        "closedReason": "done" if closed else None,
        "expiresAt": None,
        "createdAt": created,
        "updatedAt": updated,
    }


def _of_clickhouse(row: dict[str, Any]) -> dict[str, Any]:
    def naive(at: str | None) -> str | None:
        return at and at.replace("T", " ").removesuffix("Z")

    return {
        "environment_id": "cm5env",
        "organization_id": "cm5org",
        "project_id": "cm5project",
        "session_id": row["id"].removeprefix("session_"),
        "environment_type": "PRODUCTION",
        "friendly_id": row["id"],
        "external_id": row["externalId"] or "",
        "type": row["type"],
        "task_identifier": row["taskIdentifier"],
        "tags": row["tags"],
        "metadata": {"data": row["metadata"]} if row["metadata"] else {},
        "closed_at": naive(row["closedAt"]),
        "closed_reason": row["closedReason"] or "",
        "expires_at": None,
        "created_at": naive(row["createdAt"]),
        "updated_at": naive(row["updatedAt"]),
        "_version": str(int(row["id"].removeprefix("session_"), 16)),
        "_is_deleted": 0,
    }


def _of_postgres(row: dict[str, Any]) -> dict[str, Any]:
    names = ("type", "taskIdentifier", "externalId", "currentRunId", "closedReason")
    times = ("closedAt", "expiresAt", "createdAt", "updatedAt")
    number = row["id"].removeprefix("session_")
    return (
        {"id": number, "friendlyId": row["id"]}
        | {name: row[name] for name in names}
        | {name: row[name] and row[name].replace("T", " ").removesuffix("Z") for name in times}
        | {
            "tags": "{" + ",".join(row["tags"]) + "}",
            "metadata": None if row["metadata"] is None else json.dumps(row["metadata"]),
            "triggerConfig": json.dumps(row["triggerConfig"]),
        }
    )


def _run(row: tuple[int, str, str], prices: float) -> dict[str, Any]:
    n, created, updated = row
    return {
        "id": f"run_{n:024x}",
        "status": ("COMPLETED", "COMPLETED", "FAILED", "EXECUTING")[n % 4],
        "taskIdentifier": "support",
        "idempotencyKey": None,
        "version": "20260101.1",
        "createdAt": created,
        "updatedAt": updated,
        "startedAt": created,
        "finishedAt": updated if n % 4 < 3 else None,
        "isTest": False,
        "tags": [f"chat:chat-{n}", "plan:pro"],
        "costInCents": 0.1 + prices * n,
        "baseCostInCents": 0.01,
        "durationMs": 1_200 + n % 977,
        "env": {"id": "cm5env", "name": "prod"},
        "isCompleted": n % 4 < 2,
        "isFailed": n % 4 == 2,
    }


def _write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _write_table(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, first)
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
