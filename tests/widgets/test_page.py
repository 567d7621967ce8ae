"""Tables and messages as HTML."""

from __future__ import annotations

import pandas as pd

from session_lab.widgets.parts.html import code_html, figure_html, message_html, table_html


def test_lines_stand_below_the_table():
    html = table_html(pd.DataFrame({"n": [1]}), ["a formula", "a note"])
    assert html.index("<td>1</td>") < html.index("a formula") < html.index("a note")


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
