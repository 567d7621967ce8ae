"""From the requests of a serving trace to events: which chat each belongs to is known already."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError
from session_lab.timing import LONGEST_DURATION, to_instant
from session_lab.traffic.formats.events import frame_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = [
    "Request",
    "moment",
    "require",
    "to_events",
    "tokens_of",
    "turn_of_seconds",
    "turn_of_tokens",
]


class Request(NamedTuple):
    """One request: when, of which chat, how long its answer took, and what is known of it."""

    at: int
    chat: str
    turn_duration: int
    tags: tuple[str, ...]


def to_events(requests: Sequence[Request]) -> pd.DataFrame:
    """Make events of requests: the earliest of a chat is its start, the others are messages.

    Each carries its turn; a start asks for the tags of its request.
    """
    first: dict[str, int] = {}
    for row, request in enumerate(requests):
        known = first.setdefault(request.chat, row)
        if request.at < requests[known].at:
            first[request.chat] = row
    return frame_of([_event(one, is_start=first[one.chat] == n) for n, one in enumerate(requests)])


def _event(request: Request, *, is_start: bool) -> dict[str, Any]:
    event: dict[str, Any] = {
        "at": request.at,
        "op": "start" if is_start else "message",
        "external_id": request.chat,
        "turn_duration": request.turn_duration,
    }
    return event | {"tags": list(request.tags)} if is_start else event


def require(record: Mapping[str, Any], fields: Sequence[str]) -> None:
    """Refuse a record that lacks a field."""
    for name in fields:
        if record.get(name) is None:
            message = f"the field is missing; the row has {', '.join(record)}"
            raise DataError(message, column=name)


def moment(origin: int, seconds: object, name: str) -> int:
    """Turn seconds since the start of a trace into an instant, rounded to whole milliseconds."""
    return to_instant(origin + _milliseconds(seconds, name), name=name)


def turn_of_seconds(seconds: object, name: str) -> int:
    """Turn the seconds that an answer took into whole milliseconds."""
    duration = _milliseconds(seconds, name)
    if duration > LONGEST_DURATION:
        raise DataError(f"{seconds!r} s is longer than a century", column=name)
    return duration


def turn_of_tokens(tokens: int, tokens_per_second: float, name: str) -> int:
    """Tell how long an answer of so many tokens takes to generate, in whole milliseconds."""
    if tokens > LONGEST_DURATION // 1000 * tokens_per_second:
        message = f"{tokens} tokens take longer than a century at {tokens_per_second} a second"
        raise DataError(message, column=name)
    return round(tokens * 1000 / tokens_per_second)


def tokens_of(value: object, name: str) -> int:
    """Read a number of tokens."""
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


_BEYOND = Decimal(10) ** 18
_LONGEST_NUMBER = 19
