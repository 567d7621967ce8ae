"""Instants as JavaScript's ``Date`` coerces them.

The Sessions API passes whatever it is given as ``expiresAt`` to ``new Date(value)``, so ``null``,
``false``, one-element arrays and texts such as ``"June 1, 2026"`` are all instants there. A zone
that is not named is UTC, the zone of the API's servers.
"""

from __future__ import annotations

import math
import re

from session_lab.simulator.api.javascript.free_dates import parse_free_text
from session_lab.simulator.api.javascript.numbers import number_text
from session_lab.simulator.model.calendar import (
    Fields,
    fraction_milliseconds,
    instant_of,
    is_in_range,
)

__all__ = ["LAST_DATE", "to_date"]

LAST_DATE = 8_640_000_000_000_000
"""The farthest instant from 1970, either way, that a JavaScript ``Date`` can hold."""

_ISO = re.compile(
    r"(?P<year>[+-]\d{6}|\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
    r"(?P<time>[Tt](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?",
    re.ASCII,
)


def to_date(value: object) -> int | None:
    """Coerce a JSON value to an instant, or None where ``new Date(value)`` is invalid.

    Parameters
    ----------
    value : object
        A JSON value. Numbers are milliseconds since 1970, never seconds, with fractions cut off;
        ``None`` and ``False`` are 0 and ``True`` is 1; arrays are read through their text.

    Returns
    -------
    int or None
        Milliseconds since 1970, at most `LAST_DATE` away from it.

    Examples
    --------
    >>> to_date("2026-02-30") == to_date("2026-03-02T00:00:00Z") == to_date(["2026-03-02"])
    True
    >>> to_date(None), to_date(1767225600.9), to_date("tomorrow")
    (0, 1767225600, None)
    """
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        return _clip(value)
    if isinstance(value, str):
        return _parse(value)
    return _parse(_text_of(value))


def _clip(number: float) -> int | None:
    if math.isnan(number) or abs(number) > LAST_DATE:
        return None
    return int(number)


def _parse(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    fields = _iso_fields(match) if match else None
    if fields is None:
        fields = parse_free_text(text)
    return None if fields is None else _clip(instant_of(fields))


def _iso_fields(match: re.Match[str]) -> Fields | None:
    fields = Fields(
        year=int(match["year"]),
        month=int(match["month"] or 1),
        day=int(match["day"] or 1),
        hour=int(match["hour"] or 0),
        minute=int(match["minute"] or 0),
        second=int(match["second"] or 0),
        millisecond=fraction_milliseconds(match["fraction"] or "0"),
        offset_minutes=_offset(match["zone"] or "Z"),
    )
    return fields if match["year"] != "-000000" and is_in_range(fields) else None


def _offset(zone: str) -> int:
    if zone in "Zz":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return -minutes if zone[0] == "-" else minutes


def _text_of(value: object) -> str:
    """Write a JSON value as ``String(value)`` does; null is empty inside an array."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value)
        case str():
            return value
        case list():
            return ",".join(map(_text_of, value))
        case _:
            return "[object Object]"
