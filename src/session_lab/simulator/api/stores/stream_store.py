"""The write side of the stream store (S2), as agents use it past the API.

Reading from the store itself is not modelled: the tokens that the API gives are for writing, and
whoever reads does so through the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from session_lab.simulator.api.http_types import Response, json_response
from session_lab.simulator.api.stores.append_messages import (
    BadMessageError,
    read_json,
    read_protobuf,
    write_json,
    write_protobuf,
)
from session_lab.simulator.api.stores.stream_names import is_opened_by, stream_key
from session_lab.simulator.model.records import FENCED, Position
from session_lab.wire.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.model.records import StreamKey
    from session_lab.simulator.world.world import World

__all__ = ["PROTOBUF", "append", "is_for_stream_store", "refusal"]

PROTOBUF = "application/protobuf"
"""The content type of one append in protobuf."""

_ROOT, _END = "/v1/streams/", "/records"
_APPEND = ENDPOINTS["streams.append"]


def is_for_stream_store(path: str) -> bool:
    """Return whether a path is one of the stream store.

    Examples
    --------
    >>> is_for_stream_store("/v1/streams/a%2Fout/records"), is_for_stream_store("/api/v1/runs")
    (True, False)
    """
    return path.startswith(_ROOT)


def refusal(request: Request, world: World, environments: Sequence[Environment]) -> Response | None:
    """Return why the store lets nobody write here; None where it does."""
    opened = _opened(request, world, environments)
    return opened if isinstance(opened, Response) else None


def append(request: Request, world: World, environments: Sequence[Environment]) -> Response:
    """Append a batch of records and acknowledge it, in the form in which it came."""
    key = _opened(request, world, environments)
    if isinstance(key, Response):
        return key
    is_protobuf = request.headers.get("content-type", "").startswith(PROTOBUF)
    try:
        if is_protobuf:
            asked = read_protobuf(request.body)
        else:
            form = request.headers.get("s2-format", "raw")
            asked = read_json(request.text, is_base64=form == "base64")
    except BadMessageError as error:
        return _error(400, "invalid", str(error))
    entry = world.write(
        key.session,
        asked.records,
        io=key.io,
        channel=key.channel or None,
        match_seq_num=asked.match_seq_num,
        fencing_token=asked.fencing_token,
        environment=key.environment,
    )
    reply = entry.reply
    if reply.error is not None:
        return _not_appended(reply.status_code, reply.error, key, world)
    first = reply.seq or 0
    start, end = Position(first, entry.at), Position(first + len(asked.records), entry.at)
    if PROTOBUF in request.headers.get("accept", PROTOBUF if is_protobuf else ""):
        return Response(200, {"content-type": PROTOBUF}, write_protobuf(start, end))
    return Response(200, {"content-type": "application/json"}, write_json(start, end))


def _opened(
    request: Request, world: World, environments: Sequence[Environment]
) -> StreamKey | Response:
    """Return the stream that a request may append to, or why it may not."""
    path = request.path
    name = unquote(path.removeprefix(_ROOT).removesuffix(_END), errors="replace")
    key = stream_key(name) if path.endswith(_END) else None
    if key is None:
        return _error(404, "stream_not_found", "No stream has this path.")
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not is_opened_by(given, name, environments, world.now):
        message = "The access token does not open this stream; the PUT of a channel gives one."
        return _error(403, "permission_denied", message)
    if request.method != _APPEND.method:
        return _error(403, "permission_denied", "The access token is for appending alone.")
    return key


def _not_appended(status: int, error: str, key: StreamKey, world: World) -> Response:
    if status != 412:
        return _error(status, "invalid", error)
    current = world.fence(key) if error == FENCED else world.tail(key).seq
    return json_response({error: current}, status)


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"code": code, "message": message}, status)
