"""Sessions: create, list, retrieve, update, close, end-and-continue, snapshots.

Routes ``apps/webapp/app/routes/api.v1.sessions.ts`` and ``api.v1.sessions.$session*.ts`` of the
open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import session_token
from session_lab.simulator.api.context import entry_header, journaled
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.javascript.json_text import parse_json
from session_lab.simulator.api.lists.database_limits import (
    stored_columns,
    stored_instant,
    stored_text,
)
from session_lab.simulator.api.lists.session_list import list_request, page_of
from session_lab.simulator.api.stores.object_store import object_url
from session_lab.simulator.api.views.json_rows import listed_session, retrieved_session
from session_lab.simulator.model.run_payload import TURN_DURATION_FIELD, turn_duration_problem
from session_lab.simulator.model.transcripts import Transcript, read_transcript
from session_lab.wire.bodies import StartBody
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from session_lab.simulator.api.context import Context
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.stored_world import Shown

__all__ = [
    "close",
    "create",
    "end_and_continue",
    "external_id_in",
    "find",
    "list_",
    "missing",
    "read_snapshot",
    "retrieve",
    "transcript",
    "update",
    "write_snapshot",
]

_COLUMNS = {field.alias or name: name for name, field in StartBody.model_fields.items()}


def external_id_in(body: str) -> str | None:
    """Read the external id out of a create's body, if it has one."""
    try:
        parsed = parse_json(body)
    except (ValueError, RecursionError):
        return None
    external_id = parsed.get("externalId") if isinstance(parsed, dict) else None
    return trim(external_id) if isinstance(external_id, str) else None


def create(context: Context) -> Response:
    """Create a session, or fetch it and make sure that a run lives."""
    columns = stored_columns({_COLUMNS[name]: value for name, value in context.body.items()})
    if "expires_at" in columns:
        columns["expires_at"] = stored_instant(columns["expires_at"])
    payload = columns["trigger_config"]["basePayload"]
    problem = turn_duration_problem(payload) if TURN_DURATION_FIELD in payload else None
    if problem is not None:
        return error_responses.error(400, problem)
    entry = context.world.start(
        columns.pop("external_id", None), environment=context.environment, **columns
    )
    shown = _shown(context, entry.session_id)
    if shown is None or entry.reply.error is not None:
        return _refusal(entry)
    session = retrieved_session(shown)
    created = session | {
        "runId": session["currentRunId"],
        "publicAccessToken": _token(context, shown.row),
        "isCached": entry.reply.is_cached,
    }
    return json_response(created, entry.reply.status_code, entry_header(entry))


def _token(context: Context, row: Row) -> str:
    environment = context.credential.environment
    return session_token(
        environment_id=environment.id,
        secret_key=environment.secret_key,
        session_key=row.external_id or row.session_id,
        now=context.now,
    )


def list_(context: Context) -> Response:
    """Answer with one page of sessions."""
    try:
        asked = list_request(context.query, context.now)
    except OverflowError:
        return error_responses.error(500, "Internal Server Error")
    sessions = context.world.newest_sessions(
        environment=context.environment, by=context.now - context.list_lag
    )
    page = page_of(sessions, asked, context.now)
    shown = (_shown(context, row.session_id) for row in page.rows)
    rows = [listed_session(session) for session in shown if session is not None]
    return json_response({"data": rows, "pagination": page.pagination})


def find(context: Context) -> Row | None:
    """Find the session that the path names."""
    return context.session


def retrieve(context: Context) -> Response:
    """Answer with a session."""
    return _answer(context, _read(context))


def missing(context: Context) -> Response:
    """Refuse to read a session that is not there."""
    return journaled(error_responses.not_found(), _read(context))


def _read(context: Context) -> Entry:
    return context.world.retrieve(context.session_key, environment=context.environment)


def update(context: Context) -> Response:
    """Replace tags and metadata."""
    row = context.session
    changes = {_COLUMNS[name]: context.body[name] for name in context.body}
    if row is not None and changes.get("external_id", row.external_id) == row.external_id:
        changes = stored_columns(changes)
    entry = context.world.update(context.session_key, changes, environment=context.environment)
    return _answer(context, entry)


def close(context: Context) -> Response:
    """Close a session."""
    reason, row = context.body.get("reason"), context.session
    if reason is not None and row is not None and row.closed_at is None:
        reason = stored_text(reason)
    entry = context.world.close(context.session_key, reason=reason, environment=context.environment)
    return _answer(context, entry)


def end_and_continue(context: Context) -> Response:
    """End the calling run's part in a session and continue it in a new run."""
    entry = context.world.end_and_continue(
        context.session_key,
        calling_run_id=context.body["callingRunId"],
        reason=context.body["reason"],
        environment=context.environment,
    )
    reply = entry.reply
    if reply.error is not None:
        return journaled(error_responses.error(reply.status_code, reply.error), entry)
    return journaled(json_response({"runId": entry.run_id, "swapped": reply.swapped}), entry)


def transcript(context: Context) -> Response:
    """Answer with a page of the messages that an agent has kept of a chat, the newest last."""
    row: Row = context.found
    kept = context.world.chat_snapshot(row.session_id, environment=context.environment)
    found = Transcript() if kept is None else read_transcript(kept.body)
    limit = context.query.get("limit")
    messages, earlier = found.page(
        limit=None if limit is None else int(limit), before=context.query.get("before")
    )
    shown: dict[str, Json] = {"messages": list(messages)}
    if found.cursors:
        shown["cursors"] = found.cursors
    if earlier is not None:
        shown["nextCursor"] = earlier
    return json_response(shown)


def read_snapshot(context: Context) -> Response:
    """Answer with where the snapshot of a chat can be read."""
    return _snapshot_url(context, context.found, "GET")


def write_snapshot(context: Context) -> Response:
    """Answer with where the snapshot of a chat can be written."""
    row = context.session
    if row is None:
        return error_responses.error(404, "Resource not found")
    return _snapshot_url(context, row, "PUT")


def _snapshot_url(context: Context, row: Row, method: str) -> Response:
    url = object_url(
        context.request.origin,
        context.credential.environment,
        row.session_id,
        method,
        context.now,
    )
    return json_response({"presignedUrl": url})


def _shown(context: Context, session_id: str | None) -> Shown | None:
    """Return a session as it is read now, with its current run."""
    if session_id is None:
        return None
    return context.world.shown(session_id, environment=context.environment)


def _answer(context: Context, entry: Entry) -> Response:
    """Answer with the session as it is after a request to it, or with the refusal."""
    shown = _shown(context, entry.session_id)
    if shown is None or entry.reply.error is not None:
        return _refusal(entry)
    return json_response(retrieved_session(shown), headers=entry_header(entry))


def _refusal(entry: Entry) -> Response:
    return journaled(error_responses.error(entry.reply.status_code, entry.reply.error or ""), entry)
