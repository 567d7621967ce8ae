"""Whatever a server does, a call ends in time with a result or an error of ours."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab import errors
from session_lab.client import AsyncClient, Client
from tests.client.raw_server import head, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "tr_dev_0123456789abcdefghijklmn"


@pytest.fixture(params=[False, True], ids=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Send one request with either client."""
    return _ask_asynchronously if request.param else _ask


def _ask(address: str, **options: Any) -> Any:
    with Client(KEY, address, **{"max_retries": 0, **options}) as client:
        return client.request("GET", "/a")


def _ask_asynchronously(address: str, **options: Any) -> Any:
    async def main() -> Any:
        async with AsyncClient(KEY, address, **{"max_retries": 0, **options}) as client:
            return await client.request("GET", "/a")

    return asyncio.run(main())


def dripping(text: bytes, each: float = 0.05) -> Iterator[bytes | float]:
    for byte in text:
        yield bytes([byte])
        yield each


DRIPS: dict[str, Callable[[bytes], Iterator[bytes | float]]] = {
    "the status line": lambda _request: dripping(head(200, length=2) + b"{}"),
    "endless headers": lambda _request: itertools.chain(
        [b"HTTP/1.1 200 OK\r\n"], *(dripping(b"x-%d: 1\r\n" % n) for n in range(10_000))
    ),
    "the body": lambda _request: itertools.chain([head(200, length=306)], dripping(b" " * 306)),
    "chunks": lambda _request: itertools.chain(
        [head(200, "transfer-encoding: chunked")], *itertools.repeat([b"1\r\n \r\n", 0.05], 10_000)
    ),
    "an error": lambda _request: itertools.chain([head(500, length=306)], dripping(b" " * 306)),
    "hints before the reply": lambda _request: itertools.chain.from_iterable(
        itertools.repeat([b"HTTP/1.1 103 X\r\n\r\n", 0.05], 10_000)
    ),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_a_deadline_bounds_the_whole_call_however_slowly_bytes_arrive(ask: Any, drip: str):
    with serving(DRIPS[drip]) as server:
        began = time.monotonic()
        with pytest.raises(errors.APITimeoutError, match=r"the deadline passed after 0\.3 s"):
            ask(server.address, timeout="200ms", deadline="300ms")
        assert time.monotonic() - began < 2


def test_the_deadline_bounds_all_attempts_together(ask: Any):
    with serving(lambda _request: dripping(head(200, length=2))) as server:
        began = time.monotonic()
        with pytest.raises(errors.APITimeoutError):
            ask(server.address, timeout="1s", deadline="400ms", max_retries=5)
        assert time.monotonic() - began < 2


LIMIT = 100_000
BLANKS = b" " * 50_000_000
BOMBS: dict[str, tuple[str, bytes]] = {
    "plain": ("", b" " * (LIMIT + 1)),
    "gzip": ("content-encoding: gzip", gzip.compress(BLANKS)),
    "gzip twice": ("content-encoding: gzip, gzip", gzip.compress(gzip.compress(BLANKS))),
    "deflate": ("content-encoding: deflate", zlib.compress(BLANKS)),
    "raw deflate": ("content-encoding: DEFLATE", zlib.compress(BLANKS)[2:-4]),
    "an error": ("content-encoding: x-gzip", gzip.compress(BLANKS)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_reply_has_a_size_after_decompression_too(ask: Any, bomb: str):
    line, body = BOMBS[bomb]
    lines = [line] if line else []
    reply = head(500 if bomb == "an error" else 200, *lines, length=len(body)) + body
    with serving(lambda _request: [reply]) as server:
        tracemalloc.start()
        with pytest.raises(errors.APIResponseError, match="longer than 100000 bytes"):
            ask(server.address, max_reply_bytes=LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20 * LIMIT


def test_an_endless_reply_ends_at_the_size(ask: Any):
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    def endless(_request: bytes) -> Iterator[bytes]:
        yield head(200, "transfer-encoding: chunked")
        yield from itertools.repeat(chunk)

    with (
        serving(endless) as server,
        pytest.raises(errors.APIResponseError, match="longer than"),
    ):
        ask(server.address, max_reply_bytes=1_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", "gzip, identity"])
def test_a_compressed_reply_is_read(ask: Any, encoding: str):
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}
    body = packed[encoding.partition(",")[0]](b'{"a": 1}')
    reply = head(200, f"content-encoding: {encoding}", length=len(body)) + body
    with serving(lambda _request: [reply]) as server:
        assert ask(server.address) == {"a": 1}


def test_a_reply_may_be_compressed_in_several_members(ask: Any):
    members = [gzip.compress(part) for part in (b'{"a":', b"", b" 1}")]
    body = b"".join(members)
    reply = [head(200, "content-encoding: gzip", length=len(body))]
    for cut in (len(members[0]), 5, len(body) - 1):
        with serving(lambda _request, cut=cut: [*reply, body[:cut], 0.01, body[cut:]]) as server:
            assert ask(server.address) == {"a": 1}


@pytest.mark.parametrize("encoding", ["br", "zstd", "\xe9"])
def test_a_compression_that_was_not_asked_for_is_named(ask: Any, encoding: str):
    with (
        serving(
            lambda _request: [head(200, f"content-encoding: {encoding}", length=2), b"{}"]
        ) as s,
        pytest.raises(errors.APIResponseError, match="asked for was gzip, deflate"),
    ):
        ask(s.address)


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"{}", mtime=0)[:-9],
        gzip.compress(b"{}", mtime=0) + gzip.compress(b"  ", mtime=0)[:-1],
        gzip.compress(b"{}", mtime=0) + b"and more",
        b"no gzip at all",
    ],
    ids=["cut", "cut in its second member", "more than gzip", "no gzip"],
)
def test_a_damaged_compression_is_an_error_of_ours(ask: Any, body: bytes):
    with (
        serving(
            lambda _request: [head(200, "content-encoding: gzip", length=len(body)), body]
        ) as s,
        pytest.raises(errors.APIResponseError, match="compressed"),
    ):
        ask(s.address)


def test_an_event_of_a_stream_has_a_size_too():
    def endless(_request: bytes) -> Iterator[bytes]:
        yield head(200, "content-type: text/event-stream", "x-stream-version: v2")
        yield b"data: "
        yield from itertools.repeat(b"x" * 65_536)

    with (
        serving(endless) as server,
        Client(KEY, server.address, max_reply_bytes=1_000_000) as client,
        pytest.raises(errors.APIResponseError, match="an event is longer than 1000000 bytes"),
    ):
        list(client.sessions.stream("a"))


NAMES = [
    *(
        "retry-after",
        "x-ratelimit-reset",
        "x-ratelimit-remaining",
        "x-should-retry",
        "x-request-id",
    ),
    *(
        "content-type",
        "content-encoding",
        "content-length",
        "transfer-encoding",
        "location",
        "date",
    ),
    *("set-cookie", "connection", "x-stream-version", "content-range", "www-authenticate"),
]
VALUES = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")),
    st.from_regex(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?", fullmatch=True),
    st.from_regex(
        r"(Mon|Sat), [0-9]{1,3} (Jan|Feb|Foo) [0-9]{1,30} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})? "
        r"(GMT|[+-][0-9]{1,12}|)",
        fullmatch=True,
    ),
    st.sampled_from(["Mon, 1 Jan 99999999999999999999 00:00:00 GMT", "gzip", "chunked", "", "NaN"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
MEMBERS = ("error", "code", "details", "path", "message", "ok", "title", "status", "data", "id")
PROBLEMS = st.dictionaries(
    st.sampled_from(MEMBERS), JSON | st.lists(st.dictionaries(st.sampled_from(MEMBERS), JSON))
).map(lambda body: json.dumps(body).encode())
BODIES = st.one_of(
    st.binary(max_size=200),
    PROBLEMS,
    JSON.map(lambda value: json.dumps(value).encode()),
    st.just(b"[" * 100_000),
    st.just(b"1" * 5_000),
)


@pytest.fixture(scope="module")
def any_server() -> Iterator[tuple[str, list[bytes]]]:
    """An address, and a list that holds the one reply that is sent there."""
    reply = [b""]
    with serving(lambda _request: [reply[0], -1]) as server:
        yield server.address, reply


@given(
    status=st.integers(100, 999),
    headers=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    body=BODIES,
    cut=st.integers(0, 400) | st.none(),
    data=st.data(),
)
def test_any_reply_is_a_result_or_an_error_of_ours_in_time(
    *,
    any_server: tuple[str, list[bytes]],
    status: int,
    headers: list[tuple[str, str]],
    body: bytes,
    cut: int | None,
    data: st.DataObject,
):
    lines = [f"{name}: {value}" for name, value in headers]
    given_length = None if data.draw(st.booleans()) else len(body)
    address, reply = any_server
    reply[0] = (head(status, *lines, length=given_length) + body)[:cut]
    client = Client(KEY, address, timeout="200ms", deadline="400ms", sleep=lambda _s: None)
    calls: list[Callable[[], object]] = [
        lambda: client.request("GET", "/a"),
        lambda: client.sessions.retrieve("a"),
        lambda: client.sessions.append("a", "x"),
        lambda: list(itertools.islice(client.sessions.list(), 200)),
        lambda: list(itertools.islice(client.sessions.stream("a"), 200)),
        lambda: client.runs.trace("run_1"),
        lambda: client.query("SELECT 1"),
    ]
    began = time.monotonic()
    with client:
        try:
            data.draw(st.sampled_from(calls))()
        except errors.SessionLabError as error:
            assert KEY not in f"{error} {vars(error)}"  # noqa: PT017  any outcome is fine but this
    assert time.monotonic() - began < 5
