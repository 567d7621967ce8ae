from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from session_lab import errors
from session_lab.errors import RateLimitError
from session_lab.timing import to_instant

START = {"type": "chat", "task_identifier": "t", "trigger_config": {"base_payload": {}}}
DOWN = 503


def fine(_client: Any = None) -> httpx.Response:
    return httpx.Response(200, json={})


def get(client: Any) -> Any:
    return client.request("GET", "/a")


def post(client: Any) -> Any:
    return client.request("POST", "/a", json={})


def attempts(connect: Any, first: Any, use: Any = get, **options: Any) -> Any:
    """Answer the first attempt so, and all others well; return the bench."""
    bench = connect(itertools.chain([first], iter(fine, None)), **options)
    try:
        bench.run(use)
    except errors.APIError as error:
        bench.error = error
    return bench


@pytest.mark.parametrize(
    ("status", "count"),
    [
        *((status, 1) for status in (400, 401, 403, 404, 405, 409, 413, 422, 425)),
        *((status, 2) for status in (408, 429, 500, 501, 502, 503, 504, 599)),
    ],
)
def test_only_what_may_pass_is_tried_again(connect: Any, status: int, count: int):
    bench = attempts(connect, httpx.Response(status, json={"error": "no"}))

    assert len(bench.requests) == count


@pytest.mark.parametrize(
    "kind",
    [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.RemoteProtocolError],
)
def test_a_lost_reply_is_tried_again_where_that_is_harmless(connect: Any, kind: type[Exception]):
    assert len(attempts(connect, kind("broken")).requests) == 2


@pytest.mark.parametrize(
    ("first", "count"),
    [
        (httpx.ConnectError("refused"), 2),
        (httpx.ConnectTimeout("nobody there"), 2),
        (httpx.PoolTimeout("no connection free"), 2),
        (httpx.Response(429), 2),
        (httpx.ReadTimeout("slow"), 1),
        (httpx.ReadError("cut"), 1),
        (httpx.WriteError("cut"), 1),
        (httpx.RemoteProtocolError("cut"), 1),
        (httpx.Response(408), 1),
        (httpx.Response(500), 1),
        (httpx.Response(503), 1),
    ],
)
def test_what_cannot_be_done_twice_is_repeated_only_when_surely_nothing_was_done(
    connect: Any, first: Any, count: int
):
    assert len(attempts(connect, first, post).requests) == count


@pytest.mark.parametrize(
    ("use", "count"),
    [
        (lambda c: c.with_raw_response.request("GET", "/a"), 2),
        (lambda c: c.with_raw_response.request("PUT", "/a"), 2),
        (lambda c: c.with_raw_response.request("PATCH", "/a"), 1),
        (lambda c: c.with_raw_response.request("POST", "/a"), 1),
        (lambda c: c.with_raw_response.request("POST", "/a", idempotent=True), 2),
        (lambda c: c.with_raw_response.request("GET", "/a", idempotent=False), 1),
        (lambda c: c.with_raw_response.sessions.start(**START), 1),
        (lambda c: c.with_raw_response.sessions.start(**START, external_id="a"), 2),
        (lambda c: c.with_raw_response.sessions.retrieve("a"), 2),
        (lambda c: c.with_raw_response.sessions.update("a"), 2),
        (lambda c: c.with_raw_response.sessions.close("a"), 2),
        (
            lambda c: c.with_raw_response.sessions.end_and_continue(
                "a", calling_run_id="r", reason="x"
            ),
            1,
        ),
        (lambda c: c.with_raw_response.sessions.append("a", "x"), 2),
        (lambda c: c.with_raw_response.sessions.records("a"), 2),
        (lambda c: c.with_raw_response.sessions.list(), 2),
        (lambda c: c.with_raw_response.runs.cancel("r"), 2),
    ],
)
def test_each_call_knows_whether_it_can_be_done_twice(connect: Any, use: Any, count: int):
    assert len(attempts(connect, httpx.ReadError("cut"), use).requests) == count


@pytest.mark.parametrize(
    ("status", "told", "use", "count"),
    [
        (404, "true", get, 2),
        (409, "true", get, 2),
        (500, "true", post, 2),
        (500, "false", get, 1),
        (429, "False", get, 1),
        (500, "maybe", get, 2),
    ],
)
def test_the_servers_own_word_on_retrying_wins(
    connect: Any, status: int, told: str, use: Any, count: int
):
    reply = httpx.Response(status, json={"error": "no"}, headers={"x-should-retry": told})

    assert len(attempts(connect, reply, use).requests) == count


def test_a_repeated_append_carries_the_same_part_id(connect: Any):
    numbers = iter(index % 97 / 97 for index in range(10_000))
    bench = connect(
        [httpx.ReadTimeout("slow"), httpx.Response(200, json={"ok": True})],
        uniform=lambda: next(numbers),
    )

    bench.run(lambda client: client.sessions.append("a", "x"))

    first, second = (request.headers["x-part-id"] for request in bench.requests)
    assert first == second


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_attempts_are_bounded_and_the_last_error_is_raised(connect: Any, most: int):
    bench = connect(lambda _request: httpx.Response(DOWN), max_retries=most, deadline="1h")

    with pytest.raises(errors.InternalServerError) as caught:
        bench.run(get)

    assert len(bench.requests) == most + 1
    assert getattr(caught.value, "__notes__", []) == (
        [f"after {most + 1} attempts"] if most else []
    )


@pytest.mark.parametrize(
    ("uniform", "sleeps"),
    [
        (0.0, []),
        (0.5, [0.25, 0.5, 1.0, 2.0, 4.0, 4.0]),
        (0.999, [0.499, 0.999, 1.998, 3.996, 7.992, 7.992]),
    ],
)
def test_waits_are_a_random_part_of_an_interval_that_doubles(
    connect: Any, uniform: float, sleeps: list[float]
):
    bench = connect(lambda _request: httpx.Response(DOWN), max_retries=6, uniform=lambda: uniform)

    with pytest.raises(errors.InternalServerError):
        bench.run(get)

    assert bench.sleeps == sleeps


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"Retry-After": "7"}, 7.25),
        (429, {"Retry-After": "7"}, 7.25),
        (503, {"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, 9.25),
        (503, {"Retry-After": "Thu, 01 Jan 2015 00:00:09 GMT"}, 0.25),
        (503, {"Retry-After": "soon"}, 0.25),
        (503, {"Retry-After": "-5"}, 0.25),
        (503, {"Retry-After": ""}, 0.25),
        (429, {"x-ratelimit-reset": "{now+3000}"}, 3.25),
        (429, {"x-ratelimit-reset": "{now-3000}"}, 0.25),
        (429, {"x-ratelimit-reset": "never"}, 0.25),
        (503, {"x-ratelimit-reset": "{now+3000}"}, 0.25),
        (429, {"x-ratelimit-reset": "{now+3000}", "Retry-After": "7"}, 7.25),
    ],
)
def test_a_wait_that_the_server_asks_for_is_kept(
    connect: Any, status: int, headers: dict[str, str], seconds: float
):
    now = to_instant("2026-01-01T00:00:00Z")
    headers = {
        name: value.replace("{now+3000}", str(now + 3000)).replace("{now-3000}", str(now - 3000))
        for name, value in headers.items()
    }

    bench = attempts(connect, httpx.Response(status, headers=headers))

    assert bench.sleeps == [seconds]


def test_a_wait_beyond_the_deadline_is_not_begun(connect: Any):
    bench = attempts(connect, httpx.Response(429, headers={"Retry-After": "120"}), deadline="1m")

    assert isinstance(bench.error, errors.RateLimitError)
    assert bench.sleeps == []
    assert len(bench.requests) == 1


def test_the_deadline_holds_over_all_attempts(connect: Any):
    bench = connect(
        lambda _request: httpx.Response(DOWN, headers={"Retry-After": "20"}),
        deadline="50s",
        max_retries=100,
    )

    with pytest.raises(errors.InternalServerError):
        bench.run(get)

    assert bench.sleeps == [20.25, 20.5]


def test_no_attempt_may_take_longer_than_what_is_left(connect: Any):
    bench = connect(
        lambda _request: httpx.Response(DOWN, headers={"Retry-After": "6"}),
        timeout="10s",
        deadline="15s",
        max_retries=9,
    )

    with pytest.raises(errors.InternalServerError):
        bench.run(get)

    waits = [request.extensions["timeout"]["read"] for request in bench.requests]
    assert waits == [10.0, 8.75, 2.25]


def test_a_success_needs_no_second_attempt(connect: Any):
    bench = attempts(connect, httpx.Response(201, json={}))

    assert (len(bench.requests), bench.sleeps) == (1, [])


def test_a_reply_that_cannot_be_read_is_not_asked_for_again(connect: Any):
    bench = connect([httpx.Response(200, text="<html>")])

    with pytest.raises(errors.APIResponseError):
        bench.run(get)

    assert len(bench.requests) == 1


DATES = st.from_regex(
    r"([A-Z][a-z]{2}, )?[0-9]{1,30} ([A-Z][a-z]{2}) -?[0-9]{1,30} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})?"
    r"( (GMT|UTC|[+-][0-9]{1,12}))?",
    fullmatch=True,
)
LATIN = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))


@given(
    retry_after=LATIN | DATES | st.integers().map(str) | st.floats().map(str),
    reset=LATIN | st.integers().map(str),
)
@example(retry_after="Mon, 1 Jan 99999999999999999999 00:00:00 GMT", reset="1e400")
@example(retry_after="9" * 5_000, reset="9" * 5_000)
def test_any_value_of_a_header_that_asks_to_wait_is_understood_or_ignored(
    connect_blocking: Any, retry_after: str, reset: str
):
    headers = {
        "retry-after": retry_after.encode("latin-1"),
        "x-ratelimit-reset": reset.encode("latin-1"),
    }
    bench = connect_blocking(lambda _request: httpx.Response(429, headers=headers))

    with pytest.raises(RateLimitError) as caught:
        bench.run(get)

    wait = caught.value.retry_after
    assert wait is None or wait >= timedelta(0)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "1.5"}, timedelta(seconds=1.5)),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, timedelta(minutes=1)),
        ({"x-ratelimit-reset": "1767225602000"}, timedelta(seconds=2)),
        ({"x-ratelimit-reset": "1"}, timedelta(0)),
        ({"retry-after": "1", "x-ratelimit-reset": "1767225602000"}, timedelta(seconds=2)),
    ],
)
def test_an_error_of_the_rate_limit_tells_the_wait_it_was_given(
    connect: Any, headers: dict[str, str], wait: timedelta | None
):
    bench = connect(lambda _request: httpx.Response(429, headers=headers), max_retries=0)

    with pytest.raises(RateLimitError) as caught:
        bench.run(get)

    assert caught.value.retry_after == wait
    assert ("asks to wait" in str(caught.value)) == (wait is not None)
