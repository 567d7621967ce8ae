"""The public paths as an OpenAPI 3.1 description, from the wire models and the table of calls."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pydantic.json_schema import models_json_schema

from session_lab import wire
from session_lab._version import __version__
from session_lab.simulator.api.calls import CALLS
from session_lab.simulator.api.javascript.dates import LAST_DATE
from session_lab.wire.base import OmittingModel
from session_lab.wire.limits import (
    DEFAULT_PAGE_SIZE,
    DEFAULT_RUNS_PAGE_SIZE,
    MAX_PAGE_SIZE,
    MAX_STREAM_TIMEOUT_SECONDS,
)
from session_lab.wire.run_status import CURRENT_STATUSES, OLD_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

__all__ = ["describe"]

Document = dict[str, Any]


class _Operation(NamedTuple):
    """What is said of a call beyond its method and path."""

    summary: str
    reply: type[BaseModel] | None
    body: type[BaseModel] | None = None
    refusals: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    success: tuple[int, ...] = (200,)
    plain: tuple[int, ...] = ()  # Refusals that can come as plain text.


_OPERATIONS: Final[Mapping[str, _Operation]] = {
    "sessions.start": _Operation(
        "Create a session, or fetch it and make sure that a run lives",
        wire.StartedSession,
        wire.StartBody,
        (409, 413, 422, 500),
        success=(200, 201),
    ),
    "sessions.list": _Operation(
        "List sessions, newest first",
        wire.SessionPage,
        parameters=(
            "page[size]",
            "page[after]",
            "page[before]",
            "filter[type]",
            "filter[tags]",
            "filter[taskIdentifier]",
            "filter[externalId]",
            "filter[status]",
            "filter[createdAt][period]",
            "filter[createdAt][from]",
            "filter[createdAt][to]",
        ),
    ),
    "sessions.retrieve": _Operation("Read a session", wire.Session, refusals=(404,)),
    "sessions.update": _Operation(
        "Replace tags and metadata", wire.Session, wire.UpdateBody, (404, 413, 422)
    ),
    "sessions.close": _Operation(
        "Close a session for good", wire.Session, wire.CloseBody, (404, 413)
    ),
    "sessions.end_and_continue": _Operation(
        "Hand a session over to a new run",
        wire.SwappedRun,
        wire.EndAndContinueBody,
        (404, 413, 500),
    ),
    "sessions.append": _Operation(
        "Append a record to a channel",
        wire.AppendReply,
        refusals=(404, 409, 413),
        parameters=("X-Part-Id",),
    ),
    "sessions.records": _Operation(
        "Read the records of a channel",
        wire.RecordsReply,
        refusals=(404,),
        parameters=("afterEventId",),
    ),
    "sessions.stream": _Operation(
        "Follow a channel as server-sent events",
        None,
        refusals=(404,),
        parameters=("Last-Event-ID", "Timeout-Seconds", "X-Peek-Settled"),
        plain=(400,),
    ),
    "runs.list": _Operation(
        "List runs, newest first",
        wire.RunPage,
        parameters=(
            "page[size] of runs",
            "page[after]",
            "page[before]",
            "filter[status] of runs",
            "filter[taskIdentifier] of runs",
            "filter[tag] of runs",
            "filter[createdAt][period]",
        ),
    ),
    "runs.retrieve": _Operation("Read a run with its payload", wire.RetrievedRun, refusals=(404,)),
    "runs.cancel": _Operation("Cancel a run", wire.CanceledRun, refusals=(404,)),
    "channels.open": _Operation(
        "Open a channel for writing past the API",
        wire.OpenedChannel,
        refusals=(404,),
        success=(202,),
        plain=(400, 403, 404),
    ),
    "snapshots.read": _Operation(
        "Ask where the chat's snapshot is read", wire.SnapshotUrl, refusals=(404, 500)
    ),
    "snapshots.write": _Operation(
        "Ask where the chat's snapshot is written", wire.SnapshotUrl, refusals=(404, 500)
    ),
    "runs.wait": _Operation(
        "Wait for a record of a channel", wire.WaitReply, wire.WaitBody, (404, 413, 422, 500)
    ),
    "tokens.claims": _Operation("Ask what a public token must claim", wire.TokenClaims),
}

_REQUESTS: Final[Mapping[str, str]] = {
    **CALLS,
    "channels.open": "PUT /realtime/v1/sessions/{session}/{io}",
    "snapshots.read": "GET /api/v1/sessions/{session}/snapshot-url",
    "snapshots.write": "PUT /api/v1/sessions/{session}/snapshot-url",
    "runs.wait": "POST /api/v1/runs/{run}/session-streams/wait",
    "tokens.claims": "POST /api/v1/auth/jwt/claims",
}
"""Method and path of what is described: the client's calls, and what other programs ask for."""

_REFUSALS: Final = {
    400: "The request is malformed, or not allowed in this state",
    401: "The key or token is missing or not valid",
    403: "The key or token does not reach this resource",
    404: "There is no such session or run in this environment",
    409: "The session is closed or expired",
    413: "The body is too large, or its length was not announced",
    422: "The request cannot be carried out",
    429: "Too many requests",
    500: "The server failed",
}
_ANY_CALL: Final = (400, 401, 403)


def _page_size(default: int) -> Document:
    return {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": default}


_TEXT: Final[Document] = {"type": "string"}
_MILLISECONDS: Final[Document] = {"type": "integer", "minimum": -LAST_DATE, "maximum": LAST_DATE}
_WORDS: Final[Document] = {"type": "array", "items": {"type": "string", "pattern": "^[^,]+$"}}
_PARAMETERS: Final[Mapping[str, Document]] = {
    "page[size]": _page_size(DEFAULT_PAGE_SIZE),
    "page[size] of runs": _page_size(DEFAULT_RUNS_PAGE_SIZE),
    "filter[status]": {"enum": list(get_args(wire.SessionStatus))},
    "filter[status] of runs": {
        "type": "array",
        "items": {"enum": sorted({*CURRENT_STATUSES.values(), *OLD_STATUSES.values()})},
    },
    "filter[taskIdentifier] of runs": _WORDS,
    "filter[tag] of runs": _WORDS,
    "filter[createdAt][from]": _MILLISECONDS,
    "filter[createdAt][to]": _MILLISECONDS,
    "afterEventId": {"type": "string", "pattern": "^[0-9]+$"},
    "Timeout-Seconds": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_STREAM_TIMEOUT_SECONDS,
        "default": 60,
    },
    "X-Peek-Settled": {"enum": ["1"]},
    "io": {"enum": list(get_args(wire.ChannelName))},
}


def describe() -> Document:
    """Describe the public paths.

    Limits are those of the newest profile. Where the API takes more than it documents, as with
    times that JavaScript can read, the description says what is documented.

    Returns
    -------
    dict
        An OpenAPI 3.1 document as JSON values.
    """
    paths: dict[str, Document] = {}
    for name, request in _REQUESTS.items():
        method, path = request.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(name, path, _OPERATIONS[name])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sessions API, simulated",
            "version": __version__,
            "description": "The public paths of the Sessions API as session-lab serves them.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _operation(name: str, path: str, operation: _Operation) -> Document:
    parameters = [_parameter(found, "path") for found in re.findall(r"\{(\w+)\}", path)]
    for parameter in operation.parameters:
        place = "header" if "-" in parameter else "query"
        parameters.append(_parameter(parameter, place))
    described: Document = {
        "operationId": name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": _responses(operation),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": _reference(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    elif name == "sessions.append":
        content = {"text/plain": {"schema": _TEXT}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameter(name: str, place: str) -> Document:
    schema = _PARAMETERS.get(name, _TEXT)
    # Several values stand in one, with commas between them.
    style = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return {
        "name": name.removesuffix(" of runs"),
        "in": place,
        "required": place == "path",
        "schema": schema,
        **style,
    }


def _responses(operation: _Operation) -> Document:
    if operation.reply is None:
        content: Document = {"text/event-stream": {"schema": _TEXT}}
    else:
        content = {"application/json": {"schema": _reference(operation.reply)}}
    responses: Document = {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in operation.success
    }
    problem = {"application/json": {"schema": _reference(wire.ErrorBody)}}
    document = {"application/problem+json": {"schema": _reference(wire.Problem)}}
    for status in sorted({*_ANY_CALL, *operation.refusals, 429}):
        forms = document if status == 429 else problem
        forms = problem | document if status == 401 else forms
        if status in operation.plain:
            forms = {"text/plain": {"schema": _TEXT}} | problem
        responses[str(status)] = {"description": _REFUSALS[status], "content": forms}
    return responses


def _reference(model: type[BaseModel]) -> Document:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas() -> Document:
    models: list[type[BaseModel]] = [wire.ErrorBody, wire.Problem]
    for operation in _OPERATIONS.values():
        models += [model for model in (operation.reply, operation.body) if model is not None]
    _, generated = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    schemas: Document = {name: _plain(schema) for name, schema in generated["$defs"].items()}
    models += [wire.TriggerConfig, wire.TriggerConfigBody, wire.Pagination]
    for model in models:
        if issubclass(model, OmittingModel):
            _leave_out_null(schemas[model.__name__]["properties"])
        # Unknown keys are dropped by the server, though our own client does not send them.
        schemas[model.__name__].pop("additionalProperties", None)
    return schemas


def _plain(schema: Document) -> Document:
    """Take out what speaks of Python: descriptions and the titles made from names."""
    plain = {key: value for key, value in schema.items() if key not in {"description", "title"}}
    properties: Document = plain.get("properties", {})
    for field in properties.values():
        field.pop("title", None)
    return plain


def _leave_out_null(properties: Document) -> None:
    """Say of optional fields that they are left out and never null."""
    for name, field in properties.items():
        kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
        if kinds:
            rest = {key: value for key, value in field.items() if key not in {"anyOf", "default"}}
            properties[name] = rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
