"""Selections: what they accept, and which sessions they keep."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import SESSIONS, Selection, empty, select
from session_lab.timing import instant_text
from tests.widgets.sessions import DAY, ORIGIN, sessions_frame
from tests.widgets.states import kept_by_hand, selections

SESSIONS_FRAME = sessions_frame()
ROWS = SESSIONS_FRAME.to_dict("records")


def test_one_value_may_be_given_as_text():
    assert Selection(status="CLOSED", tags=["b", "a", "b"]) == Selection(
        status=("CLOSED",), tags=("b", "a")
    )


def test_times_are_kept_in_utc():
    selection = Selection(created_from="2026-01-02T01:00:00+01:00")
    assert selection.created_from == "2026-01-02T00:00:00.000Z"
    assert selection == Selection(created_from=pd.Timestamp("2026-01-02", tz="UTC"))


def test_only_what_narrows_the_choice_is_shown():
    assert repr(Selection(match="all", type=("chat",))) == "Selection(type=('chat',), match='all')"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": 3}, "status: 3 is neither text"),
        ({"tags": (1,)}, "tags: (1,) is neither text"),
        ({"match": "some"}, "match: 'some' is not one of 'any', 'all'"),
        ({"created_from": "yesterday"}, "created_from: 'yesterday' is not an ISO 8601 time"),
        (
            {"created_from": "2026-01-02T00:00Z", "created_to": "2026-01-02T00:00Z"},
            "is not after created_from",
        ),
    ],
)
def test_a_selection_that_means_nothing_is_refused(fields: dict[str, object], told: str):
    with pytest.raises(sl.DataError) as caught:
        Selection(**fields)
    assert told in str(caught.value)


@given(selection=selections())
def test_select_keeps_what_reading_row_by_row_keeps(selection: Selection):
    found = select(SESSIONS_FRAME, **selection.criteria)
    pd.testing.assert_frame_equal(found, SESSIONS_FRAME[kept_by_hand(ROWS, selection)])


def test_a_window_takes_its_beginning_and_leaves_its_end():
    created = pd.to_datetime([ORIGIN, ORIGIN + DAY], unit="ms", utc=True)
    df = pd.DataFrame({"created_at": created})
    window = {"created_from": instant_text(ORIGIN), "created_to": instant_text(ORIGIN + DAY)}
    assert select(df, **window).index.tolist() == [0]


@given(st.sampled_from(["created_from", "created_to"]))
def test_a_session_without_a_time_lies_in_no_window(bound: str):
    df = pd.DataFrame({"created_at": pd.Series([pd.NaT], dtype="datetime64[ms, UTC]")})
    assert select(df, **{bound: "2026-01-01T00:00Z"}).empty


def test_a_value_that_no_session_has_is_refused_with_those_there_are():
    with pytest.raises(sl.DataError, match=r"type: 'chat' is not one of 'batch', 'chat\.agent'"):
        select(SESSIONS_FRAME, type="chat")
    with pytest.raises(sl.DataError, match=r"tags: 'gold' is not one of .* and 1 more"):
        select(SESSIONS_FRAME, tags="gold")


def test_a_status_that_no_session_has_keeps_none():
    df = pd.DataFrame({"status": ["ACTIVE"]})
    assert select(df, status="CLOSED").empty


def test_a_missing_column_is_told():
    with pytest.raises(sl.DataError, match="tags: the column is missing; the frame has status"):
        select(pd.DataFrame({"status": ["ACTIVE"]}), tags="vip")
    with pytest.raises(sl.DataError, match="created_at: the column holds int64"):
        select(pd.DataFrame({"created_at": [1]}), created_from="2026-01-01T00:00Z")


def test_a_frame_without_rows_can_be_selected_from():
    assert select(empty(SESSIONS), status="CLOSED", created_from="2026-01-01T00:00Z").empty


def test_what_is_no_frame_is_refused():
    with pytest.raises(sl.DataError, match="list is not a pandas DataFrame"):
        select([])
