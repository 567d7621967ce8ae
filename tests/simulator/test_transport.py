"""Requests that reach a simulator without a port."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.transport import SimulatorTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Recorder:
    """Answers everything alike and keeps what it was asked."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.asked: list[Request] = []
        self.waited: list[int] = []

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        return self.response

    def wait(self, milliseconds: int) -> None:
        self.waited.append(milliseconds)


@pytest.fixture(params=["blocking", "asynchronous"])
def send(request: pytest.FixtureRequest) -> Callable[..., httpx.Response]:
    """Send one request over a transport, whichever client does it."""

    def blocking(simulator: Any, method: str, url: str, **options: Any) -> httpx.Response:
        with httpx.Client(transport=SimulatorTransport(simulator)) as client:
            return client.request(method, url, **options)

    def asynchronous(simulator: Any, method: str, url: str, **options: Any) -> httpx.Response:
        async def main() -> httpx.Response:
            async with httpx.AsyncClient(transport=SimulatorTransport(simulator)) as client:
                return await client.request(method, url, **options)

        return asyncio.run(main())

    return blocking if request.param == "blocking" else asynchronous


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(Response(201, {"x-one": "1", "content-type": "text/plain"}, b"body"))


def test_path_and_query_arrive_as_they_were_sent(send: Any, recorder: Recorder):
    send(recorder, "GET", "http://lab/a%2Fb%20c/d?x=%5B+1&y#fragment")
    (asked,) = recorder.asked
    assert (asked.method, asked.path, asked.query) == ("GET", "/a%2Fb%20c/d", "x=%5B+1&y")


def test_header_names_are_lower_case_and_repeated_headers_are_joined(send: Any, recorder: Recorder):
    send(recorder, "GET", "http://lab/", headers=[("X-Two", "a"), ("x-two", "b"), ("X-One", "c")])
    headers = recorder.asked[0].headers
    assert (headers["x-two"], headers["x-one"]) == ("a, b", "c")


@pytest.mark.parametrize(
    ("content", "length"), [(None, 0), (b"", 0), (b"12345", 5)], ids=["none", "empty", "five"]
)
def test_an_announced_length_arrives(
    send: Any, recorder: Recorder, content: bytes | None, length: int
):
    send(recorder, "POST", "http://lab/", content=content)
    assert recorder.asked[0].content_length == length
    assert recorder.asked[0].body == (content or b"")


def test_a_chunked_body_has_no_announced_length():
    recorder = Recorder(Response(200))

    def chunks() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    with httpx.Client(transport=SimulatorTransport(recorder)) as client:
        client.post("http://lab/", content=chunks())
    assert recorder.asked[0].content_length is None
    assert recorder.asked[0].body == b"one two"


def test_a_response_comes_back_as_it_is(send: Any, recorder: Recorder):
    response = send(recorder, "GET", "http://lab/")
    assert (response.status_code, response.content) == (201, b"body")
    assert response.headers["x-one"] == "1"


def test_a_head_has_no_body(send: Any, recorder: Recorder):
    assert send(recorder, "HEAD", "http://lab/").content == b""


def test_the_control_api_is_reached_too(send: Any):
    backend = Backend([])
    assert send(backend, "POST", "http://lab/_lab/clock/advance", json={"ms": 5}).json()["ms"] == (
        1767225600005
    )


@pytest.mark.parametrize(
    ("fault", "error"), [("refused", httpx.ConnectError), ("lost", httpx.ReadError)]
)
def test_a_reply_that_never_comes_is_an_error_of_the_connection(
    send: Any, fault: str, error: type[Exception]
):
    backend = Backend([], faults=[{"match": "*", fault: True}])
    with pytest.raises(error):
        send(backend, "GET", "http://lab/api/v1/sessions")


def test_a_late_reply_lets_the_worlds_time_pass(send: Any, recorder: Recorder):
    recorder.response = Response(200, latency=4_000)
    assert send(recorder, "GET", "http://lab/", timeout=4).status_code == 200
    assert recorder.waited == [4_000]


def test_a_reply_later_than_the_client_waits_is_a_timeout_of_just_that_long(
    send: Any, recorder: Recorder
):
    recorder.response = Response(200, latency=4_000)
    with pytest.raises(httpx.ReadTimeout):
        send(recorder, "GET", "http://lab/", timeout=2.5)
    assert recorder.waited == [2_500]


def test_a_client_without_a_timeout_waits(send: Any, recorder: Recorder):
    recorder.response = Response(200, latency=4_000)
    assert send(recorder, "GET", "http://lab/", timeout=None).status_code == 200
