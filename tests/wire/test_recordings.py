"""What the open-source server was recorded to answer, read with our models.

The recordings lie beside the repository and are not part of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from session_lab.wire import (
    AppendReply,
    CloseBody,
    EndAndContinueBody,
    ErrorBody,
    RecordsReply,
    Session,
    SessionPage,
    StartBody,
    StartedSession,
    SwappedRun,
    UpdateBody,
    WireModel,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
HTTP_ERROR = 400

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the recordings are not beside this repository"
)


def exchanges() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for file in sorted(VECTORS.glob("*.json")):
        for scenario in json.loads(file.read_text())["scenarios"]:
            for number, step in enumerate(scenario["steps"]):
                if "request" in step and "response" in step:
                    yield (
                        f"{file.stem}: {scenario['name']}: {number}",
                        step["request"],
                        step["response"],
                    )


def route(request: dict[str, Any]) -> str:
    steps = request["path"].strip("/").split("/")
    if steps[:3] == ["api", "v1", "sessions"]:
        return f"{request['method']} {'/'.join(['sessions', *('{id}',) * (len(steps) > 3), *steps[4:]])}"
    return f"{request['method']} {steps[-1]}"


ANSWERS: dict[str, type[WireModel]] = {
    "POST sessions": StartedSession,
    "GET sessions": SessionPage,
    "GET sessions/{id}": Session,
    "PATCH sessions/{id}": Session,
    "POST sessions/{id}/close": Session,
    "POST sessions/{id}/end-and-continue": SwappedRun,
    "POST append": AppendReply,
    "GET records": RecordsReply,
}
BODIES: dict[str, type[WireModel]] = {
    "POST sessions": StartBody,
    "PATCH sessions/{id}": UpdateBody,
    "POST sessions/{id}/close": CloseBody,
    "POST sessions/{id}/end-and-continue": EndAndContinueBody,
}


def answered() -> Iterator[tuple[str, type[WireModel], dict[str, Any]]]:
    for name, request, response in exchanges():
        body = response.get("body_json")
        if response["status"] < HTTP_ERROR and isinstance(body, dict) and route(request) in ANSWERS:
            if "publicAccessToken" in body:
                body = {**body, "publicAccessToken": "token"}
            yield name, ANSWERS[route(request)], body


def refused() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, _request, response in exchanges():
        body = response.get("body_json")
        if response["status"] >= HTTP_ERROR and isinstance(body, dict):
            yield name, body


def accepted() -> Iterator[tuple[str, type[WireModel], dict[str, Any]]]:
    for name, request, response in exchanges():
        if response["status"] >= HTTP_ERROR or route(request) not in BODIES:
            continue
        body = json.loads(request["body_raw"]) if "body_raw" in request else None
        if isinstance(body, dict):
            yield name, BODIES[route(request)], body


def test_every_recorded_answer_reads_and_writes_back_unchanged():
    cases = list(answered())

    for name, model, body in cases:
        written = model.model_validate(body).model_dump(
            mode="json", by_alias=True, exclude_unset=True
        )
        assert written == body, name
    assert {model for _, model, _ in cases} == set(ANSWERS.values())


def test_every_recorded_refusal_gives_a_sentence():
    cases = list(refused())

    silent = [name for name, body in cases if ErrorBody.model_validate(body).message is None]
    assert len(cases) > 50
    assert all("Unexpected Server Error" in str(dict(cases)[name]) for name in silent)


def test_no_body_that_the_server_took_is_refused_here():
    cases = list(accepted())

    for name, model, body in cases:
        known = {field.alias for field in model.model_fields.values()}
        # Unknown keys are dropped by the server; JavaScript's odd dates are not ours to send.
        ours = {key: value for key, value in body.items() if key in known and key != "expiresAt"}
        assert model.model_validate(ours), name
    assert {model for _, model, _ in cases} == set(BODIES.values())
