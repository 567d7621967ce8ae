"""Reading recordings in the project's own format: NDJSON, CSV and Parquet."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError, DataWarning
from session_lab.frames import digest
from session_lab.frames.schema import EVENTS
from tests.stories import instant, ms

if TYPE_CHECKING:
    from pathlib import Path

# What is in these files is as short as can be, and often there twice or far apart.
pytestmark = pytest.mark.filterwarnings("ignore:.*(repeat another|nothing happens)")

START = {"at": "2026-01-01T00:00:00Z", "op": "start", "external_id": "a"}
FULL = {
    **START,
    "turn_duration": "2.5s",
    "expires_at": "2026-01-02T01:00:00+01:00",
    "tags": ["x", "ü, y"],
    "type": "chat",
    "task_identifier": "support",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def ndjson(folder: Path, *events: Any, name: str = "log.jsonl") -> Path:
    """Write events one a line; text is written as it is."""
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def csv(folder: Path, *lines: str) -> Path:
    path = folder / "log.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "log.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def rows(events: pd.DataFrame) -> list[dict[str, Any]]:
    """Say a frame as rows, without what is missing."""
    return [
        {name: value for name, value in row.items() if np.ndim(value) or not pd.isna(value)}
        for row in events.to_dict("records")
    ]


def assert_is_full(events: pd.DataFrame):
    (row,) = rows(events)
    assert list(row) == list(FULL)
    assert row["at"] == instant(0)
    assert ms(row["turn_duration"]) == 2500
    assert row["expires_at"] == instant(86_400_000)
    assert list(row["tags"]) == ["x", "ü, y"]
    assert [row[name] for name in ("op", "external_id", "type", "task_identifier")] == [
        "start",
        "a",
        "chat",
        "support",
    ]


def test_an_event_in_ndjson_is_read_whole(folder: Path):
    assert_is_full(sl.traffic.read(ndjson(folder, FULL)))


def test_an_event_in_csv_is_read_whole(folder: Path):
    path = csv(
        folder,
        "at,op,external_id,turn_duration,expires_at,tags,type,task_identifier",
        '2026-01-01T00:00:00Z,start,a,2.5s,2026-01-02T00:00:00Z,"[""x"", ""ü, y""]",chat,support',
    )
    assert_is_full(sl.traffic.read(path))


def test_an_event_in_parquet_is_read_whole(folder: Path):
    path = parquet(
        folder,
        at=[datetime(2026, 1, 1, tzinfo=UTC)],
        op=["start"],
        external_id=["a"],
        turn_duration=[timedelta(seconds=2.5)],
        expires_at=[datetime(2026, 1, 2, tzinfo=UTC)],
        tags=[["x", "ü, y"]],
        type=["chat"],
        task_identifier=["support"],
    )
    assert_is_full(sl.traffic.read(path))


def test_columns_that_no_event_has_are_left_out(folder: Path):
    events = sl.traffic.read(ndjson(folder, START, {**START, "type": None}))
    assert list(events) == ["at", "op", "external_id"]


def test_a_field_that_is_null_or_not_there_is_missing(folder: Path):
    events = sl.traffic.read(ndjson(folder, {**START, "turn_duration": 5}, START))
    assert ms(events["turn_duration"][0]) == 5
    assert pd.isna(events["turn_duration"][1])


def test_an_empty_cell_is_missing(folder: Path):
    path = csv(folder, "at,op,external_id,turn_duration,tags", "0,start,a,0,[]", "1,message,a,,")
    events = sl.traffic.read(path)
    assert rows(events)[0].keys() >= {"turn_duration", "tags"}
    assert rows(events)[1].keys() == {"at", "op", "external_id"}


def test_fields_of_no_concern_are_passed_over(folder: Path):
    assert list(sl.traffic.read(ndjson(folder, {**START, "colour": "red"}))) == list(START)


def test_empty_lines_are_passed_over(folder: Path):
    events = sl.traffic.read(ndjson(folder, "", START, "   ", START, ""))
    assert len(events) == 2
    path = csv(folder, "at,op,external_id", "", "0,start,a", "")
    assert len(sl.traffic.read(path)) == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_may_end_as_on_any_system(folder: Path, ending: str):
    text = ending.join([json.dumps(START)] * 2)
    (folder / "log.jsonl").write_bytes(text.encode())
    assert len(sl.traffic.read(folder / "log.jsonl")) == 2
    text = ending.join(["at,op,external_id", "0,start,a", "1,close,a"])
    (folder / "log.csv").write_bytes(text.encode())
    assert sl.traffic.read(folder / "log.csv")["op"].tolist() == ["start", "close"]


def test_a_byte_order_mark_is_passed_over(folder: Path):
    path = ndjson(folder, START)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(sl.traffic.read(path)) == 1
    path = csv(folder, "at,op,external_id", "0,start,a")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(sl.traffic.read(path)) == 1


def test_a_quoted_cell_may_hold_commas_quotes_and_line_breaks(folder: Path):
    path = csv(folder, "at,op,external_id", '0,start,"a, ""b""\nc"', "0,start,[1]")
    assert sl.traffic.read(path)["external_id"].tolist() == ['a, "b"\nc', "[1]"]


@pytest.mark.parametrize(
    "at",
    [1_767_225_600_123, "2026-01-01T00:00:00.123Z", "2026-01-01T01:00:00.123999+01:00"],
)
def test_times_are_text_with_a_zone_or_milliseconds(folder: Path, at: object):
    assert sl.traffic.read(ndjson(folder, {**START, "at": at}))["at"].tolist() == [instant(123)]
    path = csv(folder, "at,op,external_id", f"{at},start,a")
    assert sl.traffic.read(path)["at"].tolist() == [instant(123)]


@pytest.mark.parametrize("duration", [90_000, 90_000.0, "90s", "1m30s"])
def test_durations_are_text_with_a_unit_or_milliseconds(folder: Path, duration: object):
    events = sl.traffic.read(ndjson(folder, {**START, "turn_duration": duration}))
    assert events["turn_duration"].tolist() == [pd.Timedelta("90s")]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_may_hold_times_and_durations_of_any_unit(folder: Path, unit: str):
    path = parquet(
        folder,
        at=pa.array([1_767_225_600], pa.timestamp("s", "Asia/Tokyo")).cast(
            pa.timestamp(unit, "Asia/Tokyo")
        ),
        op=["start"],
        external_id=["a"],
        turn_duration=pa.array([2], pa.duration("s")).cast(pa.duration(unit)),
    )
    (row,) = rows(sl.traffic.read(path))
    assert (row["at"], ms(row["turn_duration"])) == (instant(0), 2000)


def test_parquet_may_hold_dictionaries_and_numbers_as_ids(folder: Path):
    path = parquet(
        folder,
        at=[0, 1],
        op=pa.array(["start", "message"]).dictionary_encode(),
        external_id=[7, 7],
    )
    assert sl.traffic.read(path)["external_id"].tolist() == ["7", "7"]


def test_a_frame_that_pandas_wrote_to_parquet_is_read(folder: Path):
    events = sl.traffic.read(ndjson(folder, FULL))
    events.to_parquet(folder / "log.parquet")
    assert_is_full(sl.traffic.read(folder / "log.parquet"))


def test_ids_may_be_whole_numbers_throughout(folder: Path):
    log = ndjson(folder, {**START, "external_id": 7}, {**START, "external_id": 8})
    assert sl.traffic.read(log)["external_id"].tolist() == ["7", "8"]


def test_ids_in_csv_are_text_whatever_they_look_like(folder: Path):
    path = csv(folder, "at,op,external_id", "0,start,007", "0,start,7", "0,start,x")
    assert sl.traffic.read(path)["external_id"].tolist() == ["007", "7", "x"]


# Files that call things otherwise


def test_columns_tells_what_the_file_calls_ours(folder: Path):
    log = ndjson(folder, {"when": 5, "kind": "close", "chat": "a", "at": "ignored"})
    names = {"at": "when", "op": "kind", "external_id": "chat"}
    events = sl.traffic.read(log, columns=names)
    assert events["at"].tolist() == [pd.Timestamp(5, unit="ms", tz="UTC")]
    assert list(events) == ["at", "op", "external_id"]


def test_columns_works_for_csv_and_parquet_with_every_way_to_write_a_value(folder: Path):
    names = {"at": "when", "turn_duration": "took", "tags": "labels"}
    path = csv(folder, "when,op,external_id,took,labels", '5,start,a,7,"[""x""]"')
    from_csv = sl.traffic.read(path, columns=names)
    path = parquet(folder, when=[5], op=["start"], external_id=["a"], took=[7], labels=[["x"]])
    from_parquet = sl.traffic.read(path, columns=names)
    assert digest({EVENTS: from_csv}) == digest({EVENTS: from_parquet})
    assert ms(from_csv["turn_duration"][0]) == 7
    assert list(from_csv["tags"][0]) == ["x"]


def test_a_renamed_column_that_is_missing_is_named_as_the_file_would(folder: Path):
    with pytest.raises(DataError) as caught:
        sl.traffic.read(ndjson(folder, START), columns={"at": "when"})
    assert caught.value.column == "when"


def test_columns_must_be_columns_of_ours(folder: Path):
    with pytest.raises(DataError, match=r"'when' is not a column .* at, op, external_id"):
        sl.traffic.read(ndjson(folder, START), columns={"when": "at"})


# Order


def test_a_log_that_is_out_of_order_is_sorted_stably_and_that_is_said(folder: Path):
    events = [{"at": at, "op": "message", "external_id": name} for at, name in
              [(5, "a"), (3, "b"), (5, "c"), (3, "d"), (9, "e")]]  # fmt: skip
    path = ndjson(folder, *events)
    with pytest.warns(DataWarning, match=r"log\.jsonl.*not in order of time.*moved 4 of 5"):
        read = sl.traffic.read(path)
    assert read["external_id"].tolist() == ["b", "d", "a", "c", "e"]
    assert read.index.tolist() == [0, 1, 2, 3, 4]


def test_a_log_in_order_is_left_as_it_is(folder: Path):
    events = [{**START, "external_id": name} for name in "cab"]
    assert sl.traffic.read(ndjson(folder, *events))["external_id"].tolist() == ["c", "a", "b"]


@given(st.lists(st.integers(0, 5), max_size=12))
def test_reading_sorts_as_a_stable_sort_does(tmp_path_factory: Any, times: list[int]):
    folder = tmp_path_factory.mktemp("logs")
    events = [
        {"at": at, "op": "start", "external_id": f"{place}"} for place, at in enumerate(times)
    ]
    expected = [event["external_id"] for event in sorted(events, key=lambda event: event["at"])]
    path = ndjson(folder, *events)
    if times == sorted(times):
        read = sl.traffic.read(path)
    else:
        with pytest.warns(DataWarning):
            read = sl.traffic.read(path)
    assert read["external_id"].tolist() == expected


# Which format


@pytest.mark.parametrize("name", ["log.jsonl", "log.ndjson", "log.json", "log.txt", "log"])
def test_what_is_no_csv_and_no_parquet_is_taken_for_ndjson(folder: Path, name: str):
    assert len(sl.traffic.read(ndjson(folder, START, name=name))) == 1
    assert len(sl.traffic.read(str(folder / name), format="events")) == 1


def test_an_empty_file_holds_no_events(folder: Path):
    for path in (ndjson(folder), csv(folder), csv(folder, "at,op,external_id")):
        events = sl.traffic.read(path)
        assert len(events) == 0
        assert list(events) == ["at", "op", "external_id"]
        assert len(sl.replay(events).operations) == 0
