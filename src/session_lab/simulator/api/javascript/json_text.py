"""JSON as the API's JavaScript reads and writes it."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any, NoReturn

from pydantic_core import to_json

from session_lab.simulator.api.javascript.numbers import number_text

__all__ = ["Json", "parse_json", "render_json", "render_texts"]

Json = Any
"""What a JSON text holds: None, bool, int, float, str, or a list or dict of these."""

_EXPONENT_FROM = 1e21
"""From here up JavaScript writes integers with an exponent."""

_EXACT_DIGITS = 15
"""Integers of this many digits are the same in both languages."""

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)
_WHOLE = re.compile(rb"\.0(?:[],}]|$)")
_EXPONENT = re.compile(rb"e[-+]?[0-9]+(?:[],}]|$)")


def parse_json(text: str) -> Json:
    """Read a JSON text as ``JSON.parse`` does: every number is a double, whole ones come as int.

    Raises
    ------
    ValueError
        The text is not JSON; ``NaN`` and ``Infinity`` are not.
    RecursionError
        It nests deeper than the interpreter allows, which is far deeper than the API's store takes.

    Examples
    --------
    >>> parse_json('{"a": 1, "a": 3.0, "b": 9007199254740993}')
    {'a': 3, 'b': 9007199254740992}
    """
    return _DECODER.decode(text)


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _EXACT_DIGITS else _number(digits)


def _number(digits: str) -> float:
    double = float(digits)
    if double.is_integer() and abs(double) < _EXPONENT_FROM:
        return int(number_text(double))
    return double


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_number, parse_constant=_refuse)


def render_json(value: Json) -> bytes:
    r"""Write a value as ``JSON.stringify`` does, in UTF-8.

    No blanks, characters beyond ASCII as they are, numbers in JavaScript's form, halves of
    surrogate pairs as escapes.

    Examples
    --------
    >>> render_json({"a": [1.0, 1e21, None, True], "b": "\u00e9"}).decode()
    '{"a":[1,1e+21,null,true],"b":"é"}'
    """
    text = render_texts(value)
    if _may_hold_other_numbers(text):
        text = _text(value).encode("utf-8", "backslashreplace")
    return text


def render_texts(value: Json) -> bytes:
    """Write a value as :func:`render_json` does, in less time; its numbers are small integers."""
    try:
        return to_json(value, inf_nan_mode="null")
    except ValueError:
        pass  # It nests deep, or holds half a surrogate pair.
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError):
        text = _text(value)
    return text.encode("utf-8", "backslashreplace")


def _may_hold_other_numbers(text: bytes) -> bool:
    """Return whether numbers may be there that JavaScript writes in another way: 1.0 and 1e16.

    Texts can look so too, which does no harm.
    """
    return _WHOLE.search(text) is not None or _EXPONENT.search(text) is not None


def _text(value: Json) -> str:
    match value:
        case str():
            return encode_basestring(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value) if abs(value) < float("inf") else "null"
        case dict():
            members = [f"{encode_basestring(key)}:{_text(item)}" for key, item in value.items()]
            return f"{{{','.join(members)}}}"
        case list() | tuple():
            return f"[{','.join(map(_text, value))}]"
        case _:
            raise TypeError(f"{type(value).__name__} has no place in JSON")
