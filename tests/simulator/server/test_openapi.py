"""The description of the public paths."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from session_lab.simulator.api.routes import ROUTES
from session_lab.simulator.server.openapi import describe
from session_lab.wire import limits


def test_the_description_is_valid_openapi():
    document = describe()
    validate(document)
    assert document["openapi"].startswith("3.1")


def described_requests() -> dict[str, str]:
    return {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, methods in describe()["paths"].items()
        for method, operation in methods.items()
    }


def test_everything_that_is_served_is_described_under_its_name():
    assert described_requests() == {
        route.endpoint.name: f"{route.endpoint.method} {route.endpoint.path}" for route in ROUTES
    }


def test_names_are_those_of_the_wire_and_limits_are_told():
    body = describe()["components"]["schemas"]["StartBody"]
    assert {"taskIdentifier", "triggerConfig", "externalId"} <= body["properties"].keys()
    assert body["properties"]["tags"]["maxItems"] == limits.MAX_TAGS
    assert body["required"] == ["type", "taskIdentifier", "triggerConfig"]


@pytest.mark.parametrize(("schema", "field"), [("StartBody", "tags"), ("Pagination", "next")])
def test_what_is_left_out_is_never_null(schema: str, field: str):
    described = describe()["components"]["schemas"][schema]["properties"][field]
    assert "anyOf" not in described
    assert described["type"] != "null"


@pytest.mark.parametrize(("schema", "field"), [("UpdateBody", "metadata"), ("Session", "closedAt")])
def test_what_can_be_null_says_so(schema: str, field: str):
    described = describe()["components"]["schemas"][schema]["properties"][field]
    assert {"type": "null"} in described["anyOf"]
