"""Instants, durations and clocks.

Inside session_lab an instant is a whole number of milliseconds since 1970-01-01T00:00:00Z and a
duration is a whole number of milliseconds. This module is where text, ``datetime`` and
``timedelta`` become such numbers and back.

The duration grammar is one or more ``<number><unit>`` pairs, as in ``"90s"``, ``"1h30m"`` or
``"2 min 3.5 s"``, with the units ``ms``, ``s``, ``m`` or ``min``, ``h``, ``d`` and ``w``; spaces
are free. A bare number is refused, because nobody can see whether it means seconds or
milliseconds; only ``0`` needs no unit. Durations are written in one style, which the grammar
reads back: ``2 min 3 s``, ``1.095 s``, ``95 ms``.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Protocol

from session_lab.errors import DataError, SimulationError

__all__ = [
    "FIRST_INSTANT",
    "LAST_INSTANT",
    "LONGEST_DURATION",
    "Clock",
    "Duration",
    "Instant",
    "SystemClock",
    "VirtualClock",
    "duration_text",
    "instant_text",
    "to_horizon",
    "to_instant",
    "to_milliseconds",
]

Duration = str | timedelta
"""What public arguments accept as a duration: ``"30s"`` or a ``timedelta``."""

Instant = str | datetime
"""What public arguments accept as an instant: ISO 8601 text with a zone, or an aware datetime."""

FIRST_INSTANT = -62_135_596_800_000
"""0001-01-01T00:00:00Z, the first instant that Python's ``datetime`` can hold."""

LAST_INSTANT = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last instant that Python's ``datetime`` can hold."""

LONGEST_DURATION = 100 * 365 * 86_400_000
"""A century; longer durations are taken for mistakes, and sums of them would overflow."""

_MOVING = threading.Lock()
"""One for all clocks, so that clocks can be copied and pickled."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNITS = {
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "min": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(min|ms|[smhdw])", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_LONG_YEAR = re.compile(r"[+-]?\d{5,}-\d\d-\d\d", re.ASCII)


def to_milliseconds(value: object, *, name: str = "duration") -> int:
    """Turn a duration with a unit into milliseconds.

    Parameters
    ----------
    value : str or timedelta
        Such as ``"30s"``, ``"1h30m"``, ``"250ms"`` or ``timedelta(minutes=5)``; also ``0``.
    name : str
        The argument's name, for the error.

    Returns
    -------
    int
        Whole milliseconds, zero or more.

    Raises
    ------
    DataError
        No unit, an unknown unit, a negative duration, a part of a millisecond, or more than a
        century.

    Examples
    --------
    >>> to_milliseconds("1h30m")
    5400000
    >>> to_milliseconds("1.5s")
    1500
    """
    if isinstance(value, timedelta):
        total, rest = divmod(value, _MILLISECOND)
        exact = rest == timedelta(0)
    elif isinstance(value, str):
        total, exact = _parse_duration(value, name)
    elif not isinstance(value, bool) and isinstance(value, Real) and value == 0:
        return 0
    else:
        message = f'{value!r} is not a duration with a unit; write it as "30s", "5m" or a timedelta'
        raise DataError(message, column=name)
    if total < 0:
        raise _negative(value, name)
    if not exact:
        raise DataError(f"{value!r} is not a whole number of milliseconds", column=name)
    if total > LONGEST_DURATION:
        raise DataError(f"{value!r} is longer than a century", column=name)
    return total


def _negative(value: object, name: str) -> DataError:
    return DataError(f"{value!r} is negative; a duration is zero or more", column=name)


def _parse_duration(text: str, name: str) -> tuple[int, bool]:
    compact = text.replace(" ", "")
    if compact == "0":
        return 0, True
    if not _DURATION.fullmatch(compact.removeprefix("-")):
        units = ", ".join(sorted(_UNITS, key=_UNITS.__getitem__))
        message = f'{text!r} is not a duration; write numbers with units ({units}), as in "1h30m"'
        raise DataError(message, column=name)
    if compact.startswith("-"):
        raise _negative(text, name)
    total = sum(Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(compact))
    whole = int(total)
    return whole, whole == total


def duration_text(milliseconds: int) -> str:
    """Write a duration, largest units first, so that it reads back as what it was.

    Examples
    --------
    >>> duration_text(5_400_000), duration_text(123_000), duration_text(1_095), duration_text(95)
    ('1 h 30 min', '2 min 3 s', '1.095 s', '95 ms')
    >>> duration_text(0)
    '0 s'
    """
    if 0 < milliseconds < _UNITS["s"]:
        return f"{milliseconds} ms"
    parts = []
    for unit in ("d", "h", "min"):
        count, milliseconds = divmod(milliseconds, _UNITS[unit])
        if count:
            parts.append(f"{count} {unit}")
    if milliseconds or not parts:
        parts.append(f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + " s")
    return " ".join(parts)


def to_instant(value: object, *, name: str = "time") -> int:
    """Turn ISO 8601 text or a datetime into milliseconds since 1970 (UTC).

    Digits below a millisecond are cut off, as the API does.

    Parameters
    ----------
    value : str, datetime or int
        Text and datetimes must carry a zone; an int is taken as milliseconds since 1970.
    name : str
        The argument's name, for the error.

    Returns
    -------
    int
        Milliseconds since 1970-01-01T00:00:00Z.

    Raises
    ------
    DataError
        The text does not parse, has no zone, or the instant lies outside 1970 to 9999.

    Examples
    --------
    >>> to_instant("2026-01-01T00:00:00Z")
    1767225600000
    >>> to_instant("2026-01-01T01:00:00+01:00")
    1767225600000
    """
    given = value
    if isinstance(value, str):
        value = _parse_instant(value, name)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            message = f"{value.isoformat()} has no time zone; add one, as in {value.isoformat()}Z"
            raise DataError(message, column=name)
        value = (value - _EPOCH) // _MILLISECOND
    if not isinstance(value, int) or isinstance(value, bool):
        message = f"{value!r} is not a time; write ISO 8601 text such as 2026-01-01T00:00:00Z"
        raise DataError(message, column=name)
    if not 0 <= value <= LAST_INSTANT:
        shown = f"{value} ms" if given is value else str(given)
        raise DataError(f"{shown} lies outside the years 1970 to 9999", column=name)
    return value


def _parse_instant(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not an ISO 8601 time; write it as 2026-01-01T00:00:00Z"
        if _LONG_YEAR.match(text):
            message = f"{text!r} lies outside the years 1970 to 9999"
        raise DataError(message, column=name) from None


def to_horizon(until: object) -> int | None:
    """Turn ``until`` into milliseconds since 1970; a number would leave open what it counts.

    Raises
    ------
    DataError
        It is a number, or not an instant.
    """
    if isinstance(until, (int, float)):
        message = f"{until!r} is a number; write an instant such as 2026-01-01T00:00:00Z"
        raise DataError(message, column="until")
    return None if until is None else to_instant(until, name="until")


def instant_text(instant: int) -> str:
    """Write an instant as the API does: UTC, milliseconds, ``Z``.

    Examples
    --------
    >>> instant_text(1767225600000)
    '2026-01-01T00:00:00.000Z'
    """
    seconds, milliseconds = divmod(instant, 1000)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.replace(tzinfo=None).isoformat()}.{milliseconds:03d}Z"


class Clock(Protocol):
    """Something that knows what time it is."""

    def milliseconds(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        ...


class SystemClock:
    """The machine's own clock."""

    def milliseconds(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000


class VirtualClock:
    """A clock that stands still until it is told to move, and never moves back.

    Parameters
    ----------
    start : str, datetime or int
        The first instant it shows.

    Examples
    --------
    >>> clock = VirtualClock("2026-01-01T00:00:00Z")
    >>> clock.advance("90m")
    >>> clock.now.isoformat()
    '2026-01-01T01:30:00+00:00'
    """

    def __init__(self, start: Instant | int = "2026-01-01T00:00:00Z") -> None:
        self._now = to_instant(start, name="now")

    def __repr__(self) -> str:
        """Show the instant."""
        return f"VirtualClock({instant_text(self._now)!r})"

    @property
    def now(self) -> datetime:
        """The current instant, an aware datetime in UTC."""
        return _EPOCH + self._now * _MILLISECOND

    def milliseconds(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        return self._now

    def advance(self, duration: Duration) -> None:
        """Move forward by a duration, such as ``"90m"``; threads that move it add up."""
        length = to_milliseconds(duration, name="duration")
        with _MOVING:
            self.advance_to(self._now + length)

    def advance_to(self, instant: Instant | int) -> None:
        """Move forward to an instant.

        Raises
        ------
        SimulationError
            The instant lies before the current one.
        """
        target = to_instant(instant, name="instant")
        if target < self._now:
            message = (
                f"the clock stands at {instant_text(self._now)} and cannot go back to "
                f"{instant_text(target)}; fork or restore a snapshot instead"
            )
            raise SimulationError(message)
        self._now = target
