from __future__ import annotations

from datetime import UTC, datetime

from session_lab.wire import AppendReply, ChannelRecord, RecordsReply, StreamBatch

TOKEN = "eyJh.eyJz.c2ln"


def test_the_sequence_number_of_a_repeated_append_is_absent():
    assert AppendReply.model_validate({"ok": True, "seq": 4}).seq == 4
    assert AppendReply.model_validate({"ok": True}).seq is None


def test_records_keep_their_order_and_their_data_as_it_came():
    reply = RecordsReply.model_validate(
        {
            "records": [
                {"data": '{"kind":"message"}', "id": "p1", "seqNum": 0},
                {"data": {"delta": "\ud83d"}, "id": "p2", "seqNum": 1},
            ]
        }
    )

    assert [record.seq_num for record in reply.records] == [0, 1]
    assert reply.records[0].data == '{"kind":"message"}'
    assert reply.records[1].data == {"delta": "\ud83d"}
    assert reply.records[0].control is None
    assert reply.records[0].timestamp is None


def test_a_control_record_tells_what_it_is_and_hides_its_headers():
    record = ChannelRecord.model_validate(
        {
            "data": "",
            "id": "",
            "seqNum": 2,
            "headers": [
                ["trigger-control", "turn-complete"],
                ["public-access-token", TOKEN],
                ["session-in-event-id", "7"],
            ],
        }
    )

    assert record.control == "turn-complete"
    assert record.header("session-in-event-id") == "7"
    assert record.header("absent") is None
    assert "turn-complete" in repr(record)
    assert TOKEN not in repr(record)


def test_a_batch_of_the_stream_store_is_read_in_its_own_spelling():
    batch = StreamBatch.model_validate(
        {
            "records": [
                {"seq_num": 3, "timestamp": 1_767_225_600_000, "body": "{}"},
                {"seq_num": 4, "timestamp": 1_767_225_600_000, "headers": [["", "trim"]]},
                {
                    "seq_num": 5,
                    "timestamp": 1_767_225_600_000,
                    "headers": [["trigger-control", "turn-complete"]],
                },
            ],
            "tail": {"seq_num": 6, "timestamp": 1_767_225_600_000},
        }
    )

    assert [record.is_command for record in batch.records] == [False, True, False]
    assert [record.body for record in batch.records] == ["{}", "", ""]
    assert batch.records[0].timestamp == datetime(2026, 1, 1, tzinfo=UTC)
