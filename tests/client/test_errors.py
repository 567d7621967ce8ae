"""Replies that are no success, or no reply at all."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx
import pytest

from session_lab import errors

KEY = "tr_dev_0123456789abcdefghijklmn"
CLOSED = "Session is closed; use a different externalId to create a new session"
EXPIRED = "Session is expired; use a different externalId to create a new session"


def failure(connect: Any, answer: httpx.Response | Exception, **options: Any) -> Any:
    bench = connect(lambda _request: answer, **({"max_retries": 0} | options))
    with pytest.raises(errors.APIError) as caught:
        bench.run(lambda client: client.sessions.retrieve("chat-1"))
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": 'Validation error: Required at "type"'}, errors.BadRequestError),
        (401, {"error": "Invalid API key"}, errors.AuthenticationError),
        (403, {"error": "Unauthorized", "code": "unauthorized"}, errors.PermissionDeniedError),
        (404, {"error": "Not found"}, errors.NotFoundError),
        (409, {"error": CLOSED}, errors.SessionClosedError),
        (409, {"error": EXPIRED}, errors.SessionExpiredError),
        (
            409,
            {"ok": False, "error": "Cannot append", "code": "session_closed"},
            errors.SessionClosedError,
        ),
        (409, {"error": "A session with this externalId already exists"}, errors.ConflictError),
        (413, {"error": "Request body too large"}, errors.RequestTooLargeError),
        (422, {"error": "externalId cannot be changed"}, errors.UnprocessableEntityError),
        (429, {"error": "Rate limit exceeded", "reset": 1}, errors.RateLimitError),
        (500, {"error": "Internal Server Error"}, errors.InternalServerError),
        (503, {"error": {"message": "Down"}}, errors.InternalServerError),
        (405, {"error": "Method not allowed"}, errors.APIStatusError),
        (451, {"error": "No"}, errors.APIStatusError),
        (499, {"error": "Gone away"}, errors.APIStatusError),
    ],
)
def test_each_status_has_its_error(connect: Any, status: int, body: Any, kind: type[Exception]):
    reply = httpx.Response(status, json=body, headers={"X-Request-Id": "req_1"})

    error = failure(connect, reply)

    assert type(error) is kind
    assert error.status_code == status
    assert error.body == body
    assert error.request_id == "req_1"
    assert error.headers["x-request-id"] == "req_1"
    sentence = body["error"]["message"] if isinstance(body["error"], dict) else body["error"]
    assert str(error).startswith(f"GET /api/v1/sessions/chat-1: {status} ")
    assert sentence in str(error)


def test_the_places_of_a_query_error_are_told(connect: Any):
    details = [{"path": ["page[size]"], "message": "Number must be at most 100"}]

    error = failure(connect, httpx.Response(400, json={"error": "Query Error", "details": details}))

    assert "page[size]: Number must be at most 100" in str(error)


@pytest.mark.parametrize(
    ("reply", "kind", "hint"),
    [
        (httpx.Response(404, html="<h1>Hi</h1>"), errors.NotFoundError, "is base_url the address"),
        (httpx.Response(502, text="Bad gateway"), errors.InternalServerError, "no explanation"),
        (httpx.Response(500), errors.InternalServerError, "no explanation"),
        (httpx.Response(400, json=["odd"]), errors.BadRequestError, "no explanation"),
        (httpx.Response(400, json={"error": 5}), errors.BadRequestError, "no explanation"),
        (httpx.Response(400, content=b"[" * 100_000), errors.BadRequestError, "no explanation"),
        (httpx.Response(200, html="<h1>Hi</h1>"), errors.APIResponseError, "is not JSON"),
        (httpx.Response(200, text=""), errors.APIResponseError, "differs from the API"),
        (httpx.Response(200, content=b"\xff\xfe{"), errors.APIResponseError, "is not JSON"),
        (httpx.Response(200, content=b"[" * 100_000), errors.APIResponseError, "is not JSON"),
        (httpx.Response(200, json={"id": "a"}), errors.APIResponseError, "externalId: Field req"),
        (
            httpx.Response(301, headers={"Location": "https://b.example/"}),
            errors.APIResponseError,
            "points to https://b.example/; check base_url",
        ),
    ],
)
def test_a_reply_that_is_not_the_apis_is_told_plainly(
    connect: Any, reply: httpx.Response, kind: type[Exception], hint: str
):
    error = failure(connect, reply)

    assert type(error) is kind
    assert hint in str(error)
    assert error.status_code == reply.status_code


def test_a_redirect_is_not_followed(connect: Any):
    bench = connect([httpx.Response(307, headers={"Location": "https://evil.example/"})])

    with pytest.raises(errors.APIResponseError):
        bench.run(lambda client: client.sessions.retrieve("a"))

    assert len(bench.requests) == 1


def every_transport_error() -> list[type[httpx.RequestError]]:
    found: list[type[httpx.RequestError]] = []
    waiting: list[type[httpx.RequestError]] = [httpx.RequestError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__.partition(".")[0] == "httpx":
            found.append(kind)
            waiting += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", every_transport_error(), ids=lambda kind: kind.__name__)
def test_no_error_of_the_layer_below_gets_through(connect: Any, kind: type[httpx.RequestError]):
    error = failure(connect, kind("it broke"))

    expected = errors.APIConnectionError
    if issubclass(kind, httpx.PoolTimeout):
        expected = errors.ConnectionLimitError
    elif issubclass(kind, httpx.TimeoutException):
        expected = errors.APITimeoutError
    assert type(error) is expected
    assert isinstance(error, ConnectionError)
    assert "GET https://api.trigger.dev/api/v1/sessions/chat-1: no reply: " in str(error)
    assert isinstance(error.__cause__, kind)


def test_a_timeout_says_how_long_it_waited(connect: Any):
    assert "timed out after 2.5 s" in str(
        failure(connect, httpx.ReadTimeout("slow"), timeout="2500ms")
    )


def test_a_refused_connection_says_what_to_check(connect: Any):
    error = failure(connect, httpx.ConnectError("Connection refused"))

    assert "Connection refused; check base_url and the network" in str(error)


def test_a_secret_in_a_reply_is_not_in_the_error(connect: Any):
    token = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"
    page = f"<p>Authorization: Bearer {KEY} and {token}</p>"

    for reply in (
        httpx.Response(200, html=page),
        httpx.Response(500, html=page),
        httpx.Response(400, json={"error": page}),
        httpx.ConnectError(page),
    ):
        error = failure(connect, reply)
        shown = f"{error!r} {error} {getattr(error, 'body', '') if reply is not None else ''}"
        if isinstance(reply, httpx.Response) and reply.status_code == 400:
            shown = f"{error!r} {error}"
        assert KEY not in shown
        assert token not in shown
        assert "[redacted]" in shown


def test_an_unexpected_reply_is_quoted_in_part_only(connect: Any):
    error = failure(connect, httpx.Response(200, text="x" * 10_000))

    assert error.body == "x" * 500


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(409, json={"error": CLOSED}, headers={"X-Request-Id": "req_1"}),
        httpx.Response(200, text="hello"),
        httpx.ReadTimeout("slow"),
    ],
    ids=["status", "reply", "timeout"],
)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])  # noqa: S301
def test_errors_survive_a_copy_and_a_pickle(connect: Any, answer: Any, copied: Any):
    error = failure(connect, answer)

    twin = copied(error)

    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.__dict__ == error.__dict__
