"""The public paths as an OpenAPI 3.1 description, derived from the table of endpoints."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from session_lab import wire
from session_lab._version import __version__
from session_lab.simulator.api.javascript.dates import LAST_DATE
from session_lab.simulator.api.routes import ROUTES
from session_lab.simulator.api.validation import zod
from session_lab.simulator.api.validation.issues import ABSENT
from session_lab.wire.base import OmittingModel
from session_lab.wire.limits import MAX_STREAM_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from session_lab.simulator.api.checks import Route
    from session_lab.simulator.api.validation import ZodType

__all__ = ["describe"]

Document = dict[str, Any]


_REFUSALS: Final = {
    400: "The request is malformed, or not allowed in this state",
    401: "The key or token is missing or not valid",
    403: "The key or token does not reach this resource",
    404: "This environment has no session or run of this id",
    409: "The session is closed or expired",
    413: "The body is too large, or its length was not announced",
    422: "The request cannot be carried out",
    429: "Too many requests",
    500: "The server failed",
    501: "The simulator lacks a package for this",
}
_ANY_CALL: Final = (400, 401, 403)


_TEXT: Final[Document] = {"type": "string"}
_HEADERS: Final[Mapping[str, Document]] = {
    "Timeout-Seconds": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_STREAM_TIMEOUT_SECONDS,
        "default": 60,
    },
    "X-Peek-Settled": {"enum": ["1"]},
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
    for route in ROUTES:
        _, method, path = route.endpoint
        paths.setdefault(path, {})[method.lower()] = _operation(route)
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


def _operation(route: Route) -> Document:
    named = re.findall(r"\{(\w+)\}", route.endpoint.path)
    in_path = dict(_members(route.params))
    described: Document = {
        "operationId": route.endpoint.name,
        "summary": route.summary,
        "parameters": [
            *(_parameter(name, "path", in_path.get(name, _TEXT)) for name in named),
            *(_parameter(name, "query", schema) for name, schema in _members(route.query)),
            *(_parameter(name, "header", _HEADERS.get(name, _TEXT)) for name in route.headers),
        ],
        "responses": _responses(route),
    }
    if route.body is not None:
        content = {"application/json": {"schema": _reference(route.body)}}
        described["requestBody"] = {"required": True, "content": content}
    elif route.takes_text:
        content = {"text/plain": {"schema": _TEXT}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameter(name: str, place: str, schema: Document) -> Document:
    # Several values stand in one, with commas between them.
    style = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    required = place == "path"
    return {"name": name, "in": place, "required": required, "schema": schema, **style}


def _members(schema: ZodType | None) -> Iterator[tuple[str, Document]]:
    if isinstance(schema, zod.Refine):
        yield from _members(schema.schema)
    elif isinstance(schema, zod.Object):
        for name, member in schema.members.items():
            yield name, _json_schema(member)


def _json_schema(schema: ZodType) -> Document:
    """Describe what a parameter of a path or query documents that it takes."""
    described = _TEXT
    match schema:
        case zod.Optional():
            given = {} if schema.default is ABSENT else {"default": schema.default}
            described = _json_schema(schema.schema) | given
        case zod.Union():
            described = _json_schema(schema.schemas[0])
        case zod.Enum():
            described = {"enum": list(schema.options)}
        case zod.Number():
            described = _integer(schema.minimum, schema.maximum)
        case zod.Preprocess():  # An instant as a number, or as a text that reads as one.
            described = _integer(None, None)
        case zod.CommaSeparated():
            items: Document = {"type": "string", "pattern": "^[^,]+$"}
            if schema.table is not None:
                items = {"enum": sorted(schema.table)}
            described = {"type": "array", "items": items} if schema.joined else items
        case zod.String(pattern=re.Pattern(pattern=pattern)):
            described = {"type": "string", "pattern": f"^{pattern}$"}
        case _:
            pass
    return described


def _integer(minimum: int | None, maximum: int | None) -> Document:
    return {
        "type": "integer",
        "minimum": -LAST_DATE if minimum is None else minimum,
        "maximum": LAST_DATE if maximum is None else maximum,
    }


def _responses(route: Route) -> Document:
    if route.reply is None:
        content: Document = {"text/event-stream": {"schema": _TEXT}}
    else:
        content = {"application/json": {"schema": _reference(route.reply)}}
    responses: Document = {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in route.statuses
    }
    problem = {"application/json": {"schema": _reference(wire.ErrorBody)}}
    document = {"application/problem+json": {"schema": _reference(wire.Problem)}}
    too_large = () if route.max_body_bytes is None else (413,)
    for status in sorted({*_ANY_CALL, *route.refusals, *too_large, 429}):
        forms = document if status == 429 else problem
        forms = problem | document if status == 401 else forms
        if status in route.text_refusals:
            forms = {"text/plain": {"schema": _TEXT}} | problem
        responses[str(status)] = {"description": _REFUSALS[status], "content": forms}
    return responses


def _reference(model: type[BaseModel]) -> Document:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas() -> Document:
    models: list[type[BaseModel]] = [wire.ErrorBody, wire.Problem]
    for route in ROUTES:
        models += [model for model in (route.reply, route.body) if model is not None]
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
    """Remove what speaks of Python: descriptions and the titles made from names."""
    plain = {key: value for key, value in schema.items() if key not in {"description", "title"}}
    properties: Document = plain.get("properties", {})
    for field in properties.values():
        field.pop("title", None)
    return plain


def _leave_out_null(properties: Document) -> None:
    """Describe optional fields as left out and never null."""
    for name, field in properties.items():
        kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
        if kinds:
            rest = {key: value for key, value in field.items() if key not in {"anyOf", "default"}}
            properties[name] = rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
