"""A team's own log: messages of any table, in any unit and zone, as events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import milliseconds
from session_lab.traffic import from_messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = {"at": "time", "external_id": "chat", "turn_duration": "latency:s"}
LOG = pd.DataFrame(
    {
        "time": pd.to_datetime(
            ["2026-01-01T09:00:00Z", "2026-01-01T09:00:40Z", "2026-01-01T09:00:10Z"]
        ),
        "chat": ["a", "a", "b"],
        "latency": [2.5, 4.0, None],
        "text": ["hello", "and then", "hi"],
    }
)


def told(events: pd.DataFrame) -> list[tuple[Any, ...]]:
    turns = milliseconds(events["turn_duration"]) if "turn_duration" in events else []
    at = (milliseconds(events["at"]) - milliseconds(events["at"]).min()).tolist()
    spans = [None if span < 0 else span for span in turns] or [None] * len(events)
    return list(zip(at, events["op"], events["external_id"], spans, strict=True))


EXPECTED = [
    (0, "start", "a", 2_500),
    (10_000, "start", "b", None),
    (40_000, "message", "a", 4_000),
]


@pytest.mark.parametrize(
    "make", [lambda df: df, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"]
)
def test_the_first_message_of_a_chat_is_its_start(make: Callable[[pd.DataFrame], Any]):
    events = from_messages(make(LOG), columns=NAMES)
    assert told(events) == EXPECTED
    assert list(events) == ["at", "op", "external_id", "turn_duration"]
    assert set(sl.replay(events).operations["status_code"]) == {200, 201}


def test_a_log_of_messages_is_read_from_a_file_of_any_kind(tmp_path: Path):
    LOG.to_csv(tmp_path / "log.csv")
    LOG.to_parquet(tmp_path / "log.parquet")
    LOG.to_json(tmp_path / "log.ndjson", orient="records", lines=True, date_format="iso")
    for name in ("log.csv", "log.parquet", "log.ndjson"):
        with pytest.warns(sl.DataWarning, match="not in order"):
            events = sl.traffic.read(tmp_path / name, log="messages", columns=NAMES)
        assert told(events) == EXPECTED, name


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 10**6), ("ns", 10**9)]
)
@pytest.mark.parametrize("whole", [True, False])
def test_numbers_have_the_unit_that_is_said(unit: str, factor: int, *, whole: bool):
    seconds = np.array([1_767_225_600, 1_767_225_601])
    numbers = seconds * factor if whole else seconds * float(factor)
    log = pd.DataFrame({"t": numbers, "c": ["a", "a"], "d": [2 * factor, 3 * factor]})
    columns = {"at": f"t:{unit}", "external_id": "c", "turn_duration": f"d:{unit}"}
    events = from_messages(log, columns=columns)
    assert events["at"].tolist() == list(pd.to_datetime(seconds, unit="s", utc=True))
    assert milliseconds(events["turn_duration"]).tolist() == [2_000, 3_000]


def test_digits_below_a_millisecond_are_cut_off_instants_and_rounded_in_durations():
    log = pd.DataFrame({"t": [1_767_225_600_123_999], "c": ["a"], "d": [1_500]})
    events = from_messages(log, columns={"at": "t:us", "external_id": "c", "turn_duration": "d:us"})
    assert milliseconds(events["at"]).tolist() == [1_767_225_600_123]
    assert milliseconds(events["turn_duration"]).tolist() == [2]


def test_a_turn_may_be_told_by_when_it_ended_or_in_tokens():
    log = pd.DataFrame({"t": [10, 20], "c": "a", "end": [12.5, np.nan], "n": [None, 30]})
    names = {"at": "t:s", "external_id": "c"}
    ended = from_messages(log, columns=names | {"ended_at": "end:s"})
    assert told(ended)[0][3] == 2_500
    assert ended["turn_duration"].isna().tolist() == [False, True]
    tokens = from_messages(log, columns=names | {"turn_duration": "n:tokens"}, tokens_per_second=60)
    assert tokens["turn_duration"].isna().tolist() == [True, False]
    assert milliseconds(tokens["turn_duration"])[1] == 500


def test_times_without_a_zone_are_placed_in_the_one_that_is_said():
    summer, winter = "2026-07-01 12:00:00", "2026-01-01T12:00"
    for at in ([winter, summer], pd.to_datetime([winter, summer], format="ISO8601")):
        log = pd.DataFrame({"at": at, "external_id": ["a", "a"]})
        events = from_messages(log, zone="Europe/Berlin")
        assert events["at"].dt.hour.tolist() == [11, 10]
        with pytest.raises(sl.DataError, match="has no time zone"):
            from_messages(log)


def test_an_hour_that_clocks_repeat_is_taken_as_its_first():
    log = pd.DataFrame({"at": ["2026-10-25T02:30:00"], "external_id": ["a"]})
    for given_ in (log, log.assign(at=pd.to_datetime(log["at"]))):
        events = from_messages(given_, zone="Europe/Berlin")
        assert events["at"].tolist() == [pd.Timestamp("2026-10-25T00:30Z")]


def test_what_all_rows_have_is_said_once():
    events = from_messages(
        LOG, columns=NAMES, constants={"task_identifier": "support", "tags": ["web"]}
    )
    assert events["task_identifier"].unique().tolist() == ["support"]
    assert [list(tags) for tags in events["tags"]] == [["web"]] * 3


def test_times_that_are_numbers_count_from_an_origin():
    log = pd.DataFrame({"t": [0, 1.5], "c": "a"})
    events = from_messages(
        log, columns={"at": "t:s", "external_id": "c"}, origin="2026-05-01T00:00:00Z"
    )
    expected = ["2026-05-01T00:00:00Z", "2026-05-01T00:00:01.5Z"]
    assert events["at"].tolist() == list(pd.to_datetime(expected, format="ISO8601"))


@pytest.mark.parametrize(
    ("change", "options", "place", "reason"),
    [
        ({}, {"columns": {"at": "when"}}, (None, "when"), "there is no such column; the log has"),
        ({"chat": [1, "1", "b"]}, {}, (1, "chat"), "7 and '7' may be two chats"),
        ({"chat": ["a", None, "b"]}, {}, (1, "chat"), "is null"),
        ({"chat": ["a", "", "b"]}, {}, (1, "chat"), "cannot be an external id"),
        ({"latency": [1.0, -2.0, 3.0]}, {}, (1, "latency"), "is negative"),
        ({"latency": ["fast"] * 3}, {}, (0, "latency"), "'fast' is not a number of s"),
        ({"time": ["soon"] * 3}, {}, (0, "time"), "is not an ISO 8601 time"),
        ({}, {"zone": "Mars/Base"}, (None, "zone"), "is not a time zone"),
        ({}, {"constants": {"at": "x"}}, (None, "constants"), "as a column and as a constant"),
        ({}, {"constants": {"colour": "x"}}, (None, "colour"), "is not a column of the events"),
        ({}, {"columns": NAMES | {"tags": "text:s"}}, (None, "columns"), "not a time or duration"),
        ({}, {"columns": NAMES | {"at": "time:tokens"}}, (None, "columns"), "at is not a duration"),
        ({}, {"tokens_per_second": 0}, (None, "tokens_per_second"), "above zero"),
    ],
)
def test_a_log_that_cannot_be_used_is_refused_with_its_place(
    change: dict[str, Any], options: dict[str, Any], place: tuple[Any, ...], reason: str
):
    log = LOG.assign(**change)
    with pytest.raises(sl.DataError) as caught:
        from_messages(log, **({"columns": NAMES} | options))
    assert reason in str(caught.value)
    assert (caught.value.row, caught.value.column) == place


def test_what_is_no_frame_is_refused():
    with pytest.raises(sl.DataError, match="list is not a frame"):
        from_messages([1, 2])


times = st.datetimes(
    pd.Timestamp("1971-01-01").to_pydatetime(), pd.Timestamp("2100-01-01").to_pydatetime()
)
seconds = st.one_of(
    st.integers(0, 10**7),
    st.decimals(0, 10**6, places=4, allow_nan=False).map(float),
    st.floats(0, 1e6, allow_nan=False),
)


@given(st.lists(st.tuples(seconds, st.sampled_from("abc"), st.none() | seconds), max_size=8))
def test_columns_at_once_are_read_as_rows_one_by_one(rows: list[tuple[Any, ...]]):
    log = pd.DataFrame(rows, columns=["t", "c", "d"])
    columns = {"at": "t:s", "external_id": "c", "turn_duration": "d:s"}
    at_once = from_messages(log, columns=columns) if rows else None
    one_by_one = from_messages(log.astype(object).assign(c=log["c"]), columns=columns)
    if at_once is not None:
        pd.testing.assert_frame_equal(at_once, one_by_one)


@given(st.lists(st.tuples(times, st.sampled_from("abc")), min_size=1, max_size=8, unique_by=lambda row: row[0]), st.randoms())  # fmt: skip
def test_any_order_of_rows_gives_the_same_events(rows: list[tuple[Any, ...]], random: Any):
    mixed = random.sample(rows, len(rows))
    frames = [
        from_messages(pd.DataFrame(one, columns=["at", "external_id"]), zone="UTC")
        for one in (rows, mixed)
    ]
    pd.testing.assert_frame_equal(*frames)


# Numbers without a unit


@pytest.mark.parametrize("suffix", ["ndjson", "csv", "parquet"])
def test_times_that_look_like_seconds_are_refused(tmp_path: Path, suffix: str):
    rows = {"at": [1_767_258_000, 1_767_258_060], "op": ["start", "close"], "external_id": "a"}
    path = tmp_path / f"log.{suffix}"
    frame = pd.DataFrame(rows)
    if suffix == "ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    elif suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    with pytest.raises(sl.DataError, match=r"look like seconds.*\{\"at\": \"at:s\"\}") as caught:
        sl.traffic.read(path)
    assert (caught.value.source, caught.value.column) == (path.name, "at")
    events = sl.traffic.read(path, columns={"at": "at:s"})
    assert events["at"].tolist()[0] == pd.Timestamp("2026-01-01T09:00:00Z")


def test_fractional_durations_without_a_unit_are_refused(tmp_path: Path):
    path = tmp_path / "log.parquet"
    for spans in ([2.0, 3.0], [2.5, 3.0]):
        table = {"at": [0, 1], "op": ["start", "message"], "external_id": "a", "took": spans}
        pd.DataFrame(table).to_parquet(path)
        with pytest.raises(sl.DataError) as caught:
            sl.traffic.read(path, columns={"turn_duration": "took"})
        assert (caught.value.source, caught.value.column) == ("log.parquet", "took")
        events = sl.traffic.read(path, columns={"turn_duration": "took:s"})
        assert milliseconds(events["turn_duration"]).tolist() == [s * 1000 for s in spans]


def test_durations_that_are_all_below_a_second_are_said(tmp_path: Path):
    path = tmp_path / "log.parquet"
    n = 30
    table = {"at": range(n), "op": "start", "external_id": [f"c{i}" for i in range(n)]}
    pq.write_table(pa.table(pd.DataFrame(table | {"turn_duration": range(n)})), path)
    with pytest.warns(sl.DataWarning, match="29 ms at most.*turn_duration:s"):
        sl.traffic.read(path)
    sl.traffic.read(path, columns={"turn_duration": "turn_duration:ms"})


# What our own frames look like as CSV


def test_a_frame_written_by_pandas_comes_back(tmp_path: Path):
    workload = sl.ChatWorkload(chats_per_hour=20, expires_after="2h", topics=3)
    events = sl.traffic.generate(workload, 4)
    events.to_csv(tmp_path / "pandas.csv")
    pd.testing.assert_frame_equal(sl.traffic.read(tmp_path / "pandas.csv"), events)


@pytest.mark.parametrize("cell", ["NaN", "nan", "", "NaT", "<NA>", "None", "\\N"])
def test_cells_that_say_that_there_is_nothing_are_missing(tmp_path: Path, cell: str):
    path = tmp_path / "log.csv"
    path.write_text(f"at,op,external_id,turn_duration,tags\n0,start,a,{cell},{cell}\n")
    assert list(sl.traffic.read(path)) == ["at", "op", "external_id"]


@pytest.mark.parametrize("tag", ["it's", 'a "b"', "a,b", "[x]", "\\", "ü ñ", "tab\there", "'"])
@pytest.mark.parametrize("show", [json.dumps, repr, lambda tags: str(np.array(tags))])
def test_tags_as_json_python_and_numpy_write_them_are_read(
    tmp_path: Path, tag: str, show: Callable[[list[str]], str]
):
    path = tmp_path / "log.csv"
    table = {"at": [0], "op": ["start"], "external_id": ["a"], "tags": [show([tag, "b"])]}
    pd.DataFrame(table).to_csv(path, index=False)
    assert list(sl.traffic.read(path)["tags"][0]) == [tag, "b"]
