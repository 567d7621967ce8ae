"""What runs and their tools ask for: a waitpoint, and the claims of a public token.

Routes ``apps/webapp/app/routes/api.v1.runs.$runFriendlyId.session-streams.wait.ts`` and
``api.v1.auth.jwt.claims.ts`` of the open-source server. Waitpoints are given out, and nothing here
waits on them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.http_types import json_response
from session_lab.simulator.api.lists.database_limits import stored_text
from session_lab.wire.limits import MAX_WAITPOINT_TAGS, RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from session_lab.simulator.api.context import Context
    from session_lab.simulator.api.http_types import Response

__all__ = ["claims", "wait"]

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME_TO_LIVE = re.compile(r"([0-9]+)([smhd])")


def claims(context: Context) -> Response:
    """Answer with what a public token must claim that a client signs by itself."""
    return json_response({"sub": context.environment, "pub": True})


def wait(context: Context) -> Response:
    """Register a waitpoint."""
    world, body = context.world, context.body
    if world.run(stored_text(context.params["run"]), environment=context.environment) is None:
        return error_responses.error(404, "Run not found")
    session = stored_text(body["session"])
    is_known = world.session(session, environment=context.environment) is not None
    if session.startswith(RESERVED_ID_PREFIX) and not is_known:
        return error_responses.error(404, "Session not found")
    tags = body.get("tags", [])
    n_tags = 1 if isinstance(tags, str) else len(tags)
    if n_tags > MAX_WAITPOINT_TAGS:
        message = (
            f"Waitpoints can only have {MAX_WAITPOINT_TAGS} tags, you're trying to set {n_tags}."
        )
        return error_responses.error(422, message)
    waitpoint_id, is_cached = world.wait(
        idempotency_key=stored_text(body.get("idempotencyKey", "")) or None,
        remembered=_milliseconds(body.get("idempotencyKeyTTL", "")),
        environment=context.environment,
    )
    return json_response({"waitpointId": waitpoint_id, "isCached": is_cached})


def _milliseconds(time_to_live: str) -> int | None:
    """Read the life of an idempotency key; what does not read is none.

    ``apps/webapp/app/utils/idempotencyKeys.server.ts`` of the open-source server.
    """
    match = _TIME_TO_LIVE.fullmatch(time_to_live)
    return None if match is None else int(match[1]) * _UNITS[match[2]]
