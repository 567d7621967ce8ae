"""Periods of time: one grammar, and the calendar days, weeks and months of a named zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames import to_instants
from session_lab.timing import Duration, to_milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LENGTHS",
    "Period",
    "Periodic",
    "calendar_period",
    "numbers",
    "period_length",
    "period_name",
    "starts",
]

Period = Literal["1d", "1w", "1mo"]
"""A calendar period: a day, a week from Monday, a month."""

Periodic = Duration
"""What public arguments accept as a period: ``"1d"``, ``"1w"``, ``"1mo"`` or a ``timedelta``; the
letters of pandas, ``"D"``, ``"W"`` and ``"M"``, mean the same."""

LENGTHS: dict[str, int] = {"1d": 86_400_000, "1w": 7 * 86_400_000}
"""What periods last where no clock is changed, in milliseconds; months differ."""

_NAMES: dict[Period, str] = {"1d": "day", "1w": "week", "1mo": "month"}
_LETTERS: dict[str, Period] = {
    "D": "1d", "W": "1w", "W-MON": "1w", "M": "1mo", "MS": "1mo", "1mo": "1mo",
}  # fmt: skip
_DAY = 86_400_000
_MONDAY = 3
"""Days from a Monday to 1970-01-01, a Thursday."""


def calendar_period(freq: Periodic) -> Period:
    """Return the calendar period that a frequency names.

    Raises
    ------
    DataError
        It names none.

    Examples
    --------
    >>> calendar_period("D"), calendar_period("7d"), calendar_period("1mo")
    ('1d', '1w', '1mo')
    """
    if isinstance(freq, str) and freq in _LETTERS:
        return _LETTERS[freq]
    length = to_milliseconds(freq, name="freq")
    for period in ("1d", "1w"):
        if LENGTHS[period] == length:
            return period
    raise DataError(f'{freq!r} is not a calendar period: "1d", "1w" or "1mo"', column="freq")


def period_length(freq: Periodic) -> int:
    """Return the length of a period that need not be one of the calendar, in milliseconds.

    Raises
    ------
    DataError
        It has no length, as a month has none, or cannot be read.

    Examples
    --------
    >>> period_length("W") == period_length("1w") == 7 * 86_400_000
    True
    """
    named = _LETTERS.get(freq) if isinstance(freq, str) else None
    if named == "1mo":
        message = f"{freq!r} is not of one length; give a duration, such as 30d"
        raise DataError(message, column="freq")
    length = LENGTHS[named] if named else to_milliseconds(freq, name="freq")
    if not length:
        raise DataError("a period of 0 holds no time", column="freq")
    return length


def period_name(period: Period) -> str:
    """Return ``day``, ``week`` or ``month``."""
    return _NAMES[period]


def numbers(instants: NDArray[np.int64], period: Period, zone: str) -> NDArray[np.int64]:
    """Count calendar periods from that of 1970-01-01 to the one that holds each instant.

    The day is what a calendar in the zone shows; a week begins on Monday.

    Raises
    ------
    DataError
        The zone is not known.

    Examples
    --------
    >>> numbers(np.array([0, 82_800_000]), "1d", "Europe/Berlin").tolist()
    [0, 1]
    """
    _check_zone(zone)
    local = instants
    if zone != "UTC":
        shown = to_instants(instants).dt.tz_convert(zone).dt.tz_localize(None).to_numpy()
        local = shown.astype("datetime64[ms]").astype(np.int64)
    if period == "1mo":
        months: NDArray[np.int64] = (
            local.view("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        )
        return months
    days: NDArray[np.int64] = local // _DAY
    return days if period == "1d" else (days + _MONDAY) // 7


def starts(periods: NDArray[np.int64], period: Period, zone: str) -> NDArray[np.int64]:
    """Return the first instant of each period, in milliseconds since 1970.

    A day whose midnight is skipped by a change of clocks begins when the skip ends; one that has
    two begins with the first.

    Examples
    --------
    >>> starts(np.array([1]), "1d", "Europe/Berlin").tolist()
    [82800000]
    """
    _check_zone(zone)
    if period == "1mo":
        days = periods.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    else:
        days = periods if period == "1d" else periods * 7 - _MONDAY
    midnights = pd.DatetimeIndex((days * _DAY).view("datetime64[ms]"))
    first = np.ones(len(midnights), dtype=bool)
    placed = midnights.tz_localize(zone, nonexistent="shift_forward", ambiguous=first)
    return placed.as_unit("ms").asi8


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f'{zone!r} is not a time zone; name one such as "UTC" or "Europe/Berlin"'
        raise DataError(message, column="tz") from error
