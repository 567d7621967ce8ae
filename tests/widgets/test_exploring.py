"""All explorers in tabs, over one selection."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import IPython
import ipywidgets
import numba
import pytest

import session_lab as sl
from session_lab.widgets import IndexedSessions, Selection, TagExplorer
from session_lab.widgets.data import kernels
from tests.widgets.looking import displayed, picture, text, tree, widgets_and_figures
from tests.widgets.sessions import sessions_frame

SESSIONS = sessions_frame()


@pytest.fixture
def exploration():
    made = sl.explore(SESSIONS)
    yield made
    made.close()


def tabs(exploration: Any) -> Any:
    return next(one for one in tree(exploration.widget) if isinstance(one, ipywidgets.Tab))


def test_each_explorer_has_a_tab(exploration: Any):
    assert set(exploration.explorers) <= set(tabs(exploration).titles)
    assert {"Tags", "Lifetimes"} <= set(exploration.explorers)


def test_one_selection_is_for_all(exploration: Any):
    exploration.selection = Selection(status="CLOSED")
    for explorer in exploration.explorers.values():
        assert explorer.state.selection == Selection(status="CLOSED")
        assert "status=('CLOSED',)" in explorer.code()


def test_a_selection_in_the_state_of_one_explorer_moves_the_others(exploration: Any):
    tags, lifetimes = exploration["Tags"], exploration["Lifetimes"]
    tags.state = type(tags.state)(selection=Selection(tags="vip"))
    assert lifetimes.state.selection == exploration.selection == Selection(tags="vip")


def test_the_filters_are_there_once(exploration: Any):
    labels = [getattr(one, "description", "") for one in tree(exploration.widget)]
    assert labels.count("Status") == labels.count("Created") == 1


def test_what_is_behind_another_tab_waits_until_it_is_opened(exploration: Any):
    lifetimes = exploration["Lifetimes"]
    assert picture(exploration["Tags"])
    assert not picture(lifetimes)
    tabs(exploration).selected_index = 1
    assert picture(lifetimes)
    exploration.selection = Selection(status="CLOSED")
    tags = text(exploration["Tags"])
    tabs(exploration).selected_index = 0
    assert text(exploration["Tags"]) != tags


def test_a_tab_has_no_controls_until_it_is_seen():
    exploration = sl.explore(sessions_frame())
    lifetimes = exploration["Lifetimes"]
    assert lifetimes.widget.children == ()
    lifetimes.state = replace(lifetimes.state, view="incidence")
    exploration.close()
    # Closed, it still has its page.
    assert "Lifetimes" in lifetimes.to_html()
    assert lifetimes.widget.comm is None


def test_pages_without_a_kernel_get_the_tab_that_is_open(exploration: Any):
    static, live = displayed(exploration)
    assert static["text/html"].count("<img alt=") == 1
    assert repr(exploration["Tags"]) in static["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in live
    assert exploration.to_html().count("<img alt=") == len(exploration.explorers)


def test_closing_leaves_no_widget_and_no_figure():
    before = widgets_and_figures()
    other = sl.explore(SESSIONS)
    other.to_html()
    other.close()
    assert widgets_and_figures() == before


def run_cell(monkeypatch: pytest.MonkeyPatch, cell: str, run: str) -> None:
    """Pretend that a cell of a notebook is running."""
    request = {"header": {"msg_id": run}, "metadata": {"cellId": cell}}
    kernel = SimpleNamespace(get_parent=lambda _: request)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=kernel))


def test_running_a_cell_again_closes_what_it_made_before(monkeypatch: pytest.MonkeyPatch):
    before = widgets_and_figures()
    run_cell(monkeypatch, "cell", "run 1")
    TagExplorer(SESSIONS)
    sl.explore(SESSIONS)
    run_cell(monkeypatch, "cell", "run 2")
    last = sl.explore(SESSIONS)
    widgets_of_one = widgets_and_figures()[0] - before[0]
    run_cell(monkeypatch, "another cell", "run 3")
    other = sl.explore(SESSIONS)
    assert len(widgets_and_figures()[0] - before[0]) == 2 * len(widgets_of_one)
    last.close()
    other.close()
    assert widgets_and_figures() == before


def test_what_the_first_filters_need_is_loaded_before_them(monkeypatch: pytest.MonkeyPatch):
    kinds: dict[str, list[Any]] = {"take_codes": [], "rows_with": []}

    def noting(name: str, compiled: Any) -> Any:
        def called(*arguments: Any) -> Any:
            kinds[name].append([numba.typeof(one) for one in arguments])
            return compiled(*arguments)

        return called

    for name in kinds:
        monkeypatch.setattr(kernels, name, noting(name, getattr(kernels, name)))
    sessions = IndexedSessions(SESSIONS)
    sessions.load()
    sessions.tags_of(Selection(tags="vip"))
    for first, later in kinds.values():
        assert first == later
