"""Runs: list, retrieve, cancel.

Routes ``apps/webapp/app/routes/api.v1.runs.ts``, ``api.v3.runs.$runId.ts`` and
``api.v2.runs.$runParam.cancel.ts`` of the open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.context import journaled
from session_lab.simulator.api.database_limits import stored_text
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.json_rows import listed_run, retrieved_run
from session_lab.simulator.api.run_list import run_list_request, run_page

if TYPE_CHECKING:
    from session_lab.simulator.api.context import Context
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.world.state import RunRecord

__all__ = ["cancel", "find", "list_", "missing", "retrieve"]

_VERSION_HEADER = "x-trigger-api-version"


def list_(context: Context) -> Response:
    """Answer with one page of runs."""
    runs = context.world.newest_runs(
        environment=context.environment, by=context.now - context.list_lag
    )
    asked = run_list_request(context.query, context.now)
    page = run_page(runs, asked, context.world.seen)
    version = context.request.headers.get(_VERSION_HEADER)
    environment = context.credential.environment
    rows = [listed_run(record, environment, version) for record in page.runs]
    return json_response({"data": rows, "pagination": page.pagination})


def find(context: Context) -> RunRecord | None:
    """Find the run that the path names."""
    run_id = stored_text(context.params["run"])
    return context.world.run(run_id, environment=context.environment)


def retrieve(context: Context) -> Response:
    """Answer with a run."""
    version = context.request.headers.get(_VERSION_HEADER)
    return json_response(retrieved_run(context.found, version))


def missing(_: Context) -> Response:
    """Refuse to read a run that is not there; it may come yet."""
    return error_responses.not_found(worth_a_retry=True)


def cancel(context: Context) -> Response:
    """Cancel a run."""
    run_id = stored_text(context.params["run"])
    entry = context.world.cancel_run(run_id, environment=context.environment)
    if entry is None:
        return error_responses.error(404, "Resource not found")
    return journaled(json_response({"id": run_id}), entry)
