"""The ways in which the API refuses a request, byte for byte."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from session_lab.simulator.api.http_types import Response, json_response
from session_lab.simulator.api.javascript.numbers import number_text

if TYPE_CHECKING:
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.faults.rate_limit import RateLimitResult

__all__ = [
    "error",
    "forbidden",
    "method_not_allowed",
    "missing_authorization",
    "moved",
    "not_found",
    "page",
    "rate_limited",
    "wrong_method",
]

_STATUS_PAGES = "https://developer.mozilla.org/en-US/docs/Web/HTTP/Status"


def error(status: int, message: str) -> Response:
    """Refuse with ``{"error": message}``, the usual form."""
    return json_response({"error": message}, status)


def forbidden() -> Response:
    """Refuse a credential whose scopes do not reach the resource."""
    body = {
        "error": "Unauthorized",
        "code": "unauthorized",
        "param": "access_token",
        "type": "authorization",
    }
    return json_response(body, 403)


def not_found(*, worth_a_retry: bool = False) -> Response:
    """Refuse to read what is not there, and say whether trying again may help."""
    retry = {"x-should-retry": "true" if worth_a_retry else "false"}
    return json_response({"error": "Not found"}, 404, retry)


def method_not_allowed(allowed: str) -> Response:
    """Refuse a method on a route that has a writing one."""
    return json_response({"error": "Method not allowed"}, 405, {"allow": allowed})


def wrong_method() -> Response:
    """Refuse a writing method on a route that can only be read; the web framework's own form."""
    return json_response({"message": "Unexpected Server Error"}, 405, {"x-remix-error": "yes"})


def missing_authorization() -> Response:
    """Refuse a request to ``/api`` without ``Authorization``; comes before all routing."""
    detail = "No authorization header provided"
    return _problem(401, "Unauthorized", {"detail": detail, "error": detail})


def rate_limited(result: RateLimitResult, now: int) -> Response:
    """Refuse a request over the rate limit, at an instant in milliseconds since 1970."""
    left = max(0, result.remaining)
    seconds = max(0, result.reset - now) / 1000
    seconds = int(seconds) if seconds.is_integer() else seconds
    detail = (
        f"Rate limit exceeded {left}/{result.limit} requests remaining. "
        f"Retry in {number_text(seconds)} seconds."
    )
    body = {
        "detail": detail,
        "reset": result.reset,
        "limit": result.limit,
        "remaining": result.remaining,
        "secondsUntilReset": seconds,
        "error": detail,
    }
    return _problem(429, "Rate Limit Exceeded", body).with_headers(result.headers)


def _problem(status: int, title: str, members: dict[str, Json]) -> Response:
    body = {"title": title, "status": status, "type": f"{_STATUS_PAGES}/{status}"} | members
    content_type = {"content-type": "application/problem+json; charset=utf-8"}
    return Response(status, content_type, json.dumps(body, indent=2).encode())


def moved(location: str) -> Response:
    """Send the client to a path without its trailing slash."""
    headers = {
        "location": location,
        "vary": "Accept",
        "content-type": "text/plain; charset=utf-8",
    }
    return Response(301, headers, f"Moved Permanently. Redirecting to {location}".encode())


def page(status: int) -> Response:
    """Refuse with the page of the web framework (Express 4), where no route was reached."""
    phrase = HTTPStatus(status).phrase
    headers = {
        "content-security-policy": "default-src 'none'",
        "x-content-type-options": "nosniff",
        "content-type": "text/html; charset=utf-8",
    }
    return Response(status, headers, _PAGE.format(phrase).encode())


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>{}</pre>
</body>
</html>
"""
