"""Channels: appending, reading at once, following."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.test_sessions import start

if TYPE_CHECKING:
    from tests.contract.conftest import Lab

VALUES = ["plain text", {"kind": "message", "n": 1}, "", "line\nbreak", "日本 \u2028 é"]
TEXTS = ["plain text", '{"kind":"message","n":1}', "", "line\nbreak", "日本 \u2028 é"]


def append(lab: Lab, value: Any, **options: Any) -> int | None:
    return lab.call(lambda client: client.sessions.append("chat-1", value, **options)).seq


@pytest.mark.parametrize("io", ["in", "out"])
def test_records_are_numbered_from_zero_and_come_back_as_they_were(lab: Lab, io: str):
    lab.call(start())
    assert [append(lab, value, io=io) for value in VALUES] == [0, 1, 2, 3, 4]
    found = lab.call(lambda client: client.sessions.records("chat-1", io=io))
    assert [record.data for record in found] == TEXTS
    assert [record.seq_num for record in found] == [0, 1, 2, 3, 4]
    assert len({record.id for record in found}) == len(found)
    later = lab.call(lambda client: client.sessions.records("chat-1", io=io, after=2))
    assert [record.data for record in later] == TEXTS[3:]


def test_a_part_id_is_stored_once_in_five_minutes(lab: Lab):
    lab.call(start())
    assert append(lab, "hello", part_id="part-1") == 0
    assert append(lab, "hello", part_id="part-1") is None
    lab.advance(minutes=5)
    assert append(lab, "hello", part_id="part-1") == 1


def test_both_ids_lead_to_the_same_channel(lab: Lab):
    session = lab.call(start())
    append(lab, "hello")
    found = lab.call(lambda client: client.sessions.records(session.id, io="in"))
    assert [record.data for record in found] == ["hello"]


def test_a_stream_brings_what_is_there_and_ends_when_nothing_comes(lab: Lab):
    lab.call(start())
    for value in VALUES:
        append(lab, value)
    found = lab.collect_while_time_passes(
        lambda client: client.sessions.stream("chat-1", io="in", timeout="30s")
    )
    assert [record.data for record in found] == TEXTS
    assert [record.seq_num for record in found] == [0, 1, 2, 3, 4]


def test_a_stream_goes_on_after_the_last_event(lab: Lab):
    lab.call(start())
    for value in VALUES:
        append(lab, value)
    found = lab.collect_while_time_passes(
        lambda client: client.sessions.stream("chat-1", io="in", last_event_id=2)
    )
    assert [record.seq_num for record in found] == [3, 4]


def test_a_channel_that_nobody_wrote_to_is_empty(lab: Lab):
    assert lab.call(lambda client: client.sessions.records("nobody")) == []
    found = lab.collect_while_time_passes(lambda client: client.sessions.stream("nobody"))
    assert found == []
