"""HTML that explorers show: display, code and messages, with every text of users escaped."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from session_lab.analysis import display

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["code_html", "figure_html", "message_html", "table_html"]

_CELLS = (
    "<style>.session-lab table {border-collapse: collapse; font-size: 90%;} "
    ".session-lab th, .session-lab td {padding: 0.2em 0.8em; text-align: right; white-space: nowrap; "
    "unicode-bidi: isolate; border-bottom: 1px solid rgba(128, 128, 128, 0.3);} "
    ".session-lab p {margin: 0.3em 0; line-height: 1.4; font-size: 90%; opacity: 0.8;} "
    ".session-lab th:first-child, .session-lab td:first-child {text-align: left;}</style>"
)


def table_html(frame: pd.DataFrame, below: Iterable[str] = ()) -> str:
    """Write the first rows of a table, how many there are more, and lines below them."""
    lines = "".join(f"<p><i>{escape(line)}</i></p>" for line in below)
    return f'<div class="session-lab">{_CELLS}{display.table_html(frame)}{lines}</div>'


def message_html(lines: Iterable[str]) -> str:
    """Write short lines that are read out when they change."""
    text = "<br>".join(escape(line) for line in lines)
    return f'<div role="status" style="min-height: 1.4em">{text}</div>'


def code_html(code: str) -> str:
    """Write code as it stands."""
    return f'<pre style="white-space: pre-wrap; word-break: normal; margin: 0.4em 0">{escape(code)}</pre>'


def figure_html(png: bytes, alt: str) -> str:
    """Write a picture into the page itself."""
    data = b64encode(png).decode()
    return (
        f'<img alt="{escape(alt)}" style="width: 100%; max-width: 700px" '
        f'src="data:image/png;base64,{data}">'
    )
