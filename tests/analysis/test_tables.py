"""Tables as they are read, and the representations that show them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import session_lab as sl
from session_lab.analysis.display import read_duration, table_html, table_text
from session_lab.frames import SESSIONS, empty
from tests.widgets.sessions import sessions_frame


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (pd.Timedelta("1h 2min 3.4s"), "1 h 2 min 3 s"),
        (pd.Timedelta("2.5s"), "2.5 s"),
        (pd.Timedelta("-90s"), "-1 min 30 s"),
        (pd.Timestamp("2026-01-02T03:04:05Z"), "2026-01-02 03:04:05"),
        (pd.Timestamp("2026-01-02T03:04:00Z"), "2026-01-02 03:04"),
        (pd.Timestamp("2026-01-02T00:00:00Z"), "2026-01-02"),
        (None, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (float("nan"), ""),
        (True, "yes"),
        (False, "no"),
        ("<b>", "&lt;b&gt;"),
        ("two\nlines", "two lines"),
        ("x" * 100, f"{'x' * 30}…{'x' * 29}"),
        (0.123456, "0.1235"),
        (1234.56, "1,235"),
        (0.00003, "0.00003"),
        (2.0, "2"),
        (float("inf"), "inf"),
        (12, "12"),
        (1_234_567, "1,234,567"),
    ],
)
@pytest.mark.parametrize("dtype", [None, object])
def test_a_cell_is_short_and_escaped(value: object, shown: str, dtype: object):
    column = pd.Series([value], dtype=dtype)
    assert f"<td>{shown}</td>" in table_html(pd.DataFrame({"column": column}))


def test_numbers_of_a_column_have_the_same_decimals_and_small_ones_digits_of_their_own():
    text = table_text(pd.DataFrame({"share": [0.5, 0.123456, 7.7e-14, None]}))
    assert text.split("\n")[1:] == [" 0.5000", " 0.1235", "7.7e-14", "       "]


def test_columns_of_one_name_stand_side_by_side():
    frame = pd.DataFrame([[1, 2]], columns=["n", "n"])
    assert table_text(frame).split() == ["n", "n", "1", "2"]


@pytest.mark.parametrize("write", [table_text, table_html])
def test_a_long_table_says_how_much_is_left_out(write: Any):
    assert "… 1,188 more rows" in write(pd.DataFrame({"n": range(1_200)}))
    assert "… 1 more row" in write(pd.DataFrame({"n": range(13)}))
    assert "more" not in write(pd.DataFrame({"n": range(12)}))


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(59_999, "59.999 s"), (60_499, "1 min"), (-250, "-250 ms"), (0, "0 s")],
)
def test_beyond_a_minute_durations_have_whole_seconds(milliseconds: int, text: str):
    assert read_duration(milliseconds) == text


@pytest.mark.parametrize(
    "result",
    [
        sl.tags.distribution(sessions_frame()),
        sl.tags.distribution(empty(SESSIONS)),
        sl.lifetimes.survival(sessions_frame()),
        sl.lifetimes.survival(sessions_frame(), by="task_identifier"),
        sl.lifetimes.incidence(sessions_frame()),
        sl.lifetimes.incidence(sessions_frame(), by="task_identifier"),
        sl.lifetimes.compare(sessions_frame(), "task_identifier"),
        sl.lifetimes.nelson_aalen([1, 2, 3], [1, 0, 1]),
    ],
    ids=lambda result: type(result).__name__,
)
def test_a_representation_says_what_was_assumed_and_how_to_plot(result: Any):
    for shown in (repr(result), result.to_html().replace("&#x27;", "'")):
        assert result.title in shown
        assert ".plot() draws it; .to_frame() returns all numbers" in shown
    for line in (result.formula, *result.notes):
        assert line in repr(result)
    assert not {"NaN", "NaT", "<NA>", "None"} & set(repr(result).replace("\n", " ").split())


def test_a_curve_is_summed_up():
    survival = sl.lifetimes.survival(sessions_frame())
    assert "median" in repr(survival)
    assert len(survival.to_frame()) > 100
    assert "more row" not in repr(survival)


def test_a_dollar_sign_is_no_formula():
    html = sl.tags.distribution(pd.DataFrame({"tags": [["$x$"]]})).to_html()
    assert html.startswith('<div class="tex2jax_ignore mathjax_ignore">')
