"""What explorers do with their state, their controls and whoever looks at them."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import pytest

import session_lab as sl
from session_lab.widgets import (
    ChurnExplorer,
    LifetimeExplorer,
    LifetimeState,
    PolicyExplorer,
    Selection,
    TagExplorer,
    TagState,
)
from tests.widgets import replays
from tests.widgets.looking import (
    control,
    displayed,
    labelled,
    picture,
    text,
    tree,
    widgets_and_figures,
)
from tests.widgets.sessions import sessions_frame

SESSIONS = sessions_frame()
EXPLORERS = {
    "Tags": lambda: TagExplorer(SESSIONS),
    "Lifetimes": lambda: LifetimeExplorer(SESSIONS),
    "Churn": lambda: ChurnExplorer(replays.RUNS, replays.SESSIONS, replays.OPERATIONS),
    "What if": lambda: PolicyExplorer(replays.EVENTS, replays.SESSIONS),
}


@pytest.fixture(params=EXPLORERS)
def explorer(request: pytest.FixtureRequest):
    made = EXPLORERS[request.param]()
    yield made
    made.close()


def test_an_explorer_opens_with_a_picture_a_table_and_code(explorer: Any):
    assert picture(explorer).startswith("<svg")
    assert "data:image/png;base64,iVBOR" in explorer.to_html()
    shown = text(explorer)
    n = 300 if explorer.title in {"Tags", "Lifetimes"} else len(replays.SESSIONS)
    assert f"{n} of {n} sessions" in shown
    assert "<table" in shown
    assert escape(explorer.code()) in shown
    assert escape(explorer.data().formula) in shown


def test_every_control_has_a_label(explorer: Any):
    inputs = [one for one in tree(explorer.widget) if isinstance(one, ipywidgets.ValueWidget)]
    controls = [one for one in inputs if not isinstance(one, (ipywidgets.HTML, ipywidgets.Label))]
    assert len(controls) > 5
    assert all(labelled(one) for one in controls)


def test_moving_a_control_changes_state_picture_and_code():
    explorer = TagExplorer(SESSIONS)
    before = picture(explorer)
    control(explorer, "Show").value = "cooccurrence"
    control(explorer, "How many").value = 5
    assert explorer.state == TagState(view="cooccurrence", top=5)
    assert explorer.code() == "sl.tags.cooccurrence(sessions, top=5)"
    assert picture(explorer) != before
    explorer.close()


def test_moving_a_filter_changes_the_selection():
    explorer = LifetimeExplorer(SESSIONS)
    control(explorer, "Status").value = ("CLOSED",)
    window = control(explorer, "Created")
    edges = [value for _, value in window.options]
    window.value = (edges[2], edges[-1])
    assert explorer.state.selection.status == ("CLOSED",)
    assert explorer.state.selection.created_to is None
    n = len(sl.select(SESSIONS, **explorer.state.selection.criteria))
    assert 0 < n < 300
    assert f"{n} of 300 sessions" in text(explorer)
    assert explorer.data().n == n
    explorer.close()


def test_setting_the_state_moves_the_controls():
    explorer = LifetimeExplorer(SESSIONS)
    explorer.state = LifetimeState(
        selection=Selection(tags="vip", match="all", created_from="2026-01-03T00:00:00.001Z"),
        by="type",
        resolution="90s",
    )
    assert control(explorer, "Group by").value == "type"
    assert control(explorer, "Round to").value == "90s"
    assert control(explorer, "Tags").value == ("vip",)
    assert control(explorer, "Match").value == "all"
    assert control(explorer, "Created").value[0] == 1_767_398_400_001
    explorer.close()


def test_a_state_beyond_the_range_of_a_control_is_shown_and_kept():
    explorer = TagExplorer(SESSIONS)
    explorer.state = TagState(view="drift", top=50, freq="36h")
    assert explorer.state == TagState(view="drift", top=50, freq="36h")
    assert control(explorer, "How many").value == 50
    assert control(explorer, "Periods").value == "36h"
    explorer.close()


@pytest.mark.parametrize(
    ("title", "label", "field", "nothing"),
    [
        ("Lifetimes", "Group by", "by", "nothing"),
        ("Lifetimes", "Round to", "resolution", "exact"),
        ("What if", "Expiry after", "expiry", "as recorded"),
    ],
)
def test_taking_a_choice_back_leaves_its_name_in_sight(
    title: str, label: str, field: str, nothing: str
):
    explorer: Any = EXPLORERS[title]()
    chosen = control(explorer, label)
    for index in (1, 0):
        chosen.index = index
        assert chosen.index == index
    assert chosen.label == nothing
    assert getattr(explorer.state, field) is None
    explorer.close()


@pytest.mark.parametrize("place", [0, 5, -1])
def test_both_handles_on_one_edge_choose_the_step_at_it(place: int):
    explorer = TagExplorer(SESSIONS)
    window = control(explorer, "Created")
    edge = [value for _, value in window.options][place]
    window.value = (edge, edge)
    begin, end = window.value
    assert begin < end
    assert edge in {begin, end}
    n = len(sl.select(SESSIONS, **explorer.state.selection.criteria))
    assert explorer.data().sessions == n < 300
    explorer.close()


def test_controls_that_change_nothing_are_switched_off():
    explorer = LifetimeExplorer(SESSIONS)
    explorer.state = replace(explorer.state, view="incidence")
    assert control(explorer, "Expiry is").disabled
    assert not control(explorer, "Round to").disabled
    explorer.close()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: TagState(view="cloud"), "view: 'cloud' is not one of 'distribution'"),
        (lambda: TagState(top=0), "top: 0 is not a number from 1 to 200"),
        (lambda: TagState(freq="day"), "freq: 'day' is not a duration"),
        (lambda: TagState(freq="0s"), "freq: a period of 0"),
        (lambda: LifetimeState(by="status"), "by: 'status' is not one of None, 'type'"),
        (lambda: LifetimeState(expiry="ends"), "expiry: 'ends' is not one of"),
        (lambda: LifetimeState(resolution="0s"), "resolution: a resolution of 0"),
    ],
)
def test_a_state_that_means_nothing_is_refused(make: Any, told: str):
    with pytest.raises(sl.DataError) as caught:
        make()
    assert told in str(caught.value)


def test_a_state_that_the_data_do_not_have_is_refused_and_changes_nothing(explorer: Any):
    before = explorer.state
    with pytest.raises(sl.DataError, match="type: 'chat' is not one of"):
        explorer.state = replace(before, selection=Selection(type="chat"))
    with pytest.raises(sl.DataError, match="is not a"):
        explorer.state = Selection()
    with pytest.raises(sl.DataError, match="selection: None is not a Selection"):
        explorer.state = replace(before, selection=None)
    assert explorer.state == before


def test_an_empty_selection_shows_a_message_and_no_picture(explorer: Any):
    nothing = Selection(status="ACTIVE", end_cause="closed")
    explorer.state = replace(explorer.state, selection=nothing)
    assert picture(explorer) == ""
    assert "0 of " in text(explorer)
    assert "nothing is selected" in text(explorer)
    explorer.state = replace(explorer.state, selection=Selection())
    assert picture(explorer) != ""


def test_data_that_do_not_fit_show_a_message():
    explorer = LifetimeExplorer(SESSIONS.drop(columns="lifetime"))
    assert "lifetime: the column is missing" in text(explorer)
    with pytest.raises(sl.DataError):
        explorer.data()
    explorer.close()


def test_warnings_are_shown_and_not_given():
    explorer = TagExplorer(SESSIONS.head(5))
    explorer.state = TagState(view="drift")
    assert "fewer than 20 uses of tags" in text(explorer)
    explorer.close()


def test_a_message_says_that_work_is_going_on(monkeypatch: pytest.MonkeyPatch):
    explorer, seen = TagExplorer(SESSIONS), []
    compute = sl.tags.cooccurrence
    monkeypatch.setattr(
        sl.tags, "cooccurrence", lambda *a, **k: (seen.append(text(explorer)), compute(*a, **k))[1]
    )
    explorer.state = TagState(view="cooccurrence")
    assert ["Working" in one for one in seen] == [True]
    assert "Working" not in text(explorer)
    explorer.close()


def test_only_the_newest_of_the_states_that_arrive_while_one_is_computed_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
):
    explorer, computed = TagExplorer(SESSIONS), []
    compute = sl.tags.cooccurrence

    def impatient(codes: Any, top: int) -> Any:
        computed.append(top)
        if top == 2:
            for later in (3, 4, 5):
                explorer.state = TagState(view="cooccurrence", top=later)
        return compute(codes, top=top)

    monkeypatch.setattr(sl.tags, "cooccurrence", impatient)
    explorer.state = TagState(view="cooccurrence", top=2)
    assert computed == [2, 5]
    assert "top=5" in text(explorer)
    explorer.close()


def test_a_result_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    explorer = TagExplorer(SESSIONS)
    first = explorer.data()
    monkeypatch.setattr(sl.tags, "distribution", None)
    assert explorer.data() is first
    explorer.close()


def test_what_is_hidden_waits_until_it_is_shown():
    explorer = TagExplorer(SESSIONS)
    before = picture(explorer)
    explorer.hide()
    explorer.state = TagState(view="namespaces")
    assert picture(explorer) == before
    explorer.show()
    assert picture(explorer) != before
    explorer.close()


def test_closing_leaves_no_widget_and_no_figure(explorer: Any):
    before = widgets_and_figures()
    other = EXPLORERS[explorer.title]()
    other.state = replace(other.state, selection=Selection(status="CLOSED"))
    assert widgets_and_figures() != before
    other.close()
    assert widgets_and_figures() == before
    assert other.data().summary() is not None
    assert other.code().endswith(")")


def test_pyplot_knows_of_no_figure(explorer: Any):
    known = plt.get_fignums()
    explorer.state = replace(explorer.state, selection=Selection(status="CLOSED"))
    assert plt.get_fignums() == known


def test_pages_without_a_kernel_get_the_picture_and_the_table(explorer: Any):
    static, live = displayed(explorer)
    assert static["text/plain"] == repr(explorer)
    assert '<img alt="' in static["text/html"]
    assert "data:image/png;base64,iVBOR" in static["text/html"]
    assert "<table" in static["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in live
    assert live["text/plain"] == ""
    explorer.close()
    (static,) = displayed(explorer)
    assert "data:image/png;base64,iVBOR" in static["text/html"]
