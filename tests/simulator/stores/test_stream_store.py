"""What agents write past the API, straight to the store of streams."""

from __future__ import annotations

import base64
import gzip
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.api.stores.append_messages import (
    BadMessageError,
    _messages,
    read_json,
    read_protobuf,
)
from session_lab.simulator.api.stores.stream_names import stream_key, stream_name
from session_lab.simulator.front import handle
from session_lab.simulator.model import records as record_rules
from session_lab.simulator.model.records import MAX_STREAM_BYTES, StreamKey
from tests.api_lab import KEY, LAB, ApiLab

PROTOBUF = "application/protobuf"
START = 1_767_225_600_000


class Writer:
    """An agent that has opened a channel and writes to it."""

    def __init__(self, lab: ApiLab, name: str = "chat", io: str = "out") -> None:
        opened = lab.ask("PUT", f"/realtime/v1/sessions/{name}/{io}", host="lab")
        self.lab = lab
        self.token = opened.headers["x-s2-access-token"]
        self.path = path_of(opened.headers["x-s2-stream-name"])

    def send(self, body: bytes, content_type: str, **headers: str) -> Response:
        sent = {"authorization": f"Bearer {self.token}", "content-type": content_type} | headers
        return handle(self.lab.backend, Request("POST", self.path, "", sent, body))

    def json(self, *records: Any, **options: Any) -> Response:
        body = json.dumps({"records": list(records), **options}).encode()
        return self.send(body, "application/json")

    def protobuf(self, *records: tuple[bytes, dict[str, str]], **options: Any) -> Any:
        response = self.send(message(*records, **options), PROTOBUF)
        assert response.status == 200
        ack = _messages()["AppendAck"]()
        ack.ParseFromString(response.body)
        return ack


def path_of(stream: str) -> str:
    return f"/v1/streams/{quote(stream, safe='')}/records"


def message(*records: tuple[bytes, dict[str, str]], **options: Any) -> bytes:
    """Write an append as the SDK does, in protobuf."""
    append = _messages()["AppendInput"](**options)
    for body, headers in records:
        record = append.records.add(body=body)
        for name, value in headers.items():
            record.headers.add(name=name.encode(), value=value.encode())
    return append.SerializeToString()


def trim(seq: int) -> tuple[bytes, dict[str, str]]:
    return seq.to_bytes(8, "big"), {"": "trim"}


def frame(content: bytes, flags: int = 0) -> bytes:
    return (len(content) + 1).to_bytes(3, "big") + bytes([flags]) + content


def frames(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        size = int.from_bytes(body[:3], "big")
        found.append((body[3], body[4 : 3 + size]))
        body = body[3 + size :]
    return found


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab("2026-10")
    lab.start("chat")
    return lab


@pytest.fixture
def writer(lab: ApiLab) -> Writer:
    return Writer(lab)


def shown(lab: ApiLab, io: str = "out") -> list[tuple[int, Any]]:
    records = lab.json("GET", f"/realtime/v1/sessions/chat/{io}/records")["records"]
    return [(record["seqNum"], record["data"]) for record in records]


def test_what_is_written_in_json_is_acknowledged_and_read_as_it_was(lab: ApiLab, writer: Writer):
    bodies = ['{"data":{"type":"text","n":1},"id":"a"}', '{"data":[1,"é"],"id":"b"}']
    response = writer.json(*({"body": body} for body in bodies))
    end = {"seq_num": 2, "timestamp": START}
    assert json.loads(response.body) == {
        "start": {"seq_num": 0, "timestamp": START},
        "end": end,
        "tail": end,
    }
    assert shown(lab) == [(0, {"type": "text", "n": 1}), (1, [1, "é"])]
    body = lab.ask("GET", "/realtime/v1/sessions/chat/out").body.decode()
    batch = json.loads(body.split("data: ")[1].split("\n")[0])
    assert [record["body"] for record in batch["records"]] == bodies


def test_what_is_written_in_protobuf_is_acknowledged_in_protobuf(lab: ApiLab, writer: Writer):
    first = writer.protobuf((b'{"data":1,"id":"a"}', {}))
    assert (first.start.seq_num, first.end.seq_num, first.tail.seq_num) == (0, 1, 1)
    assert first.start.timestamp == START
    assert all(first.HasField(name) for name in ("start", "end", "tail"))
    second = writer.protobuf((b'{"data":2,"id":"b"}', {}), (b'{"data":3,"id":"c"}', {}))
    assert (second.start.seq_num, second.end.seq_num) == (1, 3)
    assert shown(lab) == [(0, 1), (1, 2), (2, 3)]


def test_appends_and_writes_share_one_numbering(lab: ApiLab, writer: Writer):
    lab.ask("POST", "/realtime/v1/sessions/chat/out/append", "x")
    writer.json({"body": '{"data":"y","id":"b"}'})
    lab.ask("POST", "/realtime/v1/sessions/chat/out/append", "z")
    assert shown(lab) == [(0, "x"), (1, "y"), (2, "z")]


def test_bodies_that_are_no_records_have_no_data_and_arrive_raw(lab: ApiLab, writer: Writer):
    writer.protobuf((b"", {}), (b"\xff", {}), (b"[1]", {}), (b'{"id":7}', {}))
    assert shown(lab) == [(0, ""), (1, ""), (2, ""), (3, "")]
    body = lab.ask("GET", "/realtime/v1/sessions/chat/out").body.decode()
    records = json.loads(body.split("data: ")[1].split("\n")[0])["records"]
    assert [record.get("body") for record in records] == [None, "\ufffd", "[1]", '{"id":7}']


def test_a_control_record_is_read_with_its_headers(lab: ApiLab, writer: Writer):
    headers = [["trigger-control", "turn-complete"], ["session-in-event-id", "3"]]
    writer.json({"body": "", "headers": headers})
    (record,) = lab.json("GET", "/realtime/v1/sessions/chat/out/records")["records"]
    assert record == {"data": "", "id": "", "seqNum": 0, "headers": headers}
    peek = lab.ask("GET", "/realtime/v1/sessions/chat/out", x_peek_settled="1")
    assert peek.headers["x-session-settled"] == "true"


def test_a_trim_removes_what_lies_before_and_takes_a_number_itself(lab: ApiLab, writer: Writer):
    for n in range(4):
        writer.protobuf((json.dumps({"data": n, "id": str(n)}).encode(), {}))
    assert writer.protobuf(trim(2)).start.seq_num == 4
    assert shown(lab) == [(2, 2), (3, 3)]
    writer.protobuf(trim(1))  # Never backwards.
    assert shown(lab) == [(2, 2), (3, 3)]
    writer.protobuf(trim(2**64 - 1))  # Never beyond the end.
    assert shown(lab) == []
    assert writer.protobuf((b'{"data":"on","id":"e"}', {})).start.seq_num == 7
    assert shown(lab) == [(7, "on")]
    after = {"afterEventId": "1"}
    found = lab.json("GET", "/realtime/v1/sessions/chat/out/records", query=after)["records"]
    assert [record["seqNum"] for record in found] == [7]


def test_readers_start_at_the_first_record_that_is_left_and_see_commands(
    lab: ApiLab, writer: Writer
):
    for n in range(3):
        writer.json({"body": json.dumps({"data": n, "id": str(n)})})
    writer.protobuf(trim(2))
    for last_event_id in ("", "0"):
        response = lab.ask("GET", "/realtime/v1/sessions/chat/out", last_event_id=last_event_id)
        batch = json.loads(response.body.decode().split("data: ")[1].split("\n")[0])
        assert [record["seq_num"] for record in batch["records"]] == [2, 3]
        assert batch["records"][1]["headers"] == [["", "trim"]]
        assert batch["tail"]["seq_num"] == 4


def test_a_settled_stream_stays_settled_behind_a_trim(lab: ApiLab, writer: Writer):
    writer.json({"body": "", "headers": [["trigger-control", "turn-complete"]]})
    writer.protobuf(trim(0))
    peek = lab.ask("GET", "/realtime/v1/sessions/chat/out", x_peek_settled="1")
    assert peek.headers["x-session-settled"] == "true"


def test_a_fence_keeps_out_who_does_not_know_it(writer: Writer):
    writer.protobuf((b"first", {"": "fence"}))
    assert writer.json({"body": "x"}, fencing_token="first").status == 200
    refused = writer.json({"body": "x"}, fencing_token="other")
    assert (refused.status, json.loads(refused.body)) == (412, {"fencing_token_mismatch": "first"})
    # Who asks for nothing is let through, as in the store.
    assert writer.json({"body": "x"}).status == 200


def test_a_condition_on_the_next_number_holds_or_nothing_is_written(lab: ApiLab, writer: Writer):
    assert writer.json({"body": "x"}, match_seq_num=0).status == 200
    refused = writer.json({"body": "x"}, match_seq_num=0)
    assert (refused.status, json.loads(refused.body)) == (412, {"seq_num_mismatch": 1})
    assert len(shown(lab)) == 1
    assert writer.protobuf((b"x", {}), match_seq_num=1).start.seq_num == 1


def test_base64_carries_bytes_in_json(lab: ApiLab, writer: Writer):
    def encoded(text: bytes) -> str:
        return base64.b64encode(text).decode()

    record = {"body": encoded(bytes(7) + b"\x01"), "headers": [["", encoded(b"trim")]]}
    writer.json({"body": '{"data":0,"id":"a"}'})
    body = json.dumps({"records": [record]}).encode()
    assert writer.send(body, "application/json", **{"s2-format": "base64"}).status == 200
    assert shown(lab) == []
    bad = b'{"records":[{"body":"?"}]}'
    assert writer.send(bad, "application/json", **{"s2-format": "base64"}).status == 400


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], "1 to 1000 records, not 0"),
        ([{"body": ""}] * 1001, "1 to 1000 records, not 1001"),
        ([{"body": "x" * 1_048_569}], "1048576 metered bytes, not 1048577"),
        ([{"body": "x" * 600_000}] * 2, "1048576 metered bytes, not 1200016"),
        ([{}, {"headers": [["", "trim"]]}], "8 bytes"),
        ([{}, {"body": "x" * 37, "headers": [["", "fence"]]}], "36 bytes"),
        ([{}, {"headers": [["", "burn"]]}], "'burn' is not a command"),
        ([{}, {"headers": [["", "trim"], ["a", "b"]]}], "no other headers"),
        ([{}, {"headers": [["a"]]}], "records.1.headers.0"),
        ([{}, {"body": 7}], "records.1.body"),
    ],
)
def test_batches_that_the_store_does_not_take_are_refused_whole(
    lab: ApiLab, writer: Writer, records: list[Any], why: str
):
    response = writer.json(*records)
    assert (response.status, json.loads(response.body)["code"]) == (400, "invalid")
    assert why in json.loads(response.body)["message"]
    assert shown(lab) == []


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"[]", b"{}", b'{"records":1}', b"[" * 9999])
def test_what_is_no_append_is_refused(writer: Writer, body: bytes):
    response = writer.send(body, "application/json")
    assert (response.status, json.loads(response.body)["code"]) == (400, "invalid")


@given(st.data())
def test_protobuf_that_is_cut_short_is_refused_or_is_shorter(data: st.DataObject):
    whole = message((b"body", {"a": "b"}), (b"x" * 200, {}), fencing_token="t", match_seq_num=9)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        append = read_protobuf(cut)
    except BadMessageError:
        return
    assert len(append.records) < 2 or None in (append.match_seq_num, append.fencing_token)


@given(st.binary(max_size=64))
def test_any_bytes_are_an_append_or_are_refused(body: bytes):
    for read in (read_protobuf, lambda body: read_json(body.decode("latin-1"))):
        with suppress(BadMessageError):
            read(body)


def test_a_full_stream_says_so_and_takes_more_after_a_trim(
    lab: ApiLab, writer: Writer, monkeypatch: pytest.MonkeyPatch
):
    assert MAX_STREAM_BYTES == 256 * 1024 * 1024
    monkeypatch.setattr(record_rules, "MAX_STREAM_BYTES", 100)
    assert writer.json({"body": "x" * 80}).status == 200
    response = writer.json({"body": "x" * 20})
    assert response.status == 413
    assert "keeps at most 100" in json.loads(response.body)["message"]
    appended = lab.ask("POST", "/realtime/v1/sessions/chat/out/append", "x" * 20)
    assert (appended.status, json.loads(appended.body)["ok"]) == (413, False)
    assert "keeps at most 100" in json.loads(appended.body)["error"]
    lab.world.write("chat", [], io="out")  # Refused too, and explained.
    assert "1 to 1000" in lab.world.explain(lab.world.journal[-1])
    stream = lab.world.snapshot().state.streams[StreamKey(LAB.id, "chat", "out")]
    assert stream.n_bytes == 88


# Who may write


def test_a_token_opens_its_stream_alone_and_for_a_day(lab: ApiLab, writer: Writer):
    lab.start("other")
    other = Writer(lab, "other")
    other.path = writer.path
    response = other.json({"body": "x"})
    assert (response.status, json.loads(response.body)["code"]) == (403, "permission_denied")
    lab.world.clock.advance("23h")
    assert writer.json({"body": "x"}).status == 200
    lab.world.clock.advance("1h")
    assert writer.json({"body": "x"}).status == 403


@pytest.mark.parametrize("token", ["", KEY, "x", "a.b.c"])
def test_other_credentials_open_no_stream(writer: Writer, token: str):
    writer.token = token
    assert writer.json({"body": "x"}).status == 403


def test_a_public_token_opens_no_stream_and_a_stream_token_opens_no_session(
    lab: ApiLab, writer: Writer
):
    assert lab.ask("GET", "/api/v1/sessions/chat", key=writer.token).status == 401
    writer.token = lab.token("write:sessions:chat")
    assert writer.json({"body": "x"}).status == 403


@pytest.mark.parametrize("path", ["/v1/streams/x/records", "/v1/streams/x", "/v1/streams/%zz"])
def test_an_unknown_stream_is_not_found(writer: Writer, path: str):
    writer.path = path
    response = writer.json({"body": "x"})
    assert (response.status, json.loads(response.body)["code"]) == (404, "stream_not_found")


def test_the_token_is_for_appending_alone(lab: ApiLab, writer: Writer):
    headers = {"authorization": f"Bearer {writer.token}"}
    assert handle(lab.backend, Request("GET", writer.path, "", headers)).status == 403


def test_closed_sessions_and_names_of_nobody_can_be_written_to(lab: ApiLab, writer: Writer):
    lab.ask("POST", "/api/v1/sessions/chat/close", {})
    assert writer.json({"body": '{"data":"late","id":"a"}'}).status == 200
    assert shown(lab) == [(0, "late")]
    nobody = Writer(lab, "nobody")
    assert nobody.json({"body": '{"data":"early","id":"a"}'}).status == 200
    found = lab.json("GET", "/realtime/v1/sessions/nobody/out/records")["records"]
    assert [record["data"] for record in found] == ["early"]


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(names, names, st.sampled_from(["in", "out"]), st.sampled_from(["", "a.b-c_d", "channels"]))
def test_every_stream_has_a_name_of_its_own(environment: str, session: str, io: str, channel: str):
    key = StreamKey(environment, session, io, channel)
    assert stream_key(stream_name(key)) == key


# Append sessions, in frames


def session_of(writer: Writer, body: bytes) -> list[tuple[int, bytes]]:
    response = writer.send(body, "s2s/proto")
    assert (response.status, response.headers["content-type"]) == (200, "s2s/proto")
    return frames(response.body)


def test_each_frame_of_a_session_is_acknowledged(lab: ApiLab, writer: Writer):
    one, two = message((b'{"data":1,"id":"a"}', {})), message((b'{"data":2,"id":"b"}', {}))
    zipped = frame(gzip.compress(two, mtime=0), 0x40)
    acks = session_of(writer, frame(one) + zipped)
    assert [flags for flags, _ in acks] == [0, 0]
    assert shown(lab) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (frame(message((b"x", {})))[:-1], "cut short"),
        (b"\x00", "cut short"),
        (b"\x00\x00\x00", "not 0"),
        (b"\xff\xff\xff\x00", "not 16777215"),
        (frame(b"\x00\xc8", 0x80), "does not end a session"),
        (frame(b"xx", 0x20), "gzip alone"),
        (frame(b"xx", 0x40), "not gzip"),
        (frame(gzip.compress(b"x", mtime=0)[:-2], 0x40), "cut short"),
        (frame(gzip.compress(bytes(3 * 1024 * 1024), mtime=0), 0x40), "too large"),
        (frame(b"\xff"), "AppendInput"),
    ],
)
def test_a_bad_frame_ends_the_session_with_what_is_wrong(
    lab: ApiLab, writer: Writer, bad: bytes, why: str
):
    good = frame(message((b'{"data":1,"id":"a"}', {})))
    (ack, _), (flags, told) = session_of(writer, good + bad)
    assert (ack, flags) == (0, 0x80)
    assert int.from_bytes(told[:2], "big") == 400
    assert why in json.loads(told[2:])["message"]
    assert shown(lab) == [(0, 1)]


def test_a_session_goes_no_further_than_its_first_refusal(lab: ApiLab, writer: Writer):
    frames_sent = [message((b"x", {}), match_seq_num=n) for n in (0, 7, 1)]
    acks = session_of(writer, b"".join(map(frame, frames_sent)))
    assert [flags for flags, _ in acks] == [0, 0x80]
    assert int.from_bytes(acks[1][1][:2], "big") == 412
    assert json.loads(acks[1][1][2:]) == {"seq_num_mismatch": 1}
    assert len(shown(lab)) == 1


def test_a_session_without_a_token_is_refused_before_it_begins(writer: Writer):
    writer.token = "x"
    assert writer.send(frame(b""), "s2s/proto").status == 403


# Part of the world


def test_what_was_written_is_part_of_the_world(lab: ApiLab, writer: Writer):
    writer.protobuf((b"a", {}), (b"fence", {"": "fence"}), trim(1))
    digest, fork = lab.world.digest(), lab.world.fork()
    assert fork.digest() == digest
    writer.json({"body": "more"}, fencing_token="fence")
    assert fork.digest() == digest != lab.world.digest()
    kinds = {(one.kind, one.field) for one in lab.world.diff(fork)}
    assert ("channel", "records") in kinds
    key = StreamKey(LAB.id, "chat", "out")
    assert (fork.fence(key), fork.tail(key).seq, len(fork.stream_records(key))) == ("fence", 3, 2)


def test_a_write_stands_in_the_journal_with_what_it_held(lab: ApiLab, writer: Writer):
    writer.json({"body": "", "headers": [["trigger-control", "turn-complete"]]})
    entry = lab.world.journal[-1]
    asked = {"io": "out", "records": 1, "control": "turn-complete"}
    assert (entry.op, entry.key, dict(entry.asked)) == ("write", "chat", asked)
