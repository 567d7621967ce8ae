"""Logs of many files dealt out to shards, and windows of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import session_lab as sl
from session_lab.traffic import read, read_shards, shard, window, write

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = sl.traffic.generate(
    sl.ChatWorkload(duration="3d", chats_per_hour=8, expires_after="2h", topics=3), 5
)


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for day, part in EVENTS.groupby(EVENTS["at"].dt.date, sort=True):
        folder = tmp_path / "log" / f"day={day}"
        folder.mkdir(parents=True)
        write(part.reset_index(drop=True), folder / "part-0.parquet")
    return tmp_path / "log"


def test_a_log_by_day_becomes_shards_of_whole_sessions(days: Path, tmp_path: Path):
    paths = shard(days, tmp_path / "shards", shards=5)
    parts = list(read_shards(tmp_path / "shards"))
    assert len(paths) == len(parts) == 5
    ids = [set(part["external_id"]) for part in parts]
    assert sum(map(len, ids)) == EVENTS["external_id"].nunique()
    key = ["at", "external_id"]
    joined = pd.concat(parts).sort_values(key, kind="stable", ignore_index=True)
    expected = EVENTS.sort_values(key, kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(
        joined.astype({"op": str, "tags": object, "type": str, "task_identifier": str}),
        expected.astype({"op": str, "tags": object, "type": str, "task_identifier": str}),
    )
    runs = sum(len(sl.replay(part, seed=3).runs) for part in parts)
    assert runs == len(sl.replay(EVENTS, seed=3).runs)


def test_a_shard_says_that_sessions_are_whole_in_it(days: Path, tmp_path: Path):
    path = shard(days, tmp_path / "shards", shards=1)[0]
    assert b"sharded_by" in pq.read_schema(path).metadata[b"session_lab"]


def test_the_order_of_one_instant_is_kept(tmp_path: Path):
    log = tmp_path / "log.ndjson"
    ops = ["start", "message", "close", "retrieve"] * 5
    log.write_text(
        "".join(
            f'{{"at": 5, "op": "{op}", "external_id": "c{n // 4}"}}\n' for n, op in enumerate(ops)
        )
    )
    shard(log, tmp_path / "shards", shards=2)
    for part in read_shards(tmp_path / "shards"):
        for _, chat in part.groupby("external_id", sort=False):
            assert chat["op"].tolist() == ops[:4]


def test_nothing_is_left_where_a_file_cannot_be_read(days: Path, tmp_path: Path):
    broken = max(days.rglob("*.parquet"))
    table = pq.read_table(broken, partitioning=None)
    place = table.column_names.index("external_id")
    ids = pa.array([""] * len(table), table.schema.field(place).type)
    pq.write_table(table.set_column(place, "external_id", ids), broken)
    with pytest.raises(sl.DataError, match="external id"):
        shard(days, tmp_path / "shards", shards=3)
    assert list((tmp_path / "shards").iterdir()) == []


@pytest.mark.parametrize("n", [0, -1, 2_000, True, "3"])
def test_a_number_of_shards_out_of_range_is_refused(tmp_path: Path, n: int):
    with pytest.raises(sl.DataError, match="is not a number from 1 to 1,024"):
        shard(tmp_path, tmp_path / "out", shards=n)


def test_a_file_in_place_of_the_folder_is_refused(days: Path, tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(sl.DataError, match="it is a file, not a folder"):
        shard(days, tmp_path / "file")
    with pytest.raises(
        sl.DataError, match=r"s3://bucket/x: shards are written into a folder of this"
    ):
        shard(days, "s3://KEY:SECRET@bucket/x")


def test_shards_are_not_mixed_with_others(days: Path, tmp_path: Path):
    shard(days, tmp_path / "shards", shards=2)
    with pytest.raises(sl.DataError, match="holds Parquet files already"):
        shard(days, tmp_path / "shards", shards=2)


def test_a_window_takes_whole_chats_or_cuts_them(tmp_path: Path):
    start, end = "2026-01-02T00:00:00Z", "2026-01-02T12:00:00Z"
    begun = window(EVENTS, start, end)
    firsts = EVENTS.drop_duplicates("external_id")
    chosen = firsts[firsts["at"].between(pd.Timestamp(start), pd.Timestamp(end), inclusive="left")]
    assert set(begun["external_id"]) == set(chosen["external_id"])
    assert len(begun) == EVENTS["external_id"].isin(chosen["external_id"]).sum()
    with pytest.warns(sl.DataWarning, match=r"\d+ of \d+ chats began before the window"):
        cut = window(EVENTS, start, end, whole="cut")
    assert cut["at"].between(pd.Timestamp(start), pd.Timestamp(end), inclusive="left").all()
    assert len(cut) < len(EVENTS)
    with pytest.raises(sl.DataError, match="lies before"):
        window(EVENTS, end, start)
    write(begun, tmp_path / "x.parquet")
    assert len(read(tmp_path / "x.parquet")) == len(begun)
