"""Runs: list, retrieve, cancel.

Routes ``apps/webapp/app/routes/api.v1.runs.ts``, ``api.v3.runs.$runId.ts`` and
``api.v2.runs.$runParam.cancel.ts`` of the open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Resource
from session_lab.simulator.api.checks import Reading, Writing
from session_lab.simulator.api.context import Exchange, journaled
from session_lab.simulator.api.database_limits import stored_text
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.json_rows import listed_run, retrieved_run
from session_lab.simulator.api.run_list import run_list_request, run_page
from session_lab.simulator.api.validation import RUNS_QUERY
from session_lab.simulator.model.run_payload import tags_of

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.world.state import RunRecord

__all__ = ["CANCEL", "LIST", "RETRIEVE"]

_VERSION_HEADER = "x-trigger-api-version"


def _may_list(exchange: Exchange, _: object) -> bool:
    """Tell whether all runs, all tasks, or every single task asked for can be read."""
    if exchange.may("read", [Resource("runs"), Resource("tasks")]):
        return True
    tasks = exchange.query.get("filter[taskIdentifier]", ())
    return bool(tasks) and all(exchange.may("read", [Resource("tasks", task)]) for task in tasks)


def _list(exchange: Exchange, _: object) -> Response:
    runs = exchange.world.newest_runs(
        environment=exchange.environment, by=exchange.now - exchange.list_lag
    )
    asked = run_list_request(exchange.query, exchange.now)
    page = run_page(runs, asked, exchange.world.seen)
    version = exchange.request.headers.get(_VERSION_HEADER)
    environment = exchange.credential.environment
    rows = [listed_run(record, environment, version) for record in page.runs]
    return json_response({"data": rows, "pagination": page.pagination})


def _find(exchange: Exchange) -> RunRecord | None:
    run_id = stored_text(exchange.params["run"])
    return exchange.world.run(run_id, environment=exchange.environment)


def _may_retrieve(exchange: Exchange, record: RunRecord) -> bool:
    tags = [Resource("tags", tag) for tag in tags_of(record.options)]
    task = Resource("tasks", record.task_identifier or "")
    return exchange.may("read", [Resource("runs", record.run_id), task, *tags])


def _retrieve(exchange: Exchange, record: RunRecord) -> Response:
    version = exchange.request.headers.get(_VERSION_HEADER)
    return json_response(retrieved_run(record, version))


def _missing(_: Exchange) -> Response:
    return error_responses.not_found(worth_a_retry=True)


def _may_cancel(exchange: Exchange) -> bool:
    return exchange.may("write", [Resource("runs", exchange.params["run"])])


def _cancel(exchange: Exchange) -> Response:
    run_id = stored_text(exchange.params["run"])
    entry = exchange.world.cancel_run(run_id, environment=exchange.environment)
    if entry is None:
        return error_responses.error(404, "Resource not found")
    return journaled(json_response({"id": run_id}), entry)


LIST: Final = Reading(query=RUNS_QUERY, may=_may_list, handle=_list)
RETRIEVE: Final = Reading(find=_find, missing=_missing, may=_may_retrieve, handle=_retrieve)
CANCEL: Final = Writing(method="POST", may=_may_cancel, handle=_cancel)
