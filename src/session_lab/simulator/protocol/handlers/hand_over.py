"""Sessions that change hands: end-and-continue, snapshots and waiting runs.

Routes ``apps/webapp/app/routes/api.v1.sessions.$session.end-and-continue.ts``,
``api.v1.sessions.$session.snapshot-url.ts`` and
``api.v1.runs.$runFriendlyId.session-streams.wait.ts`` of the open-source server. The simulator has
no object store and no waitpoints, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.protocol import refusals
from session_lab.simulator.protocol.auth import session_resources
from session_lab.simulator.protocol.exchange import Exchange, journaled
from session_lab.simulator.protocol.messages import json_response
from session_lab.simulator.protocol.pipelines import Reading, Writing
from session_lab.wire.limits import MAX_HANDOVER_BODY_BYTES

if TYPE_CHECKING:
    from session_lab.simulator.machine import Row
    from session_lab.simulator.protocol.messages import Response

__all__ = ["END_AND_CONTINUE", "READ_SNAPSHOT", "WAIT", "WRITE_SNAPSHOT"]

_MOST_WAIT_BYTES = 10_240
_NO_OBJECT_STORE = "Failed to generate presigned URL: the simulator has no object store"
_NO_WAITPOINTS = "The simulator does not model waitpoints"


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
        return journaled(refusals.error(reply.status_code, reply.error), entry)
    return journaled(json_response({"runId": entry.run_id, "swapped": reply.swapped}), entry)


def _read_snapshot(_exchange: Exchange, _row: Row) -> Response:
    return refusals.error(500, _NO_OBJECT_STORE)


def _write_snapshot(exchange: Exchange) -> Response:
    if exchange.session is None:
        return refusals.error(404, "Resource not found")
    return refusals.error(500, _NO_OBJECT_STORE)


def _wait(_: Exchange) -> Response:
    return refusals.error(501, _NO_WAITPOINTS)


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
WAIT: Final = Writing(method="POST", most_bytes=_MOST_WAIT_BYTES, takes_tokens=False, handle=_wait)
