"""The store of objects, where agents keep what they want to know of a chat when the next run begins.

The API gives addresses of the server's own, each good for one method on one object for an hour.
Refusals have the form that object stores give them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from session_lab.simulator.api.context import journaled
from session_lab.simulator.api.http_types import Response
from session_lab.simulator.api.paths import path_segments, query_values
from session_lab.simulator.api.stores.grants import grant, is_granted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.world.world import World

__all__ = ["MAX_OBJECT_BYTES", "answer", "is_for_object_store", "object_url"]

MAX_OBJECT_BYTES: Final = 64 * 1024 * 1024
"""What one object holds at most; a limit of the simulator's own."""

_STORE = "object-store"
_ROOT = "/packets/"
_SECONDS = 3600
_ANY_TYPE = "application/octet-stream"


def is_for_object_store(path: str) -> bool:
    """Return whether a path is one of the object store.

    Examples
    --------
    >>> is_for_object_store("/packets/env_lab/sessions/session_c/snapshot.json")
    True
    """
    return path.startswith(_ROOT)


def object_url(
    origin: str, environment: Environment, session_id: str, method: str, now: int
) -> str:
    """Return where the snapshot of a chat can be read (``GET``) or written (``PUT``) for an hour.

    Parameters
    ----------
    origin : str
        Scheme and host of the server.
    environment : Environment
        The environment of the session.
    session_id : str
        The session.
    method : str
        What the address is for.
    now : int
        The present, in milliseconds since 1970.
    """
    path = f"{_ROOT}{quote(environment.id, safe='')}/sessions/{session_id}/snapshot.json"
    what = {"object": session_id, "method": method}
    token = grant(environment, _STORE, what, now=now, seconds=_SECONDS)
    return f"{origin}{path}?{urlencode({'grant': token})}"


def answer(request: Request, world: World, environments: Sequence[Environment]) -> Response:
    """Answer a request to the object store."""
    method = "GET" if request.method == "HEAD" else request.method
    found = _object(request.path)
    if found is None:
        return _error(404, "NoSuchKey", "No object has this path.")
    environment, session_id = found
    given = query_values(request.query).get("grant", "")
    own = [each for each in environments if each.id == environment]
    what = {"object": session_id, "method": method}
    if not is_granted(given, own, _STORE, what, now=world.now):
        message = "The address does not grant this, or no longer; snapshot-url gives another."
        return _error(403, "AccessDenied", message)
    if method == "PUT":
        return _write(request, world, environment, session_id)
    kept = world.chat_snapshot(session_id, environment=environment)
    if kept is None:
        return _error(404, "NoSuchKey", "Nothing was kept of this chat.")
    return Response(200, {"content-type": kept.content_type}, kept.body)


def _write(request: Request, world: World, environment: str, session_id: str) -> Response:
    if len(request.body) > MAX_OBJECT_BYTES:
        message = f"An object has at most {MAX_OBJECT_BYTES} bytes here, not {len(request.body)}."
        return _error(400, "EntityTooLarge", message)
    content_type = request.headers.get("content-type", _ANY_TYPE)
    entry = world.write_chat_snapshot(
        session_id, request.body, content_type, environment=environment
    )
    return journaled(Response(entry.reply.status_code), entry)


def _object(path: str) -> tuple[str, str] | None:
    """Return the environment and the session whose snapshot a path names."""
    try:
        segments = path_segments(path)
    except ValueError:
        return None
    match segments:
        case ("packets", environment, "sessions", session_id, "snapshot.json"):
            return environment, session_id
        case _:
            return None


def _error(status: int, code: str, message: str) -> Response:
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(status, {"content-type": "application/xml"}, text.encode())
