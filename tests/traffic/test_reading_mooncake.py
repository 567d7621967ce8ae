"""Reading the chat trace of the Mooncake paper."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError, DataWarning
from session_lab.traffic.formats.mooncake import conversations
from tests.stories import instant, ms

TRACE = Path(__file__).parents[2].parent / "shared" / "traces" / "mooncake_conversation.jsonl"


def conversations_by_brute_force(requests: list[list[int]]) -> list[int]:
    """Tell each request's conversation straight from the rule, looking at all earlier requests.

    A request continues the conversation of an earlier one when that one's blocks but the last are
    at least two and equal its own first blocks; the longest such beginning wins, then the latest.
    """
    found: list[int] = []
    for place, blocks in enumerate(requests):
        candidates = [
            (len(earlier) - 1, number)
            for number, earlier in enumerate(requests[:place])
            if len(earlier) >= 3 and earlier[:-1] == blocks[: len(earlier) - 1]
        ]
        found.append(found[max(candidates)[1]] if candidates else max(found, default=-1) + 1)
    return found


def trace(folder: Path, *requests: Any) -> Path:
    path = folder / "trace.jsonl"
    path.write_text("".join(f"{json.dumps(request)}\n" for request in requests))
    return path


def request(timestamp: int = 0, output_length: int = 50, hash_ids: Any = (0, 1)) -> dict[str, Any]:
    return {
        "timestamp": timestamp,
        "input_length": 512 * len(hash_ids),
        "output_length": output_length,
        "hash_ids": list(hash_ids),
    }


def conversations_of(requests: list[list[int]]) -> list[int]:
    blocks = np.array([block for blocks in requests for block in blocks], np.int64)
    return conversations(blocks, np.array([len(blocks) for blocks in requests], np.int64)).tolist()


# A few blocks and short requests, so that beginnings are shared all the time.
requests = st.lists(st.lists(st.integers(0, 1), max_size=6), max_size=25)


@given(requests)
def test_conversations_are_those_of_the_rule(requests: list[list[int]]):
    assert conversations_of(requests) == conversations_by_brute_force(requests)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([[0, 1, 2], [0, 1, 3, 4]], [0, 0]),
        ([[0, 1, 2], [0, 1]], [0, 0]),
        ([[0, 1, 2], [0, 2, 1]], [0, 1]),
        ([[0, 1], [0, 1]], [0, 1]),
        ([[0, 1, 2], [5, 0, 1, 2]], [0, 1]),
        ([[0, 1, 2, 5], [0, 1, 7], [0, 1, 2, 3]], [0, 1, 0]),
        ([[0, 1, 2, 5], [0, 1, 7], [0, 1, 2], [0, 1, 4]], [0, 1, 0, 0]),
        ([[0, 1, 2], [7, 7, 7], [7, 7, 8], [0, 1, 5]], [0, 1, 1, 0]),
        ([[], [], [0]], [0, 1, 2]),
    ],
    ids=[
        "the last block is partial",
        "a request may be no longer than the beginning",
        "the order of blocks counts",
        "one shared block is too few",
        "only beginnings count",
        "the longest beginning",
        "the latest of equally long ones",
        "conversations may take turns",
        "no blocks",
    ],
)
def test_a_request_continues_the_longest_beginning_it_shares(
    requests: list[list[int]], expected: list[int]
):
    assert conversations_of(requests) == expected


def test_a_conversation_is_a_start_with_its_first_turn_and_then_messages(tmp_path: Path):
    path = trace(
        tmp_path,
        request(0, 50, [0, 1, 2]),
        request(5, 10, [0, 9, 8]),
        request(7, 1, [0, 1, 3, 4]),
    )
    events = sl.traffic.read(path)
    assert list(events) == ["at", "op", "external_id", "turn_duration"]
    assert events["at"].tolist() == [instant(0), instant(5), instant(7)]
    assert events["op"].tolist() == ["start", "start", "message"]
    assert events["external_id"].tolist() == ["conv-0", "conv-1", "conv-0"]
    assert [ms(span) for span in events["turn_duration"]] == [1000, 200, 20]


def test_a_turn_lasts_as_long_as_its_output_takes(tmp_path: Path):
    path = trace(tmp_path, request(output_length=10), request(output_length=0))
    events = sl.traffic.read(path, tokens_per_second=30)
    assert [ms(span) for span in events["turn_duration"]] == [333, 0]


@pytest.mark.parametrize("origin", ["2025-03-01T12:00:00Z", "2025-03-01T13:00:00+01:00"])
def test_origin_dates_the_trace(tmp_path: Path, origin: str):
    events = sl.traffic.read(trace(tmp_path, request(1500)), origin=origin)
    assert events["at"][0].isoformat() == "2025-03-01T12:00:01.500000+00:00"


def test_the_format_is_recognised_and_can_be_named(tmp_path: Path):
    path = trace(tmp_path, request())
    recognised, named = sl.traffic.read(path), sl.traffic.read(path, format="mooncake")
    assert recognised.equals(named)
    with pytest.raises(DataError, match="at: the field is missing"):
        sl.traffic.read(path, format="events")


def test_a_trace_out_of_order_is_told_apart_in_the_order_of_time(tmp_path: Path):
    path = trace(tmp_path, request(9, 50, [0, 1, 2]), request(5, 50, [0, 1, 3]))
    with pytest.warns(DataWarning, match="not in order"):
        events = sl.traffic.read(path)
    assert events["op"].tolist() == ["start", "message"]
    assert events["external_id"].tolist() == ["conv-0", "conv-0"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("timestamp", -1, "zero or more"),
        ("timestamp", "0", "number of zero or more"),
        ("timestamp", True, "number of zero or more"),
        ("timestamp", float("inf"), "number of zero or more"),
        ("timestamp", 10**30, "1970 to 9999"),
        ("output_length", -1, "zero or more"),
        ("output_length", None, "whole number"),
        ("output_length", 10**15, "century"),
        ("output_length", 10**400, "century"),
        ("hash_ids", 5, "list of whole numbers"),
        ("hash_ids", [1, "x"], "list of whole numbers"),
        ("hash_ids", [True], "list of whole numbers"),
    ],
)
def test_a_bad_field_is_refused_with_its_place(
    tmp_path: Path, field: str, value: object, reason: str
):
    with pytest.raises(DataError) as caught:
        sl.traffic.read(trace(tmp_path, request(), {**request(), field: value}))
    error = caught.value
    assert (error.source, error.row, error.column) == ("trace.jsonl", 2, field)
    assert reason in str(error)


@pytest.mark.parametrize("field", ["timestamp", "output_length"])
def test_a_missing_field_is_refused_with_its_place(tmp_path: Path, field: str):
    lacking = {name: value for name, value in request().items() if name != field}
    with pytest.raises(DataError) as caught:
        sl.traffic.read(trace(tmp_path, request(), lacking))
    assert (caught.value.row, caught.value.column) == (2, field)


def test_a_request_that_cannot_be_used_takes_no_number(tmp_path: Path):
    path = trace(tmp_path, request(), {**request(), "timestamp": -1}, request())
    with pytest.warns(DataWarning, match="skipped 1 row"):
        events = sl.traffic.read(path, skip_bad_rows=True)
    assert events["external_id"].tolist() == ["conv-0", "conv-1"]


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_is_above_zero(tmp_path: Path, speed: float):
    with pytest.raises(DataError, match="tokens_per_second"):
        sl.traffic.read(trace(tmp_path, request()), tokens_per_second=speed)


def test_an_origin_without_a_zone_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"origin: .*no time zone"):
        sl.traffic.read(trace(tmp_path, request()), origin="2026-01-01T00:00:00")


needs_the_trace = pytest.mark.skipif(not TRACE.exists(), reason="the published trace is not here")


@needs_the_trace
def test_the_published_trace_holds_the_conversations_it_is_known_for():
    events = sl.traffic.read(TRACE)
    sizes = Counter(events["external_id"])
    assert len(events) == 12_031
    assert len(sizes) == 8_057
    assert sum(size == 1 for size in sizes.values()) == 6_045
    assert max(sizes.values()) == 43
    assert (events["op"] == "start").sum() == 8_057
    assert [*sizes] == [f"conv-{n}" for n in range(8_057)]


@needs_the_trace
def test_the_published_trace_replays_without_a_refusal():
    replay = sl.replay(sl.traffic.read(TRACE))
    assert set(replay.operations["status_code"]) == {200, 201}
    assert len(replay.sessions) == 8_057
    assert replay.runs["turns"].sum() == 12_031
