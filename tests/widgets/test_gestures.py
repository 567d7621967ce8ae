"""Gestures: what picking, brushing and resetting do, from code and from the browser alike."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.widgets import LifetimeExplorer, Selection, TagExplorer
from session_lab.widgets.parts.chips import Chips
from session_lab.widgets.parts.view import View
from tests.widgets import replays
from tests.widgets.looking import text, tree
from tests.widgets.sessions import AWKWARD, sessions_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SESSIONS = sessions_frame()
TAG_VIEWS = ("distribution", "cooccurrence", "namespaces", "by_status", "drift")
TAGS = ("plan:free", "plan:pro", "vip", *AWKWARD)


@pytest.fixture(scope="module")
def exploration() -> Iterator[Any]:
    made = sl.explore(SESSIONS)
    yield made
    made.close()


def view_of(explorer: Any) -> View:
    return next(one for one in tree(explorer.widget) if isinstance(one, View))


def places(explorer: Any) -> dict[Any, str]:
    """Return what can be picked in the picture, with its words."""
    return {
        tuple(p[0]) if isinstance(p[0], list) else p[0]: p[1]
        for p in explorer._view.scene["places"]
    }


def test_picking_a_bar_chooses_its_sessions_and_picking_it_again_puts_it_back():
    explorer = TagExplorer(SESSIONS)
    counts = explorer.data().to_frame().set_index("tag")["sessions"]
    explorer.pick("plan:free")
    assert explorer.state.selection == Selection(tags="plan:free")
    assert len(explorer.rows()) == counts["plan:free"]
    assert view_of(explorer).picked == ["plan:free"]
    explorer.pick("plan:free")
    assert explorer.state.selection == Selection()
    explorer.close()


def test_a_view_is_filtered_by_every_criterion_but_its_own_and_says_so():
    exploration = sl.explore(SESSIONS)
    tags, lifetimes = exploration["Tags"], exploration["Lifetimes"]
    whole = tags.data().to_frame()
    tags.pick("vip")
    pd.testing.assert_frame_equal(tags.data().to_frame(), whole)
    assert "not filtered by tags, which this view shows" in text(tags)
    assert lifetimes.filter == Selection(tags="vip")
    assert lifetimes.data().n == len(exploration.rows()) < len(SESSIONS)
    exploration.selection = replace(exploration.selection, status=("CLOSED",))
    assert tags.data().sessions == (SESSIONS["status"] == "CLOSED").sum()
    exploration.close()


@pytest.mark.parametrize("view", TAG_VIEWS)
def test_a_click_in_the_browser_is_a_pick(view: str):
    clicked, called = TagExplorer(SESSIONS), TagExplorer(SESSIONS)
    for explorer in (clicked, called):
        explorer.state = replace(explorer.state, view=view)
    for key in list(places(clicked))[:3]:
        clicked._view._on_message(None, {"pick": list(key) if isinstance(key, tuple) else key}, [])
        try:
            called.pick(key)
        except sl.DataError as error:
            assert str(error).split(":")[-1].strip()[:10] in text(clicked)  # noqa: PT017
        assert clicked.state == called.state
    clicked.close()
    called.close()


def test_a_brush_over_ages_chooses_lifetimes():
    explorer = LifetimeExplorer(SESSIONS)
    whole = explorer.data().n
    explorer.brush("2h", "9h")
    assert "not filtered by lifetime, which this view shows" in text(explorer)
    lived = SESSIONS["lifetime"]
    chosen = SESSIONS[(lived >= pd.Timedelta("2h")) & (lived < pd.Timedelta("9h"))]
    pd.testing.assert_frame_equal(explorer.rows(), chosen)
    assert explorer.data().n == whole
    assert "lifetime_from='2 h'" in repr(explorer.state)
    explorer.brush()
    assert explorer.state.selection == Selection()
    explorer.close()


def test_a_brush_in_the_browser_is_one_in_the_unit_of_the_axis():
    explorer = LifetimeExplorer(SESSIONS)
    unit = explorer._view.scene["x"]
    hours = 3_600_000 / unit["milliseconds"]
    explorer._view._on_message(None, {"brush": [2 * hours, 9.01 * hours]}, [])
    assert explorer.state.selection.lifetime_from == "2 h"
    assert explorer._view.brushed[0] == pytest.approx(2 * hours)
    explorer._view._on_message(None, {"brush": []}, [])
    assert explorer._view.brushed == []
    explorer.close()


def test_a_brush_over_time_chooses_creations():
    explorer = TagExplorer(SESSIONS)
    explorer.state = replace(explorer.state, view="drift")
    explorer.brush("2026-01-03T00:00Z", "2026-01-05T00:00Z")
    created = explorer.rows()["created_at"]
    assert created.min() >= pd.Timestamp("2026-01-03", tz="UTC")
    assert created.max() < pd.Timestamp("2026-01-05", tz="UTC")
    assert len(explorer.data().starts if hasattr(explorer.data(), "starts") else [0] * 10) > 5
    explorer.close()


def test_reset_takes_every_criterion_away():
    explorer = LifetimeExplorer(SESSIONS)
    explorer.brush("2h", "9h")
    explorer.state = replace(
        explorer.state, selection=replace(explorer.state.selection, status=("CLOSED",))
    )
    explorer.reset()
    assert explorer.state.selection == Selection()
    explorer.close()


@pytest.mark.parametrize(
    ("gesture", "told"),
    [
        ({"pick": "gold"}, "&#x27;gold&#x27; is not one of"),
        ({"pick": ""}, "stands for many tags"),
        ({"brush": [1.0, 2.0]}, "no stretch can be chosen"),
    ],
)
def test_a_gesture_that_means_nothing_is_told_and_changes_nothing(
    gesture: dict[str, Any], told: str
):
    explorer = TagExplorer(SESSIONS)
    before = explorer.state
    explorer._view._on_message(None, gesture, [])
    assert explorer.state == before
    assert told in text(explorer)
    explorer.close()


def test_a_brush_over_nothing_is_refused_by_name():
    explorer = LifetimeExplorer(SESSIONS)
    with pytest.raises(sl.DataError, match="2 h is not after lifetime_from, 2 h"):
        explorer.brush("2h", "2h")
    explorer.close()


def test_every_criterion_has_a_button_that_takes_it_away():
    explorer = TagExplorer(SESSIONS)
    explorer.state = replace(
        explorer.state,
        selection=Selection(status="CLOSED", tags=("plan:free", "vip"), lifetime_from="1h"),
    )
    chips = chips_of(explorer)
    assert chips.texts == [
        "status CLOSED ✕",
        "tag plan:free ✕",
        "tag vip ✕",
        "lived at least 1 h ✕",
        "Reset",
    ]
    click(chips, "tag vip ✕")
    assert explorer.state.selection.tags == ("plan:free",)
    # What a slow browser sends for a button that is gone, or a page of someone else.
    for content in ({"take": 4}, {"take": -1}, {"take": "0"}, {"take": None}, {}):
        chips._on_message(None, content, [])
        assert explorer.state.selection.tags == ("plan:free",)
    click(chips, "Reset")
    assert explorer.state.selection == Selection()
    assert chips.texts == []
    explorer.close()


def chips_of(explorer: Any) -> Chips:
    return next(one for one in tree(explorer.widget) if isinstance(one, Chips))


def click(chips: Chips, text: str) -> None:
    chips._on_message(None, {"take": chips.texts.index(text)}, [])


def test_the_numbers_beside_options_follow_what_else_is_chosen():
    explorer = TagExplorer(SESSIONS)
    explorer.state = replace(explorer.state, selection=Selection(status="CLOSED"))
    lists = {one.description: one for one in tree(explorer.widget) if hasattr(one, "rows")}
    closed = SESSIONS[SESSIONS["status"] == "CLOSED"]
    types = closed["type"].value_counts()
    labels = [label for label, _ in lists["Type"].options]
    assert sorted(labels) == sorted(f"{name} ({n:,})" for name, n in types.items())
    # A list is not narrowed by its own choice.
    assert sum(int(label.split("(")[1][:-1]) for label, _ in lists["Status"].options) == 300
    explorer.close()


def test_ten_thousand_tags_are_found_by_their_text():
    df = pd.DataFrame({"tags": [[f"user:{n}", "all"] for n in range(10_000)]})
    explorer = TagExplorer(df)
    assert "100 of 10,001 tags shown" in [
        one.value for one in tree(explorer.widget) if isinstance(one, ipywidgets.Label)
    ]
    find = next(
        one for one in tree(explorer.widget) if getattr(one, "description", "") == "Find a tag"
    )
    find.value = "USER:123"
    tags = next(one for one in tree(explorer.widget) if getattr(one, "description", "") == "Tags")
    assert {value for _, value in tags.options} == {
        "user:123",
        *(f"user:123{n}" for n in range(10)),
    }
    tags.value = ("user:1234",)
    find.value = ""
    assert "user:1234" in {value for _, value in tags.options}
    assert len(explorer.rows()) == 1
    explorer.close()


@pytest.mark.parametrize("kind", ["csv", "parquet", "png", "svg", "code"])
def test_what_is_shown_can_be_written_to_files(kind: str, tmp_path: Path):
    explorer = TagExplorer(SESSIONS)
    explorer.pick("vip")
    path = explorer.export(kind, tmp_path / f"view.{kind}")
    content = path.read_bytes()
    if kind == "parquet":
        kept = sl.read_sessions(path)
        assert kept["session_id"].tolist() == explorer.rows()["session_id"].tolist()
    elif kind == "csv":
        assert content.count(b"\n") > len(explorer.rows())
        kept = pd.read_csv(path)
        assert kept["session_id"].tolist() == explorer.rows()["session_id"].tolist()
    else:
        start = {"png": b"\x89PNG", "svg": b"<svg width=", "code": b"sl.tags.distribution("}[kind]
        assert content.startswith(start)
        assert kind != "code" or content.rstrip().endswith(b".plot()")
    with pytest.raises(sl.DataError, match="'xlsx' is not one of"):
        explorer.export("xlsx", tmp_path / "view.xlsx")
    explorer.close()


def test_a_replay_is_explored_as_it_is():
    replay = sl.replay(replays.EVENTS)
    exploration = sl.explore(replay)
    assert {"Tags", "Lifetimes", "Churn"} <= set(exploration.explorers)
    assert len(exploration.rows()) == len(replay.sessions)
    exploration.close()


def test_wrong_frames_are_refused_by_name():
    replay = sl.replay(replays.EVENTS)
    for arguments, told in (
        ((replay.runs,), "sessions: this is a frame of runs"),
        ((replay.sessions, replay.operations), "runs: this is a frame of operations"),
        ((replay.sessions, replay.sessions), "runs: this is a frame of sessions"),
        ((replay.sessions, replay.runs, replay.runs), "operations: this is a frame of runs"),
        (("sessions.parquet",), "str is not a pandas DataFrame"),
    ):
        with pytest.raises(sl.DataError, match=told):
            sl.explore(*arguments)
    with pytest.raises(sl.DataError, match="events: this is a frame of operations"):
        sl.explore(replay.sessions, events=replay.operations)


def test_a_tab_that_is_mistyped_or_has_no_data_is_answered_with_what_is_meant(exploration: Any):
    with pytest.raises(sl.DataError, match="did you mean 'Lifetimes'"):
        exploration["Lifetime"]
    with pytest.raises(sl.DataError, match=r"Give the runs too.*sl\.explore\(sessions, runs\)"):
        exploration["Churn"]


gestures = st.lists(
    st.one_of(
        st.tuples(st.just("view"), st.sampled_from(TAG_VIEWS)),
        st.tuples(st.just("pick"), st.sampled_from(TAGS)),
        st.tuples(st.just("pick"), st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS))),
        st.tuples(st.just("pick"), st.sampled_from(["closed", "expired", "plan"])),
        st.tuples(st.just("age"), st.integers(0, 30), st.integers(1, 40)),
        st.tuples(st.just("time"), st.integers(1, 9), st.integers(1, 5)),
        st.tuples(st.just("curve"), st.sampled_from(["survival", "incidence"])),
        st.tuples(st.just("reset")),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=max(100, settings().max_examples))
@given(moves=gestures)
def test_whatever_the_gestures_the_data_are_what_the_code_makes(exploration: Any, moves: list[Any]):
    tags, lifetimes = exploration["Tags"], exploration["Lifetimes"]
    for explorer in (tags, lifetimes):
        explorer.hide()
    exploration.selection = Selection()
    for move in moves:
        try:
            do(tags, lifetimes, move)
        except sl.DataError:
            continue
        for explorer in (tags, lifetimes):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sl.SessionLabWarning)
                assert outcome(explorer.data) == outcome(
                    lambda explorer=explorer: eval(  # noqa: S307
                        explorer.code(), {"sl": sl, "sessions": SESSIONS}
                    )
                )


def do(tags: Any, lifetimes: Any, move: Any) -> None:
    match move:
        case ("view", view):
            tags.state = replace(tags.state, view=view)
        case ("pick", "closed" | "expired" as cause):
            lifetimes.pick(cause)
        case ("pick", mark):
            tags.pick(mark)
        case ("age", low, length):
            lifetimes.brush(f"{low}h", f"{low + length}h")
        case ("time", day, length):
            tags.brush(f"2026-01-0{day}T00:00Z", f"2026-01-{day + length:02}T00:00Z")
        case ("curve", view):
            lifetimes.state = replace(lifetimes.state, view=view)
        case _:
            tags.reset()


def outcome(compute: Any) -> Any:
    try:
        result = compute()
    except sl.DataError as error:
        return str(error)
    return (*result.notes, result.to_frame().to_csv())
