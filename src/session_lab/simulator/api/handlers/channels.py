"""Channels: append, records, event streams.

Routes ``apps/webapp/app/routes/realtime.v1.sessions.$session.$io.append.ts``,
``realtime.v1.sessions.$session.$io.records.ts`` and ``realtime.v1.sessions.$session.$io.ts`` of the
open-source server.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.context import journaled
from session_lab.simulator.api.http_types import (
    Follow,
    Response,
    json_response,
    text_response,
)
from session_lab.simulator.api.javascript.json_text import Json, parse_json, render_json
from session_lab.simulator.api.javascript.numbers import to_number
from session_lab.simulator.api.lists.session_list import status_at
from session_lab.simulator.api.stores.stream_names import BASIN, store_token, stream_name
from session_lab.simulator.model.records import TURN_COMPLETE, StreamKey
from session_lab.simulator.model.run_payload import turn_duration_problem
from session_lab.wire.limits import MAX_STREAM_TIMEOUT_SECONDS, RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.context import Context
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.model.records import Record
    from session_lab.simulator.world.journal import Entry

__all__ = ["FoundChannel", "append", "find", "open_", "records", "stream"]

_FOR_KEYS_ONLY = "requires secret key authentication"
_DEFAULT_PATIENCE = 60
_STORE_SETTINGS = {"x-s2-flush-interval-ms": "100", "x-s2-max-retries": "10"}
_MOST_DIGITS = 18
_START_HEADER = "x-trigger-stream-start"


class FoundChannel(NamedTuple):
    """A channel by its session's row, if there is one, and by the name it goes under."""

    row: Row | None
    key: str


def find(context: Context) -> FoundChannel | None:
    """Find a channel; one that nothing was started under is there and empty, but for ids."""
    row, key = context.session, context.session_key
    if row is None:
        return None if key.startswith(RESERVED_ID_PREFIX) else FoundChannel(None, key)
    return FoundChannel(row, row.external_id or row.session_id)


def append(context: Context) -> Response:
    """Append a record."""
    io, row = context.params["io"], context.session
    is_open = row is not None and status_at(row, context.now) == "ACTIVE"
    if is_open and io == "out" and not context.credential.is_secret_key:
        message = f"Appending to the out channel {_FOR_KEYS_ONLY}"
        return json_response({"ok": False, "error": message}, 403)
    text = context.request.text
    if io == "in" and (problem := turn_duration_problem(text)) is not None:
        return json_response({"ok": False, "error": problem}, 400)
    entry = context.world.append(
        context.session_key,
        _without_webhook_mark(text) if io == "in" else text,
        io=io,
        channel=context.params.get("channel"),
        part_id=context.request.headers.get("x-part-id") or None,
        environment=context.environment,
    )
    return journaled(_appended(entry), entry)


def _appended(entry: Entry) -> Response:
    reply = entry.reply
    if entry.session_id is None:
        return error_responses.error(reply.status_code, reply.error or "")
    if reply.error is None:
        stored = {} if reply.seq is None else {"seq": reply.seq}
        return json_response({"ok": True} | stored)
    body: dict[str, Json] = {"ok": False, "error": reply.error}
    if reply.status_code == 409 and entry.before is not None:
        body |= {"code": "session_closed", "closedReason": entry.before.closed_reason}
    return json_response(body, reply.status_code)


def _without_webhook_mark(text: str) -> str:
    """Remove the mark with which callers could pass records off as a webhook's."""
    try:
        body = parse_json(text) if "actionSource" in text else None
    except (ValueError, RecursionError):
        return text
    if not isinstance(body, dict):
        return text
    payload = body.get("payload")
    if not isinstance(payload, dict) or payload.get("actionSource") != "webhook":
        return text
    rest = {name: value for name, value in payload.items() if name != "actionSource"}
    return render_json({**body, "payload": rest}).decode()


def records(context: Context) -> Response:
    """Answer with the records of a channel, but for commands to the store."""
    after = context.query.get("afterEventId")
    first = 0 if after is None else _number(after) + 1
    stored = context.world.stream_records(_stream_key(context), first)
    return json_response({"records": [_shown(each) for each in stored if each.command is None]})


def _number(digits: str) -> int:
    """Read a number of any length; beyond the store's 64 bits it counts as the last of them."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 2**63


def _shown(record: Record) -> Json:
    shown: dict[str, Json] = {"data": record.data, "id": record.part_id, "seqNum": record.seq}
    return shown | {"headers": list(record.headers)} if record.headers else shown


def _stream_key(context: Context) -> StreamKey:
    key, params = context.found.key, context.params
    return context.world.stream_key(key, context.environment, params["io"], params.get("channel"))


def stream(context: Context) -> Response:
    """Answer with the events of a channel, from the position that is asked for."""
    if context.request.method == "HEAD":
        return Response(200, {"x-last-chunk-index": "0"})
    headers = context.request.headers
    patience = _patience(headers.get("timeout-seconds", ""))
    if isinstance(patience, Response):
        return patience
    followed = _stream_key(context)
    tail = context.world.tail(followed)
    last_event_id = headers.get("last-event-id", "")
    position = min(_position(last_event_id), tail.seq)
    starts_anew = context.world.profile.side_channels and not last_event_id
    if starts_anew and headers.get(_START_HEADER) == "latest":
        position = tail.seq
    sent = {
        "content-type": "text/event-stream",
        "x-stream-version": "v2",
        "access-control-expose-headers": "*",
    }
    asks = followed.io == "out" and headers.get("x-peek-settled") == "1"
    if asks and _is_settled(context.world.stream_records(followed, tail.seq - 2)):
        sent["x-session-settled"] = "true"
        patience = 0
    return Response(200, sent, follow=Follow(followed, position, patience))


def _patience(seconds: str) -> int | Response:
    """Read how long a stream may go without a record, as JavaScript reads numbers."""
    if not seconds:
        return _DEFAULT_PATIENCE
    number = to_number(seconds)
    if not number.is_integer():
        return text_response("Invalid timeout seconds", 400)
    if number < 1:
        return text_response("Timeout seconds must be greater than 0", 400)
    if number > MAX_STREAM_TIMEOUT_SECONDS:
        return text_response(f"Timeout seconds must be less than {MAX_STREAM_TIMEOUT_SECONDS}", 400)
    return int(number)


def _position(last_event_id: str) -> int:
    """Read where a stream starts: after the last event, or at the first where that is none."""
    if not last_event_id:
        return 0
    number = to_number(last_event_id.partition("-")[0])
    return int(number) + 1 if math.isfinite(number) and number >= 0 else 0


def _is_settled(newest: Sequence[Record]) -> bool:
    """Return whether the newest of the last two records that is not a command ends a turn."""
    told = [record for record in newest if record.command is None]
    return bool(told) and told[-1].control == TURN_COMPLETE


def open_(context: Context) -> Response:
    """Open a channel for writing past the API: say where its stream is, and give a token for it."""
    if context.params["io"] == "out" and not context.credential.is_secret_key:
        return text_response(f"Initializing the out channel {_FOR_KEYS_ONLY}", 403)
    channel = find(context)
    if channel is None:
        return text_response("Session not found", 404)
    if channel.row is not None and channel.row.closed_at is not None:
        return text_response("Cannot initialize a channel on a closed session", 400)
    environment = context.credential.environment
    name = stream_name(
        StreamKey(
            environment.id, channel.key, context.params["io"], context.params.get("channel", "")
        )
    )
    headers = {
        "x-s2-access-token": store_token(environment, stream=name, now=context.now),
        "x-s2-stream-name": name,
        "x-s2-basin": BASIN,
        "x-s2-endpoint": f"{context.request.origin}/v1",
        **_STORE_SETTINGS,
    }
    return json_response({"version": "v2"}, 202, headers)
