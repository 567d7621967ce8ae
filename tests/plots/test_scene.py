"""The picture as a page shows it says what the figure says."""

from __future__ import annotations

import re
from io import StringIO

import pandas as pd
import pytest
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.font_manager import FontProperties

import session_lab as sl
from session_lab.plots.pictures import scene
from session_lab.plots.pictures.picture import Picture


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("tag", ["v1.2345", "#6b7280", "0.125", "currentColor"])
def test_the_text_of_users_is_not_shortened(tag: str):
    scene = Picture().scene(sl.tags.distribution(pd.DataFrame({"tags": [[tag]]})))
    assert tag in texts(scene.svg)
    assert tag in texts(scene.to_svg())


def test_the_ticks_are_those_of_the_figure():
    ages = pd.to_timedelta(range(1, 51), unit="h")
    picture = Picture()
    result = sl.lifetimes.incidence(pd.DataFrame({"lifetime": ages, "end_cause": "closed"}))
    shown = texts(picture.scene(result).svg)
    labels = [label.get_text() for label in picture.update(result).figure.axes[0].get_xticklabels()]
    assert any(re.fullmatch(r"\d\.\d\d", label) for label in labels)
    assert set(labels[1:-1]) <= set(shown)


@pytest.mark.parametrize("text", ["584,719", "lang:en and plan:free", "2026-01-04", "süß", ""])
def test_texts_are_measured_nearly_as_matplotlib_does(text: str):
    font = FontProperties(size=10)
    ours, theirs = (
        kind(100, 100, StringIO()).get_text_width_height_descent(text, font, ismath=False)
        for kind in (scene.SceneRenderer, RendererSVG)
    )
    assert ours[0] == pytest.approx(theirs[0], rel=0.03, abs=0.1)
    assert ours[2] < ours[1] < 2 * 10


def test_a_layout_that_is_kept_is_the_one_that_was_made():
    short, long = (
        sl.tags.distribution(pd.DataFrame({"tags": [[name, "b"], [name]]}))
        for name in ("a", "a tag that is much longer")
    )
    picture, fresh = Picture(), Picture().scene(short)
    for between in (picture.scene, picture.scene, picture.draw):
        assert picture.scene(short).svg == fresh.svg
        # Of other lengths, or a PNG, which is laid out for itself.
        between(long)
    assert picture.scene(long).frame[0] > fresh.frame[0] + 20
