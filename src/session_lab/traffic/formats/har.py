"""HTTP archives (HAR 1.2) of calls to the Sessions API, as browsers and proxies save them.

Creates are starts, appends to ``in`` messages unless they ask the agent to stop, closes and
retrievals what they are; other requests are passed over. What was answered goes into
``recorded_status`` and ``recorded_is_cached``. Nothing else of an archive is kept: no header, no
token, no text of a message. The archive's layout is checked by models of the parts that matter
(HAR 1.2, W3C Web Performance Working Group), which say where something is missing.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from session_lab.errors import DataError
from session_lab.simulator.model.run_payload import carries_turn, is_stop
from session_lab.timing import to_instant
from session_lab.traffic.formats.events import frame_of, parse
from session_lab.traffic.formats.journal import Names
from session_lab.wire.endpoints import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from session_lab.traffic.formats.text_rows import BadRows

__all__ = ["read"]

_OPS: Final = {
    "sessions.start": "start",
    "sessions.append": "message",
    "sessions.close": "close",
    "sessions.retrieve": "retrieve",
}
_FIELDS: Final = {
    "expires_at": "expiresAt",
    "tags": "tags",
    "type": "type",
    "task_identifier": "taskIdentifier",
}
_PREFIX: Final = re.compile(r"^.*?(?=/(?:api|realtime)/v1/sessions)")


class _Part(BaseModel):
    # What an archive holds may be secret, so errors do not show it.
    model_config = ConfigDict(hide_input_in_errors=True)


class _Text(_Part):
    text: str | None = None


class _Request(_Part):
    method: str
    url: str
    post_data: _Text | None = Field(None, alias="postData")


class _Response(_Part):
    status: int = 0
    content: _Text = _Text()


class _Entry(_Part):
    started: str = Field(alias="startedDateTime")
    request: _Request
    response: _Response = _Response()


class _Log(_Part):
    entries: list[Any]


class _Archive(_Part):
    log: _Log


class _Call(NamedTuple):
    """A request of the Sessions API: its event's operation, whose it is, and what went along."""

    row: int
    op: str
    at: str
    key: str
    asked: str
    status: int
    answered: Mapping[str, Any]


def read(path: Path, first_turn: int, bad: BadRows) -> pd.DataFrame:
    """Read the archive as events.

    Parameters
    ----------
    path : Path
        The archive.
    first_turn : int
        How long the turn lasts that a start carries, in milliseconds; an archive does not tell.
    bad : BadRows
        What becomes of entries that cannot be used; they are counted from 0.
    """
    entries = _archive(path).log.entries
    calls = list(_calls(entries, path.name, bad))
    if entries and not calls:
        message = f"none of its {len(entries)} requests is a call of the Sessions API"
        raise DataError(message, source=path.name)
    names = Names()
    for call in calls:
        names.learn(call.answered.get("id"), call.answered.get("externalId"))
    events = []
    for call in calls:
        try:
            events.append(_event(call, names, first_turn))
        except DataError as error:
            bad.report(error, source=path.name, row=call.row, unit="entry")
    return frame_of(events)


def _archive(path: Path) -> _Archive:
    try:
        return _Archive.model_validate_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise DataError(f"not an HTTP archive ({_first(error)})", source=path.name) from None


def _calls(entries: list[Any], source: str, bad: BadRows) -> Iterator[_Call]:
    for row, given in enumerate(entries):
        try:
            entry = _Entry.model_validate(given)
        except ValidationError as error:
            bad.report(DataError(_first(error)), source=source, row=row, unit="entry")
            continue
        path = _path(entry.request.url)
        endpoint = endpoint_of(entry.request.method, path)
        name = "" if endpoint is None else endpoint.name
        post = entry.request.post_data
        asked = (post and post.text) or ""
        answered = _json_object(entry.response.content.text or "")
        if name not in _OPS or (name == "sessions.append" and not _is_message(path, asked)):
            continue
        key = _started(asked, answered) if name == "sessions.start" else unquote(path.split("/")[4])
        status = entry.response.status
        yield _Call(row, _OPS[name], entry.started, key, asked, status, answered)


def _path(url: str) -> str:
    """Take the path from the API's own beginning on; what is no address has none."""
    try:
        return _PREFIX.sub("", urlsplit(url).path)
    except ValueError:
        return ""


def _first(error: ValidationError) -> str:
    """Say the first thing that is wrong, and where."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def _is_message(path: str, record: str) -> bool:
    return path.split("/")[5] == "in" and not is_stop(record)


def _started(asked: str, answered: Mapping[str, Any]) -> str:
    return str(_json_object(asked).get("externalId") or answered.get("id") or "")


def _event(call: _Call, names: Names, first_turn: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "at": to_instant(call.at, name="startedDateTime"),
        "op": call.op,
        "external_id": names.of(call.key),
        # An archive notes 0 where no answer came.
        "recorded_status": call.status or None,
    }
    if call.op == "start":
        asked = _json_object(call.asked)
        event |= {ours: asked.get(theirs) for ours, theirs in _FIELDS.items()}
        event["recorded_is_cached"] = call.answered.get("isCached")
        config = asked.get("triggerConfig")
        if _is_config(config) and carries_turn(config):
            event["turn_duration"] = first_turn
    return parse(event)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_config(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("basePayload", {}), dict)
