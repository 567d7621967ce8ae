"""The order in which the API checks a request, first failure first.

Reads and writes differ: a read looks for its resource and then checks the scopes, a write checks
the scopes first (``apps/webapp/app/services/routeBuilders/apiBuilder.server.ts`` of the open-source
server).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Credential, Refusal, authenticate
from session_lab.simulator.api.context import Exchange
from session_lab.simulator.api.database_limits import StoreError
from session_lab.simulator.api.http_types import Response, json_response
from session_lab.simulator.api.javascript.json_text import Json, parse_json
from session_lab.simulator.api.paths import query_values
from session_lab.simulator.api.validation import BODIES, Flawed, body_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.api.validation import Schema
    from session_lab.simulator.world.world import World

__all__ = ["Reading", "Setting", "Writing", "authenticated", "read", "write"]

_FAILURE = "Internal Server Error"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """An endpoint that is read with ``GET`` or ``HEAD``.

    Attributes
    ----------
    handle : callable
        Answers, given the exchange and the resource.
    may : callable
        Whether the caller may read the resource.
    find : callable
        Looks the resource up; None when it is not there.
    missing : callable
        Answers when it is not there.
    params, query : Schema or None
        What path and query must be.
    """

    handle: Callable[[Exchange, Any], Response]
    may: Callable[[Exchange, Any], bool]
    find: Callable[[Exchange], object] = lambda _: True
    missing: Callable[[Exchange], Response] = lambda _: error_responses.not_found()
    params: Schema | None = None
    query: Schema | None = None


@dataclass(frozen=True, kw_only=True)
class Writing:
    """An endpoint that changes something, with its one method.

    Attributes
    ----------
    method : str
        The method.
    handle : callable
        Answers.
    may : callable
        Whether the caller may do it.
    takes_tokens : bool
        Whether public tokens are accepted at all.
    most_bytes : int or None
        The longest body that can be announced.
    params : Schema or None
        What the path must be.
    body : str or None
        Which of the profile's schemas the body must fit; None where it is not JSON.
    failure : str
        The error where the store fails.
    """

    method: str
    handle: Callable[[Exchange], Response]
    may: Callable[[Exchange], bool] = lambda _: True
    takes_tokens: bool = True
    most_bytes: int | None = None
    params: Schema | None = None
    body: str | None = None
    failure: str = _FAILURE


class Setting(NamedTuple):
    """What a request is checked against.

    Attributes
    ----------
    world : World
        The world that it is for.
    environments : sequence of Environment
        Those whose credentials are accepted.
    list_lag : int
        For how many milliseconds lists do not show what is new.
    """

    world: World
    environments: Sequence[Environment]
    list_lag: int = 0


def authenticated(request: Request, setting: Setting) -> Credential | Refusal:
    """Resolve a request's credential."""
    return authenticate(
        request.headers.get("authorization"),
        setting.environments,
        setting.world.now,
        branch=request.headers.get("x-trigger-branch"),
    )


class _Refused(Exception):  # noqa: N818  it carries a response and never leaves this module
    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def read(
    endpoint: Reading, request: Request, params: Mapping[str, str], setting: Setting
) -> Response:
    """Check a reading request and answer it."""
    try:
        credential = _admitted(request, setting)
        _check_params(endpoint.params, params)
        query = _parsed_query(endpoint.query, request)
        world, lag = setting.world, setting.list_lag
        exchange = Exchange(request, world, credential, world.now, params, query, {}, lag)
        resource = endpoint.find(exchange)
        if resource is None:
            return endpoint.missing(exchange)
        _check_scopes(allowed=endpoint.may(exchange, resource))
        return endpoint.handle(exchange, resource)
    except _Refused as refused:
        return refused.response
    except StoreError:
        return error_responses.error(500, _FAILURE)


def write(
    endpoint: Writing, request: Request, params: Mapping[str, str], setting: Setting
) -> Response:
    """Check a writing request and answer it."""
    try:
        credential = _admitted(request, setting, takes_tokens=endpoint.takes_tokens)
        _check_length(endpoint.most_bytes, request)
        _check_params(endpoint.params, params)
        world = setting.world
        body = _parsed_body(endpoint.body, request, world.profile.name)
        exchange = Exchange(request, world, credential, world.now, params, {}, body)
        _check_scopes(allowed=endpoint.may(exchange))
        return endpoint.handle(exchange)
    except _Refused as refused:
        return refused.response
    except StoreError:
        return error_responses.error(500, endpoint.failure)


def _admitted(request: Request, setting: Setting, *, takes_tokens: bool = True) -> Credential:
    credential = authenticated(request, setting)
    if isinstance(credential, Refusal):
        raise _Refused(error_responses.error(401, credential.error))
    if not takes_tokens and not credential.is_secret_key:
        raise _Refused(error_responses.error(401, "Invalid API key"))
    return credential


def _check_length(most_bytes: int | None, request: Request) -> None:
    """Check the announced length; the body itself is never measured."""
    length = request.content_length
    if most_bytes is not None and (length is None or length > most_bytes):
        raise _Refused(error_responses.error(413, "Request body too large"))


def _check_params(schema: Schema | None, params: Mapping[str, str]) -> None:
    parsed = None if schema is None else schema.parse(dict(params))
    if isinstance(parsed, Flawed):
        raise _Refused(json_response({"error": "Params Error", "details": parsed.issues}, 400))


def _parsed_query(schema: Schema | None, request: Request) -> Mapping[str, Json]:
    if schema is None:
        return {}
    parsed = schema.parse(query_values(request.query))
    if isinstance(parsed, Flawed):
        raise _Refused(json_response({"error": "Query Error", "details": parsed.issues}, 400))
    query: Mapping[str, Json] = parsed
    return query


def _parsed_body(name: str | None, request: Request, profile: str) -> Json:
    if name is None:
        return {}
    text = request.text
    if not text:
        raise _Refused(error_responses.error(400, "Request body is empty"))
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    except RecursionError:
        raise StoreError("the body nests deeper than the store takes") from None
    # What JavaScript takes for false is refused, which arrays and objects never are.
    if not value and not isinstance(value, (dict, list)):
        raise _Refused(error_responses.error(400, "Invalid JSON"))
    schema: Schema = getattr(BODIES[profile], name)
    parsed = schema.parse(value)
    if isinstance(parsed, Flawed):
        raise _Refused(error_responses.error(400, body_error(parsed.issues)))
    return parsed


def _check_scopes(*, allowed: bool) -> None:
    if not allowed:
        raise _Refused(error_responses.forbidden())
