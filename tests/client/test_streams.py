from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from session_lab import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

AT = 1_767_225_600_000
HEADERS = {"content-type": "text/event-stream", "x-stream-version": "v2"}


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a reply in pieces; an exception among them cuts the connection."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def event(name: str, data: object) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"event: {name}\nid: 9,9,9\ndata: {text}\n\n".encode()


def data(seq_num: int, value: object, part_id: str | None = None) -> dict[str, Any]:
    body = json.dumps({"data": value, "id": part_id or f"p{seq_num}"}, ensure_ascii=False)
    return {"seq_num": seq_num, "timestamp": AT + seq_num, "body": body}


def control(seq_num: int, *headers: list[str]) -> dict[str, Any]:
    return {"seq_num": seq_num, "timestamp": AT, "headers": list(headers)}


def batch(*records: dict[str, Any]) -> bytes:
    return event("batch", {"records": records, "tail": {"seq_num": 99, "timestamp": AT}})


def stream(*pieces: bytes | Exception, **headers: str) -> httpx.Response:
    return httpx.Response(200, headers=HEADERS | headers, stream=Body(*pieces))


DONE = b"data: [DONE]\n\n"
CUT = httpx.RemoteProtocolError("peer closed connection")


def follow(bench: Any, **options: Any) -> list[Any]:
    return bench.collect(lambda client: client.sessions.stream("a/b", **options))


def last_event_ids(bench: Any) -> list[str | None]:
    return [request.headers.get("last-event-id") for request in bench.requests]


def test_records_of_batches_come_one_by_one(connect: Any):
    bench = connect(
        [stream(batch(data(0, "hi"), data(1, {"delta": "é\u2028"})), batch(data(2, None)), DONE)]
    )

    records = follow(bench)

    assert [(one.seq_num, one.id, one.data) for one in records] == [
        (0, "p0", "hi"),
        (1, "p1", {"delta": "é\u2028"}),
        (2, "p2", None),
    ]
    assert records[1].timestamp.microsecond == 1000
    assert bench.sent() == [("GET", "/realtime/v1/sessions/a%2Fb/out")]


def test_the_request_asks_for_an_event_stream(connect: Any):
    bench = connect([stream(DONE)])

    assert follow(bench, io="in", last_event_id=41, timeout="90s") == []

    request = bench.requests[0]
    assert request.url.path.endswith("/in")
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["last-event-id"] == "41"
    assert request.headers["timeout-seconds"] == "90"
    assert request.extensions["timeout"]["read"] == 120.0
    assert "content-type" not in request.headers


def test_pings_and_the_end_mark_are_no_records(connect: Any):
    bench = connect([stream(event("ping", {"timestamp": AT}), b": hello\n\n", DONE)])

    assert follow(bench) == []


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 4])
def test_a_stream_may_begin_with_a_byte_order_mark(connect: Any, cut: int):
    content = b"\xef\xbb\xbf" + batch(data(0, "a"))

    found = follow(connect([stream(content[:cut], content[cut:], DONE)]))

    assert [one.data for one in found] == ["a"]


def test_the_type_of_a_stream_is_compared_without_regard_to_case(connect: Any):
    reply = stream(batch(data(0, "a")), DONE, **{"content-type": "Text/Event-Stream"})

    assert [one.data for one in follow(connect([reply]))] == ["a"]


def test_control_records_are_shown_and_commands_are_skipped(connect: Any):
    bench = connect(
        [
            stream(
                batch(
                    data(5, "x"),
                    control(6, ["trigger-control", "turn-complete"], ["session-in-event-id", "3"]),
                    control(7, ["", "trim"]),
                    control(8, ["trigger-control", "upgrade-required"]),
                ),
                CUT,
            ),
            stream(DONE),
        ]
    )

    records = follow(bench)

    assert [(one.seq_num, one.control) for one in records] == [
        (5, None),
        (6, "turn-complete"),
        (8, "upgrade-required"),
    ]
    assert records[1].header("session-in-event-id") == "3"
    assert records[1].data == ""


def test_a_cut_stream_goes_on_after_the_last_record(connect: Any):
    bench = connect(
        [
            stream(batch(data(0, "a"), data(1, "b")), CUT),
            stream(batch(control(2, ["", "trim"])), CUT),
            stream(batch(data(3, "c")), DONE),
        ]
    )

    records = follow(bench)

    assert [one.data for one in records] == ["a", "b", "c"]
    assert last_event_ids(bench) == [None, "1", "2"]
    assert bench.sleeps == [0.25, 0.25]


def test_a_stream_that_breaks_before_its_first_record_keeps_its_cursor(connect: Any):
    bench = connect([httpx.ConnectError("refused"), stream(DONE)])

    assert follow(bench, last_event_id=0) == []

    assert last_event_ids(bench) == ["0", "0"]


def test_the_cursor_is_a_records_number_and_not_the_id_of_its_event(connect: Any):
    bench = connect([stream(batch(data(0, "a")), CUT), stream(DONE)])

    follow(bench)

    assert last_event_ids(bench) == [None, "0"]


def test_a_part_that_was_stored_twice_comes_once(connect: Any):
    bench = connect(
        [
            stream(batch(data(0, "a", "same"), data(1, "a", "same"), data(2, "b")), CUT),
            stream(batch(data(3, "a", "same")), DONE),
        ]
    )

    assert [one.seq_num for one in follow(bench)] == [0, 2, 3]


def test_repeats_are_looked_for_among_the_last_five_thousand(connect: Any):
    many = [data(number, "x") for number in range(1, 5_001)]
    bench = connect([stream(batch(data(0, "x", "first"), *many, data(9_999, "x", "first")), DONE)])

    assert len(follow(bench)) == 5_002


def test_an_error_event_counts_as_a_cut(connect: Any):
    bench = connect(
        [stream(batch(data(0, "a")), event("error", "oops"), batch(data(1, "b"))), stream(DONE)]
    )

    assert [one.data for one in follow(bench)] == ["a"]
    assert last_event_ids(bench) == [None, "0"]


def test_failures_in_a_row_are_bounded_and_a_record_forgives_them(connect: Any):
    answers = [
        stream(CUT),
        stream(CUT),
        stream(batch(data(0, "a")), CUT),
        stream(CUT),
        httpx.Response(503),
    ]
    bench = connect(iter(answers))

    with pytest.raises(errors.InternalServerError) as caught:
        follow(bench)

    assert len(bench.requests) == 5
    assert caught.value.__notes__ == ["after 3 attempts"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_a_refusal_ends_the_stream_at_once(connect: Any, status: int):
    bench = connect([httpx.Response(status, json={"error": "no"})])

    with pytest.raises(errors.APIStatusError, match="no") as caught:
        follow(bench)

    assert len(bench.requests) == 1
    assert caught.value.__context__ is None


@pytest.mark.parametrize("status", [429, 500, 502])
def test_a_passing_failure_is_waited_out(connect: Any, status: int):
    bench = connect(
        [httpx.Response(status, headers={"Retry-After": "2"}), stream(batch(data(0, "a")), DONE)]
    )

    assert [one.data for one in follow(bench)] == ["a"]
    assert bench.sleeps == [2.25]


@pytest.mark.parametrize(
    "reply",
    [
        lambda: httpx.Response(200, html="<h1>Hi</h1>"),
        lambda: httpx.Response(200, headers={"content-type": "text/event-stream"}),
        lambda: stream(DONE, **{"x-stream-version": "v1"}),
        lambda: stream(event("batch", "{")),
        lambda: stream(event("batch", {"records": [{"seq_num": "first"}]})),
        lambda: httpx.Response(302, headers={"location": "https://b.example/"}),
    ],
    ids=["HTML", "no version", "older version", "no JSON", "odd record", "redirect"],
)
def test_what_is_no_such_stream_is_told_plainly(connect: Any, reply: Callable[[], httpx.Response]):
    with pytest.raises(errors.APIResponseError, match="GET /realtime/v1/sessions/a%2Fb/out"):
        follow(connect([reply()]))


@pytest.mark.parametrize("body", ["", "plain", "[1]", '{"data": 1}', "5"])
def test_a_record_that_is_no_envelope_has_no_data(connect: Any, body: str):
    record = {"seq_num": 0, "timestamp": AT, "body": body}

    [found] = follow(connect([stream(batch(record), DONE)]))

    assert (found.data, found.id) == ("", "")


def test_half_a_surrogate_pair_in_a_chunk_gets_through(connect: Any):
    record = {"seq_num": 0, "timestamp": AT, "body": r'{"data": {"delta": "\ud83d"}, "id": "p"}'}

    [found] = follow(connect([stream(batch(record), DONE)]))

    assert found.data == {"delta": "\ud83d"}


def test_arguments_are_checked_when_the_call_is_made(connect: Any):
    bench = connect([])

    with pytest.raises(errors.DataError, match="not a channel"):
        bench.client.sessions.stream("a", io="side")


def test_whoever_stops_reading_hangs_up(connect: Any):
    body = Body(batch(data(0, "a"), data(1, "b")), DONE)
    bench = connect([httpx.Response(200, headers=HEADERS, stream=body)])

    [found] = bench.collect(lambda client: client.sessions.stream("a"), most=1)

    assert found.data == "a"
    assert body.closed
