"""The explorer of churn: the twin's numbers, and messages in the place of tracebacks."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import RUNS as SCHEMA
from session_lab.frames import empty
from session_lab.widgets import ChurnExplorer, ChurnState, Selection
from session_lab.widgets.churn import ChurnView
from session_lab.widgets.data.belonging import OwnedRows
from tests.widgets.looking import control, picture, text
from tests.widgets.replays import OPERATIONS, RUNS, SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VIEWS = get_args(ChurnView)
NAMES = {"sl": sl, "sessions": SESSIONS, "runs": RUNS, "operations": OPERATIONS}
states = st.builds(
    ChurnState,
    selection=st.builds(
        Selection,
        status=st.sampled_from([(), ("ACTIVE",), ("CLOSED", "EXPIRED")]),
        type=st.sampled_from([(), ("batch",), ("chat.agent",)]),
        tags=st.sampled_from([(), ("vip",)]),
        created_from=st.none() | st.sampled_from(["2026-01-01T05:00:00Z", "2026-01-02T00:00:00Z"]),
        created_to=st.none() | st.sampled_from(["2026-01-02T12:00:00Z", "2026-01-04T00:00:00Z"]),
    ),
    view=st.sampled_from(VIEWS),
    freq=st.sampled_from(["1d", "1w"]),
    day=st.sampled_from(["calendar", "elapsed"]),
)


ORDERED = OPERATIONS.sort_values("at", kind="stable")
"""As a log has them; then only what tells of days is kept."""


@pytest.fixture(scope="module", params=[ORDERED, None], ids=["with operations", "runs alone"])
def explorer(request: pytest.FixtureRequest) -> Iterator[ChurnExplorer]:
    made = ChurnExplorer(RUNS, SESSIONS, request.param)
    made.hide()
    yield made
    made.close()


@given(state=states)
def test_churn_is_that_of_the_twin_on_the_runs_of_the_sessions(
    explorer: ChurnExplorer, state: ChurnState
):
    explorer.state = state
    sessions = sl.select(SESSIONS, **state.selection.criteria)
    kept = set(sessions["session_id"])
    by_operations = state.view == "cohorts" and "operations" in explorer.code()
    frame = OPERATIONS if by_operations else RUNS
    if state.selection.criteria:
        frame = frame[[one in kept for one in frame["session_id"]]]
    also = (sessions,) if state.view in {"runs_per_session", "rate"} else ()
    twin = getattr(sl.churn, state.view)
    expected = outcome(lambda: twin(frame, *also, **state.options))
    for result in (outcome(explorer.data), outcome(lambda: eval(explorer.code(), NAMES))):  # noqa: S307
        assert type(result) is type(expected)
        if isinstance(expected, str):
            assert result == expected
        else:
            assert result.notes == expected.notes
            pd.testing.assert_frame_equal(result.to_frame(), expected.to_frame(), check_exact=True)


def outcome(compute: Callable[[], Any]) -> Any:
    """Return the result, or what is wrong with the data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SessionLabWarning)
        try:
            return compute()
        except sl.DataError as error:
            return str(error)


def test_cohorts_are_of_operations_where_there_are_some():
    explorer = ChurnExplorer(RUNS, SESSIONS, OPERATIONS)
    control(explorer, "Show").value = "cohorts"
    assert explorer.code() == "sl.churn.cohorts(operations, freq='1d', day='calendar')"
    explorer.close()


def test_operations_that_tell_nothing_new_of_days_are_not_kept():
    kept = OwnedRows(ORDERED, SESSIONS, ("external_id", "at"), ("session_id",)).rows(None)
    assert len(kept) < len(ORDERED)
    unknown = ORDERED.copy()
    unknown.attrs.clear()
    for frame in (
        OPERATIONS,
        unknown,
    ):  # Neither in order, nor observed until a time that is known.
        whole = OwnedRows(frame, SESSIONS, ("external_id", "at"), ("session_id",)).rows(None)
        assert len(whole) == len(ORDERED)


def test_every_view_has_a_picture_and_a_table():
    explorer = ChurnExplorer(RUNS, SESSIONS, OPERATIONS)
    seen = set()
    for view in VIEWS:
        explorer.state = replace(explorer.state, view=view)
        assert "<table" in text(explorer)
        seen.add(picture(explorer))
    assert len(seen) == len(VIEWS)
    explorer.close()


def test_runs_alone_have_no_rate():
    explorer = ChurnExplorer(RUNS)
    views = dict(control(explorer, "Show").options)
    assert "rate" not in views.values()
    explorer.state = ChurnState(view="rate")
    assert "needs the sessions" in text(explorer)
    explorer.close()


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (empty(SCHEMA), "there are no runs"),
        (pd.DataFrame(), "there are no runs"),
        (pd.DataFrame({"status": ["x"]}), "session_id: the column is missing"),
    ],
)
@pytest.mark.parametrize("sessions", [None, SESSIONS])
def test_frames_without_runs_say_so(runs: pd.DataFrame, said: str, sessions: pd.DataFrame | None):
    explorer = ChurnExplorer(runs, sessions)
    assert said in text(explorer) or "nothing is selected" in text(explorer)
    assert not picture(explorer)
    explorer.close()


@pytest.mark.parametrize("sessions", [None, SESSIONS])
@pytest.mark.parametrize("view", VIEWS)
def test_runs_whose_columns_are_all_missing_open(view: Any, sessions: pd.DataFrame | None):
    explorer = ChurnExplorer(
        pd.DataFrame(None, index=range(3), columns=list(RUNS.columns)), sessions
    )
    explorer.state = ChurnState(view=view)
    assert "Working" not in text(explorer)
    assert ("<table" in text(explorer)) == bool(picture(explorer))
    explorer.close()


def test_selected_sessions_without_a_run_say_so():
    explorer = ChurnExplorer(RUNS.head(1), SESSIONS)
    first = RUNS["session_id"].iloc[0]
    other = SESSIONS[SESSIONS["session_id"] != first].iloc[0]
    at = other["created_at"]
    explorer.state = ChurnState(
        view="reasons",
        selection=Selection(created_from=at, created_to=at + pd.Timedelta("1ms")),
    )
    assert "the sessions selected have no runs" in text(explorer)
    explorer.close()


def test_rows_belong_by_session_id_or_else_by_external_id():
    sessions = pd.DataFrame({"session_id": ["a"], "external_id": ["x"]})
    runs = pd.DataFrame({"session_id": ["a", None, "b"]})
    events = pd.DataFrame({"external_id": ["y", "x"]})
    assert sl.of_sessions(runs, sessions).index.tolist() == [0]
    assert sl.of_sessions(events, sessions).index.tolist() == [1]
    with pytest.raises(sl.DataError, match="in common"):
        sl.of_sessions(pd.DataFrame({"run_id": ["r"]}), sessions)
