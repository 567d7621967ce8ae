"""The picture as a page shows it says what the figure says."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

import session_lab as sl
from session_lab.plots.pictures import scene
from session_lab.plots.pictures.picture import Picture
from session_lab.plots.theme import draw_bars


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


def test_texts_stand_where_matplotlib_puts_them(monkeypatch: pytest.MonkeyPatch):
    result = sl.tags.distribution(pd.DataFrame({"tags": [["a", "ä <b>"], ["a"], ["x & y"]]}))
    places = []
    for is_ours in (True, False):
        if not is_ours:
            for name in ("draw_text", "_get_font_height_metrics"):
                monkeypatch.delattr(scene.SceneRenderer, name)
        svg = Picture().scene(result).svg
        found = re.findall(r"<text ([^>]*)>([^<]*)</text>", svg)
        places.append(
            [
                (text, [float(one) for one in re.findall(r' [xy]="([^"]*)"', start)])
                for start, text in found
                if "rotate" not in start
            ]
        )
    assert len(places[0]) > 6
    assert [text for text, _ in places[0]] == [text for text, _ in places[1]]
    for (_, ours), (_, theirs) in zip(*places, strict=True):
        assert ours == pytest.approx(theirs, abs=0.11)


@pytest.mark.parametrize("kind", ["bar", "barh"])
def test_bars_are_those_of_matplotlib(kind: str):
    shared: Any = {"color": ["C0", "C1", "C2"], "label": "bars"}
    drawn = []
    for is_ours in (True, False):
        figure = Figure()
        canvas, ax = FigureCanvasAgg(figure), figure.add_subplot()
        places, lengths, start = [1, 2, 4], [3, 0, 5], [0, 1, 2]
        if is_ours:
            bars = draw_bars(
                ax, places, lengths, lying=kind == "barh", width=0.9, start=start, **shared
            )
        else:
            bars = getattr(ax, kind)(places, lengths, 0.9, start, **shared)
        ax.margins(0.12)
        ax.bar_label(bars)
        ax.legend()
        canvas.draw()
        drawn.append((*ax.get_xlim(), *ax.get_ylim(), bytes(canvas.buffer_rgba())))
    assert drawn[0][:4] == pytest.approx(drawn[1][:4])
    assert drawn[0][4] == drawn[1][4]


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
