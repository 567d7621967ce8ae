"""Values of serving traces, as instants, durations, ids and tags."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.frames import EVENTS, event_value
from session_lab.timing import LONGEST_DURATION, to_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "external_id_of",
    "instant_of_seconds",
    "require",
    "tag_of",
    "tokens_of",
    "turn_of_seconds",
    "turn_of_tokens",
]

_BEYOND = Decimal(10) ** 18
_LONGEST_NUMBER = 19


def require(record: Mapping[str, Any], *fields: str) -> None:
    """Refuse a record that lacks a field.

    Raises
    ------
    DataError
        It does; the error names the field.
    """
    for name in fields:
        if record.get(name) is None:
            message = f"the field is missing; the row has {', '.join(record)}"
            raise DataError(message, column=name)


def external_id_of(kind: str, value: str | int, field: str) -> str:
    """Return an external id such as ``chat-7``."""
    name: str = event_value(EVENTS.column("external_id"), f"{kind}-{value}", field)
    return name


def tag_of(name: str, value: object, field: str) -> str:
    """Return a tag such as ``model:GPT-4``."""
    tag: str = event_value(EVENTS.column("type"), f"{name}:{value}", field)
    return tag


def instant_of_seconds(origin: int, seconds: object, name: str) -> int:
    """Return the instant that lies so many seconds after the start of a trace, to the millisecond.

    Raises
    ------
    DataError
        This is not a number of seconds, or it lies beyond the year 9999.
    """
    return to_instant(origin + _milliseconds(seconds, name), name=name)


def turn_of_seconds(seconds: object, name: str) -> int:
    """Return the seconds that an answer took, as whole milliseconds.

    Raises
    ------
    DataError
        This is not a number of seconds, or it is more than a century.
    """
    duration = _milliseconds(seconds, name)
    if duration > LONGEST_DURATION:
        raise DataError(f"{seconds!r} s is longer than a century", column=name)
    return duration


def turn_of_tokens(tokens: int, tokens_per_second: float, name: str) -> int:
    """Return how long an answer of so many tokens takes to generate, in whole milliseconds.

    Raises
    ------
    DataError
        It takes more than a century.
    """
    if tokens > LONGEST_DURATION // 1000 * tokens_per_second:
        message = f"{tokens} tokens take longer than a century at {tokens_per_second} a second"
        raise DataError(message, column=name)
    return round(tokens * 1000 / tokens_per_second)


def tokens_of(value: object, name: str) -> int:
    """Read a number of tokens.

    Raises
    ------
    DataError
        This is not a whole number of zero or more.
    """
    if isinstance(value, str) and value.isdecimal() and len(value) < _LONGEST_NUMBER:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DataError(f"{value!r} is not a whole number of zero or more", column=name)
    return value


def _milliseconds(seconds: object, name: str) -> int:
    """Read seconds, a number or the text of one, without a detour over binary fractions."""
    try:
        exact = Decimal(str(seconds)) * 1000
        whole = int(exact.to_integral_value()) if abs(exact) < _BEYOND else None
    except ArithmeticError:
        whole = None
    if isinstance(seconds, bool) or whole is None or whole < 0:
        raise DataError(f"{seconds!r} is not a number of seconds from zero on", column=name)
    return whole
