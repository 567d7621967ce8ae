"""The routes of the API, and what becomes of a request before and after its endpoint.

The order is: a trailing slash, a missing ``Authorization``, the route, ``OPTIONS``, the method, and
then the checks of :mod:`session_lab.simulator.api.checks`. Paths match without regard to
case (``apps/webapp/server.ts`` of the open-source server and the web framework under it).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Refusal
from session_lab.simulator.api.checks import (
    Reading,
    Setting,
    Writing,
    authenticated,
    read,
    write,
)
from session_lab.simulator.api.handlers import channels, end_and_continue, runs, sessions, tokens
from session_lab.simulator.api.http_types import Response, preflight_response, with_cors
from session_lab.simulator.api.paths import path_segments, redirect_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.simulator.api.http_types import Request

__all__ = ["ROUTES", "Route", "answer", "refuse_at_the_door", "session_asked_for"]

_READS = {"GET", "HEAD"}
_WRITES = {"DELETE", "PATCH", "POST", "PUT"}
_REMEMBERED_PATHS = 4096


@dataclass(frozen=True)
class Route:
    """One path with its endpoints.

    Attributes
    ----------
    path : str
        With parameters in braces.
    reading : Reading or None
        What answers ``GET`` and ``HEAD``.
    writing : Writing or None
        What answers the one other method.
    shared : bool
        Whether browsers may read the responses, which adds headers to them.
    """

    path: str
    reading: Reading | None = None
    writing: Writing | None = None
    shared: bool = True


_SESSION = "/api/v1/sessions/{session}"
_CHANNEL = "/realtime/v1/sessions/{session}/{io}"

ROUTES: Final = (
    Route("/api/v1/sessions", sessions.LIST, sessions.CREATE),
    Route(_SESSION, sessions.RETRIEVE, sessions.UPDATE),
    Route(f"{_SESSION}/close", writing=sessions.CLOSE),
    Route(f"{_SESSION}/end-and-continue", writing=end_and_continue.END_AND_CONTINUE),
    Route(
        f"{_SESSION}/snapshot-url", end_and_continue.READ_SNAPSHOT, end_and_continue.WRITE_SNAPSHOT
    ),
    Route(_CHANNEL, channels.STREAM, channels.INITIALIZE),
    Route(f"{_CHANNEL}/append", writing=channels.APPEND),
    Route(f"{_CHANNEL}/records", channels.RECORDS),
    Route("/api/v1/runs", runs.LIST),
    Route("/api/v3/runs/{run}", runs.RETRIEVE),
    Route("/api/v2/runs/{run}/cancel", writing=runs.CANCEL, shared=False),
    Route("/api/v1/runs/{run}/session-streams/wait", writing=end_and_continue.WAIT, shared=False),
    Route("/api/v1/auth/jwt/claims", writing=tokens.CLAIMS, shared=False),
)
"""Every path that is served."""


def refuse_at_the_door(request: Request) -> Response | None:
    """Answer a request that gets no further than the server's front.

    Returns
    -------
    Response or None
        A redirect of a trailing slash, or the refusal of a request below ``/api`` that has no
        ``Authorization``; None where the request may come in.
    """
    target = redirect_target(request.path, request.query)
    if target is not None:
        return error_responses.moved(target)
    if not request.path.startswith("/api") or request.method == "OPTIONS":
        return None
    return None if request.headers.get("authorization") else error_responses.missing_authorization()


def answer(request: Request, setting: Setting) -> Response:
    """Answer a request that came in.

    Parameters
    ----------
    request : Request
        The request.
    setting : Setting
        What it is checked against.
    """
    try:
        found = _match(request.path)
    except ValueError:
        return error_responses.page(400, "Bad Request")
    if found is None:
        return error_responses.page(404, "Not Found")
    return _dispatched(found[0], request, found[1], setting)


def session_asked_for(request: Request, setting: Setting) -> tuple[str, str] | None:
    """Tell which session a request is about: its environment and its key as it was asked for.

    None where it is about no single session, or comes with no valid credential.
    """
    credential = authenticated(request, setting)
    try:
        found = _match(request.path)
    except ValueError:
        found = None
    if isinstance(credential, Refusal) or found is None:
        return None
    route, params = found
    key = params.get("session")
    if route.writing is sessions.CREATE and request.method == "POST":
        key = sessions.external_id_in(request.text)
    return None if key is None else (credential.environment.id, key)


def _dispatched(
    route: Route, request: Request, params: Mapping[str, str], setting: Setting
) -> Response:
    method, reading, writing = request.method, route.reading, route.writing
    if method == "OPTIONS" and route.shared:
        return preflight_response(request)
    if method in _READS or method == "OPTIONS":
        if reading is None:
            return Response(405)
        response = read(reading, request, params, setting)
    elif method not in _WRITES or writing is None:
        return error_responses.wrong_method()
    elif method != writing.method:
        response = error_responses.method_not_allowed(writing.method)
    else:
        response = write(writing, request, params, setting)
    return with_cors(response, request) if route.shared else response


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[1:])


_PATTERNS: Sequence[tuple[tuple[str, ...], Route]] = [
    (_segments(route.path), route) for route in ROUTES
]


@functools.lru_cache(maxsize=_REMEMBERED_PATHS)
def _match(path: str) -> tuple[Route, Mapping[str, str]] | None:
    segments = path_segments(path)
    for pattern, route in _PATTERNS:
        params = _params(pattern, segments)
        if params is not None:
            return route, MappingProxyType(params)
    return None


def _params(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params: dict[str, str] = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith("{") and segment:
            params[wanted[1:-1]] = segment
        elif wanted != segment.lower():
            return None
    return params
