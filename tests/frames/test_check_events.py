"""Frames of events that users hand in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from session_lab.errors import DataError
from session_lab.frames import check_events
from tests.stories import instant

TIMES = pd.to_datetime(["2026-01-01T00:00:00Z", "2026-01-01T00:00:01.5Z"], format="ISO8601")


def frame(**columns: Any) -> pd.DataFrame:
    """Make a good frame of two events, with some columns replaced or added."""
    good = {"at": TIMES, "op": ["start", "message"], "external_id": ["a", "b"]}
    return pd.DataFrame({**good, **columns})


def objects(*values: object) -> pd.Series:
    return pd.Series(values, dtype=object)


def refusal(events: pd.DataFrame) -> DataError:
    with pytest.raises(DataError) as caught:
        check_events(events)
    assert caught.value.source == "events"
    return caught.value


def test_a_good_frame_keeps_its_values():
    checked = check_events(frame())
    assert checked["at"].tolist() == [instant(0), instant(1500)]
    assert checked["op"].tolist() == ["start", "message"]
    assert checked["external_id"].tolist() == ["a", "b"]


def test_the_frame_that_was_handed_in_is_left_alone():
    given = frame(tags=objects(["x"], None))
    before = given.copy(deep=True)
    check_events(given)
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_in_any_unit_are_accepted(unit: str):
    times = TIMES.as_unit(unit)
    expected = [instant(0), instant(1000 if unit == "s" else 1500)]
    assert check_events(frame(at=times, expires_at=times))["at"].tolist() == expected


def test_digits_below_a_millisecond_are_cut_off():
    times = pd.to_datetime(["2026-01-01T00:00:00.000999999Z"] * 2, format="ISO8601")
    assert check_events(frame(at=times))["at"].tolist() == [instant(0)] * 2


def test_times_in_any_zone_are_accepted():
    assert check_events(frame(at=TIMES.tz_convert("Asia/Tokyo")))["at"].tolist() == list(TIMES)


def test_any_index_is_accepted_and_replaced():
    checked = check_events(frame().set_axis([7, 7]))
    assert checked.index.tolist() == [0, 1]
    labelled = frame().set_index("op", append=True, drop=False)
    assert check_events(labelled)["op"].tolist() == ["start", "message"]


def test_columns_of_no_concern_are_left_out_and_attributes_are_kept():
    given = frame(colour=["red", "blue"])
    given.attrs["source"] = "a.csv"
    checked = check_events(given)
    assert "colour" not in checked
    assert checked.attrs == {"source": "a.csv"}


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "b"],
        pd.Categorical(["a", "b"], categories=["b", "z", "a"]),
        objects("a", "b"),
        pd.array(["a", "b"], dtype="string[python]"),
        pd.array(["a", "b"], dtype="string[pyarrow]"),
        pd.array(["a", "b"], dtype=pd.ArrowDtype(pa.string())),
    ],
)
def test_ids_may_be_text_of_any_kind(ids: Any):
    assert check_events(frame(external_id=ids))["external_id"].tolist() == ["a", "b"]


@pytest.mark.parametrize("ids", [[7, 8], objects(7, 8), pd.array([7, 8], dtype="Int64")])
def test_ids_may_be_whole_numbers_throughout(ids: Any):
    assert check_events(frame(external_id=ids))["external_id"].tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("ids", "row", "reason"),
    [
        (objects("7", 7), 1, "7 is not str"),
        (objects(7, "7"), 1, "'7' is not int"),
        (objects("a", None), 1, "is missing"),
        (["a", ""], 1, "cannot be an external id"),
        (["session_1", "a"], 0, "cannot be an external id"),
        ([1.0, 2.0], None, "float64 where text"),
        ([True, False], None, "bool where text"),
        (objects("a", "\ud800"), 1, "half of a character"),
    ],
)
def test_other_ids_are_refused(ids: Any, row: int | None, reason: str):
    error = refusal(frame(external_id=ids))
    assert (error.row, error.column) == (row, "external_id")
    assert reason in str(error)


@pytest.mark.parametrize(
    "operations",
    [["start", "close"], pd.Categorical(["start", "close"]), objects("start", "close")],
)
def test_operations_may_be_text_or_categories(operations: Any):
    checked = check_events(frame(op=operations))
    assert checked["op"].tolist() == ["start", "close"]
    assert list(checked["op"].cat.categories) == ["start", "message", "close", "retrieve"]


@pytest.mark.parametrize("operation", ["stop", "", "START", None])
def test_an_unknown_operation_is_refused_with_its_row(operation: str | None):
    error = refusal(frame(op=objects("start", operation)))
    assert (error.row, error.column) == (1, "op")


@pytest.mark.parametrize(
    "times",
    [
        TIMES.tz_localize(None),
        ["2026-01-01T00:00:00Z"] * 2,
        [0, 1],
        [0.5, 1.5],
        TIMES.astype(object),
        TIMES - TIMES[0],
    ],
)
@pytest.mark.parametrize("column", ["at", "expires_at"])
def test_a_column_of_times_that_are_none_or_have_no_zone_is_refused(column: str, times: Any):
    error = refusal(frame(**{column: times}))
    assert (error.row, error.column) == (None, column)
    assert "times with a zone, such as datetime64[ms, UTC]" in str(error)


def test_a_missing_time_is_refused_with_its_row():
    error = refusal(frame(at=[TIMES[0], pd.NaT]))
    assert (error.row, error.column) == (1, "at")
    assert refusal(frame(at=[None, None])).row == 0


@pytest.mark.parametrize("seconds", [-1, -(2**55), 253_402_300_800, 2**55])
@pytest.mark.parametrize("column", ["at", "expires_at"])
def test_times_outside_1970_to_9999_are_refused_with_their_row(column: str, seconds: int):
    times = pd.Series(np.array([0, seconds], dtype="datetime64[s]")).dt.tz_localize("UTC")
    error = refusal(frame(**{column: times}))
    assert (error.row, error.column) == (1, column)
    assert "1970 to 9999" in str(error)


def test_the_first_and_the_last_millisecond_are_accepted():
    times = pd.Series(np.array([0, 253_402_300_799_999], dtype="datetime64[ms]"))
    assert check_events(frame(at=times.dt.tz_localize("UTC")))["at"].notna().all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_in_any_unit_are_accepted_and_may_be_missing(unit: str):
    spans = pd.to_timedelta(["2s", None]).as_unit(unit)
    checked = check_events(frame(turn_duration=spans))["turn_duration"]
    assert checked[0] == pd.Timedelta("2s")
    assert pd.isna(checked[1])


@pytest.mark.parametrize("spans", [[None, None], [np.nan, np.nan], [pd.NaT, pd.NaT]])
def test_a_column_of_nothing_is_missing_throughout(spans: Any):
    checked = check_events(frame(turn_duration=spans, expires_at=spans, tags=spans, type=spans))
    assert checked[["turn_duration", "expires_at", "tags", "type"]].isna().to_numpy().all()


@pytest.mark.parametrize("spans", [[1, 2], [1.5, 2.5], ["1s", "2s"], TIMES])
def test_a_column_of_durations_that_are_none_is_refused(spans: Any):
    error = refusal(frame(turn_duration=spans))
    assert (error.row, error.column) == (None, "turn_duration")
    assert "timedelta64[ms]" in str(error)


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(-1, "negative"), (2**55, "century"), (100 * 365 * 86_400 + 1, "century")],
)
def test_durations_out_of_range_are_refused_with_their_row(seconds: int, reason: str):
    error = refusal(frame(turn_duration=np.array([0, seconds], dtype="timedelta64[s]")))
    assert (error.row, error.column) == (1, "turn_duration")
    assert reason in str(error)


@pytest.mark.parametrize(
    "tags",
    [
        objects(["x", "y"], None),
        objects(["x", "y"], np.nan),
        objects(("x", "y"), pd.NA),
        objects(np.array(["x", "y"]), None),
        pd.Series([["x", "y"], None], dtype=pd.ArrowDtype(pa.list_(pa.string()))),
    ],
)
def test_tags_may_be_lists_of_any_kind_and_may_be_missing(tags: Any):
    checked = check_events(frame(tags=tags))["tags"]
    assert list(checked[0]) == ["x", "y"]
    assert pd.isna(checked[1])


def test_no_tags_are_something_else_than_missing_tags():
    checked = check_events(frame(tags=objects([], None)))["tags"]
    assert checked.isna().tolist() == [False, True]


@pytest.mark.parametrize("tags", ["x", 5, {"x": 1}, ["x", None], ["x", 1], [["x"]], ["\udfff"]])
def test_other_tags_are_refused_with_their_row(tags: object):
    error = refusal(frame(tags=objects(None, tags)))
    assert (error.row, error.column) == (1, "tags")


@pytest.mark.parametrize("column", ["at", "op", "external_id"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(column: str):
    error = refusal(frame().drop(columns=column))
    assert error.column == column
    assert all(name in str(error) for name in {"at", "op", "external_id"} - {column})


def test_a_frame_without_columns_is_refused():
    assert "no columns" in str(refusal(pd.DataFrame()))


def test_two_columns_of_one_name_are_refused():
    error = refusal(pd.concat([frame(), frame()[["op"]]], axis=1))
    assert error.column == "op"
    assert "several columns" in str(error)
