"""Frames that are empty, huge, incomplete or hostile."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import ipywidgets
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import SESSIONS, build, empty
from session_lab.widgets import LifetimeExplorer, Selection, TagExplorer, TagState
from tests.widgets.looking import picture, text, tree, widgets_and_figures
from tests.widgets.sessions import AWKWARD, ORIGIN, sessions_frame

VIEWS = ["distribution", "cooccurrence", "namespaces", "by_status", "drift"]


def build_sessions(n: int, **data: Any) -> pd.DataFrame:
    return build(SESSIONS, data, n=n)


class Elements(HTMLParser):
    """Collects what a browser would make elements of."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}[{name}]" for name, _ in attrs if name.startswith("on"))}


def elements(html: str) -> set[str]:
    parser = Elements()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize("frame", [empty(SESSIONS), pd.DataFrame(), sessions_frame(1)])
def test_frames_with_next_to_nothing_open_and_close(frame: pd.DataFrame):
    before = widgets_and_figures()
    exploration = sl.explore(frame)
    html = exploration.to_html()
    assert f"{len(frame)} of {len(frame)} sessions" in html
    exploration.close()
    # The controls that such a frame has no use for, too.
    assert widgets_and_figures() == before


def test_a_frame_whose_columns_are_all_missing_values_says_what_is_missing():
    frame = build_sessions(3)
    tags, lifetimes = TagExplorer(frame), LifetimeExplorer(frame)
    assert "3 of 3 sessions" in text(tags)
    assert "row 0, end_cause" in text(lifetimes) or "row 0, lifetime" in text(lifetimes)
    for view in VIEWS:
        tags.state = TagState(view=view)
        assert "Working" not in text(tags)
    tags.close()
    lifetimes.close()


def test_sessions_without_a_lifetime_do_not_stand_in_the_way_of_others():
    frame = sessions_frame(20)
    frame.loc[0, "lifetime"] = pd.NaT
    explorer = LifetimeExplorer(frame)
    assert "row 0, lifetime: is missing" in text(explorer)
    first_hour = frame["created_at"].iloc[0] + pd.Timedelta("1ms")
    explorer.state = type(explorer.state)(selection=Selection(created_from=first_hour))
    assert explorer.data().n == 19
    explorer.close()


@pytest.mark.parametrize("odd", ["0001-01-02", "1970-01-01", "9999-12-30"])
def test_one_odd_time_is_no_obstacle(odd: str):
    frame = sessions_frame()
    frame.loc[frame.index[0], "created_at"] = pd.Timestamp(odd, tz="UTC")
    explorer = sl.explore(frame)
    sliders = [
        one for one in tree(explorer.widget) if isinstance(one, ipywidgets.SelectionRangeSlider)
    ]
    assert sliders
    assert all(len(slider.options) <= 160 for slider in sliders)


def test_a_hundred_thousand_tags_are_counted_and_only_some_are_offered():
    n = 100_000
    frame = build_sessions(
        n,
        tags=[[f"user:{number}"] for number in range(n)],
        created_at=[ORIGIN] * n,
        lifetime=[1_000] * n,
        status=["ACTIVE"] * n,
        end_cause=["open"] * n,
    )
    exploration = sl.explore(frame)
    assert len(exploration["Tags"].data().names) == n
    assert "look like ids" in text(exploration["Tags"])
    offered = [
        one for one in tree(exploration.widget) if isinstance(one, ipywidgets.SelectMultiple)
    ]
    assert max(len(one.options) for one in offered) == 100
    exploration.selection = Selection(tags="user:99999")
    lifetimes = exploration["Lifetimes"]
    assert lifetimes.data().n == 1
    exploration.selection = Selection()
    lifetimes.show()
    lifetimes.state = type(lifetimes.state)(by="tags")
    found = lifetimes.data()
    assert list(found) == [*sorted(f"user:{n}" for n in range(100_000))[:5], "other (99,995)"]
    assert sum(part.n for part in found.parts.values()) == 100_000
    assert "the other 99,995 are one group" in text(lifetimes)
    exploration.close()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.filterwarnings("error")
def test_texts_of_users_stay_texts(view: str):
    explorer = TagExplorer(sessions_frame())
    explorer.state = TagState(view=view, top=30, selection=Selection(tags=AWKWARD))
    html = explorer.to_html()
    own = {"div", "h4", "img", "style", "table", "thead", "tbody", "tr", "th", "td", "p", "i", "br"}
    assert elements(html) - own == {"pre"}
    assert "\u202e" not in html
    assert picture(explorer)
    explorer.close()


def test_controls_do_not_read_text_as_html():
    explorer = TagExplorer(sessions_frame())
    for one in tree(explorer.widget):
        assert not getattr(one, "description_allow_html", False)
    explorer.close()


def test_awkward_tags_can_be_selected_and_survive_the_code():
    frame = sessions_frame()
    explorer = TagExplorer(frame)
    for tag in AWKWARD:
        explorer.state = TagState(selection=Selection(tags=tag))
        pasted = eval(explorer.code(), {"sl": sl, "sessions": frame})  # noqa: S307
        assert pasted.to_frame().equals(explorer.data().to_frame())
    explorer.close()


def test_missing_runs_leave_the_other_explorers():
    exploration = sl.explore(sessions_frame(), runs=None)
    assert {"Tags", "Lifetimes"} <= set(exploration.explorers)
    exploration.close()
