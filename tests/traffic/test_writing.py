"""Events in files: what is written, and that reading gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import EVENTS, NAT, build
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION
from session_lab.traffic import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDINGS = [".ndjson", ".jsonl", ".csv", ".parquet"]

instants = st.integers(0, LAST_INSTANT)
durations = st.integers(0, LONGEST_DURATION)
# Text that readers of CSV and JSON are known to take for something else.
awkward = st.sampled_from(
    ["7", "null", "[1]", '["a"]', "2026-01-01", "a,b", 'a"b', " a ", "#", "é"]
)
words = awkward | st.text(min_size=1, max_size=5)
external_ids = words.filter(lambda text: not text.startswith("session_"))
columns = {
    "at": instants,
    "op": st.sampled_from(EVENTS.column("op").allowed),
    "external_id": external_ids,
    "turn_duration": st.none() | durations,
    "expires_at": st.none() | instants,
    "tags": st.none() | st.lists(st.text(max_size=3), max_size=3),
    "type": st.none() | words,
    "task_identifier": st.none() | words,
    "recorded_status": st.none() | st.integers(0, 999),
    "recorded_is_cached": st.none() | st.booleans(),
}


@st.composite
def event_frames(draw: st.DrawFn) -> pd.DataFrame:
    """Draw events in order of time; a column has at least one value."""
    rows: list[dict[str, Any]] = draw(st.lists(st.fixed_dictionaries(columns), max_size=6))
    rows.sort(key=lambda row: row["at"])
    data = {
        column.name: [row[column.name] for row in rows]
        for column in EVENTS.columns
        if not column.optional or any(row[column.name] is not None for row in rows)
    }
    for name in data.keys() & {"turn_duration", "expires_at"}:
        data[name] = [NAT if value is None else value for value in data[name]]
    if "recorded_is_cached" in data:
        data["recorded_is_cached"] = [
            -1 if value is None else value for value in data["recorded_is_cached"]
        ]
    return build(EVENTS, data, n=len(rows))


TWO_EVENTS = build(
    EVENTS,
    {
        "at": [1_767_225_600_000, 1_767_225_601_005],
        "op": ["start", "message"],
        "external_id": ["chat-é", "chat-é"],
        "turn_duration": [NAT, 2500],
        "expires_at": [1_767_229_200_000, NAT],
        "tags": [["plan:free", "a,b"], None],
        "type": ["chat.agent", None],
    },
    n=2,
)


# Made-up times lie centuries apart, and some events are alike.
@pytest.mark.filterwarnings("ignore::session_lab.errors.DataWarning")
@pytest.mark.parametrize("ending", ENDINGS)
@given(events=event_frames())
def test_reading_gives_back_what_was_written(
    ending: str, events: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.getbasetemp() / f"events{ending}"
    sl.traffic.write(events, path)
    pd.testing.assert_frame_equal(sl.traffic.read(path, "events"), events)


def test_ndjson_has_iso_instants_whole_milliseconds_and_no_nulls(tmp_path: Path):
    path = tmp_path / "events.ndjson"
    sl.traffic.write(TWO_EVENTS, path)
    start = (
        '{"at": "2026-01-01T00:00:00.000Z", "op": "start", "external_id": "chat-é", '
        '"expires_at": "2026-01-01T01:00:00.000Z", "tags": ["plan:free", "a,b"], '
        '"type": "chat.agent"}\n'
    )
    message = (
        '{"at": "2026-01-01T00:00:01.005Z", "op": "message", "external_id": "chat-é", '
        '"turn_duration": 2500}\n'
    )
    assert path.read_bytes().decode() == start + message


def test_csv_has_empty_cells_and_json_tags(tmp_path: Path):
    path = tmp_path / "events.csv"
    sl.traffic.write(TWO_EVENTS, path)
    header = "at,op,external_id,turn_duration,expires_at,tags,type\r\n"
    start = (
        "2026-01-01T00:00:00.000Z,start,chat-é,,2026-01-01T01:00:00.000Z,"
        '"[""plan:free"", ""a,b""]",chat.agent\r\n'
    )
    message = "2026-01-01T00:00:01.005Z,message,chat-é,2500,,,\r\n"
    assert path.read_bytes().decode() == header + start + message


def test_csv_of_whole_milliseconds_is_read_under_other_column_names(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text('time,op,chat,labels\n1767225600000,start,[1],"[""a""]"\n', encoding="utf-8")
    events = sl.traffic.read(path, columns={"at": "time", "external_id": "chat", "tags": "labels"})
    assert events["at"][0] == pd.Timestamp("2026-01-01T00:00:00Z")
    assert events["external_id"][0] == "[1]"
    assert list(events["tags"][0]) == ["a"]


def test_parquet_keeps_types_of_its_own_for_instants_and_durations(tmp_path: Path):
    path = tmp_path / "events.parquet"
    sl.traffic.write(TWO_EVENTS, path)
    schema = pq.read_schema(path)
    assert schema.field("at").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("turn_duration").type == pa.duration("ms")
    assert list(pd.read_parquet(path).columns) == list(TWO_EVENTS.columns)


def test_a_frame_with_more_columns_under_any_index_is_written_as_events(tmp_path: Path):
    path = tmp_path / "events.ndjson"
    sl.traffic.write(TWO_EVENTS.assign(hour=[0, 0]).set_axis(["x", "y"]), path)
    pd.testing.assert_frame_equal(sl.traffic.read(path), TWO_EVENTS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_frame_that_is_not_of_events_leaves_the_file_as_it_was(tmp_path: Path, ending: str):
    path = tmp_path / f"events{ending}"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(sl.DataError, match="the column is missing"):
        sl.traffic.write(TWO_EVENTS.drop(columns="op"), path)
    assert path.read_text(encoding="utf-8") == "before"


@pytest.mark.parametrize("ending", [".ndjson", ".csv"])
def test_a_write_that_breaks_off_leaves_the_file_as_it_was(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / f"events{ending}"
    path.write_text("before", encoding="utf-8")

    def broken(_: pd.DataFrame) -> Iterator[tuple[str, ...]]:
        yield ("2026-01-01T00:00:00.000Z",) * len(TWO_EVENTS.columns)
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_rows", broken)
    with pytest.raises(KeyboardInterrupt):
        sl.traffic.write(TWO_EVENTS, path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == "before"


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"'.xlsx' is none of .ndjson, .jsonl, .csv, .parquet"):
        sl.traffic.write(TWO_EVENTS, tmp_path / "events.xlsx")
