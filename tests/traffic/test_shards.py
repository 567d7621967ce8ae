"""Folders of Parquet shards, and the format that is seen in a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import session_lab as sl
from session_lab.frames import EVENTS, digest
from session_lab.traffic import detect, read, read_shards, write_shards
from session_lab.traffic.played_shards import play_shards

if TYPE_CHECKING:
    from pathlib import Path

EVENTS_OF_AN_HOUR = sl.traffic.generate(sl.ChatWorkload(chats_per_hour=40, expires_after="2h"), 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shards(EVENTS_OF_AN_HOUR, tmp_path / "log", shards=4)
    return tmp_path / "log"


def test_a_folder_of_shards_is_one_log(folder: Path):
    together = read(folder)
    at = together["at"]
    assert at.is_monotonic_increasing
    key = ["at", "external_id", "op"]
    pd.testing.assert_frame_equal(
        together.sort_values(key, kind="stable", ignore_index=True),
        EVENTS_OF_AN_HOUR.sort_values(key, kind="stable", ignore_index=True),
    )


def test_shards_come_one_at_a_time_and_hold_whole_sessions(folder: Path):
    parts = list(read_shards(folder))
    ids = [set(part["external_id"]) for part in parts]
    assert len(parts) == 4
    assert sum(map(len, ids)) == EVENTS_OF_AN_HOUR["external_id"].nunique()
    assert all(part["at"].is_monotonic_increasing for part in parts)
    counts = [len(sl.replay(part).runs) for part in parts]
    assert sum(counts) == len(sl.replay(EVENTS_OF_AN_HOUR).runs)


def test_shards_with_columns_of_their_own_name_are_read(tmp_path: Path):
    for number in range(2):
        table = pa.table({"when": [number, 5], "op": ["start", "close"], "external_id": [7, 7]})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    assert [len(part) for part in read_shards(tmp_path, columns={"at": "when"})] == [2, 2]
    with pytest.warns(sl.DataWarning, match="1 events repeat another"):
        assert len(read(tmp_path, columns={"at": "when"})) == 4


def test_a_column_that_one_shard_lacks_throughout_is_missing_there(tmp_path: Path):
    kinds = pa.schema([("at", "int64"), ("op", "string"), ("external_id", "string"), ("type", "string")])  # fmt: skip
    for number, kind in enumerate([None, "chat"]):
        row = {"at": number, "op": "start", "external_id": str(number), "type": kind}
        pq.write_table(pa.Table.from_pylist([row], kinds), tmp_path / f"{number}.parquet")
    together = read(tmp_path)
    assert together["type"].isna().tolist() == [True, False]
    assert together["type"].cat.categories.tolist() == ["chat"]


def test_a_shard_that_was_cut_short_is_named_before_any_is_read(folder: Path):
    victim = folder / "part-00002.parquet"
    victim.write_bytes(victim.read_bytes()[:-50])
    for attempt in (lambda: read(folder), lambda: next(read_shards(folder))):
        with pytest.raises(sl.DataError, match="cannot be read as Parquet") as caught:
            attempt()
        assert caught.value.source == "part-00002.parquet"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.drop_columns("tags"), "no column tags"),
        (lambda table: table.append_column("x", table["at"]), "a column x, not"),
        (
            lambda table: table.set_column(0, "at", table["at"].cast("int64")),
            r"a column at of int64, not of timestamp",
        ),
    ],
)
def test_a_shard_with_another_schema_is_named(folder: Path, change: Any, reason: str):
    victim = folder / "part-00003.parquet"
    pq.write_table(change(pq.read_table(victim)), victim)
    with pytest.raises(sl.DataError, match=reason) as caught:
        read(folder)
    assert caught.value.source == "part-00003.parquet"


def test_a_bad_value_in_a_shard_is_refused_with_its_place(folder: Path):
    victim = folder / "part-00001.parquet"
    table = pq.read_table(victim)
    ids = ["", *table["external_id"].to_pylist()[1:]]
    place = table.schema.get_field_index("external_id")
    kind = table.schema.field(place).type
    pq.write_table(table.set_column(place, "external_id", pa.array(ids, kind)), victim)
    with pytest.raises(sl.DataError, match="cannot be an external id") as caught:
        read(folder)
    assert (caught.value.source, caught.value.row) == ("part-00001.parquet", 0)


def test_what_is_not_there_of_shards_is_told(folder: Path, tmp_path: Path):
    dealt = tmp_path / "dealt"
    paths = sl.traffic.shard(folder, dealt, shards=3)
    for whole in (dealt, paths[1], str(dealt / "*-0000[12].parquet")):
        sl.sweep(whole, {"max_turns": [3]})
    paths[1].rename(tmp_path / "elsewhere.parquet")
    for attempt in (lambda: [*read_shards(dealt)], lambda: sl.sweep(dealt, {"max_turns": [3]})):
        with pytest.warns(sl.DataWarning, match="dealt: only 2 of 3 shards are there"):
            attempt()
    (tmp_path / "elsewhere.parquet").rename(paths[1])
    (dealt / "more.csv.gz").write_text("at,op,external_id\n1,start,a\n")
    with pytest.warns(
        sl.DataWarning, match=r"dealt: more\.csv\.gz is not Parquet, and is not read"
    ):
        sl.sweep(dealt, {"max_turns": [3]})
    (dealt / "notes.csv").write_text("nothing\n")
    with pytest.warns(
        sl.DataWarning, match=r"more\.csv\.gz, notes\.csv are not Parquet, and are not"
    ):
        play_shards(dealt, sl.RunPolicy())
    paths[1].rename(paths[1].with_suffix(".draft"))
    for attempt in (
        lambda: [*read_shards(dealt)],
        lambda: sl.sweep(dealt, {"max_turns": [3]}),
        lambda: play_shards(dealt, sl.RunPolicy()),
    ):
        with pytest.raises(sl.DataError, match=r"part-00001\.draft: it is still being written"):
            attempt()


@pytest.mark.parametrize("told", [b"[", b"[1]", b"{}", b'{"shards": "x"}', b'{"shards": null}'])
def test_what_others_write_into_their_files_is_passed_over(tmp_path: Path, told: bytes):
    table = pa.table({"at": [1], "op": ["start"], "external_id": ["a"]})
    path = tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({"session_lab": told}), path)
    assert len(read(tmp_path)) == 1


def test_shards_of_another_log_are_not_mixed_in(folder: Path):
    with pytest.raises(sl.DataError, match="holds other shards already, such as part-00002"):
        write_shards(EVENTS_OF_AN_HOUR, folder, shards=2)
    assert len(write_shards(EVENTS_OF_AN_HOUR, folder, shards=4)) == 4


@pytest.mark.parametrize("n", [0, 10_001, 1.5, True, "4", None])
def test_the_number_of_shards_has_bounds(tmp_path: Path, n: int):
    with pytest.raises(sl.DataError, match="from 1 to 10,000"):
        write_shards(EVENTS_OF_AN_HOUR, tmp_path, shards=n)


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"holds no \.parquet file"):
        next(read_shards(tmp_path))


def test_columns_and_rows_of_parquet_are_read_alike(tmp_path: Path):
    path = tmp_path / "log.parquet"
    sl.traffic.write(EVENTS_OF_AN_HOUR, path)
    table = pq.read_table(path)
    # Text where a moment is expected makes the reader go by rows.
    texts = [at.isoformat() for at in table["at"].to_pylist()]
    pq.write_table(table.set_column(0, "at", [texts]), tmp_path / "rows.parquet")
    by_column, by_row = read(path), read(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(by_column, by_row)
    assert digest({EVENTS: by_column}) == digest({EVENTS: EVENTS_OF_AN_HOUR})


# What format is seen, and why


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "at,op,external_id,n\n", "is events: its header has at, op, external_id"),
        ("x.csv", "when,who\n", "is taken for events: its header has when, who, which is no"),
        ("x.jsonl", '{"a": 1}\n', "is taken for events: its first line has the fields a, which"),
        ("x.jsonl", "", "is taken for events: it is empty"),
        ("x.jsonl", "[1]\n", "is taken for events: its first line is not a JSON object"),
        ("x.jsonl", "{\n", "is taken for events: its first line is not JSON"),
        ("x.json", '\n{ "log": {"entries": []}}', "is har: it is one JSON object that begins"),
        ("x.har", "", "is har: its name ends in .har"),
        ("x.parquet", "", "is events: its name ends in .parquet"),
    ],
)
def test_what_was_seen_is_said(tmp_path: Path, name: str, text: str, said: str):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert str(detect(path)).startswith(said)


def test_a_file_of_no_known_format_is_refused_with_what_was_seen(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"user": 1, "ts": 5}\n', encoding="utf-8")
    with pytest.raises(sl.DataError, match="is taken for events: its first line has the fields user, ts"):  # fmt: skip
        read(path)


def partitioned(frame: pd.DataFrame, folder: Path, *by: str) -> Path:
    """Write a frame as dataset writers do: folders are named for values that files then lack."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    kinds = [field.with_type(pa.string()) for field in table.schema if field.name in by]
    for field in kinds:
        place = table.schema.get_field_index(field.name)
        table = table.set_column(place, field, table[field.name].cast(pa.string()))
    parted = ds.partitioning(pa.schema(kinds), flavor="hive")
    ds.write_dataset(table, folder, format="parquet", partitioning=parted)
    return folder


@pytest.mark.parametrize(
    "by",
    [("op",), ("external_id",), ("type",), ("task_identifier",), ("type", "op"), ("expires_at",)],
)
def test_columns_that_folders_are_named_for_are_read(tmp_path: Path, by: tuple[str, ...]):
    n = 12
    events = pd.DataFrame(
        {
            "at": pd.date_range("2026-01-01", periods=n, freq="min", tz="UTC"),
            "op": ["start", "message"] * (n // 2),
            "external_id": [f"a/b {number // 2}=%20ü" for number in range(n)],
            "expires_at": pd.date_range("2026-02-01", periods=n, freq="h", tz="UTC"),
            "type": ["chat.agent", None] * (n // 2),
            "task_identifier": ["support", None, "sales / eu", None] * (n // 4),
        }
    )
    sl.traffic.write(events, tmp_path / "whole.parquet")
    expected = read(tmp_path / "whole.parquet")
    folder = partitioned(events, tmp_path / "log", *by)
    pd.testing.assert_frame_equal(read(folder), expected)
    sl.traffic.shard(folder, tmp_path / "shards", shards=2)
    pd.testing.assert_frame_equal(
        read(tmp_path / "shards").reindex(columns=list(expected)), expected, check_dtype=False
    )


def test_columns_of_sessions_that_folders_are_named_for_are_read(tmp_path: Path):
    sessions = sl.replay(read(sl.traffic.sample_path("chats.ndjson"))).sessions
    folder = partitioned(sessions, tmp_path / "log", "type", "task_identifier")
    found = sl.read_sessions(folder, observed_at=sessions.attrs["observed_at"])
    pd.testing.assert_frame_equal(
        found.sort_values("session_id", ignore_index=True),
        sessions.sort_values("session_id", ignore_index=True),
        check_categorical=False,
    )


def test_what_a_file_says_itself_goes_before_what_its_folder_is_named_for(tmp_path: Path):
    events = read(sl.traffic.sample_path("chats.ndjson"))
    (tmp_path / "op=close").mkdir()
    sl.traffic.write(events, tmp_path / "op=close" / "a.parquet")
    pd.testing.assert_frame_equal(read(tmp_path), events)


def test_a_folder_that_is_named_for_what_cannot_be_is_told(tmp_path: Path):
    events = read(sl.traffic.sample_path("chats.ndjson"))
    (tmp_path / "op=dance").mkdir()
    table = pa.Table.from_pandas(events.drop(columns="op"))
    pq.write_table(table, tmp_path / "op=dance" / "a.parquet")
    with pytest.raises(sl.DataError, match=r"^a\.parquet, op: of the folder's name: 'dance'"):
        read(tmp_path)
