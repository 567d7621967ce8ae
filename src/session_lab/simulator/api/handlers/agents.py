"""What runs and their tools ask for: waitpoints, and the claims of a public token.

Routes ``apps/webapp/app/routes/api.v1.runs.$runFriendlyId.session-streams.wait.ts`` and
``api.v1.auth.jwt.claims.ts`` of the open-source server. What really suspends and wakes a run is
between the platform and its workers; whoever plays the worker reads here whether to go on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.api.lists.database_limits import stored_text
from session_lab.simulator.model.calendar import date_text
from session_lab.simulator.model.run_payload import short_duration
from session_lab.wire.limits import MAX_WAITPOINT_TAGS, RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from session_lab.simulator.api.context import Context
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.model.waitpoints import Waitpoint

__all__ = ["block", "claims", "find_waitpoint", "retrieve_waitpoint", "wait"]

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME_TO_LIVE = re.compile(r"([0-9]+)([smhd])")


def claims(context: Context) -> Response:
    """Answer with what a public token must claim that a client signs by itself."""
    return json_response({"sub": context.environment, "pub": True})


def wait(context: Context) -> Response:
    """Register a waitpoint."""
    world, body = context.world, context.body
    run_id = stored_text(context.params["run"])
    if world.run(run_id, environment=context.environment) is None:
        return error_responses.error(404, "Run not found")
    session = stored_text(body["session"])
    is_known = world.session(session, environment=context.environment) is not None
    if session.startswith(RESERVED_ID_PREFIX) and not is_known:
        return error_responses.error(404, "Session not found")
    tags = body.get("tags", [])
    tags = [tags] if isinstance(tags, str) else tags
    if len(tags) > MAX_WAITPOINT_TAGS:
        message = (
            f"Waitpoints can only have {MAX_WAITPOINT_TAGS} tags, you're trying to set {len(tags)}."
        )
        return error_responses.error(422, message)
    waitpoint_id, is_cached = world.wait(
        run_id,
        session,
        io=body["io"],
        after=body.get("lastSeqNum"),
        timeout_at=_timeout_at(body.get("timeout", ""), context.now),
        tags=[stored_text(tag) for tag in tags],
        idempotency_key=stored_text(body.get("idempotencyKey", "")) or None,
        remembered=_milliseconds(body.get("idempotencyKeyTTL", "")),
        environment=context.environment,
    )
    return json_response({"waitpointId": waitpoint_id, "isCached": is_cached})


def block(context: Context) -> Response:
    """Block a run on a waitpoint; it may be complete already, which its reader sees."""
    world, params = context.world, context.params
    if world.run(params["run"], environment=context.environment) is None:
        return error_responses.error(404, "Run not found")
    if find_waitpoint(context) is None:
        return error_responses.error(404, "Waitpoint not found")
    return json_response({"success": True})


def find_waitpoint(context: Context) -> Waitpoint | None:
    """Find the waitpoint that the path names."""
    return context.world.waitpoint(context.params["waitpoint"], environment=context.environment)


def retrieve_waitpoint(context: Context) -> Response:
    """Answer with a waitpoint: whether it is complete, and by what."""
    waitpoint: Waitpoint = context.found
    shown: dict[str, Json] = {
        "id": waitpoint.waitpoint_id,
        "url": f"{context.request.origin}/api/v1/waitpoints/tokens/{waitpoint.waitpoint_id}",
        "status": waitpoint.status(context.now),
        "idempotencyKey": waitpoint.idempotency_key,
        "idempotencyKeyExpiresAt": _date(waitpoint.key_until),
        "timeoutAt": _date(waitpoint.timeout_at),
        "completedAt": _date(waitpoint.completed_at),
        "output": waitpoint.output,
        "outputType": None if waitpoint.output is None else "application/json",
        "outputIsError": None if waitpoint.output is None else False,
        "tags": list(waitpoint.tags),
        "createdAt": _date(waitpoint.created_at),
    }
    return json_response({name: value for name, value in shown.items() if value is not None})


def _date(instant: int | None) -> str | None:
    return None if instant is None else date_text(instant)


def _timeout_at(timeout: str, now: int) -> int | None:
    """Read when a wait ends: a duration or a date; what does not read or is past is none.

    ``apps/webapp/app/utils/delays.ts`` of the open-source server.
    """
    duration = short_duration(timeout)
    at = to_date(timeout) if duration is None else now + duration
    return at if at is not None and at > now else None


def _milliseconds(time_to_live: str) -> int | None:
    """Read the life of an idempotency key; what does not read is none.

    ``apps/webapp/app/utils/idempotencyKeys.server.ts`` of the open-source server.
    """
    match = _TIME_TO_LIVE.fullmatch(time_to_live)
    return None if match is None else int(match[1]) * _UNITS[match[2]]
