"""The query API: SQL over the runs of an environment.

Route ``apps/webapp/app/routes/api.v1.query.ts`` of the open-source server. Its other tables are not
modelled.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from session_lab.errors import MissingDependencyError
from session_lab.simulator.api import error_responses
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.api.javascript.json_text import render_json
from session_lab.simulator.api.javascript.periods import period_milliseconds
from session_lab.simulator.api.lists.run_table import COLUMNS, run_row
from session_lab.simulator.api.lists.sql import QueryError, Result, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.simulator.api.context import Context
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.api.javascript.json_text import Json

__all__ = ["query"]

_DEFAULT_PERIOD = "7d"


def query(context: Context) -> Response:
    """Answer a query of the table ``runs``, over those of a window of time."""
    body = context.body
    if body.get("scope", "environment") != "environment":
        return error_responses.error(403, "The key does not reach beyond its environment")
    try:
        names, rows = select(body["query"], "runs", COLUMNS, _rows(context))
    except QueryError as error:
        return error_responses.error(400, str(error))
    except MissingDependencyError as error:
        return error_responses.error(501, str(error))
    if body.get("format", "json") == "csv":
        return json_response({"format": "csv", "results": _csv((names, rows))})
    results = [dict(zip(names, row, strict=True)) for row in rows]
    return json_response({"format": "json", "results": results})


def _rows(context: Context) -> Iterator[list[Json]]:
    world, now = context.world, context.now
    earliest, latest = _window(context.body, now)
    for record in world.newest_runs(environment=context.environment):
        if record.run.triggered_at < earliest:
            return
        if record.run.triggered_at <= latest:
            yield run_row(world.seen(record), world.version(record))


def _window(body: Json, now: int) -> tuple[float, float]:
    """Return the first and last trigger that are asked for; what cannot be read bounds nothing."""
    earliest, latest = body.get("from"), body.get("to")
    if earliest is None and latest is None:
        return now - (period_milliseconds(body.get("period") or _DEFAULT_PERIOD) or now), now
    first = None if earliest is None else to_date(earliest)
    last = None if latest is None else to_date(latest)
    return float("-inf") if first is None else first, now if last is None else last


def _csv(result: Result) -> str:
    """Write rows as the dashboard exports them."""
    names, rows = result
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    return render_json(value).decode() if isinstance(value, (list, dict)) else value
