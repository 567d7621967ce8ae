"""A log in Parquet shards adds up to what it is in one piece."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import session_lab as sl
from session_lab.errors import DataError
from session_lab.traffic.played_shards import play_shards

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLICY = sl.RunPolicy(turn_timeout="10m")
PLATFORM = sl.Platform(resume_time="1s", crash_rate=0.2)
IDS = 7_000_000_000


def events(n: int = 4_000, *, sparse: bool = False) -> pd.DataFrame:
    random = np.random.default_rng(3)
    ids = IDS + random.integers(0, 300, n) * (10**7 if sparse else 1)
    return pd.DataFrame(
        {
            "at": 1_767_225_600_000 + random.integers(0, 3_600_000, n),
            "op": random.choice(
                ["start", "message", "close", "retrieve"], n, p=[0.2, 0.6, 0.1, 0.1]
            ),
            "external_id": ids,
            "turn_duration": random.integers(0, 30_000, n),
        }
    )


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Say whole milliseconds as instants and durations."""
    return frame.assign(
        at=pd.to_datetime(frame["at"], unit="ms", utc=True),
        turn_duration=pd.to_timedelta(frame["turn_duration"], unit="ms"),
    )


def in_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    places = {"start": 0, "message": 1, "close": 2, "retrieve": 3}
    return frame.assign(op=frame["op"].map(places).astype("int8"))


def write(frame: pd.DataFrame, folder: Path, n: int = 3) -> Path:
    for shard in range(n):
        mine = frame[frame["external_id"] // 10 % n == shard]
        mine.to_parquet(folder / f"part-{shard}.parquet", index=False)
    return folder


@pytest.mark.parametrize("sparse", [False, True], ids=["dense ids", "sparse ids"])
@pytest.mark.parametrize("form", [in_words, in_numbers])
@pytest.mark.parametrize("workers", [1, 3])
def test_shards_add_up_to_the_replay_of_the_whole(
    tmp_path: Path, form: Callable[[pd.DataFrame], pd.DataFrame], workers: int, *, sparse: bool
):
    frame = events(sparse=sparse)
    outcome = play_shards(write(form(frame), tmp_path), POLICY, PLATFORM, seed=4, workers=workers)
    summary = sl.replay(in_words(frame), POLICY, PLATFORM, seed=4).summary()
    assert outcome.events == len(frame)
    assert outcome.billed == summary.time["billed"]
    assert outcome.suspended == summary.time["suspended"]
    assert outcome.answers == summary.outcomes
    assert outcome.runs == summary.totals["runs"]
    for counts, expected in (
        (outcome.start_kinds, summary.start_kinds),
        (outcome.end_causes, summary.end_causes),
        (outcome.reasons, summary.reasons),
    ):
        assert {name: n for name, n in counts.items() if n} == expected
    below_a_minute = [q for q in ("p50", "p90", "p95", "p99") if summary.waits[q] < 2**16]
    assert below_a_minute
    for name in below_a_minute:
        assert outcome.wait(int(name[1:]) / 100) == summary.waits[name]


@pytest.mark.parametrize("categories", [False, True])
def test_external_ids_of_text_play_as_those_of_numbers(tmp_path: Path, *, categories: bool):
    frame = in_words(events()).sort_values("at", kind="stable")
    summary = sl.replay(frame, POLICY, PLATFORM, seed=4).summary()
    paths = sl.traffic.write_shards(frame.astype({"external_id": str}), tmp_path, shards=3)
    if categories:
        for path in paths:
            shard = pd.read_parquet(path)
            shard.astype({"external_id": "category"}).to_parquet(path, index=False)
    outcome = play_shards(tmp_path, POLICY, PLATFORM, seed=4)
    assert outcome.answers == summary.outcomes
    assert outcome.billed == summary.time["billed"]
    crashes = outcome.end_causes["crash"]
    assert crashes == summary.end_causes["crash"] > 0


def refusal(shards: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        play_shards(shards, POLICY, PLATFORM)
    return caught.value


def test_a_shard_that_was_cut_short_is_named(tmp_path: Path):
    write(events(), tmp_path)
    shard = tmp_path / "part-1.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    assert refusal(tmp_path).source == shard.name


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "noon"),
        ("op", "sing"),
        ("op", 4),
        ("external_id", -1),
        ("external_id", 1.5),
        ("at", -1),
        ("at", pd.Timestamp("2026-01-01T09:00:00")),
        ("turn_duration", -1),
        ("turn_duration", 2**62),
        ("turn_duration", pd.Timedelta("-1s")),
        ("expires_at", -1),
        ("expires_at", 2**62),
    ],
)
def test_a_shard_with_another_kind_of_column_is_named(tmp_path: Path, column: str, value: object):
    write(events(), tmp_path)
    shard = tmp_path / "part-2.parquet"
    frame = pd.read_parquet(shard)
    frame[column] = [value] * len(frame)
    frame.to_parquet(shard, index=False)
    error = refusal(tmp_path)
    assert (error.source, error.column) == (shard.name, column)


def test_a_bad_value_far_down_a_shard_is_named_with_its_row(tmp_path: Path):
    n = 300_000
    frame = in_numbers(events()).iloc[np.arange(n) % 4_000].reset_index(drop=True)
    frame.loc[n - 2, "op"] = 9
    frame.to_parquet(tmp_path / "part-0.parquet", index=False)
    error = refusal(tmp_path)
    assert (error.row, error.column) == (n - 2, "op")
    assert "9 is not the place of an operation" in str(error)


def test_a_shard_without_a_column_is_named(tmp_path: Path):
    write(events(), tmp_path)
    shard = tmp_path / "part-0.parquet"
    pd.read_parquet(shard).drop(columns="op").to_parquet(shard, index=False)
    error = refusal(tmp_path)
    assert (error.source, error.column) == (shard.name, "op")
    assert "external_id" in str(error)


@pytest.mark.parametrize(
    ("column", "values"),
    [("at", [1, None]), ("external_id", [1, None]), ("external_id", ["a", None])],
)
def test_a_missing_value_is_refused(tmp_path: Path, column: str, values: list[object]):
    table = pa.table({"at": [1, 2], "op": [0, 1], "external_id": [1, 1]} | {column: values})
    pq.write_table(table, tmp_path / "one.parquet")
    error = refusal(tmp_path)
    assert error.column == column
    assert "missing" in str(error)


def test_a_directory_without_shards_is_refused(tmp_path: Path):
    assert str(tmp_path) in str(refusal(tmp_path))


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("turn_duration", -5, "-5 ms is negative"),
        ("turn_duration", 10**13, "is longer than a century"),
        ("expires_at", -1, "lies outside the years 1970 to 9999"),
        ("at", "noon", "'noon' is not an ISO 8601 time"),
        ("op", "sing", "'sing' is not an operation"),
        ("external_id", "", "cannot be an external id"),
        ("external_id", "session_1", "cannot be an external id"),
        ("external_id", 1.0, "1.0 is neither text nor a whole number"),
    ],
)
def test_a_shard_is_held_to_what_every_event_is_held_to(
    tmp_path: Path, column: str, value: object, problem: str
):
    good = {"at": 1, "op": "start", "external_id": 1}
    words = {"op": "start", "at": "2026-01-01T00:00:00Z", "external_id": "a"}
    first = words[column] if isinstance(value, str) else 1.0 if isinstance(value, float) else 1
    table = {name: [one, one] for name, one in good.items()} | {column: [first, value]}
    pq.write_table(pa.table(table), tmp_path / "one.parquet")
    error = refusal(tmp_path)
    row = 0 if isinstance(value, float) else 1
    assert (error.source, error.row, error.column) == ("one.parquet", row, column)
    assert problem in str(error)


def test_an_outcome_is_sent_to_others_as_the_bins_that_count_anything(tmp_path: Path):
    events = sl.traffic.generate(sl.ChatWorkload(duration="2h"), seed=2)
    sl.traffic.write_shards(events, tmp_path, shards=1)
    slow = sl.Platform(boot_time=sl.Distribution({0: "1s", 1: "30m"}))
    outcome = play_shards(tmp_path, sl.RunPolicy(), slow)
    sent = pickle.dumps(outcome)
    assert len(sent) < 50_000
    again = pickle.loads(sent)  # noqa: S301 (made one line above)
    for one, other in zip(again.tally, outcome.tally, strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.wait(0.99) == outcome.wait(0.99) > 65_536
