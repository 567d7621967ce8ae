"""Sessions: create, list, retrieve, update, close.

Routes ``apps/webapp/app/routes/api.v1.sessions.ts``, ``api.v1.sessions.$session.ts`` and
``api.v1.sessions.$session.close.ts`` of the open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import (
    create_resources,
    list_resources,
    session_resources,
    session_token,
)
from session_lab.simulator.api.checks import Reading, Writing
from session_lab.simulator.api.context import Exchange, journaled
from session_lab.simulator.api.database_limits import stored_instant, stored_json, stored_text
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.javascript.json_text import parse_json
from session_lab.simulator.api.json_rows import listed_session, retrieved_session
from session_lab.simulator.api.session_list import list_request, page_of
from session_lab.simulator.api.validation import LIST_QUERY
from session_lab.wire.limits import MAX_HANDOVER_BODY_BYTES, MAX_SESSION_BODY_BYTES
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.journal import Entry

__all__ = ["CLOSE", "CREATE", "LIST", "RETRIEVE", "UPDATE", "external_id_in"]


def external_id_in(body: str) -> str | None:
    """Read the external id out of a create's body, if it has one."""
    try:
        parsed = parse_json(body)
    except (ValueError, RecursionError):
        return None
    external_id = parsed.get("externalId") if isinstance(parsed, dict) else None
    return trim(external_id) if isinstance(external_id, str) else None


def _may_create(exchange: Exchange) -> bool:
    return exchange.may("write", create_resources(exchange.body["taskIdentifier"]))


def _create(exchange: Exchange) -> Response:
    body = exchange.body
    external_id, metadata = body.get("externalId"), body.get("metadata")
    entry = exchange.world.start(
        None if external_id is None else stored_text(external_id),
        type=stored_text(body["type"]),
        task_identifier=stored_text(body["taskIdentifier"]),
        trigger_config=stored_json(body["triggerConfig"]),
        tags=[stored_text(tag) for tag in body.get("tags", ())],
        metadata=None if metadata is None else stored_json(metadata),
        expires_at=stored_instant(body["expiresAt"]) if "expiresAt" in body else None,
        environment=exchange.environment,
    )
    shown = exchange.shown(entry.session_id)
    if shown is None or entry.reply.error is not None:
        return _refusal(entry)
    session = retrieved_session(shown)
    created = session | {
        "runId": session["currentRunId"],
        "publicAccessToken": _token(exchange, shown.row),
        "isCached": entry.reply.is_cached,
    }
    return journaled(json_response(created, entry.reply.status_code), entry)


def _token(exchange: Exchange, row: Row) -> str:
    environment = exchange.credential.environment
    return session_token(
        environment_id=environment.id,
        secret_key=environment.secret_key,
        session_key=row.external_id or row.session_id,
        now=exchange.now,
    )


def _may_list(exchange: Exchange, _: object) -> bool:
    return exchange.may("read", list_resources(exchange.query.get("filter[taskIdentifier]")))


def _list(exchange: Exchange, _: object) -> Response:
    try:
        asked = list_request(exchange.query, exchange.now)
    except OverflowError:
        return error_responses.error(500, "Internal Server Error")
    sessions = exchange.world.newest_sessions(
        environment=exchange.environment, by=exchange.now - exchange.list_lag
    )
    page = page_of(sessions, asked, exchange.now)
    shown = (exchange.shown(row.session_id) for row in page.rows)
    rows = [listed_session(session) for session in shown if session is not None]
    return json_response({"data": rows, "pagination": page.pagination})


def _may_retrieve(exchange: Exchange, row: Row) -> bool:
    return exchange.may("read", session_resources(row.session_id, row.external_id))


def _retrieve(exchange: Exchange, _: Row) -> Response:
    return _answer(exchange, _read(exchange))


def _missing(exchange: Exchange) -> Response:
    return journaled(error_responses.not_found(), _read(exchange))


def _read(exchange: Exchange) -> Entry:
    return exchange.world.retrieve(exchange.session_key, environment=exchange.environment)


def _may_administer(exchange: Exchange) -> bool:
    return exchange.may("admin", session_resources(exchange.params["session"]))


def _update(exchange: Exchange) -> Response:
    body, row = exchange.body, exchange.session
    changes = {_COLUMNS[name]: body[name] for name in _COLUMNS if name in body}
    is_written = row is not None and changes.get("external_id", row.external_id) == row.external_id
    if is_written and "tags" in changes:
        changes["tags"] = [stored_text(tag) for tag in changes["tags"]]
    if is_written and "metadata" in changes:
        changes["metadata"] = stored_json(changes["metadata"])
    entry = exchange.world.update(exchange.session_key, changes, environment=exchange.environment)
    return _answer(exchange, entry)


def _close(exchange: Exchange) -> Response:
    reason, row = exchange.body.get("reason"), exchange.session
    if reason is not None and row is not None and row.closed_at is None:
        reason = stored_text(reason)
    entry = exchange.world.close(
        exchange.session_key, reason=reason, environment=exchange.environment
    )
    return _answer(exchange, entry)


def _answer(exchange: Exchange, entry: Entry) -> Response:
    """Answer with the session as it is after a request to it, or with the refusal."""
    shown = exchange.shown(entry.session_id)
    if shown is None or entry.reply.error is not None:
        return _refusal(entry)
    return journaled(json_response(retrieved_session(shown)), entry)


def _refusal(entry: Entry) -> Response:
    return journaled(error_responses.error(entry.reply.status_code, entry.reply.error or ""), entry)


_COLUMNS = {"tags": "tags", "metadata": "metadata", "externalId": "external_id"}

CREATE: Final = Writing(
    method="POST",
    most_bytes=MAX_SESSION_BODY_BYTES,
    body="create",
    may=_may_create,
    handle=_create,
    failure="Something went wrong",
)
LIST: Final = Reading(query=LIST_QUERY, may=_may_list, handle=_list)
RETRIEVE: Final = Reading(
    find=lambda exchange: exchange.session,
    missing=_missing,
    may=_may_retrieve,
    handle=_retrieve,
)
UPDATE: Final = Writing(
    method="PATCH",
    most_bytes=MAX_SESSION_BODY_BYTES,
    body="update",
    may=_may_administer,
    handle=_update,
)
CLOSE: Final = Writing(
    method="POST",
    most_bytes=MAX_HANDOVER_BODY_BYTES,
    body="close",
    may=_may_administer,
    handle=_close,
)
