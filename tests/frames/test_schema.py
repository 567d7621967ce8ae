"""The columns of every frame, and their dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.errors import DataError
from session_lab.frames import (
    EVENTS,
    NAT,
    OPERATIONS,
    RUNS,
    SCHEMAS,
    SESSIONS,
    TURNS,
    WAITS,
    Coded,
    Schema,
    build,
    check_events,
    empty,
    milliseconds,
)
from session_lab.frames.tags_dtype import TAGS_DTYPE
from tests.stories import close, message, play, start
from tests.strategies import events_frame

INSTANT = pd.DatetimeTZDtype("ms", "UTC")
DURATION = np.dtype("timedelta64[ms]")
TEXT = pd.StringDtype("pyarrow")
CATEGORY = "category"
TAGS = TAGS_DTYPE

DTYPES: dict[str, dict[str, Any]] = {
    "sessions": {
        "session_id": TEXT,
        "external_id": TEXT,
        "type": CATEGORY,
        "task_identifier": CATEGORY,
        "tags": TAGS,
        "metadata": TEXT,
        "current_run_id": TEXT,
        "created_at": INSTANT,
        "updated_at": INSTANT,
        "closed_at": INSTANT,
        "closed_reason": TEXT,
        "expires_at": INSTANT,
        "status": CATEGORY,
        "ended_at": INSTANT,
        "end_cause": CATEGORY,
        "lifetime": DURATION,
    },
    "runs": {
        "run_id": TEXT,
        "session_id": TEXT,
        "reason": CATEGORY,
        "reason_rule": CATEGORY,
        "status": CATEGORY,
        "triggered_at": INSTANT,
        "started_at": INSTANT,
        "ended_at": INSTANT,
        "end_cause": CATEGORY,
        "end_cause_rule": CATEGORY,
        "turns": np.dtype("int64"),
        "resumes": np.dtype("int64"),
        "active": DURATION,
        "idle": DURATION,
        "suspended": DURATION,
        "billed": DURATION,
        "queued": DURATION,
        "max_duration": DURATION,
        "cost_in_cents": pd.Float64Dtype(),
        "base_cost_in_cents": pd.Float64Dtype(),
        "task_identifier": CATEGORY,
        "task_kind": CATEGORY,
        "version": CATEGORY,
        "machine": CATEGORY,
        "region": CATEGORY,
        "is_warm_start": pd.BooleanDtype(),
        "is_test": pd.BooleanDtype(),
        "tags": TAGS,
        "metadata": TEXT,
        "idempotency_key": TEXT,
        "depth": pd.Int64Dtype(),
        "ttl": CATEGORY,
        "delayed_until": INSTANT,
        "expired_at": INSTANT,
        "updated_at": INSTANT,
    },
    "turns": {
        "session_id": TEXT,
        "external_id": TEXT,
        "run_id": TEXT,
        "number": pd.Int64Dtype(),
        "arrived_at": INSTANT,
        "started_at": INSTANT,
        "ended_at": INSTANT,
        "ended_at_rule": CATEGORY,
        "start_kind": CATEGORY,
        "waited": DURATION,
        "trigger": CATEGORY,
        "first_chunk_at": INSTANT,
    },
    "waits": {
        "session_id": TEXT,
        "run_id": TEXT,
        "number": pd.Int64Dtype(),
        "started_at": INSTANT,
        "suspended_at": INSTANT,
        "ended_at": INSTANT,
    },
    "operations": {
        "at": INSTANT,
        "op": CATEGORY,
        "external_id": TEXT,
        "status_code": np.dtype("int64"),
        "error": CATEGORY,
        "is_cached": pd.BooleanDtype(),
        "session_id": TEXT,
        "run_id": TEXT,
        "start_kind": CATEGORY,
        "waited": DURATION,
        "queued": DURATION,
        "recorded_status": pd.Int64Dtype(),
        "recorded_is_cached": pd.BooleanDtype(),
    },
    "events": {
        "at": INSTANT,
        "op": CATEGORY,
        "external_id": TEXT,
        "turn_duration": DURATION,
        "expires_at": INSTANT,
        "tags": TAGS,
        "type": CATEGORY,
        "task_identifier": CATEGORY,
        "recorded_status": pd.Int64Dtype(),
        "recorded_is_cached": pd.BooleanDtype(),
    },
}
RECORDED = ("recorded_status", "recorded_is_cached")
HISTORY = (start(0, lasting=5, expires_at=40), message(3), message(90), close(91), start(92))


def required(name: str) -> dict[str, Any]:
    """Return the dtypes of the columns that a frame never goes without."""
    optional = {column.name for column in SCHEMAS[name].columns if column.optional}
    return {column: dtype for column, dtype in DTYPES[name].items() if column not in optional}


def assert_dtypes(frame: pd.DataFrame, expected: dict[str, Any]):
    assert list(frame.columns) == list(expected)
    wrong = {name: frame[name].dtype for name in frame if frame[name].dtype != expected[name]}
    assert wrong == {}
    for name, dtype in expected.items():
        if dtype == CATEGORY:
            assert frame[name].cat.categories.dtype == TEXT
            assert not frame[name].cat.ordered
        elif dtype == TEXT:
            assert frame[name].dtype.na_value is pd.NA
            assert frame[name].dtype.storage == "pyarrow"


def test_there_are_six_frames():
    assert list(SCHEMAS) == list(DTYPES)
    assert list(SCHEMAS.values()) == [SESSIONS, RUNS, TURNS, WAITS, OPERATIONS, EVENTS]


@pytest.mark.parametrize("name", DTYPES)
def test_a_schema_names_the_columns_in_order(name: str):
    assert [column.name for column in SCHEMAS[name].columns] == list(DTYPES[name])


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_every_column_says_what_it_means(schema: Schema):
    assert all(column.meaning for column in schema.columns)


@pytest.mark.parametrize("name", ["sessions", "runs", "operations"])
@pytest.mark.parametrize("history", [HISTORY, ()], ids=["full", "empty"])
@pytest.mark.parametrize("until", [None, 4], ids=["to the end", "until"])
def test_the_frames_of_a_replay_have_their_dtypes(name: str, history: Any, until: int | None):
    assert_dtypes(getattr(play(*history, until=until).replay, name), required(name))


def test_operations_keep_the_outcomes_that_were_recorded_with_their_events():
    events = events_frame([start(0), message(3), close(5)]).assign(
        recorded_status=pd.array([201, None, 409], dtype="Int64"),
        recorded_is_cached=pd.array([False, None, None], dtype="boolean"),
    )
    operations = sl.replay(events).operations
    expected = required("operations") | {name: DTYPES["operations"][name] for name in RECORDED}
    assert_dtypes(operations, expected)
    for name in RECORDED:
        pd.testing.assert_series_equal(operations[name], events[name])
    only_status = sl.replay(events.drop(columns="recorded_is_cached")).operations
    assert "recorded_is_cached" not in only_status
    assert only_status["recorded_status"].equals(events["recorded_status"])


@pytest.mark.parametrize("name", DTYPES)
def test_empty_frames_have_their_dtypes(name: str):
    frame = empty(SCHEMAS[name])
    assert_dtypes(frame, required(name))
    assert isinstance(frame.index, pd.RangeIndex)


def test_an_events_frame_has_the_dtypes_of_all_its_columns():
    data = {name: [] for name in DTYPES["events"]}
    assert_dtypes(build(EVENTS, data, n=0), DTYPES["events"])


def test_an_empty_frame_of_events_is_accepted_in_any_dtypes():
    checked = check_events(pd.DataFrame({name: [] for name in DTYPES["events"]}))
    assert_dtypes(checked, DTYPES["events"])
    assert len(sl.replay(checked).operations) == 0


def test_categories_are_the_values_that_the_schema_allows():
    story = play(start(0)).replay
    assert list(story.operations["op"].cat.categories) == ["start", "message", "close", "retrieve"]
    assert list(story.sessions["status"].cat.categories) == ["ACTIVE", "CLOSED", "EXPIRED"]
    assert list(story.sessions["end_cause"].cat.categories) == ["closed", "expired", "open"]
    assert list(story.runs["reason"].cat.categories) == [
        "initial",
        "continuation",
        "upgrade",
        "manual",
    ]


def test_what_is_missing_is_na_in_every_column():
    frame = build(
        EVENTS,
        {
            "at": [0],
            "op": ["start"],
            "external_id": ["a"],
            "turn_duration": [NAT],
            "expires_at": [NAT],
            "tags": [None],
            "type": [None],
            "task_identifier": Coded(np.array([-1]), ["x"]),
        },
        n=1,
    )
    optional = [name for name in frame if name not in required("events")]
    assert frame[optional].isna().to_numpy().all()


def test_a_column_that_the_schema_does_not_have_is_refused():
    with pytest.raises(DataError, match="events frame has no column colour"):
        build(EVENTS, {"colour": []}, n=0)


def test_a_value_outside_the_categories_is_refused_with_the_allowed_ones():
    with pytest.raises(DataError, match=r"'stop' is not one of start, message, close, retrieve"):
        build(EVENTS, {"at": [0], "op": ["stop"], "external_id": ["a"]}, n=1)


def test_an_unused_category_of_the_input_does_no_harm():
    frame = build(
        EVENTS,
        {"at": [0], "op": Coded(np.array([1]), ["stop", "close"]), "external_id": ["a"]},
        n=1,
    )
    assert frame["op"].tolist() == ["close"]


def test_a_count_cannot_be_missing():
    with pytest.raises(DataError, match="turns: the column is required"):
        build(RUNS, {"triggered_at": [0]}, n=1)


def test_a_column_is_found_by_its_name_or_the_known_ones_are_named():
    assert EVENTS.column("op").name == "op"
    with pytest.raises(DataError, match="at, op, external_id"):
        EVENTS.column("when")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_milliseconds_are_the_same_whatever_the_unit_and_zone(unit: str):
    times = pd.Series(pd.to_datetime(["2026-01-01T00:00:01Z", None])).dt.as_unit(unit)
    assert milliseconds(times).tolist() == [1_767_225_601_000, NAT]
    assert milliseconds(times.dt.tz_convert("Asia/Tokyo")).tolist() == [1_767_225_601_000, NAT]
    spans = pd.Series(pd.to_timedelta(["1s", None])).dt.as_unit(unit)
    assert milliseconds(spans).tolist() == [1000, NAT]
