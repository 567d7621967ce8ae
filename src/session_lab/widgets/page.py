"""HTML that explorers show: tables, code and messages, with every text of users escaped."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from session_lab.plots.texts import short_text
from session_lab.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["code_html", "figure_html", "message_html", "table_html"]

_ROWS = 12
_LONGEST = 60
_MINUTE = 60_000

_CELLS = (
    "<style>.session-lab table {border-collapse: collapse; font-size: 90%;} "
    ".session-lab th, .session-lab td {padding: 0.2em 0.8em; text-align: right; white-space: nowrap; "
    "unicode-bidi: isolate; border-bottom: 1px solid rgba(128, 128, 128, 0.3);} "
    ".session-lab p {margin: 0.3em 0; line-height: 1.4; font-size: 90%; opacity: 0.8;} "
    ".session-lab th:first-child, .session-lab td:first-child {text-align: left;}</style>"
)


def table_html(frame: pd.DataFrame, below: Iterable[str] = ()) -> str:
    """Write the first rows of a table, how many there are more, and lines below them.

    Long text keeps its two ends; line breaks and marks that turn the writing around are left out.
    """
    shown = frame.head(_ROWS)
    texts = {
        name: shown[name].astype(object).map(_cell)
        for name in shown.columns
        if not pd.api.types.is_numeric_dtype(shown[name])
    }
    table = shown.assign(**texts).to_html(index=False, border=0, float_format=_number, na_rep="")
    more = len(frame) - len(shown)
    rest = f"<p>… {more:,} more rows</p>" if more else ""
    lines = "".join(f"<p><i>{escape(line)}</i></p>" for line in below)
    return f'<div class="session-lab">{_CELLS}{table}{rest}{lines}</div>'


def message_html(lines: Iterable[str]) -> str:
    """Write short lines that are read out when they change."""
    text = "<br>".join(escape(line) for line in lines)
    return f'<div role="status" style="min-height: 1.4em">{text}</div>'


def code_html(code: str) -> str:
    """Write code as it stands."""
    return f'<pre style="white-space: pre-wrap; margin: 0.4em 0">{escape(code)}</pre>'


def figure_html(png: bytes, alt: str) -> str:
    """Write a picture into the page itself."""
    data = b64encode(png).decode()
    return (
        f'<img alt="{escape(alt)}" style="width: 100%; max-width: 700px" '
        f'src="data:image/png;base64,{data}">'
    )


def _cell(value: Any) -> str:  # noqa: ANN401  whatever stands in a table
    if isinstance(value, str):
        return short_text(value, _LONGEST)
    if pd.isna(value):
        return ""
    if isinstance(value, timedelta):
        milliseconds = round(value / timedelta(milliseconds=1))
        # Beyond a minute nobody reads milliseconds.
        return duration_text(round(milliseconds, -3 if milliseconds >= _MINUTE else 0))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def _number(value: float) -> str:
    return f"{value:.4g}"
