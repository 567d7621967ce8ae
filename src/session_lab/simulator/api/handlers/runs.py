"""Runs: list, retrieve, cancel.

Routes ``apps/webapp/app/routes/api.v1.runs.ts``, ``api.v3.runs.$runId.ts`` and
``api.v2.runs.$runParam.cancel.ts`` of the open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.context import journaled
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.lists.database_limits import stored_text
from session_lab.simulator.api.lists.run_list import run_list_request, run_page
from session_lab.simulator.api.views.json_rows import listed_run, retrieved_run
from session_lab.simulator.api.views.traces import trace_of

if TYPE_CHECKING:
    from session_lab.simulator.api.context import Context
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.world.state import RunRecord

__all__ = ["cancel", "find", "list_", "missing", "retrieve", "trace"]

_VERSION_HEADER = "x-trigger-api-version"


def list_(context: Context) -> Response:
    """Answer with one page of runs."""
    asked = run_list_request(context.query, context.now)
    page = run_page(context.world, context.environment, asked, context.now - context.list_lag)
    version = context.request.headers.get(_VERSION_HEADER)
    environment = context.credential.environment
    rows = [
        listed_run(record, environment, version, context.world.version(record))
        for record in page.runs
    ]
    return json_response({"data": rows, "pagination": page.pagination})


def find(context: Context) -> RunRecord | None:
    """Find the run that the path names."""
    run_id = stored_text(context.params["run"])
    return context.world.run(run_id, environment=context.environment)


def retrieve(context: Context) -> Response:
    """Answer with a run."""
    version = context.request.headers.get(_VERSION_HEADER)
    return json_response(
        retrieved_run(context.found, version, context.world.version(context.found))
    )


def trace(context: Context) -> Response:
    """Answer with the spans of a run."""
    world, record = context.world, context.found
    row = world.session(record.payload["sessionId"], environment=context.environment)
    if row is None:
        return error_responses.error(404, "Trace not found")
    turns = world.turns(row.session_id, environment=context.environment)
    own = [turn for turn in turns if turn.run_id == record.run_id]
    name = row.external_id or row.session_id
    return json_response(trace_of(record, own, world.timings(record), name, context.now))


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
