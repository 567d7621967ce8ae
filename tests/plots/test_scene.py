"""The picture as a page shows it says what the figure says."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import session_lab as sl
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
