"""The BurstGPT and Bailian traces: chats, turns and what is wrong with a row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl
from session_lab.frames import milliseconds
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = to_instant("2026-01-01T00:00:00Z")
BURST_HEADER = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Log Type"


def burst(folder: Path, *rows: str, header: str = BURST_HEADER) -> Path:
    path = folder / "burst.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def bailian(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "bailian.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def request(chat: int, parent: int = -1, at: float = 0, **more: Any) -> dict[str, Any]:
    row = {"chat_id": chat, "parent_chat_id": parent, "timestamp": at, "output_length": 50}
    return {**row, "input_length": 9, "type": "text", "turn": 1, "hash_ids": [1, 2, 3], **more}


def told(path: Path, **options: Any) -> list[tuple[int, str, str, int]]:
    events = sl.traffic.read(path, **options)
    at = (milliseconds(events["at"]) - ORIGIN).tolist()
    turns = milliseconds(events["turn_duration"]).tolist()
    return list(zip(at, events["op"], events["external_id"], turns, strict=True))


def test_burstgpt_sessions_are_chats_and_what_has_none_is_a_chat_of_its_own(tmp_path: Path):
    path = burst(
        tmp_path,
        "5,7,2.25,ChatGPT,472,18,Conversation log",
        "6.5,,1,GPT-4,472,100,API log",
        "45,7,0.5,ChatGPT,1087,230,Conversation log",
    )
    assert told(path) == [
        (5_000, "start", "conv-7", 2_250),
        (6_500, "start", "request-3", 1_000),
        (45_000, "message", "conv-7", 500),
    ]
    tags = sl.traffic.read(path)["tags"]
    assert [None if row is None else list(row) for row in tags.astype(object).where(tags.notna(), None)] == [["model:ChatGPT"], ["model:GPT-4"], None]  # fmt: skip


def test_burstgpt_without_elapsed_times_takes_turns_from_tokens(tmp_path: Path):
    header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
    path = burst(tmp_path, "5,ChatGPT,472,18,490,Conversation log", header=header)
    assert told(path) == [(5_000, "start", "request-2", 360)]
    assert told(path, tokens_per_second=18) == [(5_000, "start", "request-2", 1_000)]


def test_bailian_conversations_hang_together_by_parents(tmp_path: Path):
    path = bailian(
        tmp_path,
        request(1),
        request(2, at=1.5),
        request(3, 1, at=61.114),
        request(4, 3, at=70, output_length=100),
        request(5, 99, at=71),
        request(6, 99, at=72),
    )
    assert told(path) == [
        (0, "start", "conv-1", 1_000),
        (1_500, "start", "conv-2", 1_000),
        (61_114, "message", "conv-1", 1_000),
        (70_000, "message", "conv-1", 2_000),
        (71_000, "start", "conv-99", 1_000),
        (72_000, "message", "conv-99", 1_000),
    ]


def test_bailian_parents_may_stand_below_their_children(tmp_path: Path):
    path = bailian(tmp_path, request(3, 2, at=5), request(2, 1, at=4), request(1, at=3))
    with pytest.warns(sl.DataWarning, match="not in order of time"):
        events = sl.traffic.read(path)
    assert set(events["external_id"]) == {"conv-1"}
    assert events["op"].tolist() == ["start", "message", "message"]


@pytest.mark.parametrize("read", ["burstgpt", "bailian"])
def test_the_formats_are_recognised(tmp_path: Path, read: str):
    path = burst(tmp_path, "5,7,2,M,1,1,x") if read == "burstgpt" else bailian(tmp_path, request(1))
    assert sl.traffic.detect(path).format == read
    assert read in str(sl.traffic.detect(path))
    assert len(sl.traffic.read(path, read)) == 1


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("x,7,1,M,1,1,l", "Timestamp", "'x' is not a number of seconds"),
        ("-1,7,1,M,1,1,l", "Timestamp", "is not a number of seconds"),
        ("NaN,7,1,M,1,1,l", "Timestamp", "is not a number of seconds"),
        ("1e30,7,1,M,1,1,l", "Timestamp", "is not a number of seconds"),
        ("1e9999999,7,1,M,1,1,l", "Timestamp", "is not a number of seconds"),
        ("300000000000,7,1,M,1,1,l", "Timestamp", "1970 to 9999"),
        ("1,7,-1,M,1,1,l", "Elapsed time", "is not a number of seconds"),
        ("1,7,4000000000,M,1,1,l", "Elapsed time", "longer than a century"),
        ("1,7,,M,1,1.5,l", "Response tokens", "is not a whole number"),
        ("1,7,,M,1,,l", "Response tokens", "is missing"),
    ],
)
def test_a_bad_field_of_burstgpt_is_refused_with_its_place(
    tmp_path: Path, row: str, column: str, reason: str
):
    with pytest.raises(sl.DataError, match=reason) as caught:
        sl.traffic.read(burst(tmp_path, "1,7,1,M,1,1,l", row))
    error = caught.value
    assert (error.source, error.row, error.column) == ("burst.csv", 3, column)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (request(1), "chat_id", "an earlier row has the id 1 too"),
        (request(2, 2), "parent_chat_id", "descends from 2 already"),
        (request("x"), "chat_id", "is not a whole number"),  # type: ignore[arg-type]
        (request(2, at=-1), "timestamp", "is not a number of seconds"),
        (request(2, output_length=-1), "output_length", "is not a whole number"),
        ({"chat_id": 2}, "parent_chat_id", "is missing"),
    ],
)
def test_a_bad_field_of_bailian_is_refused_with_its_place(
    tmp_path: Path, row: dict[str, Any], column: str, reason: str
):
    path = bailian(tmp_path, request(1), row)
    with pytest.raises(sl.DataError, match=reason) as caught:
        sl.traffic.read(path)
    error = caught.value
    assert (error.source, error.row, error.column) == ("bailian.jsonl", 2, column)
    with pytest.warns(sl.DataWarning, match="skipped 1 rows"):
        assert len(sl.traffic.read(path, skip_bad_rows=True)) == 1
