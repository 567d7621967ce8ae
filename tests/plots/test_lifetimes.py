"""Pictures of lifetimes: what they show, and that nothing in them overlaps."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba

from session_lab.analysis import lifetimes
from session_lab.plots.theme import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.text import Text

RNG = np.random.default_rng(8)
N = 400
AGES = RNG.exponential(3_600_000, N).astype("m8[ms]")
CAUSE = RNG.integers(0, 3, N)
ODD = ["short", "a-very-long-name-of-a-task-that-nobody-can-read", "$\\frac{1}{0}$", "😀", "_x"]


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def frame(groups: list[str]) -> pd.DataFrame:
    causes = np.array(["open", "closed", "expired"])[CAUSE]
    columns = {"lifetime": AGES, "end_cause": causes, "type": RNG.choice(groups, N)}
    return pd.DataFrame(columns)


def texts(ax: Axes) -> list[Text]:
    """Draw, and return what is written on and around the axes."""
    ax.get_figure().canvas.draw()
    ticks = [label for label in ax.get_xticklabels() if label.get_text()]
    return [*ax.texts, *ticks, ax.xaxis.label]


def overlapping(ax: Axes) -> list[tuple[str, str]]:
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(ax)]
    return [
        (one, other)
        for (one, here), (other, there) in combinations(boxes, 2)
        if here.overlaps(there)
    ]


@pytest.mark.parametrize("width", [4, 5, 7, 14])
@pytest.mark.parametrize("groups", [["a"], ["a", "b", "c"], ODD, [*"abcdefghij"]], ids=len)
def test_nothing_of_the_risk_table_overlaps(width: float, groups: list[str]):
    _, ax = plt.subplots(figsize=(width, 3.6), layout="constrained")
    lifetimes.survival(frame(groups), by="type").plot(ax)
    assert overlapping(ax) == []


@pytest.mark.parametrize("width", [3, 7])
def test_nothing_overlaps_where_millions_are_at_risk(width: float):
    durations = RNG.integers(1, 9_000, 2_000_000)
    _, ax = plt.subplots(figsize=(width, 3.6), layout="constrained")
    lifetimes.kaplan_meier(durations, np.ones(2_000_000)).plot(ax)
    assert overlapping(ax) == []
    assert "2,000,000" in {text.get_text() for text in ax.texts}


def test_the_risk_table_lies_within_the_figure():
    ax = lifetimes.survival(frame(ODD), by="type").plot()
    whole = ax.get_figure().bbox
    for text in texts(ax):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0, text.get_text()
        assert box.x1 <= whole.x1, text.get_text()
        assert whole.y0 <= box.y0, text.get_text()


def test_the_risk_table_tells_the_numbers_at_its_ticks():
    curve = lifetimes.kaplan_meier(AGES, CAUSE > 0)
    ax = curve.plot()
    hours = [pd.Timedelta(tick, "h") for tick in ax.get_xticks()]
    expected = [f"{np.count_nonzero(np.timedelta64(age) <= AGES):,}" for age in hours]
    assert [text.get_text() for text in ax.texts] == ["at risk", *expected]
    assert ax.get_xlabel() == "age of the session (h)"


def test_a_curve_is_drawn_with_its_band():
    curve = lifetimes.kaplan_meier([1, 2, 3, 4], [1, 1, 0, 1])
    ax = curve.plot()
    (line,) = ax.lines
    assert line.get_ydata().tolist() == curve.survival.tolist()
    assert line.get_drawstyle() == "steps-post"
    (band,) = ax.collections
    assert band.get_facecolor()[0][:3].tolist() == pytest.approx(to_rgba(COLOURS[0])[:3])
    assert "median 2, 95% interval 1 to beyond the data" in ax.get_label()


def test_of_many_groups_the_largest_are_drawn_and_the_title_says_so():
    df = frame([*"abcdefghij"])
    sizes = df["type"].value_counts()
    ax = lifetimes.survival(df, by="type").plot()
    shown = {line.get_label() for line in ax.lines}
    assert len(shown) == 6
    assert sizes[sorted(shown)].min() >= sizes.drop(sorted(shown)).max()
    assert "the 6 largest of 10 groups" in ax.get_title(loc="left")


def test_incidence_is_stacked_up_to_what_has_ended():
    result = lifetimes.aalen_johansen(AGES, CAUSE)
    ax = result.plot()
    closed, expired = ax.collections
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in (closed, expired)]
    assert tops == pytest.approx([result.incidence[0, -1], result.incidence[:, -1].sum()])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["1", "2"]
    assert "Share ended by the last time" in ax.get_label()


def test_incidence_by_group_has_a_colour_for_each_group_and_dashes_for_each_cause():
    ax = lifetimes.incidence(frame(["a", "b"]), by="type").plot()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "a",
        "b",
        "closed",
        "expired",
    ]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-", "--"]
    assert [line.get_color() for line in ax.lines] == [*COLOURS[:1] * 2, *COLOURS[1:2] * 2]


def test_the_hazard_names_its_bandwidth_and_the_comparison_its_p_value():
    hazard = lifetimes.kaplan_meier(AGES, CAUSE > 0).hazard("20m").plot()
    assert hazard.get_title(loc="left").endswith("bandwidth 20 min")
    assert hazard.get_ylabel() == "rate per hour"
    compared = lifetimes.compare(frame(["a", "b"]), "type")
    assert f"p = {compared.p_value:.3g}" in compared.plot().get_xlabel()


def test_rates_are_drawn_per_the_largest_unit_that_fits_into_the_axis():
    result = lifetimes.kaplan_meier(AGES, CAUSE > 0).hazard("20m")
    drawn = result.plot().lines[0].get_ydata()
    assert drawn == pytest.approx(3_600 * result.hazard)


@pytest.mark.parametrize("groups", [["a", "b"], [*"abcdefghij"], ODD], ids=len)
def test_bars_of_a_comparison_have_room_for_their_names(groups: list[str]):
    ax = lifetimes.compare(frame(groups), "type").plot()
    ax.get_figure().canvas.draw()
    names = [label.get_window_extent() for label in ax.get_yticklabels()]
    legend = ax.get_legend().get_window_extent()
    boxes = [*names, legend, ax.title.get_window_extent(), ax.patch.get_window_extent()]
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]
    assert len(names) == min(len(groups), 8)


def test_what_happens_at_the_last_time_has_width_in_the_stack():
    ax = lifetimes.aalen_johansen([1, 2, 2, 2], [1, 2, 2, 2]).plot()
    _, (last, top) = ax.collections[1].get_paths()[0].get_extents().get_points()
    assert last > 2
    assert top == pytest.approx(1)
    assert ax.get_xlim()[1] == last


def test_the_cumulative_hazard_is_drawn_over_plain_numbers():
    result = lifetimes.nelson_aalen([1, 2, 3, 4], [1, 1, 0, 1])
    ax = result.plot()
    assert ax.lines[0].get_ydata().tolist() == result.hazard.tolist()
    assert ax.get_xlabel() == "time"
