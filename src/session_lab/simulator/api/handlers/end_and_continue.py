"""Sessions that change hands: end-and-continue, snapshots and waiting runs.

Routes ``apps/webapp/app/routes/api.v1.sessions.$session.end-and-continue.ts``,
``api.v1.sessions.$session.snapshot-url.ts`` and
``api.v1.runs.$runFriendlyId.session-streams.wait.ts`` of the open-source server. The simulator has
no object store, and says so. It gives out waitpoints, and nothing here waits on them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import session_resources
from session_lab.simulator.api.checks import Reading, Writing
from session_lab.simulator.api.context import Exchange, journaled
from session_lab.simulator.api.database_limits import stored_text
from session_lab.simulator.api.http_types import json_response
from session_lab.wire.limits import (
    MAX_HANDOVER_BODY_BYTES,
    MAX_WAIT_BODY_BYTES,
    MAX_WAITPOINT_TAGS,
    RESERVED_ID_PREFIX,
)

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Response
    from session_lab.simulator.model.machine import Row

__all__ = ["END_AND_CONTINUE", "READ_SNAPSHOT", "WAIT", "WRITE_SNAPSHOT"]

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME_TO_LIVE = re.compile(r"([0-9]+)([smhd])")
_NO_OBJECT_STORE = "Failed to generate presigned URL: the simulator has no object store"


def _may_read(exchange: Exchange, row: Row) -> bool:
    ids = (exchange.params["session"], row.session_id, row.external_id)
    return exchange.may("read", session_resources(*ids))


def _may_write(exchange: Exchange) -> bool:
    return exchange.may("write", session_resources(*exchange.session_ids))


def _end_and_continue(exchange: Exchange) -> Response:
    entry = exchange.world.end_and_continue(
        exchange.session_key,
        calling_run_id=exchange.body["callingRunId"],
        reason=exchange.body["reason"],
        environment=exchange.environment,
    )
    reply = entry.reply
    if reply.error is not None:
        return journaled(error_responses.error(reply.status_code, reply.error), entry)
    return journaled(json_response({"runId": entry.run_id, "swapped": reply.swapped}), entry)


def _read_snapshot(_exchange: Exchange, _row: Row) -> Response:
    return error_responses.error(500, _NO_OBJECT_STORE)


def _write_snapshot(exchange: Exchange) -> Response:
    if exchange.session is None:
        return error_responses.error(404, "Resource not found")
    return error_responses.error(500, _NO_OBJECT_STORE)


def _wait(exchange: Exchange) -> Response:
    world, body = exchange.world, exchange.body
    if world.run(stored_text(exchange.params["run"]), environment=exchange.environment) is None:
        return error_responses.error(404, "Run not found")
    session = stored_text(body["session"])
    is_known = world.session(session, environment=exchange.environment) is not None
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
        environment=exchange.environment,
    )
    return json_response({"waitpointId": waitpoint_id, "isCached": is_cached})


def _milliseconds(time_to_live: str) -> int | None:
    """Read the life of an idempotency key; what does not read is none.

    ``apps/webapp/app/utils/idempotencyKeys.server.ts`` of the open-source server.
    """
    match = _TIME_TO_LIVE.fullmatch(time_to_live)
    return None if match is None else int(match[1]) * _UNITS[match[2]]


END_AND_CONTINUE: Final = Writing(
    method="POST",
    most_bytes=MAX_HANDOVER_BODY_BYTES,
    body="end_and_continue",
    may=_may_write,
    handle=_end_and_continue,
)
READ_SNAPSHOT: Final = Reading(
    find=lambda exchange: exchange.session, may=_may_read, handle=_read_snapshot
)
WRITE_SNAPSHOT: Final = Writing(method="PUT", may=_may_write, handle=_write_snapshot)
WAIT: Final = Writing(
    method="POST",
    most_bytes=MAX_WAIT_BODY_BYTES,
    takes_tokens=False,
    body="wait",
    handle=_wait,
    failure="Something went wrong",
)
