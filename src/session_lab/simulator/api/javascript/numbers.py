"""Numbers as JavaScript reads and writes them."""

from __future__ import annotations

import math
import re

from session_lab.wire.text import trim

__all__ = ["number_text", "to_number"]

_DECIMAL = re.compile(
    r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)",
    re.ASCII,
)
_RADIX = re.compile(r"0(?:[xX]([0-9a-fA-F]+)|[oO]([0-7]+)|[bB]([01]+))", re.ASCII)
_BASES = (16, 8, 2)
_EXACT_BELOW = 2**53
_PLAIN_BELOW = 21
_PLAIN_ABOVE = -7


def to_number(text: str) -> float:
    """Read text as ``Number(text)`` does; what does not read is NaN.

    Surrounding blanks are cut, empty text is 0, exponents and the prefixes ``0x``, ``0o`` and
    ``0b`` are read, ASCII digits only (ECMA-262, StringToNumber).

    Examples
    --------
    >>> to_number(" 1e1 "), to_number("0x10"), to_number("")
    (10.0, 16.0, 0.0)
    >>> to_number("10abc"), to_number("1_0")
    (nan, nan)
    """
    body = trim(text)
    if not body:
        return 0.0
    if _DECIMAL.fullmatch(body):
        return float(body)
    if match := _RADIX.fullmatch(body):
        digits, base = next((d, b) for d, b in zip(match.groups(), _BASES, strict=True) if d)
        return _nearest(int(digits, base))
    return math.nan


def _nearest(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def number_text(value: float) -> str:
    """Write a number as ``String(value)`` does.

    Digits are the shortest that read back as the same double; from 1e21 up and below 1e-6 an
    exponent is written (ECMA-262, Number::toString).

    Examples
    --------
    >>> number_text(3.0), number_text(1e21), number_text(1e-7), number_text(2**53 + 1)
    ('3', '1e+21', '1e-7', '9007199254740992')
    """
    if isinstance(value, int):
        if abs(value) < _EXACT_BELOW:
            return f"{value:d}"
        value = _nearest(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of point.
    point = int(exponent or 0) + len(digits) - len(fraction)
    return sign + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    if len(digits) <= point <= _PLAIN_BELOW:
        return digits.ljust(point, "0")
    if 0 < point <= _PLAIN_BELOW:
        return f"{digits[:point]}.{digits[point:]}"
    if _PLAIN_ABOVE < point - 1 < 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
