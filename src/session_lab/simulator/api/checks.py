"""The order in which the API checks a request, first failure first.

Reads and writes differ: a read looks for its resource and then checks the scopes, a write checks
the scopes first (``apps/webapp/app/services/routeBuilders/apiBuilder.server.ts`` of the open-source
server).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Credential, Refusal, authenticate
from session_lab.simulator.api.context import Context
from session_lab.simulator.api.http_types import Response, json_response
from session_lab.simulator.api.javascript.json_text import Json, parse_json
from session_lab.simulator.api.lists.database_limits import StoreError
from session_lab.simulator.api.paths import query_values
from session_lab.simulator.api.validation import BODIES, Invalid, body_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from session_lab.simulator.api.access import Access
    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.api.validation import ZodType
    from session_lab.simulator.world.world import World
    from session_lab.wire.base import WireModel
    from session_lab.wire.endpoints import Endpoint

__all__ = ["Route", "authenticated", "respond"]


@dataclass(frozen=True)
class Route:
    """An endpoint with everything that checks, handlers and the API's description know of it.

    Attributes
    ----------
    endpoint : Endpoint
        Its name, method and path.
    summary : str
        What it does, in a line.
    handle : callable
        Answers a request that got past the checks.
    reply : WireModel subclass or None
        What it answers; None: an event stream.
    access : Access or None
        What the caller's scopes must reach; None: any valid credential will do.
    body : WireModel subclass or None
        What its body is, if it is JSON.
    takes_text : bool
        Whether its body is text that is not looked into.
    find : callable or None
        Of a read: finds what is read; None where it is not there.
    missing : callable
        Of a read: answers when it is not there.
    params, query : Schema or None
        What path and query must be.
    max_body_bytes : int or None
        The longest body that can be announced.
    takes_tokens : bool
        Whether public tokens are accepted at all.
    has_cors : bool
        Whether browsers may read the responses of its path, which adds headers to them.
    is_newer : bool
        Whether only profiles with side channels have it.
    failure : str
        The error where the store fails.
    headers : tuple of str
        The headers that mean something to it.
    statuses, refusals : tuple of int
        How it answers; refusals beside 400, 401, 403, 413 and 429.
    text_refusals : tuple of int
        Those that can come as plain text.
    """

    endpoint: Endpoint
    summary: str
    handle: Callable[[Context], Response]
    reply: type[WireModel] | None
    access: Access | None = None
    _: KW_ONLY
    body: type[WireModel] | None = None
    takes_text: bool = False
    find: Callable[[Context], object] | None = None
    missing: Callable[[Context], Response] = lambda _: error_responses.not_found()
    params: ZodType | None = None
    query: ZodType | None = None
    max_body_bytes: int | None = None
    takes_tokens: bool = True
    has_cors: bool = True
    is_newer: bool = False
    failure: str = "Internal Server Error"
    headers: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)
    refusals: tuple[int, ...] = ()
    text_refusals: tuple[int, ...] = ()


class _Refused(Exception):  # noqa: N818  it carries a response and never leaves this module
    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def authenticated(
    request: Request, environments: Sequence[Environment], now: int
) -> Credential | Refusal:
    """Resolve a request's credential."""
    headers = request.headers
    branch = headers.get("x-trigger-branch")
    return authenticate(
        headers.get("authorization"),
        environments,
        now,
        branch=branch,
        machine_at=request.machine_at,
    )


def respond(
    route: Route,
    request: Request,
    world: World,
    environments: Sequence[Environment],
    *,
    params: Mapping[str, str],
    list_lag: int,
) -> Response:
    """Check a request and answer it.

    Parameters
    ----------
    route : Route
        The endpoint it is for.
    request : Request
        The request.
    world : World
        The world that it is about.
    environments : sequence of Environment
        Those whose credentials are accepted.
    params : mapping of str to str
        What the path names.
    list_lag : int
        For how many milliseconds lists do not show what is new.
    """
    try:
        now = world.now
        credential = _admitted(route, authenticated(request, environments, now))
        check = _read if route.endpoint.method == "GET" else _write
        query, body = check(route, request, params, world.profile.name)
        context = Context(request, world, credential, now, params, query, body, list_lag)
        if route.find is not None:
            context = context._replace(found=route.find(context))
            if context.found is None:
                return route.missing(context)
        if not (credential.is_secret_key or route.access is None or route.access.is_given(context)):
            return error_responses.forbidden()
        return route.handle(context)
    except _Refused as refused:
        return refused.response
    except (StoreError, RecursionError):
        # What nests so deep that it cannot be looked through cannot be stored either.
        return error_responses.error(500, route.failure)


def _read(
    route: Route, request: Request, params: Mapping[str, str], _profile: str
) -> tuple[Mapping[str, Json], Json]:
    _check_params(route, params)
    return {} if route.query is None else _parsed_query(route.query, request), {}


def _write(
    route: Route, request: Request, params: Mapping[str, str], profile: str
) -> tuple[Mapping[str, Json], Json]:
    _check_length(route, request)
    _check_params(route, params)
    return {}, {} if route.body is None else _parsed_body(BODIES[profile][route.body], request)


def _admitted(route: Route, credential: Credential | Refusal) -> Credential:
    if isinstance(credential, Refusal):
        raise _Refused(error_responses.error(401, credential.error))
    if not route.takes_tokens and not credential.is_secret_key:
        raise _Refused(error_responses.error(401, "Invalid API key"))
    return credential


def _check_length(route: Route, request: Request) -> None:
    """Check the announced length; the body itself is never measured."""
    if route.max_body_bytes is None:
        return
    length = request.content_length
    if length is None or length > route.max_body_bytes:
        raise _Refused(error_responses.error(413, "Request body too large"))


def _check_params(route: Route, params: Mapping[str, str]) -> None:
    parsed = None if route.params is None else route.params.safe_parse(dict(params))
    if isinstance(parsed, Invalid):
        raise _Refused(json_response({"error": "Params Error", "details": parsed.issues}, 400))


def _parsed_query(schema: ZodType, request: Request) -> Mapping[str, Json]:
    parsed = schema.safe_parse(query_values(request.query))
    if isinstance(parsed, Invalid):
        raise _Refused(json_response({"error": "Query Error", "details": parsed.issues}, 400))
    query: Mapping[str, Json] = parsed
    return query


def _parsed_body(schema: ZodType, request: Request) -> Json:
    text = request.text
    if not text:
        raise _Refused(error_responses.error(400, "Request body is empty"))
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    except RecursionError:
        raise StoreError("the body nests deeper than the store takes") from None
    # What is false to JavaScript is refused, which arrays and objects never are.
    if not value and not isinstance(value, (dict, list)):
        raise _Refused(error_responses.error(400, "Invalid JSON"))
    parsed = schema.safe_parse(value)
    if isinstance(parsed, Invalid):
        raise _Refused(error_responses.error(400, body_error(parsed.issues)))
    return parsed
