"""Small tables to be read: numbers short, durations with units, nothing where nothing is known."""

from __future__ import annotations

import math
import unicodedata
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from session_lab.timing import duration_text

__all__ = [
    "cell_texts",
    "counted",
    "money",
    "read_duration",
    "short_text",
    "table_html",
    "table_text",
]

_ROWS = 12
_LONGEST = 60
_MINUTE = 60_000
_DIGITS = 4
_MOST_DECIMALS = 9
_FORMS = {"D": "%Y-%m-%d", "min": "%Y-%m-%d %H:%M", "ns": "%Y-%m-%d %H:%M:%S"}
"""How instants are written, by the unit that they are whole multiples of."""


def table_text(frame: pd.DataFrame) -> str:
    """Write the first rows of a table as text, and how many there are more.

    Examples
    --------
    >>> print(table_text(pd.DataFrame({"time": [pd.Timedelta("90m")], "share": [1 / 3]})))
          time  share
    1 h 30 min 0.3333
    """
    more = len(frame) - _ROWS
    rest = f"\n… {counted(more, 'more row')}" if more > 0 else ""
    return f"{_readable(frame).to_string(index=False)}{rest}"


def table_html(frame: pd.DataFrame) -> str:
    """Write the first rows of a table as HTML, and how many there are more."""
    more = len(frame) - _ROWS
    rest = f"<p>… {counted(more, 'more row')}</p>" if more > 0 else ""
    return f"{_readable(frame).to_html(index=False, border=0)}{rest}"


def read_duration(milliseconds: int) -> str:
    """Write a duration to be read: beyond a minute, nobody reads milliseconds.

    Examples
    --------
    >>> read_duration(1_250), read_duration(3_600_250)
    ('1.25 s', '1 h')
    """
    long = abs(milliseconds) >= _MINUTE
    text = duration_text(round(abs(milliseconds), -3 if long else 0))
    return f"-{text}" if milliseconds < 0 else text


def money(dollars: float, sign: str = "") -> str:
    """Write a sum of money: two decimals, or of a small sum two digits.

    Examples
    --------
    >>> money(1234.5), money(0.0123), money(0.0, sign="$"), money(float("nan"))
    ('1,234.50', '0.012', '$0.00', 'not known')
    """
    if math.isnan(dollars):
        return "not known"
    minus, size = "-" * (dollars < 0), abs(dollars)
    decimals = 2 if size == 0 or size >= 0.1 else min(1 - math.floor(math.log10(size)), 12)
    return f"{minus}{sign}{size:,.{decimals}f}"


def short_text(text: str, longest: int = 24) -> str:
    """Put any text on one short line.

    Line breaks become spaces, and invisible marks, such as those that turn the rest of a line
    around, go. What is too long loses its middle, as tags often differ at both ends.

    Examples
    --------
    >>> short_text("user:0123456789012345678901234567")
    'user:0123456…78901234567'
    """
    visible = "".join(
        character
        if not unicodedata.category(character).startswith("C")
        else " " * character.isspace()
        for character in text
    )
    line = " ".join(visible.split())
    if len(line) > longest:
        head = longest // 2
        line = f"{line[:head]}…{line[head + 1 - longest :]}"
    return line or "(empty)"


def counted(n: int, noun: str) -> str:
    """Write a number and what it counts, one or several.

    Examples
    --------
    >>> counted(1, "session"), counted(1_200, "tag")
    ('1 session', '1,200 tags')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the first rows with every value as text; columns may share a name."""
    shown = frame.head(_ROWS)
    columns = [shown.iloc[:, place] for place in range(shown.shape[1])]
    texts = pd.DataFrame(
        {place: list(cell_texts(column)) for place, column in enumerate(columns)}, dtype=object
    )
    texts.columns = pd.Index([short_text(str(name), _LONGEST) for name in frame.columns])
    return texts


def cell_texts(column: pd.Series, longest: int = _LONGEST) -> list[str]:
    """Write the values of a column as texts, nothing where one is missing.

    A text of more than ``longest`` characters loses its middle.
    """
    if pd.api.types.is_float_dtype(column):
        texts = _decimals(column)
    elif pd.api.types.is_datetime64_any_dtype(column):
        texts = _instants(column)
    else:
        texts = [_one(value, longest) for value in column.astype(object)]
    return ["" if missing else text for text, missing in zip(texts, column.isna(), strict=True)]


def _decimals(column: pd.Series) -> list[str]:
    """Write numbers with as many decimals as make four digits of the largest, or fewer if these do.

    What is too small for that keeps two digits of its own.
    """
    numbers = column.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    finite = np.abs(numbers[np.isfinite(numbers)])
    largest = float(finite.max(initial=0)) or 1.0
    decimals = min(max(_DIGITS - 1 - math.floor(math.log10(largest)), 0), _MOST_DECIMALS)
    least = 0.5 * 10.0**-decimals
    while decimals and (finite.round(decimals) == finite.round(decimals - 1)).all():
        decimals -= 1
    return [
        f"{number:.2g}" if 0 < abs(number) < least else f"{number:,.{decimals}f}"
        for number in numbers
    ]


def _instants(column: pd.Series) -> list[str]:
    """Write instants to the day, the minute or the second, whichever the column needs."""
    known = column.dropna()
    form = next((form for unit, form in _FORMS.items() if (known == known.dt.floor(unit)).all()))
    return [str(text) for text in column.dt.strftime(form)]


def _one(value: Any, longest: int) -> str:  # noqa: ANN401  whatever stands in a table
    match value:
        case pd.Timedelta() | np.timedelta64():
            text = read_duration(round(pd.Timedelta(value) / pd.Timedelta(1, "ms")))
        case datetime():
            text = _instants(pd.Series([value]))[0]
        case bool() | np.bool_():
            text = "yes" if bool(value) else "no"
        case int() | np.integer():
            text = f"{value:,}"
        case float() | np.floating():
            text = _decimals(pd.Series([value]))[0]
        case _:
            text = short_text(str(value), longest)
    return text
