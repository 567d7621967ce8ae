"""Gestures on churn, on what if and on the table of rows: state, data and code stay one."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.widgets import ChurnState, LifetimeState, PolicyState, Selection, TagState
from tests.widgets.looking import text
from tests.widgets.replays import EVENTS, OPERATIONS, RUNS, SESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {"sl": sl, "sessions": SESSIONS, "runs": RUNS, "operations": OPERATIONS, "events": EVENTS}
CONTROLS = st.one_of(
    st.tuples(st.just("idle_timeout"), st.sampled_from(["1s", "30s", "90s", "1h"])),
    st.tuples(st.just("turn_timeout"), st.sampled_from(["1m", "2h"])),
    st.tuples(st.just("max_turns"), st.sampled_from([1, 3, 200])),
    st.tuples(st.just("expiry"), st.sampled_from([None, "1h", "1d"])),
    st.tuples(st.just("boot_time"), st.sampled_from(["0s", "3s"])),
    st.tuples(st.just("resume_time"), st.sampled_from(["0s", "500ms"])),
    st.tuples(st.just("concurrency_limit"), st.sampled_from([None, 1, 5])),
    st.tuples(st.just("is_varied"), st.booleans()),
)
GESTURES = st.one_of(
    st.tuples(st.just("What if"), CONTROLS),
    st.tuples(
        st.just("Churn"),
        st.one_of(
            st.tuples(st.just("view"), st.sampled_from(["gaps", "reasons", "rate", "cohorts"])),
            st.tuples(st.just("freq"), st.sampled_from(["1d", "1w"])),
            st.tuples(st.just("day"), st.sampled_from(["calendar", "elapsed"])),
        ),
    ),
    st.tuples(
        st.just("select"),
        st.sampled_from(
            [{"tags": "vip"}, {"status": "CLOSED"}, {"lifetime_to": "2h"}, {"type": "batch"}]
        ),
    ),
    st.tuples(st.just("browser"), st.sampled_from([{"reset": True}, {"brush": []}, {"pick": "x"}])),
    st.tuples(st.just("sort"), st.sampled_from(["created_at", "tags", "lifetime", "no column"])),
)


@pytest.fixture(scope="module")
def exploration() -> Iterator[Any]:
    made = sl.explore(SESSIONS, RUNS, OPERATIONS, events=EVENTS)
    for explorer in made.explorers.values():
        explorer.show()
        explorer.hide()
    yield made
    made.close()


@settings(max_examples=max(25, settings().max_examples // 4))
@given(moves=st.lists(GESTURES, min_size=1, max_size=6))
def test_whatever_the_gestures_the_data_are_what_the_code_makes(exploration: Any, moves: list[Any]):
    exploration.selection = Selection()
    exploration["What if"].state, exploration["Churn"].state = PolicyState(), ChurnState()
    for kind, what in moves:
        if kind == "select":
            exploration.selection = replace(exploration.selection, **what)
        elif kind == "browser":
            exploration["Churn"]._view._on_message(None, what, [])
        elif kind == "sort":
            before = exploration["Churn"].state
            question = {"window": [0, 5], "by": what, "descending": True}
            exploration._panel.table._on_message(None, question, [])
            assert exploration["Churn"].state == before
        else:
            explorer = exploration[kind]
            explorer.state = replace(explorer.state, **{what[0]: what[1]})
    for title in ("Churn", "What if"):
        explorer = exploration[title]
        assert outcome(explorer.data) == outcome(partial(eval, explorer.code(), NAMES))


def outcome(compute: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SessionLabWarning)
        try:
            result = compute()
        except sl.DataError:
            return "refused"  # A view may say sooner, in words of its own, that there is nothing.
        return (*result.notes, result.to_frame().to_csv())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: sl.explore(SESSIONS, events=EVENTS, policy={"idle": 5}), "is not a RunPolicy"),
        (lambda: sl.explore(SESSIONS, events=EVENTS, policy=sl.Platform()), "is not a RunPolicy"),
        (lambda: sl.explore(SESSIONS, events=EVENTS, platform=5), "platform: 5 is not a Platform"),
        (lambda: PolicyState(is_varied="yes"), "'yes' is neither True nor False"),
        (lambda: TagState(top=True), "True is not a number from 1 to 200"),
        (lambda: LifetimeState(top=True), "True is not a number from 1 to 30"),
    ],
)
def test_settings_of_another_kind_are_refused_by_name(make: Any, told: str):
    with pytest.raises(sl.DataError, match=told):
        make()


@pytest.mark.parametrize(
    ("make", "meant"),
    [
        (lambda: TagState(veiw="drift"), "view"),
        (lambda: Selection(stauts="CLOSED"), "status"),
        (lambda: PolicyState(boot_tme="1s"), "boot_time"),
        (lambda: ChurnState(dya="elapsed"), "day"),
        (lambda: LifetimeState(resolutoin="1m"), "resolution"),
    ],
)
def test_a_mistyped_field_is_answered_with_what_is_meant(make: Any, meant: str):
    with pytest.raises(TypeError, match=f"did you mean '{meant}'"):
        make()


@pytest.mark.parametrize("given", [None, {"status": "CLOSED"}, "CLOSED"])
def test_what_is_not_a_selection_is_refused_and_changes_nothing(exploration: Any, given: Any):
    before = exploration.selection
    with pytest.raises(sl.DataError, match="is not a Selection"):
        exploration.selection = given
    assert exploration.selection == before


@pytest.mark.parametrize("mark", [(), ("vip",), ("vip", "eu"), ("vip", "eu", "vip")])
def test_a_mark_that_the_view_does_not_have_is_refused(exploration: Any, mark: Any):
    tags = exploration["Tags"]
    tags.state = TagState()
    with pytest.raises(sl.DataError, match="is not a mark of this view"):
        tags.pick(mark)
    assert tags.state == TagState()


def test_one_session_among_ten_thousand_groups_is_a_selection_like_any():
    tags = [f"</title><script>alert({n})</script>\u202e{n}" for n in range(10_000)]
    frame = pd.DataFrame(
        {
            "session_id": [f"s{n}" for n in range(10_000)],
            "tags": [[tag] for tag in tags],
            "lifetime": pd.to_timedelta(range(10_000), unit="s"),
            "end_cause": "closed",
        }
    )
    exploration = sl.explore(frame, link="https://example.test/{session_id}?tag={tags}")
    lifetimes = exploration["Lifetimes"]
    lifetimes.state = replace(lifetimes.state, by="tags", top=2)
    assert list(lifetimes.data())[-1] == "other (9,998)"
    exploration["Tags"].pick(tags[7])
    assert len(exploration.rows()) == 1
    assert len(lifetimes.data()) == 1
    for explorer in exploration.explorers.values():
        explorer.show()
        assert "<script>" not in text(explorer) + explorer._view.svg + explorer.to_html()
    exploration.close()
