"""Tables and messages as HTML."""

from __future__ import annotations

import pandas as pd
import pytest

from session_lab.widgets.page import code_html, figure_html, message_html, table_html


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (pd.Timedelta("1h 2min 3.4s"), "1h2m3s"),
        (pd.Timedelta("2.5s"), "2s500ms"),
        (pd.Timestamp("2026-01-02T03:04:05Z"), "2026-01-02 03:04"),
        (None, ""),
        (pd.NaT, ""),
        (True, "True"),
        ("<b>", "&lt;b&gt;"),
        ("x" * 100, f"{'x' * 30}…{'x' * 29}"),
        (0.123456, "0.1235"),
        (12, "12"),
    ],
)
def test_a_cell_is_short_and_escaped(value: object, shown: str):
    assert f"<td>{shown}</td>" in table_html(pd.DataFrame({"column": [value]}))


def test_a_long_table_says_how_much_is_left_out():
    assert "… 1,188 more rows" in table_html(pd.DataFrame({"n": range(1_200)}))


def test_text_from_elsewhere_is_escaped_everywhere():
    nasty = '<img src=x onerror="alert(1)">'
    for html in (
        table_html(pd.DataFrame({nasty: [nasty]}), [nasty]),
        message_html([nasty]),
        code_html(nasty),
        figure_html(b"png", nasty),
    ):
        assert nasty not in html
        assert "&lt;img src=x" in html
