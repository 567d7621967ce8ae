"""One value of a row, however it was written: read as its column needs it, or refused in words.

Everything that looks at single values ends here: rows of the API, lines of files whose block Arrow
could not take at once, cells of frames of mixed types.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic_core import PydanticSerializationError, from_json, to_json

from session_lab.errors import DataError
from session_lab.frames.schema import Kind
from session_lab.timing import to_milliseconds
from session_lab.wire.base import read_moment

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decoded", "is_missing", "json_text", "parse_list", "read_value", "short", "unescaped"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_EXPECTED = {
    Kind.INSTANT: "an ISO 8601 time with a zone",
    Kind.TAGS: "a list of texts",
    Kind.FLAG: "true or false",
    Kind.DURATION: "a duration: whole milliseconds, or text with a unit",
    Kind.TEXT: "text",
    Kind.CATEGORY: "text",
}
_FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_QUOTED = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""
_ITEM = re.compile(rf"\s*(?:{_QUOTED})\s*(,|\Z)", re.DOTALL)
_BRACED = re.compile(r'("(?:[^"\\]|\\.)*"|(?:[^",{}\\\s]|\\.)(?:[^",{}\\]|\\.)*)(,|\Z)', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U000[0-9A-Fa-f]{5}|U0010[0-9A-Fa-f]{4}|.)", re.DOTALL
)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0", "v": "\v", "a": "\a"}
_SURROGATES = re.compile("([\ud800-\udbff])([\udc00-\udfff])")


def read_value(kind: Kind, value: object, *, naive_is_utc: bool = False) -> Any:  # noqa: ANN401
    r"""Read a value as a column of a kind holds it.

    Parameters
    ----------
    kind : Kind
        What is wanted.
    value : object
        As JSON, a database, NumPy or pandas give it, or as text.
    naive_is_utc : bool
        Whether a time without a zone is UTC; else it is refused.

    Returns
    -------
    int, float, str, bool, list of str or None
        Whole milliseconds for an instant, milliseconds for a duration; None for what is missing.

    Raises
    ------
    ValueError
        It is something else; the message ends a sentence that begins with the value.

    Examples
    --------
    >>> read_value(Kind.INSTANT, "2026-04-24 09:00:00.123", naive_is_utc=True)
    1777021200123
    >>> read_value(Kind.TAGS, '{vip,"a b"}')
    ['vip', 'a b']
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if is_missing(value):
        return None
    read: Callable[[Any], Any] = _READERS.get(kind, _number)
    try:
        if kind is Kind.INSTANT:
            return _instant(value, naive_is_utc=naive_is_utc)
        return read(value)
    except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
        told = error.args[0] if isinstance(error, _ToldError) else None
        message = told or f"is not {_EXPECTED.get(kind, 'a number')}"
        raise ValueError(message) from None


class _ToldError(ValueError):
    """Says in its own words what is wrong."""


def is_missing(value: object) -> bool:
    """Check whether a value stands for nothing: None, NaN, NaT or NA."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value))


def short(value: object) -> str:
    """Show a value in an error, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _instant(value: object, *, naive_is_utc: bool) -> int | None:
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  told below
    moment = value
    if isinstance(value, str):
        if not value:
            return None
        moment = None if value[:1] in "+-" else datetime.fromisoformat(value)
    if isinstance(moment, datetime) and moment.tzinfo is None and not naive_is_utc:
        message = f"has no time zone; add one, as in {moment.isoformat()}Z"
        raise _ToldError(message)
    return (read_moment(value) - _EPOCH) // _MILLISECOND


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    try:
        value.encode()
    except UnicodeEncodeError:
        message = "has half of a character in it, which no file can hold"
        raise _ToldError(message) from None
    return value


def _tags(value: object) -> list[str] | None:
    if isinstance(value, str):
        return None if not value else [_text(tag) for tag in parse_list(value)]
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [_text(tag) for tag in value]


def _number(value: Any) -> float | None:  # noqa: ANN401  whatever a row holds
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        if not value:
            return None
        value = float(value)
        if math.isnan(value):
            return None
    number = float(value)
    if math.isinf(number):
        raise ValueError
    return number


def _duration(value: object) -> float | None:
    if isinstance(value, (timedelta, np.timedelta64)):
        return pd.Timedelta(value) / pd.Timedelta(1, unit="ms")
    try:
        return _number(value)
    except ValueError:
        if not isinstance(value, str):
            raise
    try:
        return float(to_milliseconds(value))
    except DataError:
        # As pandas writes it: 0 days 00:00:02.500000.
        return pd.Timedelta(value) / pd.Timedelta(1, unit="ms")


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if not text:
        return None
    if not isinstance(value, (int, float, str)) or text not in _FLAGS:
        raise TypeError
    return _FLAGS[text]


def _json(value: object) -> str | None:
    """Write a value as JSON; text that is JSON stands for what it says."""
    if isinstance(value, str):
        if not value:
            return None
        with suppress(ValueError):
            value = decoded(value)
    return json_text(value)


def json_text(value: object) -> str | None:
    """Write a value as compact JSON; None stays None.

    Raises
    ------
    ValueError
        It has no place in JSON.

    Examples
    --------
    >>> json_text({"plan": "pro", "seats": [1, 2]})
    '{"plan":"pro","seats":[1,2]}'
    """
    if value is None:
        return None
    try:
        return to_json(value, fallback=_of_numpy).decode()
    except (PydanticSerializationError, UnicodeEncodeError):
        # Half of a surrogate pair has no place in UTF-8, but its escape has one in JSON.
        return json.dumps(value, separators=(",", ":"), default=_of_numpy)


def _of_numpy(value: Any) -> Any:  # noqa: ANN401  what pydantic does not know
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if is_missing(value):
        return None
    raise TypeError(type(value))


def decoded(text: bytes | str) -> Any:  # noqa: ANN401  JSON
    """Decode JSON.

    Raises
    ------
    ValueError
        It is not JSON, or too deep or too long to be read.
    """
    try:
        # Few values are seen twice, so only keys are worth a place in its cache.
        return from_json(text, cache_strings="keys")
    except ValueError:
        # Python's own decoder takes half surrogate pairs, and says better what is wrong.
        try:
            return json.loads(text)
        except RecursionError:
            message = "it is nested too deeply"
            raise ValueError(message) from None


def parse_list(text: str) -> list[str]:
    r"""Parse a list of texts: JSON, or as ClickHouse, Python or Postgres write one.

    JSON goes first. ClickHouse's ``['a','it\'s']`` and Python's ``['a', "it's"]`` have one grammar
    here, with the escapes of both; Postgres writes ``{a,"b c"}``.

    Raises
    ------
    ValueError
        It is none of them, or could be read in two ways, as ``['a' 'b']`` of NumPy can.

    Examples
    --------
    >>> parse_list(r"['it\'s', 'b']"), parse_list('["it\'s","b"]'), parse_list("{}")
    (["it's", 'b'], ["it's", 'b'], [])
    """
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        try:
            value = decoded(stripped)
        except ValueError:
            return _items(stripped[1:-1])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    elif stripped.startswith("{") and stripped.endswith("}"):
        return _braced(stripped[1:-1])
    raise _not_a_list(text)


def _items(inside: str) -> list[str]:
    items: list[str] = []
    place = 0
    while True:
        found = _ITEM.match(inside, place)
        if found is None:
            raise _not_a_list(f"[{inside}]")
        single, double, mark = found.groups()
        items.append(unescaped(single if single is not None else double))
        place = found.end()
        if not mark:
            return items


def _braced(inside: str) -> list[str]:
    items: list[str] = []
    place = 0
    while inside:
        found = _BRACED.match(inside, place)
        # A NULL without quotes is one, and no text.
        if found is None or found[1].upper() == "NULL":
            raise _not_a_list(f"{{{inside}}}")
        item, mark = found.groups()
        plain = item[1:-1] if item.startswith('"') else item
        items.append(re.sub(r"\\(.)", r"\1", plain, flags=re.DOTALL))
        place = found.end()
        if not mark:
            break
    return items


def _not_a_list(text: str) -> ValueError:
    if re.search(r"""['"]\s+['"]""", text):
        message = (
            "is not a list of texts: NumPy and pandas leave out the commas; write JSON, as "
            "sl.write_frame does"
        )
        return _ToldError(message)
    return _ToldError("is not a list of texts")


def unescaped(text: str) -> str:
    r"""Resolve the backslash escapes of databases, Python and JSON.

    Raises
    ------
    ValueError
        There is an escape that none of them writes.

    Examples
    --------
    >>> unescaped(r"a\tb\\c\u00fc")
    'a\tb\\cü'
    """
    if "\\" not in text:
        return text
    return _SURROGATES.sub(_joined, _ESCAPE.sub(_resolved, text))


def _resolved(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code in _ESCAPED:
        return _ESCAPED[code]
    if code.isalnum():
        raise _ToldError(f"has the escape \\{code}, which no store writes")
    return code


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.CATEGORY: _text,
    Kind.JSON: _json,
    Kind.TAGS: _tags,
    Kind.DURATION: _duration,
    Kind.FLAG: _flag,
}
