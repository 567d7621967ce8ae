"""The picture that is drawn again and again."""

from __future__ import annotations

import pytest

import session_lab as sl
from session_lab.plots.pictures.picture import Picture
from tests.widgets.sessions import sessions_frame

SESSIONS = sessions_frame()
FEWER = SESSIONS[SESSIONS["status"] == "CLOSED"]
ANALYSES = {
    "distribution": sl.tags.distribution,
    "cooccurrence": sl.tags.cooccurrence,
    "by_status": sl.tags.by_status,
    "drift": lambda df: sl.tags.drift(df, "2d"),
    "survival": sl.lifetimes.survival,
    "survival by task": lambda df: sl.lifetimes.survival(df, by="task_identifier"),
    "incidence": sl.lifetimes.incidence,
}


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.filterwarnings("ignore::session_lab.SessionLabWarning")
def test_drawing_again_gives_the_picture_that_a_new_figure_gives(name: str):
    first, second = ANALYSES[name](SESSIONS), ANALYSES[name](FEWER)
    used, new = Picture(), Picture()
    used.draw(first)
    assert used.draw(second) == new.draw(second)
    assert used.alt == new.alt != ""


def test_another_kind_of_result_leaves_nothing_behind():
    used, new = Picture(), Picture()
    used.draw(sl.tags.cooccurrence(SESSIONS))
    bars = sl.tags.distribution(SESSIONS)
    assert used.draw(bars) == new.draw(bars)


def test_the_axes_stay_while_the_kind_of_result_does():
    picture = Picture()
    first = picture.update(sl.tags.distribution(SESSIONS)).figure.axes[0]
    again = picture.update(sl.tags.distribution(FEWER)).figure.axes[0]
    assert again is first


def test_a_closed_picture_can_be_drawn_again():
    picture, bars = Picture(), sl.tags.distribution(SESSIONS)
    before = picture.draw(bars)
    picture.close()
    assert picture.draw(bars) == before
