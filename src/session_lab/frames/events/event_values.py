"""One value of an event, however it was written: read, or refused in words.

What reads files row by row, and what looks closer where a whole column is not plainly right, ends
here, so that every message about a value has one home.
"""

from __future__ import annotations

import ast
import json
import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.frames.schema import EVENTS, Kind
from session_lab.timing import LONGEST_DURATION, to_instant, to_milliseconds
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.frames.schema import Column

__all__ = ["NOTHING", "event_cell", "event_value"]

_MOST_STATUS = 999
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_WHOLE_FLOAT = re.compile(r"-?[0-9]{1,15}\.0+")
_CLOCK = re.compile(r"(?:(\d{1,6}) days? )?(\d{1,9}):([0-5]\d):([0-5]\d(?:\.\d{1,9})?)", re.ASCII)
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_LIST = re.compile(rf"\[\s*(?:{_QUOTED}(?:(?:\s*,\s*|\s+){_QUOTED})*)?\s*\]", re.DOTALL)
_ONE = re.compile(_QUOTED, re.DOTALL)
NOTHING = ("nan", "NaN", "NaT", "<NA>", "None", "null", "NULL", "\\N")
"""How tables write that there is nothing: NumPy, pandas, Python, SQL and its exports."""

_FLAGS = {"true": True, "True": True, "false": False, "False": False}


def event_value(column: Column, value: object, name: str) -> Any:  # noqa: ANN401 (by its kind)
    """Read one value of a column of events.

    Parameters
    ----------
    column : Column
        Of the events schema.
    value : object
        As JSON, Parquet or a cell give it: instants are ISO 8601 text with a zone, datetimes or
        whole milliseconds since 1970; durations are text with a unit or as pandas writes them
        (``0 days 00:00:02.500000``), timedeltas or whole milliseconds.
    name : str
        What the column is called where the value comes from, for the error.

    Returns
    -------
    int, str, list of str or bool
        Milliseconds for instants and durations.

    Raises
    ------
    DataError
        The value cannot be used.

    Examples
    --------
    >>> event_value(EVENTS.column("turn_duration"), "2.5s", "took")
    2500
    """
    return _PARSERS[column.name](value, name)


def event_cell(column: Column, text: str) -> object:
    """Read the text of a cell, of CSV or of another table of text, as a value of a column.

    What does not fit stays text, for :func:`event_value` to refuse; None is an empty cell.
    """
    kind = column.kind
    if not text or text == "\\N" or (kind in _CELLS and text in NOTHING):
        return None
    return _CELLS[kind](text) if kind in _CELLS else text


def _instant(value: object, name: str) -> int:
    return to_instant(value, name=name)


def _op(value: object, name: str) -> str:
    known = EVENTS.column("op").allowed
    if value not in known:
        message = f"{value!r} is not an operation; the known ones are {', '.join(known)}"
        raise DataError(message, column=name)
    return str(value)


def _external_id(value: object, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        message = f"{value!r} is neither text nor a whole number"
        raise DataError(message, column=name)
    text = _text(str(value), name)
    if not text or text.startswith(RESERVED_ID_PREFIX):
        message = (
            f"{text!r} cannot be an external id: it is empty or begins with {RESERVED_ID_PREFIX!r}"
        )
        raise DataError(message, column=name)
    return text


def _duration(value: object, name: str) -> int:
    if isinstance(value, str) and (clock := _CLOCK.fullmatch(value)):
        value = _of_clock(clock)
    if isinstance(value, (str, timedelta)):
        return to_milliseconds(value, name=name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f'{value!r} is not a duration: write whole milliseconds or text such as "2.5s", or name its unit'
        raise DataError(message, column=name)
    if not 0 <= value <= LONGEST_DURATION:
        problem = "is negative" if value < 0 else "is longer than a century"
        raise DataError(f"{value!r} ms {problem}", column=name)
    return value


def _of_clock(clock: re.Match[str]) -> int:
    """Return the milliseconds of a duration as clocks and pandas show it; digits below are cut."""
    days, hours, minutes, seconds = clock.groups(default="0")
    whole = (int(days) * 24 + int(hours)) * 60 + int(minutes)
    return whole * 60_000 + math.floor(Decimal(seconds) * 1000)


def _tags(value: object, name: str) -> list[str]:
    if not isinstance(value, list):
        raise DataError(f"{value!r} is not a list of texts", column=name)
    return [_text(tag, name) for tag in value]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{value!r} is not text", column=name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{value!r} holds half of a character", column=name) from None
    return value


def _status(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_STATUS:
        message = f"{value!r} is not the status of an answer, a whole number below 1000"
        raise DataError(message, column=name)
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise DataError(f"{value!r} is neither true nor false", column=name)
    return value


_PARSERS: dict[str, Callable[[Any, str], Any]] = {
    "at": _instant,
    "op": _op,
    "external_id": _external_id,
    "turn_duration": _duration,
    "expires_at": _instant,
    "tags": _tags,
    "type": _text,
    "task_identifier": _text,
    "recorded_status": _status,
    "recorded_is_cached": _flag,
}


def _number(text: str) -> int | str:
    return int(text.partition(".")[0]) if _is_whole(text) else text


def _number_or_float(text: str) -> float | str:
    """Keep apart what a table with gaps made floats of: it may be a number of seconds."""
    return float(text) if _WHOLE_FLOAT.fullmatch(text) else _number(text)


def _is_whole(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text) or _WHOLE_FLOAT.fullmatch(text))


def _list(text: str) -> object:
    """Read a list of texts: of JSON, or of quoted texts as Python, NumPy and SQL stores show it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if not _LIST.fullmatch(text):
        return text
    try:
        return [ast.literal_eval(one) for one in _ONE.findall(text)]
    except (ValueError, SyntaxError):  # An escape that nobody knows.
        return text


def _to_flag(text: str) -> bool | str:
    return _FLAGS.get(text, text)


_CELLS: dict[Kind, Callable[[str], object]] = {
    Kind.INSTANT: _number,
    Kind.DURATION: _number_or_float,
    Kind.TAGS: _list,
    Kind.CODE: _number,
    Kind.FLAG: _to_flag,
}
