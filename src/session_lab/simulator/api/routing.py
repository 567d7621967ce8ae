"""The way of a request to its endpoint.

The order is: a trailing slash, a missing ``Authorization``, the route, ``OPTIONS``, the method, and
then the checks of :mod:`session_lab.simulator.api.checks`. Paths match without regard to
case (``apps/webapp/server.ts`` of the open-source server and the web framework under it).
"""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Refusal
from session_lab.simulator.api.checks import authenticated, respond
from session_lab.simulator.api.handlers.sessions import external_id_in
from session_lab.simulator.api.http_types import Response, preflight_response, with_cors
from session_lab.simulator.api.paths import path_segments, redirect_target
from session_lab.simulator.api.routes import ROUTES
from session_lab.simulator.api.stores import object_store, stream_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.checks import Route
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.world.world import World

__all__ = ["answer", "refuse_early", "session_asked_for"]

_READS = {"GET", "HEAD"}
_WRITES = {"DELETE", "PATCH", "POST", "PUT"}
_REMEMBERED_PATHS = 4096


class Methods(NamedTuple):
    """The routes of one path: what reads it, what else is done with it, and who may look."""

    reading: Route | None
    writing: Route | None
    has_cors: bool
    is_newer: bool


def refuse_early(request: Request) -> Response | None:
    """Answer a request that gets no further than the server's front.

    Returns
    -------
    Response or None
        A redirect of a trailing slash, or the refusal of a request below ``/api`` that has no
        ``Authorization``; None where the request may come in.
    """
    path = request.path
    target = redirect_target(path, request.query) if path.endswith("/") else None
    if target is not None:
        return error_responses.moved(target)
    if not path.startswith("/api") or request.method == "OPTIONS":
        return None
    return None if request.headers.get("authorization") else error_responses.missing_authorization()


def answer(
    request: Request, world: World, environments: Sequence[Environment], list_lag: int = 0
) -> Response:
    """Answer a request that came in.

    Parameters
    ----------
    request : Request
        The request.
    world : World
        The world that it is for.
    environments : sequence of Environment
        Those whose credentials are accepted.
    list_lag : int
        For how many milliseconds lists do not show what is new.
    """
    try:
        found = _match(request.path)
    except ValueError:
        return error_responses.page(400)
    if found is not None:
        return _answer_at(found, request, world, environments, list_lag)
    if stream_store.is_for_stream_store(request.path):
        return stream_store.append(request, world, environments)
    if object_store.is_for_object_store(request.path):
        return object_store.answer(request, world, environments)
    return error_responses.page(404)


def _answer_at(
    found: tuple[Methods, Mapping[str, str]],
    request: Request,
    world: World,
    environments: Sequence[Environment],
    list_lag: int,
) -> Response:
    (reading, writing, has_cors, is_newer), params = found
    if is_newer and not world.profile.side_channels:
        return error_responses.page(404)
    method = request.method
    if method == "OPTIONS" and has_cors:
        return preflight_response(request)
    if method in _READS or method == "OPTIONS":
        if reading is None:
            return Response(405)
        response = respond(reading, request, world, environments, params=params, list_lag=list_lag)
    elif method not in _WRITES or writing is None:
        return error_responses.wrong_method()
    elif method != writing.endpoint.method:
        response = error_responses.method_not_allowed(writing.endpoint.method)
    else:
        response = respond(writing, request, world, environments, params=params, list_lag=list_lag)
    return with_cors(response, request) if has_cors else response


def session_asked_for(
    request: Request, environments: Sequence[Environment], now: int
) -> tuple[str, str] | None:
    """Return which session a request is about: its environment and its key as it was asked for.

    None where it is about no single session, or comes with no valid credential.
    """
    credential = authenticated(request, environments, now)
    try:
        found = _match(request.path)
    except ValueError:
        found = None
    if isinstance(credential, Refusal) or found is None:
        return None
    methods, params = found
    key = params.get("session")
    route = methods.writing
    if request.method == "POST" and route and route.endpoint.name == "sessions.start":
        key = external_id_in(request.text)
    return None if key is None else (credential.environment.id, key)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[1:])


def _patterns() -> list[tuple[tuple[str, ...], Methods]]:
    paths: dict[str, list[Route]] = {}
    for route in ROUTES:
        paths.setdefault(route.endpoint.path, []).append(route)
    return [(_segments(path), _methods(routes)) for path, routes in paths.items()]


def _methods(routes: list[Route]) -> Methods:
    reading = next((route for route in routes if route.endpoint.method == "GET"), None)
    writing = next((route for route in routes if route is not reading), None)
    has_cors = any(route.has_cors for route in routes)
    return Methods(reading, writing, has_cors, all(route.is_newer for route in routes))


_PATTERNS = _patterns()


@functools.lru_cache(maxsize=_REMEMBERED_PATHS)
def _match(path: str) -> tuple[Methods, Mapping[str, str]] | None:
    if stream_store.is_for_stream_store(path) or object_store.is_for_object_store(path):
        return None
    segments = path_segments(path)
    for pattern, methods in _PATTERNS:
        params = _params(pattern, segments)
        if params is not None:
            return methods, MappingProxyType(params)
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
