"""Refusals that need no session, against recordings of the real server where they are at hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Environment, Refusal, authenticate, sign
from session_lab.simulator.api.http_types import Request, Response, json_response
from session_lab.simulator.api.javascript.json_text import parse_json, render_json
from session_lab.simulator.api.paths import path_segments, query_values
from session_lab.simulator.api.validation import (
    BODIES,
    CHANNEL_PARAMS,
    LIST_QUERY,
    RECORDS_QUERY,
    Invalid,
    ZodType,
    body_error,
)
from session_lab.timing import to_instant
from session_lab.wire import CloseBody, EndAndContinueBody, StartBody, UpdateBody, limits

RECORDINGS = Path(__file__).parents[3].parent / "shared" / "vectors"
ENVIRONMENT = Environment("env_recorded", "tr_prod_recorded")
REFUSED_BODIES = re.compile(
    "(Validation|Query|Params) [Ee]rror|Invalid JSON|Request body (is empty|too large)"
)
CASES = BODIES["2026-08"]
CAPPED_BODIES = {
    ("POST", 3): (limits.MAX_SESSION_BODY_BYTES, CASES[StartBody]),
    ("PATCH", 4): (limits.MAX_SESSION_BODY_BYTES, CASES[UpdateBody]),
    ("POST", "close"): (limits.MAX_HANDOVER_BODY_BYTES, CASES[CloseBody]),
    ("POST", "end-and-continue"): (limits.MAX_HANDOVER_BODY_BYTES, CASES[EndAndContinueBody]),
    ("POST", "append"): (limits.MAX_APPEND_BODY_BYTES, None),
}
Step = dict[str, Any]


def recorded_steps() -> list[tuple[str, int, Step]]:
    """Name every recorded step, with the instant its scenario starts at."""
    found: list[tuple[str, int, Step]] = []
    for file in sorted(RECORDINGS.glob("*.json")):
        for scenario in json.loads(file.read_text("utf-8"))["scenarios"]:
            start = to_instant(scenario.get("now", "2026-01-01T00:00:00.000Z"))
            name = f"{file.stem}: {scenario['name']}"
            found += [
                (f"{name} #{number}", start, step)
                for number, step in enumerate(scenario["steps"], 1)
                if "request" in step
            ]
    return found


def cases(*statuses: int, pattern: str = "") -> list[Any]:
    """Pick the recorded refusals with a status and a text."""
    picked = [
        pytest.param(start, step, id=name)
        for name, start, step in recorded_steps()
        if step["response"]["status"] in statuses
        and re.search(pattern, str(step["response"].get("body_json")))
    ]
    absent = pytest.mark.skip(reason=f"no recordings at {RECORDINGS}")
    return picked or [pytest.param(0, {}, marks=absent)]


def fill(text: str) -> str:
    return text.replace("$secret_key", ENVIRONMENT.secret_key).replace("$env_id", ENVIRONMENT.id)


def rebuilt_request(recorded: Step, start: int) -> Request:
    """Make the request that was recorded, as its client framed it."""
    headers = {name.lower(): fill(value) for name, value in recorded.get("headers", {}).items()}
    if "jwt" in recorded:
        headers["authorization"] = f"Bearer {minted(recorded['jwt'], start)}"
    text = recorded.get("body_raw", "")
    if padding := recorded.get("body_pad"):
        body = padding["template"].replace("@PAD@", "")
        missing = padding["total_bytes"] - len(body.encode())
        text = padding["template"].replace("@PAD@", padding.get("char", "a") * missing)
    content = text.encode("utf-8", "surrogatepass")
    if recorded.get("framing") is None:
        headers["content-length"] = str(len(content))
    return Request(
        recorded["method"], recorded["path"], recorded.get("query") or "", headers, content
    )


def minted(token: Step, start: int) -> str:
    seconds = start // 1000
    claims = {
        "iss": "https://id.trigger.dev",
        "aud": "https://api.trigger.dev",
        "iat": seconds,
        **json.loads(fill(json.dumps(token["claims"]))),
    }
    if (life := token.get("exp_in_s")) is not None:
        claims["exp"] = seconds + life
    return sign(claims, fill(token.get("key", "$secret_key")))


def checked(request: Request) -> Response:
    """Check length, path, query and body in the order of the server."""
    segments = path_segments(request.path)
    last = segments[-1] if len(segments) > 4 else len(segments)
    cap, schema = CAPPED_BODIES.get((request.method, last), (None, None))
    length = request.content_length
    if cap is not None and (length is None or length > cap):
        return error_responses.error(413, "Request body too large")
    if segments[0] == "realtime":
        params = CHANNEL_PARAMS.safe_parse({"session": segments[3], "io": segments[4]})
        if isinstance(params, Invalid):
            return json_response({"error": "Params Error", "details": params.issues}, 400)
    if request.method == "GET":
        query = RECORDS_QUERY if last == "records" else LIST_QUERY
        parsed = query.safe_parse(query_values(request.query))
        assert isinstance(parsed, Invalid)
        return json_response({"error": "Query Error", "details": parsed.issues}, 400)
    assert schema is not None
    return error_responses.error(400, checked_body(request.text, schema))


def checked_body(text: str, schema: ZodType) -> str:
    if not text:
        return "Request body is empty"
    try:
        body = parse_json(text)
    except ValueError:
        body = None
    if not body and body not in ([], {}):
        return "Invalid JSON"
    parsed = schema.safe_parse(body)
    assert isinstance(parsed, Invalid)
    return body_error(parsed.issues)


@pytest.mark.parametrize(("start", "step"), cases(400, 413, pattern=REFUSED_BODIES.pattern))
def test_a_refused_request_is_answered_as_recorded(start: int, step: Step) -> None:
    response = checked(rebuilt_request(step["request"], start))
    assert response.status == step["response"]["status"]
    assert response.body == render_json(step["response"]["body_json"])


@pytest.mark.parametrize(("start", "step"), cases(401))
def test_a_refused_credential_is_answered_as_recorded(start: int, step: Step) -> None:
    request = rebuilt_request(step["request"], start)
    authorization = request.headers.get("authorization")
    if not authorization and request.path.startswith("/api"):
        response = error_responses.missing_authorization()
    else:
        refusal = authenticate(authorization, [ENVIRONMENT], start)
        assert isinstance(refusal, Refusal)
        response = error_responses.error(401, refusal.error)
    expected = step["response"]
    if request.method != "HEAD":
        assert json.loads(response.body) == expected["body_json"]
    assert response.headers["content-type"] == expected["headers"]["content-type"]
