"""The duration grammar of the list filter ``filter[createdAt][period]``.

The API reads a period with the npm package ``parse-duration`` (2.1), which is far more lenient
than `session_lab.timing`: numbers and unit names may stand anywhere in the text, a number without
a unit takes the next smaller unit than the one before it (``1h30`` is ``1h30m``) or milliseconds,
and what is not understood is skipped.
"""

from __future__ import annotations

import re
import unicodedata

from session_lab.wire.text import BLANKS

__all__ = ["period_milliseconds"]

_DAY = 86_400_000.0
_YEAR = 365.25 * _DAY
_SIZES = {
    _YEAR: ("y", "yr", "year"),
    _YEAR / 12: ("mo", "mth", "month"),
    7 * _DAY: ("w", "wk", "week"),
    _DAY: ("d", "day"),
    3_600_000.0: ("h", "hr", "hour"),
    60_000.0: ("m", "min", "minute"),
    1000.0: ("s", "sec", "second"),
    1.0: ("ms", "millisec", "millisecond"),
    1e-3: ("us", "\u00b5s", "microsec", "microsecond"),
    1e-6: ("ns", "nanosec", "nanosecond"),
}
_UNITS = {name: size for size, names in _SIZES.items() for name in names}
_GROUPED = re.compile(r"(\d)[ _,](\d)", re.ASCII)
_NUMBER = re.compile(
    rf"((?:\d{{1,16}}(?:\.\d{{1,16}})?|\.\d{{1,16}})(?:[eE][-+]?\d{{1,4}})?)[{BLANKS}]?", re.ASCII
)
_LONGEST_UNIT = 14


def period_milliseconds(text: str) -> float | None:
    """Read a period as milliseconds, or None where nothing in it can be read.

    A zero period is 0.0, which the API treats like no period at all; a leading minus makes the
    whole period negative.

    Examples
    --------
    >>> period_milliseconds("1h30m"), period_milliseconds("90"), period_milliseconds("-1d")
    (5400000.0, 90.0, -86400000.0)
    >>> period_milliseconds("1M") == period_milliseconds("1 minute")
    True
    >>> period_milliseconds("all") is None
    True
    """
    total: float | None = None
    size: float | None = None
    compact = _GROUPED.sub(r"\1\2", text)
    position = 0
    while match := _NUMBER.search(compact, position):
        unit = _letters(compact, match.end())
        position = match.end() + len(unit)
        size = _size(unit.lower(), size)
        if size is not None:
            total = (total or 0.0) + float(match[1]) * size
    if total is None:
        return None
    return -total if text.startswith("-") else total


def _letters(text: str, start: int) -> str:
    end = start
    limit = min(len(text), start + _LONGEST_UNIT)
    while end < limit and unicodedata.category(text[end]).startswith("L"):
        end += 1
    return text[start:end]


def _size(unit: str, previous: float | None) -> float | None:
    if unit:
        return _UNITS.get(unit, _UNITS.get(unit.removesuffix("s")))
    if previous is None:
        return 1.0
    return next((size for size in _SIZES if size < previous), None)
