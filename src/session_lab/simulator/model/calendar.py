"""The proleptic Gregorian calendar without the year limits of ``datetime``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Fields",
    "date_text",
    "day_of_ymd",
    "fraction_milliseconds",
    "instant_of",
    "is_in_range",
    "ymd_of_day",
]

_DAY = 86_400_000
_DAYS_IN_400_YEARS = 146_097
_EPOCH_DAY = 719_468
"""1970-01-01, counted from 1 March of year 0."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A date and time as written, with its offset from UTC."""

    year: int
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    millisecond: int = 0
    offset_minutes: int = 0


def is_in_range(fields: Fields) -> bool:
    """Return whether JavaScript accepts the fields.

    Any day up to 31 is accepted in any month and rolls over; the 24th hour only as midnight.
    """
    time = (fields.minute, fields.second, fields.millisecond)
    return (
        1 <= fields.month <= 12
        and 1 <= fields.day <= 31
        and (fields.hour < 24 or (fields.hour == 24 and time == (0, 0, 0)))
        and fields.minute < 60
        and fields.second < 60
    )


def fraction_milliseconds(digits: str) -> int:
    """Read the digits after a second's point, cut to milliseconds as V8 cuts them.

    V8 holds nine digits not counting leading zeros, which goes wrong from ten digits on.

    Examples
    --------
    >>> fraction_milliseconds("5"), fraction_milliseconds("123999"), fraction_milliseconds("001")
    (500, 123, 1)
    """
    held = digits.lstrip("0")[:9] or "0"
    return int(int(held) * 1000 // 10 ** min(len(digits), 9))


def instant_of(fields: Fields) -> int:
    """Milliseconds since 1970 of fields that are in range, rolling impossible days over.

    Examples
    --------
    >>> instant_of(Fields(2026, 2, 30)) == instant_of(Fields(2026, 3, 2))
    True
    """
    day = day_of_ymd(fields.year, fields.month, 1) + fields.day - 1
    minutes = (day * 24 + fields.hour) * 60 + fields.minute - fields.offset_minutes
    return (minutes * 60 + fields.second) * 1000 + fields.millisecond


def day_of_ymd(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 to a date.

    Years run from March here, so that the leap day is a year's last.

    Examples
    --------
    >>> day_of_ymd(1970, 1, 1), day_of_ymd(2000, 3, 1), day_of_ymd(-1, 12, 31)
    (0, 11017, -719529)
    """
    months_before = (month - 3) % 12
    march_year = year - (month < 3)
    days_before = (153 * months_before + 2) // 5
    leap_days = march_year // 4 - march_year // 100 + march_year // 400
    return march_year * 365 + leap_days + days_before + day - 1 - _EPOCH_DAY


def ymd_of_day(day: int) -> tuple[int, int, int]:
    """Name the year, month and day of a count of days since 1970-01-01.

    Examples
    --------
    >>> ymd_of_day(11017), ymd_of_day(-719529)
    ((2000, 3, 1), (-1, 12, 31))
    """
    era, in_era = divmod(day + _EPOCH_DAY, _DAYS_IN_400_YEARS)
    year_of_era = (in_era - in_era // 1460 + in_era // 36_524 - in_era // 146_096) // 365
    in_year = in_era - (year_of_era * 365 + year_of_era // 4 - year_of_era // 100)
    months_before = (5 * in_year + 2) // 153
    month = (months_before + 2) % 12 + 1
    march_year = era * 400 + year_of_era
    return march_year + (month < 3), month, in_year - (153 * months_before + 2) // 5 + 1


def date_text(instant: int) -> str:
    """Write an instant as ``Date.prototype.toISOString`` does.

    Years outside 0 to 9999 get a sign and six digits.

    Examples
    --------
    >>> date_text(1767225600000)
    '2026-01-01T00:00:00.000Z'
    >>> date_text(253402300800000), date_text(-62167219200001)
    ('+010000-01-01T00:00:00.000Z', '-000001-12-31T23:59:59.999Z')
    """
    day, rest = divmod(instant, _DAY)
    year, month, day_of_month = ymd_of_day(day)
    seconds, milliseconds = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    shown = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+07d}"
    return (
        f"{shown}-{month:02d}-{day_of_month:02d}T{hour:02d}:{minute:02d}:{second:02d}"
        f".{milliseconds:03d}Z"
    )
