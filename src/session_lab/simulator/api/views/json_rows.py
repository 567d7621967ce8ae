"""Sessions and runs as the API writes them."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING

from session_lab.simulator.model.calendar import date_text
from session_lab.simulator.model.run_payload import tags_of
from session_lab.simulator.model.runs import executed_at
from session_lab.simulator.model.settings.prices import (
    CENTS_PER_RUN,
    DEFAULT_MACHINE,
    compute_cents,
)
from session_lab.wire.run.run_status import CURRENT_STATUSES, FINAL_INTERNAL_STATUSES, OLD_STATUSES
from session_lab.wire.sessions import SessionRow

if TYPE_CHECKING:
    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.world.state import RunRecord
    from session_lab.simulator.world.stored_world import Shown

__all__ = ["listed_run", "listed_session", "retrieved_run", "retrieved_session", "shown_status"]

_CURRENT_API = "2025-07-16"
_NO_CONFIG: Json = {"basePayload": {}}
_QUEUED = {"DELAYED", "PENDING_VERSION", "QUEUED", "WAITING_FOR_DEPLOY"}
_EXECUTING = {"DEQUEUED", "EXECUTING", "FROZEN", "REATTEMPTING"}
_COMPLETED = {"CANCELED", "COMPLETED", "CRASHED", "FAILED", "INTERRUPTED", "SYSTEM_FAILURE"}

# Rows share instants, above all where a virtual clock stands still.
_text = functools.lru_cache(maxsize=4096)(date_text)


def retrieved_session(shown: Shown) -> dict[str, Json]:
    """Write a session as retrieve, update and close answer with it."""
    config = shown.row.trigger_config
    return listed_session(shown) | {"triggerConfig": _NO_CONFIG if config is None else config}


def listed_session(shown: Shown) -> dict[str, Json]:
    """Write a session as a list shows it."""
    written: dict[str, Json] = dict(zip(_NAMES, _values(shown.row), strict=True))
    for name in _INSTANTS:
        if written[name] is not None:
            written[name] = _text(written[name])
    for name in _TEXTS:
        written[name] = written[name] or ""
    written["currentRunId"] = shown.run_id
    return written


# What a list shows of a session is what the wire's model has, from the columns of those names.
_COLUMNS = {
    field.alias or name: "session_id" if name == "id" else name
    for name, field in SessionRow.model_fields.items()
    if name != "current_run_id"
}
_NAMES = tuple(_COLUMNS)
_INSTANTS = tuple(name for name, column in _COLUMNS.items() if column.endswith("_at"))
_TEXTS = tuple(
    field.alias or name
    for name, field in SessionRow.model_fields.items()
    if field.annotation is str
)
_values = operator.attrgetter(*_COLUMNS.values())


def shown_status(status: str, api_version: str | None) -> str:
    """Name a run's status as the asked version of the API does; names it does not know stay."""
    names = CURRENT_STATUSES if api_version == _CURRENT_API else OLD_STATUSES
    return names.get(status, status)


def listed_run(
    record: RunRecord, environment: Environment, api_version: str | None, version: str | None
) -> dict[str, Json]:
    """Write a run as a list shows it."""
    return _run(record, api_version, version) | {
        "env": {"id": environment.id, "name": environment.name},
        "taskKind": "STANDARD",
    }


def retrieved_run(
    record: RunRecord, api_version: str | None, version: str | None
) -> dict[str, Json]:
    """Write a run as retrieve answers with it."""
    return _run(record, api_version, version) | {
        "payload": record.payload,
        "attemptCount": 0 if record.run.status == "PENDING" else 1,
        "attempts": [],
        "triggerFunction": "trigger",
        "relatedRuns": {"children": []},
    }


def _run(record: RunRecord, api_version: str | None, version: str | None) -> dict[str, Json]:
    """Write what every form of a run has; fields that do not apply are left out."""
    run, options = record.run, record.options
    machine = options.get("machine") or DEFAULT_MACHINE
    status = shown_status(run.status, api_version)
    is_final = run.status in FINAL_INTERNAL_STATUSES
    ended_at = run.ended_at if is_final else None
    is_completed, begun = status in _COMPLETED, executed_at(run)
    optional = {
        "version": version,
        "region": options.get("region"),
        "ttl": options.get("ttl"),
        "startedAt": None if begun is None or run.status == "PENDING" else _text(begun),
        "finishedAt": None if ended_at is None else _text(ended_at),
        "expiredAt": None if ended_at is None or run.status != "EXPIRED" else _text(ended_at),
    }
    return {name: value for name, value in optional.items() if value is not None} | {
        "id": record.run_id,
        "status": status,
        "taskIdentifier": record.task_identifier or "",
        "createdAt": _text(run.triggered_at),
        "updatedAt": _text(run.triggered_at if ended_at is None else ended_at),
        "isTest": False,
        "tags": sorted(tags_of(options)),
        "costInCents": compute_cents(run.active + run.idle, machine),
        "baseCostInCents": 0 if run.status == "PENDING" else CENTS_PER_RUN,
        "durationMs": run.active + run.idle,
        "depth": 0,
        "isQueued": status in _QUEUED,
        "isExecuting": status in _EXECUTING,
        "isWaiting": status == "WAITING",
        "isCompleted": is_completed,
        "isSuccess": status == "COMPLETED",
        "isFailed": is_completed and status != "COMPLETED",
        "isCancelled": status == "CANCELED",
    }
