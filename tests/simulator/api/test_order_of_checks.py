"""What is checked of a request, and in which order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from session_lab.simulator.api.routes import ROUTES
from tests.api_lab import CREATE, FORBIDDEN, KEY, ApiLab, refusal

if TYPE_CHECKING:
    from session_lab.simulator.api.checks import Route

CHAT = "/api/v1/sessions/chat"
APPEND = "/realtime/v1/sessions/chat/in/append"
INVALID = 'Validation error: Required at "taskIdentifier"; Required at "triggerConfig"'
WRONG_CHANNEL = "/realtime/v1/sessions/session_x/both"


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab()
    lab.start("chat")
    return lab


# Before the route


def test_a_trailing_slash_is_cut_off_before_anything_else(lab: ApiLab) -> None:
    moved = lab.ask("DELETE", "/api/v1/sessions/", key=None, query="a=b")
    assert (moved.status, moved.headers["location"]) == (301, "/api/v1/sessions?a=b")


@pytest.mark.parametrize("path", ["/api/v1/sessions", "/api/v1/nothing", "/api/v1/sessions/%zz"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "TRACE"])
def test_a_missing_authorization_is_told_before_the_route(
    lab: ApiLab, method: str, path: str
) -> None:
    response = lab.ask(method, path, key=None, origin="https://app.example")
    assert response.status == 401
    assert response.headers == {"content-type": "application/problem+json; charset=utf-8"}
    assert json.loads(response.body)["detail"] == "No authorization header provided"


def test_outside_api_a_missing_authorization_is_told_by_the_route(lab: ApiLab) -> None:
    assert refusal(lab.ask("POST", APPEND, key=None)) == (401, "Invalid or Missing API key")
    assert lab.ask("PUT", APPEND, key=None).status == 405


@pytest.mark.parametrize(
    "path",
    ["/api/v2/sessions", "/api/v1/sessions/a/b", "/api/v1//sessions", "/realtime/v1/sessions/a"],
)
def test_other_paths_are_not_found(lab: ApiLab, path: str) -> None:
    response = lab.ask("GET", path)
    assert (response.status, response.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_parameter_of_a_path_cannot_be_empty(lab: ApiLab) -> None:
    assert lab.ask("POST", "/api/v1/sessions//close", {}).status == 404


def test_a_broken_escape_is_a_bad_request(lab: ApiLab) -> None:
    assert lab.ask("GET", "/api/v1/sessions/%zz").status == 400


def test_names_in_paths_are_taken_without_regard_to_case_and_ids_with_it(lab: ApiLab) -> None:
    assert lab.ask("GET", "/API/v1/Sessions/chat").status == 200
    assert lab.ask("GET", "/api/v1/sessions/CHAT").status == 404


def test_an_escaped_slash_stays_in_the_id(lab: ApiLab) -> None:
    lab.start("a/b c")
    assert lab.json("GET", "/api/v1/sessions/a%2Fb%20c")["externalId"] == "a/b c"


# Methods


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/close", f"{CHAT}/snapshot-url", APPEND])
def test_a_preflight_needs_no_credential(lab: ApiLab, path: str) -> None:
    asked = {"origin": "https://app.example", "access_control_request_headers": "authorization"}
    response = lab.ask("OPTIONS", path, key=None, **asked)
    assert (response.status, response.body) == (200, b"{}")
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["access-control-allow-headers"] == "authorization"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path", [f"{CHAT}/close", f"{CHAT}/end-and-continue", APPEND, "/api/v2/runs/run_x/cancel"]
)
def test_what_can_only_be_written_has_nothing_to_read(lab: ApiLab, method: str, path: str) -> None:
    response = lab.ask(method, path)
    assert (response.status, response.headers, response.body) == (405, {}, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/realtime/v1/sessions/chat/in/records", "/api/v1/runs", "/api/v3/runs/run_x"]
)
def test_what_can_only_be_read_cannot_be_written(lab: ApiLab, method: str, path: str) -> None:
    response = lab.ask(method, path, {}, key="wrong")
    assert (response.status, response.body) == (405, b'{"message":"Unexpected Server Error"}')
    assert response.headers["x-remix-error"] == "yes"


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.endpoint.method != "GET"],
    ids=lambda route: route.endpoint.name,
)
def test_another_writing_method_is_refused_before_the_credential(route: Route) -> None:
    lab = ApiLab("2026-10")  # The profile that has every route.
    path = route.endpoint.path.replace("{io}", "in")
    response = lab.ask("DELETE", path, key="wrong")
    assert refusal(response) == (405, "Method not allowed")
    others = {
        other.endpoint.method for other in ROUTES if other.endpoint.path == route.endpoint.path
    }
    assert response.headers["allow"] in others - {"GET"}
    assert ("access-control-expose-headers" in response.headers) is route.has_cors


def test_a_head_is_a_get_without_its_body(lab: ApiLab) -> None:
    got, head = lab.ask("GET", CHAT), lab.ask("HEAD", CHAT)
    assert got.headers["content-type"] == head.headers["content-type"]
    assert (head.status, head.body) == (200, b"")


# Credential, length, path, body, scopes, session: the order of a write


def test_a_wrong_credential_is_told_before_the_length(lab: ApiLab) -> None:
    too_long = {"content_length": "99999999"}
    response = lab.ask("POST", f"{WRONG_CHANNEL}/append", "x", key="wrong", **too_long)
    assert refusal(response) == (401, "Invalid API key")


def test_a_wrong_length_is_told_before_the_path(lab: ApiLab) -> None:
    response = lab.ask("POST", f"{WRONG_CHANNEL}/append", "x", content_length="1048577")
    assert refusal(response) == (413, "Request body too large")


@pytest.mark.parametrize(
    ("length", "status"), [("32768", 400), ("32769", 413), ("", 413), ("abc", 413), ("-1", 413)]
)
def test_only_the_announced_length_counts(lab: ApiLab, length: str, status: int) -> None:
    assert lab.ask("POST", "/api/v1/sessions", {}, content_length=length).status == status


def test_a_channel_is_checked_before_scopes_and_session(lab: ApiLab) -> None:
    for method, end in (("POST", "/append"), ("PUT", ""), ("GET", ""), ("GET", "/records")):
        response = lab.ask(method, WRONG_CHANNEL + end, key=lab.token())
        assert response.status == 400
        assert json.loads(response.body)["error"] == "Params Error"


def test_a_channel_is_checked_before_the_query(lab: ApiLab) -> None:
    body = lab.json("GET", f"{WRONG_CHANNEL}/records", query={"afterEventId": "x"})
    assert body["error"] == "Params Error"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "Request body is empty"),
        ("{", "Invalid JSON"),
        ("null", "Invalid JSON"),
        ("0", "Invalid JSON"),
        ("[]", "Validation error: Expected object, received array"),
        ('{"type": "chat"}', INVALID),
        ("\ufeff" + '{"type": "chat"}', INVALID),
    ],
)
def test_a_body_is_checked_before_the_scopes(lab: ApiLab, body: str, error: str) -> None:
    response = lab.ask("POST", "/api/v1/sessions", body, key=lab.token("read:nothing"))
    assert refusal(response) == (400, error)


def test_a_write_checks_scopes_before_it_looks_for_the_session(lab: ApiLab) -> None:
    hand_over = {"callingRunId": "run_x", "reason": "upgrade"}
    for path, body in (
        ("/api/v1/sessions/none/close", {}),
        ("/api/v1/sessions/none/end-and-continue", hand_over),
        ("/realtime/v1/sessions/none/in/append", "x"),
    ):
        assert refusal(lab.ask("POST", path, body, key=lab.token())) == (403, FORBIDDEN)


def test_a_read_looks_for_the_session_before_it_checks_scopes(lab: ApiLab) -> None:
    token = lab.token()
    response = lab.ask("GET", "/api/v1/sessions/none", key=token)
    assert refusal(response) == (404, "Not found")
    assert response.headers["x-should-retry"] == "false"
    assert refusal(lab.ask("GET", CHAT, key=token)) == (403, FORBIDDEN)


def test_a_query_is_checked_before_the_scopes(lab: ApiLab) -> None:
    response = lab.ask("GET", "/api/v1/sessions", query={"page[size]": "0"}, key=lab.token())
    assert response.status == 400
    assert json.loads(response.body)["error"] == "Query Error"


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("GET", "/api/v1/sessions/none", None, "Not found"),
        ("GET", "/api/v1/sessions/session_none", None, "Not found"),
        ("PATCH", "/api/v1/sessions/none", {}, "Session not found"),
        ("POST", "/api/v1/sessions/none/close", {}, "Session not found"),
        (
            "POST",
            "/api/v1/sessions/none/end-and-continue",
            {"callingRunId": "run_x", "reason": ""},
            "Resource not found",
        ),
        ("POST", "/realtime/v1/sessions/none/in/append", "x", "Resource not found"),
        ("GET", "/realtime/v1/sessions/session_none/in", None, "Not found"),
        ("GET", "/realtime/v1/sessions/session_none/in/records", None, "Not found"),
        ("GET", "/api/v1/sessions/none/snapshot-url", None, "Not found"),
        ("PUT", "/api/v1/sessions/none/snapshot-url", None, "Resource not found"),
        ("GET", "/api/v3/runs/run_none", None, "Not found"),
        ("POST", "/api/v2/runs/run_none/cancel", None, "Resource not found"),
    ],
)
def test_not_found_has_several_wordings(
    lab: ApiLab, method: str, path: str, body: object, error: str
) -> None:
    assert refusal(lab.ask(method, path, body)) == (404, error)


# Environments and browsers


def test_what_belongs_to_another_environment_is_not_there(lab: ApiLab) -> None:
    run_id = lab.json("GET", CHAT)["currentRunId"]
    for path in (CHAT, f"/api/v3/runs/{run_id}"):
        assert lab.ask("GET", path, key="tr_stg_example").status == 404
    assert lab.json("GET", "/api/v1/sessions", key="tr_stg_example")["data"] == []
    assert lab.json("GET", "/api/v1/runs", key="tr_stg_example")["data"] == []


def test_a_name_can_be_used_in_every_environment(lab: ApiLab) -> None:
    named = CREATE | {"externalId": "chat"}
    assert lab.ask("POST", "/api/v1/sessions", named, key="tr_stg_example").status == 201


@pytest.mark.parametrize("key", [KEY, "wrong"])
def test_browsers_may_read_what_a_route_answers(lab: ApiLab, key: str) -> None:
    headers = lab.ask("GET", CHAT, key=key, origin="https://app.example").headers
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["vary"] == "Origin"
    assert headers["access-control-expose-headers"] == "x-trigger-jwt,x-trigger-jwt-claims"
    assert "access-control-allow-origin" not in lab.ask("GET", CHAT, key=key).headers
