from __future__ import annotations

import json

import pytest

from session_lab.simulator.api import error_responses
from session_lab.simulator.api.http_types import (
    Request,
    Response,
    json_response,
    preflight_response,
    text_response,
    with_cors,
)
from session_lab.simulator.faults.rate_limit import RateLimitResult

APP = {"origin": "https://app.example"}


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, None),
        ({"transfer-encoding": "chunked"}, None),
        ({"content-length": ""}, None),
        ({"content-length": "0"}, 0),
        ({"content-length": "32769"}, 32769),
    ],
)
def test_the_length_is_what_the_header_says(headers: dict[str, str], length: int | None) -> None:
    assert Request("POST", "/", headers=headers, body=b"abc").content_length == length


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"\xef\xbb\xbf{}", "{}"), (b"\xef\xbb\xbf", ""), (b"a\xffb", "a\ufffdb"), (b"", "")],
)
def test_a_body_is_text_without_its_byte_order_mark(body: bytes, text: str) -> None:
    assert Request("POST", "/", body=body).text == text


def test_secrets_stay_out_of_the_reprs() -> None:
    request = Request("GET", "/", headers={"authorization": "Bearer sesame"}, body=b"sesame")
    response = Response(201, {"x-secret": "sesame"}, b"sesame")
    assert "sesame" not in repr(request) + repr(response)


def test_json_is_compact_and_keeps_characters() -> None:
    response = json_response({"error": "é"}, 409)
    assert (response.status, response.body.decode()) == (409, '{"error":"é"}')
    assert response.headers == {"content-type": "application/json; charset=utf-8"}


def test_without_an_origin_only_the_exposed_headers_are_sent() -> None:
    response = with_cors(text_response("no", 404), Request("GET", "/"))
    assert response.headers == {
        "content-type": "text/plain;charset=UTF-8",
        "access-control-expose-headers": "x-trigger-jwt,x-trigger-jwt-claims",
    }


def test_an_origin_is_echoed() -> None:
    response = with_cors(json_response({}), Request("GET", "/", headers=APP))
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["vary"] == "Origin"


def test_exposed_headers_join_those_already_exposed() -> None:
    stream = Response(200, {"access-control-expose-headers": "*"})
    exposed = with_cors(stream, Request("GET", "/")).headers["access-control-expose-headers"]
    assert exposed == "*, x-trigger-jwt,x-trigger-jwt-claims"


def test_a_preflight_is_allowed_what_it_asks_for() -> None:
    asked = APP | {"access-control-request-headers": "authorization,x-part-id"}
    response = preflight_response(Request("OPTIONS", "/", headers=asked))
    assert (response.status, response.body) == (200, b"{}")
    assert response.headers == {
        "content-type": "application/json; charset=utf-8",
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "access-control-allow-headers": "authorization,x-part-id",
        "access-control-max-age": "300",
        "vary": "Origin, Access-Control-Request-Headers",
    }


def test_a_preflight_without_origin_names_none() -> None:
    headers = preflight_response(Request("OPTIONS", "/")).headers
    assert "access-control-allow-origin" not in headers
    assert headers["vary"] == "Access-Control-Request-Headers"


def test_a_missing_header_is_answered_with_an_indented_problem() -> None:
    response = error_responses.missing_authorization()
    assert response.headers == {"content-type": "application/problem+json; charset=utf-8"}
    assert response.body.startswith(b'{\n  "title": "Unauthorized",\n  "status": 401,')
    assert json.loads(response.body)["error"] == "No authorization header provided"


def test_a_rate_limit_tells_when_to_come_back() -> None:
    response = error_responses.rate_limited(
        RateLimitResult(success=False, limit=60, remaining=-2, reset=12_500), now=10_000
    )
    body = json.loads(response.body)
    assert response.status == 429
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert response.headers["x-ratelimit-reset"] == "12500"
    assert body["error"] == "Rate limit exceeded 0/60 requests remaining. Retry in 2.5 seconds."
    assert (body["remaining"], body["secondsUntilReset"]) == (-2, 2.5)


def test_a_rate_limit_counts_whole_seconds_without_a_fraction() -> None:
    response = error_responses.rate_limited(
        RateLimitResult(success=False, limit=60, remaining=0, reset=9_000), now=10_000
    )
    assert b"Retry in 0 seconds." in response.body
    assert b'"secondsUntilReset": 0,' in response.body


@pytest.mark.parametrize(
    ("response", "status", "headers", "body"),
    [
        (error_responses.error(404, "gone"), 404, {}, '{"error":"gone"}'),
        (error_responses.not_found(), 404, {"x-should-retry": "false"}, '{"error":"Not found"}'),
        (
            error_responses.method_not_allowed("PUT"),
            405,
            {"allow": "PUT"},
            '{"error":"Method not allowed"}',
        ),
        (
            error_responses.wrong_method(),
            405,
            {"x-remix-error": "yes"},
            '{"message":"Unexpected Server Error"}',
        ),
        (
            error_responses.forbidden(),
            403,
            {},
            (
                '{"error":"Unauthorized","code":"unauthorized","param":"access_token",'
                '"type":"authorization"}'
            ),
        ),
        (
            error_responses.moved("/a"),
            301,
            {"location": "/a", "vary": "Accept"},
            "Moved Permanently. Redirecting to /a",
        ),
    ],
)
def test_refusals_have_their_fixed_form(
    response: Response, status: int, headers: dict[str, str], body: str
) -> None:
    assert (response.status, response.body.decode()) == (status, body)
    assert headers.items() <= response.headers.items()
