"""Every result has a picture, found by its type."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb

import session_lab
from session_lab.analysis.results import Result
from session_lab.plots import draw
from session_lab.plots.theme import INK, PAPER, ink_on

if TYPE_CHECKING:
    from collections.abc import Iterator


def kinds_of(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        yield sub
        yield from kinds_of(sub)


def test_every_kind_of_result_has_a_picture():
    for module in pkgutil.walk_packages(session_lab.__path__, prefix="session_lab."):
        importlib.import_module(module.name)
    ours = [
        kind
        for kind in kinds_of(Result)
        if kind.__module__.startswith("session_lab.")
        and not (inspect.isabstract(kind) or kind.__name__.startswith("_"))
    ]
    without = [kind for kind in ours if draw.dispatch(kind) is draw.dispatch(object)]
    assert len(ours) > 20
    assert without == []


def test_what_is_not_a_result_is_refused_by_name():
    with pytest.raises(session_lab.DataError, match="no picture of a list"):
        draw([1, 2])


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, by WCAG 2.2."""
    lights = []
    for colour in (one, other):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        lights.append(sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_ink_is_read_on_paper_and_on_black_and_numbers_on_every_shade():
    assert contrast(INK, PAPER) >= 4.5
    assert contrast(INK, "black") >= 4.5
    for name in ("Blues", "cividis"):
        for shade in range(256):
            colour = to_hex(colormaps[name](shade))
            assert contrast(ink_on(colour), colour) >= 4.5


def test_a_plot_stands_on_paper_in_the_size_asked_for():
    found = session_lab.tags.distribution(pd.DataFrame({"tags": [["vip"], []]}))
    ax = found.plot(figsize=(4, 2))
    assert ax.figure.get_size_inches().tolist() == [4, 2]
    assert to_hex(ax.figure.get_facecolor(), keep_alpha=True) == "#ffffffff"
    with pytest.raises(session_lab.DataError, match="give only figsize"):
        found.plot(ax, figsize=(4, 2))
    plt.close(ax.figure)
