"""Pictures of tags: what they show, and that no tag can spoil them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from session_lab import plots
from session_lab.analysis import tags
from session_lab.plots.texts import drawn, short_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

RESULTS = [tags.distribution, tags.namespaces, tags.cooccurrence, tags.by_status, tags.drift]
ODD = [
    "user:" + "0123456789" * 9,
    "😀 vip 👩‍👩‍👧",
    "שלום עולם",
    "مرحبا بالعالم",
    "\u202eevil",
    "<script>alert(1)</script>",
    "price $5 and $6",
    "$\\frac{1}{0}$",
    "_hidden",
    "line\nbreak\ttab",
    "日本語",
    "\x00",
    "",
]

pytestmark = pytest.mark.filterwarnings("ignore::session_lab.errors.StatisticalWarning")


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def frame(rows: list[list[str]]) -> pd.DataFrame:
    at = pd.date_range("2026-01-05", periods=len(rows), freq="h", tz="UTC")
    return pd.DataFrame({"tags": rows, "created_at": at, "status": "ACTIVE"})


def labels(ticks: list[Any]) -> list[str]:
    return [tick.get_text() for tick in ticks]


def drawn_to_the_end(ax: Axes) -> Axes:
    """Draw as a file would be; a warning, as of a missing glyph, is an error in the tests."""
    ax.figure.savefig(io.BytesIO(), format="svg")
    return ax


@pytest.mark.parametrize("count", RESULTS)
def test_odd_tags_are_drawn_without_a_warning(count: Callable[..., Any]):
    ax = drawn_to_the_end(count(frame([ODD, ODD[:6], ODD[3:]])).plot())
    assert ax.get_title(loc="left").startswith(count(frame([])).title)
    assert ax.get_label()


@pytest.mark.parametrize("count", RESULTS)
@pytest.mark.parametrize("rows", [[], [[]], [["a"]]], ids=["no session", "no tag", "one tag"])
def test_little_is_drawn_too(count: Callable[..., Any], rows: list[list[str]]):
    given = frame(rows) if rows else frame([["a"]]).iloc[:0]
    drawn_to_the_end(count(given).plot())


@settings(max_examples=settings().max_examples // 10)
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_text_is_a_label(texts: list[str]):
    figure, ax = plt.subplots()
    ax.set_yticks(range(len(texts)), drawn(texts))
    figure.canvas.draw()
    plt.close(figure)
    assert all(0 < len(short_text(text)) <= 24 for text in texts)


def test_short_texts_lose_their_middle_and_marks_that_cannot_be_seen():
    assert short_text("a" * 20 + "b" * 20) == "a" * 12 + "…" + "b" * 11
    assert short_text("\u202eab\n\tc") == "ab c"
    assert short_text("\x00") == "(empty)"
    assert drawn(["_a", "a_b", "$x$"]) == [" _a", "a_b", r"\$x\$"]


def test_the_tail_is_one_bar():
    rows = [[f"tag-{place:02}" for place in range(n)] for n in range(1, 21)]
    ax = tags.distribution(frame(rows)).plot()
    assert len(ax.patches) == 16
    assert labels(ax.get_yticklabels())[-1] == "other (5 tags)"
    assert ax.patches[-1].get_width() == 5 + 4 + 3 + 2 + 1
    assert "5 more tags have 15 uses" in ax.get_label()


def test_without_a_tail_nothing_is_told_of_one():
    ax = tags.distribution(frame([["vip"]])).plot()
    assert ax.get_label() == "Tags by number of sessions, of 1 session: vip 1."


def test_the_heat_map_shows_each_pair_once():
    ax = tags.cooccurrence(frame([["a", "b", "c"], ["a", "b"], ["a"]])).plot()
    assert labels(ax.get_xticklabels()) == ["a", "b"]
    assert labels(ax.get_yticklabels()) == ["b", "c"]
    (image,) = ax.images
    assert image.get_array().tolist() == [[2 / 3, None], [1 / 3, 1 / 2]]
    assert "most alike are a and b, 67%" in ax.get_label()


def test_drift_draws_a_line_for_each_tag():
    found = tags.drift(frame([["a", "b"], ["a"], ["c"]]), "1h")
    ax = found.plot()
    lines = {line.get_label(): line.get_ydata().tolist() for line in ax.get_lines()}
    assert lines == {"a": [1, 1, 0], "b": [1, 0, 0], "c": [0, 0, 1]}
    assert "lie at most 1.00 apart" in ax.get_label()


def test_statuses_fill_each_bar():
    given = frame([["a"], ["a"], ["b"]]).assign(status=["ACTIVE", "CLOSED", "CLOSED"])
    ax = tags.by_status(given).plot()
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.0, 0.5, 1.0]


def test_a_given_axes_is_drawn_on():
    _, ax = plt.subplots()
    assert plots.tag_bars(tags.distribution(frame([["a"]])), ax=ax) is ax
