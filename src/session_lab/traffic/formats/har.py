"""HTTP archives (HAR 1.2) of calls to the Sessions API, as browsers and proxies save them.

Creates are starts, appends to ``in`` messages unless they ask the agent to stop, closes and
retrievals what they are; other requests are passed over, whatever they look like. What was answered
goes into ``recorded_status`` and ``recorded_is_cached``. Nothing else of an archive is kept: no
header, no token, no text of a message. Fields are those of HAR 1.2 (W3C Web Performance Working
Group); bodies may be in base64, as some recorders write them.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from session_lab.errors import DataError
from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.model.run_payload import carries_turn, is_stop
from session_lab.timing import LAST_INSTANT, to_instant
from session_lab.traffic.formats.format import Format
from session_lab.traffic.parsing.column_map import ColumnMap
from session_lab.traffic.parsing.recorded_calls import (
    RecordedCall,
    SessionNames,
    never_reached,
    to_events,
)
from session_lab.wire.endpoints import endpoint_of
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import Head, ReadOptions
    from session_lab.traffic.parsing.text_rows import BadRows

__all__ = ["FORMAT"]

_OPS: Final = {
    "sessions.start": "start",
    "sessions.append": "message",
    "sessions.close": "close",
    "sessions.retrieve": "retrieve",
}
_FIELDS: Final = {
    "tags": "tags",
    "type": "type",
    "task_identifier": "taskIdentifier",
}
_PREFIX: Final = re.compile(r"^.*?(?=/(?:api|realtime)/v1/sessions)")
_PART_ID: Final = "x-part-id"
_LAST_STATUS: Final = 999
_PLAIN: Final = ColumnMap()


class _Call(NamedTuple):
    """A request of the Sessions API, as the archive has it."""

    row: int
    op: str
    path: str
    entry: Mapping[str, Any]

    @property
    def asked(self) -> str | None:
        """What was sent; None where the recorder left it out."""
        return _text(_object(self.entry["request"].get("postData")))

    @property
    def answered(self) -> dict[str, Any]:
        """The answer, if that is a JSON object and the recorder kept it."""
        response = _object(self.entry.get("response"))
        return _json_object(_text(_object(response.get("content"))))

    @property
    def status(self) -> int | None:
        """The status of the answer; an archive notes 0 or less where none came."""
        status = _object(self.entry.get("response")).get("status")
        return status if type(status) is int and 0 < status <= _LAST_STATUS else None

    @property
    def part_id(self) -> str | None:
        """The id under which the API keeps an append only once."""
        headers = self.entry["request"].get("headers")
        for header in headers if isinstance(headers, list) else []:
            named = _object(header)
            if str(named.get("name")).lower() == _PART_ID and named.get("value"):
                return str(named["value"])
        return None

    @property
    def key(self) -> str:
        """The id by which the session was asked for; of a start, the external id or what it got."""
        if self.op != "start":
            return unquote(self.path.split("/")[4])
        own = _json_object(self.asked).get("externalId")
        if isinstance(own, str):
            own = trim(own)
        return str(own or self.answered.get("externalId") or self.answered.get("id") or "")


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the archive as events; entries are counted from 0."""
    entries = _entries(source)
    calls = list(_calls(entries))
    if entries and not calls:
        message = f"none of its {len(entries)} requests is a call of the Sessions API"
        raise DataError(message, source=source.name)
    names = SessionNames()
    for call in calls:
        answered = call.answered
        names.learn(answered.get("id"), answered.get("externalId"))
    recorded: list[RecordedCall] = []
    unread = 0
    for call in calls:
        unread += call.op in {"start", "message"} and call.asked is None
        if not call.key or (call.op == "message" and is_stop(call.asked or "")):
            continue
        try:
            event = _event(call, names, options.first_turn)
            recorded.append(RecordedCall(call.row, event, call.part_id))
        except DataError as error:
            bad.report(error, source=source.name, row=call.row, unit="entry")
    bad.note(
        unread,
        "calls have no body that can be read: what is taken for a message may have been a stop, "
        "and a start that nothing names is left out",
    )
    return to_events(recorded, bad)


def _recognise(head: Head) -> str | None:
    if head.suffix == ".har":
        return "its name ends in .har"
    return "it is one JSON object that begins with a log" if head.is_archive else None


FORMAT = Format("har", _read, _recognise, repeats=True)


def _entries(source: Source) -> list[Any]:
    with source.open() as stream:
        content = stream.read().removeprefix(b"\xef\xbb\xbf")
    try:
        archive = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not an HTTP archive ({error})", source=source.name) from None
    entries = _object(_object(archive).get("log")).get("entries")
    if not isinstance(entries, list):
        message = "not an HTTP archive (log.entries is not a list)"
        raise DataError(message, source=source.name)
    return entries


def _calls(entries: list[Any]) -> Iterator[_Call]:
    """Yield the calls that can be events; nothing is asked of the shape of others."""
    for row, entry in enumerate(entries):
        request = _object(_object(entry).get("request"))
        method, path = request.get("method"), _path(request.get("url"))
        found = endpoint_of(method.upper(), path) if isinstance(method, str) else None
        op = _OPS.get(found.name) if found is not None else None
        if op is None or (op == "message" and path.split("/")[5] != "in"):
            continue
        yield _Call(row, op, path, entry)


def _path(url: object) -> str:
    """Return the path from the API's own beginning on; what is not an address has none."""
    try:
        return _PREFIX.sub("", urlsplit(str(url)).path).rstrip("/")
    except ValueError:
        return ""


def _event(call: _Call, names: SessionNames, first_turn: int) -> dict[str, Any]:
    at = call.entry.get("startedDateTime")
    if not isinstance(at, str):
        raise DataError(f"{at!r} is not a time", column="startedDateTime")
    event: dict[str, Any] = {
        "at": to_instant(at, name="startedDateTime"),
        "op": call.op,
        "external_id": names.of(call.key),
        "recorded_status": call.status,
    }
    if call.op == "start" and not never_reached(call.op, call.status):
        asked = _json_object(call.asked)
        event |= {ours: asked.get(theirs) for ours, theirs in _FIELDS.items()}
        event["expires_at"] = _expiry(asked)
        event["recorded_is_cached"] = call.answered.get("isCached")
        config = asked.get("triggerConfig")
        if _is_config(config) and carries_turn(config):
            event["turn_duration"] = first_turn
    return _PLAIN.of_row(event)


def _expiry(asked: Mapping[str, Any]) -> int | None:
    """Read when a session expires, as the API reads whatever it is given."""
    if "expiresAt" not in asked:
        return None
    instant = to_date(asked["expiresAt"])
    if instant is None:
        raise DataError(f"{asked['expiresAt']!r} is not a time", column="expiresAt")
    return min(max(instant, 0), LAST_INSTANT)


def _text(body: Mapping[str, Any]) -> str | None:
    """Return the text of a body, which recorders may have put into base64."""
    text = body.get("text")
    if not isinstance(text, str) or body.get("encoding") != "base64":
        return text if isinstance(text, str) else None
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        return _object(json.loads(text or ""))
    except (ValueError, RecursionError):
        return {}


def _is_config(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("basePayload", {}), dict)
