"""Grouped counts: the same on every engine, and against counting row by row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_lab.analysis.counts import added, grouped
from session_lab.analysis.observation import doubled
from session_lab.errors import DataError
from session_lab.frames.build import TEXT_DTYPE
from tests.engine_frames import ENGINES, to_pandas
from tests.strategies import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3_600_000
SCHEMA = pa.schema(
    {
        "tags": pa.list_(pa.string()),
        "status": pa.dictionary(pa.int32(), pa.string()),
        "cached": pa.bool_(),
        "code": pa.int64(),
        "at": pa.timestamp("ms", "UTC"),
        "waited": pa.duration("ms"),
    }
)
KEYS = list(SCHEMA.names)
EVERY = {"at": "1h", "waited": "5s"}

texts = st.sampled_from(["vip", "env:prod", "ü", "", "👩‍👩‍👧", "a,b"])
rows = st.fixed_dictionaries(
    {
        "tags": st.none() | st.lists(st.none() | texts, max_size=4),
        "status": st.none() | st.sampled_from(["ACTIVE", "CLOSED"]),
        "cached": st.none() | st.booleans(),
        "code": st.none() | st.sampled_from([200, 409]),
        "at": st.none() | st.integers(ORIGIN - 2 * HOUR, ORIGIN + 2 * HOUR),
        "waited": st.none() | st.integers(-7_000, 12_000),
    }
)
tables = st.lists(rows, max_size=8)
by_engine = settings(max_examples=settings().max_examples // 12)


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def engine(request: pytest.FixtureRequest) -> Callable[[pa.Table], Any]:
    return request.param


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def by_hand(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Count every combination of keys, row by row."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        at = None if row["at"] is None else row["at"] // HOUR * HOUR
        waited = None if row["waited"] is None else row["waited"] // 5_000 * 5_000
        tags = {tag for tag in row["tags"] or () if tag is not None} if row["tags"] else {None}
        for tag in tags:
            counts[tag, row["status"], row["cached"], row["code"], at, waited] += 1
    return counts


def as_counter(counts: pd.DataFrame) -> Counter[tuple[Any, ...]]:
    plain = counts.assign(
        at=counts["at"].astype("int64").where(counts["at"].notna()),
        waited=counts["waited"].astype("int64").where(counts["waited"].notna()),
    )
    return Counter(
        {
            tuple(None if pd.isna(value) else value for value in row[:-1]): row[-1]
            for row in plain.itertuples(index=False)
        }
    )


@by_engine
@given(tables)
def test_counts_are_those_of_counting_row_by_row_on_every_engine(rows: list[dict[str, Any]]):
    expected = by_hand(rows)
    for make in ENGINES.values():
        counts = grouped(make(table(rows)), KEYS, every=EVERY, explode="tags")
        assert as_counter(counts) == expected


@by_engine
@given(tables, st.integers(0, 8))
def test_counts_of_parts_add_up_on_every_engine(rows: list[dict[str, Any]], cut: int):
    whole = grouped(table(rows), KEYS, every=EVERY, explode="tags")
    for make in ENGINES.values():
        parts = [
            grouped(make(table(part)), KEYS, every=EVERY, explode="tags")
            for part in (rows[:cut], rows[cut:])
        ]
        pd.testing.assert_frame_equal(added(parts), whole)


@by_engine
@given(tables)
def test_without_exploding_every_row_counts_once(rows: list[dict[str, Any]]):
    for make in ENGINES.values():
        frame = make(table(rows))
        expected = Counter((row["status"], row["code"]) for row in rows)
        counts = grouped(frame, ["status", "code"])
        found = {
            (None if pd.isna(status) else status, None if pd.isna(code) else code): n
            for status, code, n in counts.itertuples(index=False)
        }
        assert found == expected
        assert grouped(frame, [])["n"].tolist() == [len(rows)]


def test_the_table_is_in_order_and_has_the_dtypes_of_frames(engine: Callable[[pa.Table], Any]):
    given = table(
        [
            {
                "tags": ["b", "a", "b"],
                "at": ORIGIN + 1,
                "waited": 6_000,
                "cached": True,
                "code": 200,
            },
            {"tags": [], "at": None, "waited": None, "cached": None, "code": None},
        ]
    )
    counts = grouped(
        engine(given), ["tags", "at", "waited", "cached", "code"], every=EVERY, explode="tags"
    )
    assert counts["tags"].tolist() == ["a", "b", pd.NA]
    assert list(map(str, counts.dtypes)) == [
        "string",
        "datetime64[ms, UTC]",
        "timedelta64[ms]",
        "boolean",
        "Int64",
        "int64",
    ]
    assert counts["at"].iloc[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert counts["waited"].iloc[0] == pd.Timedelta("5s")
    assert counts.isna().to_numpy()[-1].tolist() == [True] * 5 + [False]


def test_an_empty_frame_has_no_counts(engine: Callable[[pa.Table], Any]):
    empty = engine(table([]))
    assert len(grouped(empty, ["tags", "status"], explode="tags")) == 0
    assert grouped(empty, [])["n"].tolist() == [0]


def test_weeks_begin_on_mondays_and_days_at_midnight(engine: Callable[[pa.Table], Any]):
    sunday = pd.Timestamp("2026-01-04T23:59:59.999Z").value // 1_000_000
    given = engine(table([{"at": sunday}, {"at": sunday + 1}]))
    weeks = grouped(given, ["at"], every={"at": "1w"})["at"]
    assert [f"{week:%a %F}" for week in weeks] == ["Mon 2025-12-29", "Mon 2026-01-05"]
    days = grouped(given, ["at"], every={"at": "1d"})["at"]
    assert [f"{day:%F %T}" for day in days] == ["2026-01-04 00:00:00", "2026-01-05 00:00:00"]


def test_times_in_another_zone_count_in_utc():
    at = pd.Series(pd.to_datetime(["2026-01-01T00:30:00+01:00"])).dt.tz_convert("Europe/Berlin")
    frame = pd.DataFrame({"at": at})
    for other in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        days = grouped(other, ["at"], every={"at": "1d"})["at"]
        assert days.tolist() == [pd.Timestamp("2025-12-31", tz="UTC")]


def test_lists_of_plain_python_count_too():
    frame = pd.DataFrame({"tags": [["a", "a"], None, ["b"]]})
    counts = grouped(frame, ["tags"], explode="tags")
    assert counts["n"].tolist() == [1, 1, 1]


def test_a_column_without_any_value_counts_as_missing():
    frame = pd.DataFrame({"tags": [None, None], "status": [None, None]})
    counts = grouped(frame, ["tags", "status"], explode="tags")
    assert counts.isna().to_numpy().tolist() == [[True, True, False]]
    assert counts["n"].tolist() == [2]


def test_a_column_that_pandas_took_for_floats_counts_as_missing():
    frame = pd.DataFrame({"tags": [np.nan, np.nan]})
    assert grouped(frame, ["tags"], explode="tags")["n"].tolist() == [2]
    assert len(grouped(frame.iloc[:0], ["tags"], explode="tags")) == 0


def test_a_missing_column_is_named_with_those_there_are(engine: Callable[[pa.Table], Any]):
    with pytest.raises(DataError, match="plan: the column is missing; the frame has tags, status"):
        grouped(engine(table([{"code": 200}])), ["plan"])


@pytest.mark.parametrize(
    ("column", "options", "problem"),
    [
        ("at", {}, "state a resolution"),
        ("waited", {}, "state a resolution"),
        ("code", {"every": {"code": "1s"}}, "only times have bins"),
        ("status", {"explode": "status"}, "lists of text are expected"),
        ("tags", {}, "cannot be counted"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    engine: Callable[[pa.Table], Any], column: str, options: dict[str, Any], problem: str
):
    with pytest.raises(DataError, match=f"^{column}: .*{problem}"):
        grouped(engine(table([{"code": 200, "status": "ACTIVE"}])), [column], **options)


def test_other_bad_input_is_refused():
    frame = to_pandas(table([{"code": 200}]))
    with pytest.raises(DataError, match="no zone"):
        grouped(frame.assign(at=pd.Timestamp("2026-01-01")), ["at"], every={"at": "1d"})
    with pytest.raises(DataError, match="longer than nothing"):
        grouped(frame, ["at"], every={"at": "0s"})
    with pytest.raises(DataError, match="several columns have this name"):
        grouped(pd.concat([frame, frame], axis=1), ["code"])
    with pytest.raises(DataError, match="several kinds"):
        grouped(pd.DataFrame({"status": ["ACTIVE", 3.5, ["x"]]}), ["status"])
    with pytest.raises(DataError, match="Float64 cannot be counted"):
        grouped(pd.DataFrame({"cost": np.ones(2)}), ["cost"])
    with pytest.raises(DataError, match="dict is not a frame"):
        grouped({"status": ["ACTIVE"]}, ["status"])  # type: ignore[type-var]
    with pytest.raises(DataError, match="give the column another name"):
        grouped(pd.DataFrame({"n": ["a"]}), ["n"])


# Old pandas takes what differs behind a zero byte only for one category.
ids = st.lists(
    st.none()
    | st.text(st.sampled_from("ab\x01é"), min_size=1, max_size=18)
    | st.text("ab", min_size=9, max_size=9),
    max_size=12,
)


@given(ids)
def test_ids_that_stand_there_already_are_counted(values: list[str | None]):
    for dtype in (TEXT_DTYPE, "category", object, pd.ArrowDtype(pa.large_string())):
        column = pd.Series(values, dtype=dtype)
        for start in (0, 2):
            present = [value for value in values[start:] if value is not None]
            assert doubled(column.iloc[start:]) == len(present) - len(set(present))
