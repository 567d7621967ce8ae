"""The table ``runs`` of the query API: a row for each run of an environment.

Columns are those of ``apps/webapp/app/v3/querySchemas.ts`` of the open-source server that say
something here. Times are UTC text, durations milliseconds, costs dollars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.model.calendar import date_text
from session_lab.simulator.model.run_payload import tags_of
from session_lab.simulator.model.runs import executed_at
from session_lab.simulator.model.settings.prices import (
    CENTS_PER_RUN,
    DEFAULT_MACHINE,
    compute_cents,
)
from session_lab.wire.run.run_status import CURRENT_STATUSES, FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.world.state import RunRecord

__all__ = ["COLUMNS", "run_row"]

COLUMNS: Mapping[str, str] = {
    "run_id": "VARCHAR",
    "task_identifier": "VARCHAR",
    "status": "VARCHAR",
    "queue": "VARCHAR",
    "region": "VARCHAR",
    "triggered_at": "TIMESTAMP_MS",
    "queued_at": "TIMESTAMP_MS",
    "dequeued_at": "TIMESTAMP_MS",
    "executed_at": "TIMESTAMP_MS",
    "completed_at": "TIMESTAMP_MS",
    "expired_at": "TIMESTAMP_MS",
    "delay_until": "TIMESTAMP_MS",
    "execution_duration": "BIGINT",
    "total_duration": "BIGINT",
    "queued_duration": "BIGINT",
    "usage_duration": "BIGINT",
    "compute_cost": "DOUBLE",
    "invocation_cost": "DOUBLE",
    "total_cost": "DOUBLE",
    "tags": "VARCHAR[]",
    "task_version": "VARCHAR",
    "machine": "VARCHAR",
    "is_test": "BOOLEAN",
    "is_warm_start": "BOOLEAN",
    "concurrency_key": "VARCHAR",
    "max_duration": "BIGINT",
    "attempt_count": "BIGINT",
    "root_run_id": "VARCHAR",
    "parent_run_id": "VARCHAR",
}
"""The columns, each with its type in DuckDB."""


def run_row(record: RunRecord, version: str | None) -> list[Json]:
    """Return a run as it stands now as a row, its values in the order of :data:`COLUMNS`."""
    run, options = record.run, record.options
    started = run.status != "PENDING"
    begun = executed_at(run) if started else None
    ended_at = run.ended_at if run.status in FINAL_INTERNAL_STATUSES else None
    machine = options.get("machine") or DEFAULT_MACHINE
    billed = run.active + run.idle
    compute = compute_cents(billed, machine) / 100
    invocation = CENTS_PER_RUN / 100 if started else 0.0
    task = record.task_identifier or ""
    values: dict[str, Json] = {
        "run_id": record.run_id,
        "task_identifier": task,
        "status": _word(run.status),
        "queue": options.get("queue", {}).get("name") or f"task/{task}",
        "region": options.get("region") or "",
        "triggered_at": _time(run.triggered_at),
        "queued_at": _time(run.triggered_at),
        "dequeued_at": _time(run.triggered_at) if started else None,
        "executed_at": _time(begun),
        "completed_at": _time(ended_at),
        "expired_at": _time(ended_at) if run.status == "EXPIRED" else None,
        "delay_until": None,
        "execution_duration": None if begun is None or ended_at is None else ended_at - begun,
        "total_duration": None if ended_at is None else ended_at - run.triggered_at,
        "queued_duration": 0 if started else None,
        "usage_duration": billed,
        "compute_cost": compute,
        "invocation_cost": invocation,
        "total_cost": compute + invocation,
        "tags": tags_of(options),
        "task_version": version,
        "machine": machine,
        "is_test": False,
        "is_warm_start": False if started else None,
        "concurrency_key": None,
        "max_duration": options.get("maxDuration"),
        "attempt_count": 1 if started else 0,
        "root_run_id": None,
        "parent_run_id": None,
    }
    return [values[name] for name in COLUMNS]


def _time(instant: int | None) -> str | None:
    """Write an instant as the query API does."""
    return None if instant is None else date_text(instant).replace("T", " ").removesuffix("Z")


def _word(status: str) -> str:
    """Name a status as the dashboard does: ``Timed out``."""
    return CURRENT_STATUSES.get(status, status).capitalize().replace("_", " ")
