"""Append, records, event streams and the opening of channels, as requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_lab.simulator.api.http_types import Follow
from session_lab.simulator.model.records import StreamKey
from session_lab.wire.channels import BatchRecord, StreamBatch
from tests.api_lab import CREATE, FORBIDDEN, LAB, ApiLab, refusal

CHANNEL = "/realtime/v1/sessions/chat"
START = 1_767_225_600_000


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab()
    lab.start("chat")
    return lab


def append(lab: ApiLab, text: str, io: str = "in", **options: Any) -> Any:
    return lab.json("POST", f"{CHANNEL}/{io}/append", text, **options)


def events(body: bytes) -> list[dict[str, str]]:
    """Take a stream of events apart."""
    blocks = body.decode().split("\n\n")
    assert blocks.pop() == ""
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def batches(body: bytes) -> list[StreamBatch]:
    *found, last = events(body)
    assert last == {"data": "[DONE]"}
    return [StreamBatch.model_validate_json(event["data"]) for event in found]


def records(body: bytes) -> list[BatchRecord]:
    return [record for batch in batches(body) for record in batch.records]


# Appending


def test_records_are_numbered_and_read_back_as_they_were_sent(lab: ApiLab) -> None:
    assert append(lab, '{"kind": "message"}', x_part_id="p1") == {"ok": True, "seq": 0}
    assert append(lab, "", x_part_id="p2") == {"ok": True, "seq": 1}
    shown = lab.json("GET", f"{CHANNEL}/in/records")
    assert shown == {
        "records": [
            {"data": '{"kind": "message"}', "id": "p1", "seqNum": 0},
            {"data": "", "id": "p2", "seqNum": 1},
        ]
    }
    after = lab.json("GET", f"{CHANNEL}/in/records", query={"afterEventId": "0"})
    assert after["records"] == shown["records"][1:]
    beyond = lab.json("GET", f"{CHANNEL}/in/records", query={"afterEventId": "9" * 30})
    assert beyond == {"records": []}


def test_a_repeated_part_id_stores_nothing_and_has_no_number(lab: ApiLab) -> None:
    append(lab, "one", x_part_id="p")
    assert append(lab, "two", x_part_id="p") == {"ok": True}
    assert append(lab, "two", "out", x_part_id="p") == {"ok": True, "seq": 0}


def test_an_empty_part_id_is_none_and_made_ones_never_repeat(lab: ApiLab) -> None:
    lab.start("other")
    for io in ("in", "in", "out"):
        append(lab, "x", io, x_part_id="")
    lab.ask("POST", "/realtime/v1/sessions/other/in/append", "x")
    made = [
        record["id"]
        for path in (f"{CHANNEL}/in", f"{CHANNEL}/out", "/realtime/v1/sessions/other/in")
        for record in lab.json("GET", f"{path}/records")["records"]
    ]
    assert len(set(made)) == 4
    assert {len(name) for name in made} == {7}


def test_both_names_of_a_session_reach_one_channel(lab: ApiLab) -> None:
    session_id = lab.json("GET", "/api/v1/sessions/chat")["id"]
    lab.ask("POST", f"/realtime/v1/sessions/{session_id}/in/append", "x")
    assert len(lab.json("GET", f"{CHANNEL}/in/records")["records"]) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('{"payload": {"actionSource": "webhook", "a": 1.0}}', '{"payload":{"a":1}}'),
        ('{"payload": {"actionSource": "client"}}', '{"payload": {"actionSource": "client"}}'),
        ('["actionSource"]', '["actionSource"]'),
        ('{"actionSource"', '{"actionSource"'),
        ('{"payload": "actionSource"}', '{"payload": "actionSource"}'),
    ],
)
def test_the_mark_of_a_webhook_is_taken_out_of_what_is_sent_in(
    lab: ApiLab, sent: str, kept: str
) -> None:
    for io, expected in (("in", kept), ("out", sent)):
        append(lab, sent, io)
        (record,) = lab.json("GET", f"{CHANNEL}/{io}/records")["records"]
        assert record["data"] == expected


def test_a_record_over_the_limit_of_the_store_is_refused(lab: ApiLab) -> None:
    response = lab.ask("POST", f"{CHANNEL}/in/append", "x" * 1_048_543, x_part_id="seven77")
    status, body = refusal(response)
    assert (status, body["ok"]) == (413, False)
    assert "1048577 bytes exceeds" in body["error"]


CLOSED = {"ok": False, "error": "Cannot append to a closed session"}


@pytest.mark.parametrize(
    ("profile", "refused"),
    [
        ("2026-08", (400, CLOSED)),
        ("2026-10", (409, CLOSED | {"code": "session_closed", "closedReason": "done"})),
    ],
)
@pytest.mark.parametrize("io", ["in", "out"])
def test_how_an_append_to_a_closed_session_is_refused_depends_on_the_profile(
    profile: str, io: str, refused: tuple[int, Any]
) -> None:
    lab = ApiLab(profile)
    token = lab.start("chat")["publicAccessToken"]
    lab.ask("POST", "/api/v1/sessions/chat/close", {"reason": "done"})
    assert refusal(lab.ask("POST", f"{CHANNEL}/{io}/append", "x", key=token)) == refused


def test_an_append_to_an_expired_session_is_refused_alike_in_all_profiles() -> None:
    for profile in ("2026-08", "2026-10"):
        lab = ApiLab(profile)
        lab.start("chat", expiresAt=lab.world.now)
        assert append(lab, "x") == {"ok": True, "seq": 0}
        lab.world.clock.advance("1ms")
        expired = {"ok": False, "error": "Cannot append to an expired session"}
        assert refusal(lab.ask("POST", f"{CHANNEL}/in/append", "x")) == (400, expired)


def test_tokens_may_not_append_to_out(lab: ApiLab) -> None:
    token = lab.token("write:sessions")
    assert append(lab, "x", key=token)["ok"]
    message = "Appending to the out channel requires secret key authentication"
    refused = refusal(lab.ask("POST", f"{CHANNEL}/out/append", "x", key=token))
    assert refused == (403, {"ok": False, "error": message})


def test_a_failing_trigger_is_swallowed(lab: ApiLab) -> None:
    run = lab.world.current_run("chat")
    assert run is not None
    lab.world.set_run_status(run.run_id, "CRASHED")
    lab.world.trigger_fault = "throw"
    assert append(lab, "x") == {"ok": True, "seq": 0}
    assert lab.world.current_run("chat") == lab.world.run(run.run_id)


# Reading streams


def test_a_stream_has_the_records_in_batches_and_ends(lab: ApiLab) -> None:
    append(lab, "hello", "out", x_part_id="p1")
    lab.world.clock.advance("1s")
    append(lab, "é", "out", x_part_id="p2")
    response = lab.ask("GET", f"{CHANNEL}/out")
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-stream-version"] == "v2"
    exposed = response.headers["access-control-expose-headers"]
    assert exposed == "*, x-trigger-jwt,x-trigger-jwt-claims"
    event, done = events(response.body)
    assert done == {"data": "[DONE]"}
    assert (event["event"], event["id"]) == ("batch", "1,2,65")
    assert json.loads(event["data"]) == {
        "records": [
            {"seq_num": 0, "timestamp": START, "body": '{"data":"hello","id":"p1"}'},
            {"seq_num": 1, "timestamp": START + 1000, "body": '{"data":"é","id":"p2"}'},
        ],
        "tail": {"seq_num": 2, "timestamp": START + 1000},
    }


@pytest.mark.parametrize(
    ("last_event_id", "first"),
    [
        ("", 0),
        ("0", 1),
        ("1", 2),
        ("1-7", 2),
        ("2", 3),
        ("9", 3),
        ("x", 0),
        ("1,2,3", 0),
        ("-1", 1),
    ],
)
def test_a_stream_goes_on_after_the_last_event(lab: ApiLab, last_event_id: str, first: int) -> None:
    for text in "abc":
        append(lab, text, "out")
    response = lab.ask("GET", f"{CHANNEL}/out", last_event_id=last_event_id)
    assert [record.seq_num for record in records(response.body)] == list(range(first, 3))
    assert response.follow == Follow(StreamKey(LAB.id, "chat", "out"), first, 60)


def test_long_streams_come_in_batches_of_a_thousand_records_or_a_mebibyte(lab: ApiLab) -> None:
    for _ in range(1001):
        lab.world.append("chat", "x", io="out")
    sizes = [len(batch.records) for batch in batches(lab.ask("GET", f"{CHANNEL}/out").body)]
    assert sizes == [1000, 1]
    for _ in range(3):
        lab.world.append("chat", "x" * 500_000)
    *found, _ = events(lab.ask("GET", f"{CHANNEL}/in").body)
    assert [event["id"].split(",")[:2] for event in found] == [["1", "2"], ["2", "3"]]
    assert ["tail" in json.loads(event["data"]) for event in found] == [False, True]


def test_a_channel_that_was_never_written_to_is_an_empty_stream(lab: ApiLab) -> None:
    for path in (f"{CHANNEL}/in", "/realtime/v1/sessions/nobody/out"):
        response = lab.ask("GET", path)
        assert (response.status, response.body) == (200, b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("abc", "Invalid timeout seconds"),
        ("1.5", "Invalid timeout seconds"),
        ("Infinity", "Invalid timeout seconds"),
        ("0", "Timeout seconds must be greater than 0"),
        ("601", "Timeout seconds must be less than 600"),
    ],
)
def test_a_bad_timeout_is_refused_in_plain_text(lab: ApiLab, seconds: str, text: str) -> None:
    response = lab.ask("GET", f"{CHANNEL}/out", timeout_seconds=seconds)
    assert (response.status, response.body.decode()) == (400, text)
    assert response.headers["content-type"] == "text/plain;charset=UTF-8"


@pytest.mark.parametrize(("seconds", "patience"), [("1", 1), ("600", 600), ("1e1", 10), ("", 60)])
def test_a_timeout_says_how_long_a_live_stream_waits(
    lab: ApiLab, seconds: str, patience: int
) -> None:
    follow = lab.ask("GET", f"{CHANNEL}/out", timeout_seconds=seconds).follow
    assert follow is not None
    assert follow.patience == patience


def test_a_head_of_a_channel_has_its_index_and_checks_no_timeout(lab: ApiLab) -> None:
    response = lab.ask("HEAD", f"{CHANNEL}/out", timeout_seconds="abc")
    assert (response.status, response.body, response.follow) == (200, b"", None)
    assert response.headers["x-last-chunk-index"] == "0"


def test_control_records_have_headers_and_no_body(lab: ApiLab) -> None:
    lab.world.write_control("chat", "turn-complete", {"session-in-event-id": "0"})
    headers = [["trigger-control", "turn-complete"], ["session-in-event-id", "0"]]
    assert lab.json("GET", f"{CHANNEL}/out/records")["records"] == [
        {"data": "", "id": "", "seqNum": 0, "headers": headers}
    ]
    event, _ = events(lab.ask("GET", f"{CHANNEL}/out").body)
    (record,) = json.loads(event["data"])["records"]
    assert record == {"seq_num": 0, "timestamp": START, "headers": headers}


def test_a_reader_can_ask_whether_the_turn_is_over(lab: ApiLab) -> None:
    def settled(io: str = "out", **headers: str) -> bool:
        response = lab.ask("GET", f"{CHANNEL}/{io}", **headers)
        assert response.follow is not None
        assert (response.follow.patience == 0) is ("x-session-settled" in response.headers)
        return response.headers.get("x-session-settled") == "true"

    assert not settled(x_peek_settled="1")
    lab.world.write_control("chat", "turn-complete")
    lab.world.write_control("chat", "turn-complete", io="in")
    assert settled(x_peek_settled="1")
    assert not settled()
    assert not settled("in", x_peek_settled="1")
    append(lab, "more", "out")
    assert not settled(x_peek_settled="1")


def test_who_may_read_a_channel(lab: ApiLab) -> None:
    session_id = lab.json("GET", "/api/v1/sessions/chat")["id"]
    for scope in ("read:sessions:chat", f"read:sessions:{session_id}", "read:sessions"):
        for name in ("chat", session_id):
            path = f"/realtime/v1/sessions/{name}/in/records"
            assert lab.ask("GET", path, key=lab.token(scope)).status == 200
    token = lab.token("read:sessions:nobody")
    assert refusal(lab.ask("GET", f"{CHANNEL}/in", key=token)) == (403, FORBIDDEN)
    assert lab.ask("GET", "/realtime/v1/sessions/nobody/in", key=token).status == 200


def test_channels_of_closed_and_expired_sessions_can_be_read(lab: ApiLab) -> None:
    lab.ask("POST", "/api/v1/sessions", CREATE | {"externalId": "late", "expiresAt": 0})
    lab.ask("POST", "/api/v1/sessions/chat/close", {})
    for name in ("chat", "late"):
        assert lab.ask("GET", f"/realtime/v1/sessions/{name}/out").status == 200


# Opening channels


def test_an_opened_channel_says_where_its_stream_is_and_gives_a_token_for_it(lab: ApiLab) -> None:
    session_id = lab.json("GET", "/api/v1/sessions/chat")["id"]
    for name in ("chat", session_id):
        response = lab.ask("PUT", f"/realtime/v1/sessions/{name}/out", host="localhost:8787")
        assert (response.status, response.body) == (202, b'{"version":"v2"}')
        sent = {name: text for name, text in response.headers.items() if name.startswith("x-s2-")}
        assert sent.pop("x-s2-access-token").count(".") == 2
        assert sent == {
            "x-s2-basin": "session-lab",
            "x-s2-endpoint": "http://localhost:8787/v1",
            "x-s2-flush-interval-ms": "100",
            "x-s2-max-retries": "10",
            "x-s2-stream-name": f"{LAB.id}/sessions/chat/out",
        }


def test_who_may_open_which_channel(lab: ApiLab) -> None:
    token = lab.token("write:sessions:chat")
    session_id = lab.json("GET", "/api/v1/sessions/chat")["id"]
    assert lab.ask("PUT", f"{CHANNEL}/in", key=token).status == 202
    assert lab.ask("PUT", f"/realtime/v1/sessions/{session_id}/in", key=token).status == 403
    response = lab.ask("PUT", f"{CHANNEL}/out", key=token)
    text = "Initializing the out channel requires secret key authentication"
    assert (response.status, response.body.decode()) == (403, text)


def test_which_sessions_can_have_a_channel_opened(lab: ApiLab) -> None:
    lab.start("late", expiresAt=lab.world.now)
    lab.world.clock.advance("1s")
    lab.ask("POST", "/api/v1/sessions/chat/close", {})
    found = [
        (response.status, response.body)
        for name in ("late", "nobody", "session_nobody", "chat")
        for response in [lab.ask("PUT", f"/realtime/v1/sessions/{name}/in")]
    ]
    assert found == [
        (202, b'{"version":"v2"}'),
        (202, b'{"version":"v2"}'),
        (404, b"Session not found"),
        (400, b"Cannot initialize a channel on a closed session"),
    ]
