"""Dates in free text, as the V8 engine reads what is not ISO 8601.

The language leaves these to the engine. V8 reads a text as a row of numbers, words and marks:

* a date in ISO form at the start is taken as it is;
* numbers joined by colons are a time, ``am`` and ``pm`` follow it, a dot adds milliseconds;
* a sign after a time or after ``UTC`` starts an offset, ``Z``, ``GMT`` or ``EST`` name one;
* up to three other numbers are the date: month, day, year, or year first where the first cannot be
  a day; a month's name may stand anywhere; two-digit years are 1950 to 2049;
* words before the first number and anything in parentheses are skipped, other words are refused;
* U+0000 ends the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.model.calendar import Fields, fraction_milliseconds, is_in_range
from session_lab.wire.text import BLANKS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse_free_text"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HALF_DAYS = {"am": 0, "pm": 12}
_ZONE_HOURS = {
    **dict.fromkeys(("ut", "utc", "z", "gmt"), 0),
    "cdt": -5,
    "cst": -6,
    "edt": -4,
    "est": -5,
    "mdt": -6,
    "mst": -7,
    "pdt": -7,
    "pst": -8,
}
_ISO_START = re.compile(
    r"(?P<year>[+-][0-9]{6}|[0-9]{4})(?![0-9])"
    r"(?:-(?:(?P<month>0[1-9]|1[0-2])(?![0-9])"
    r"(?:-(?:(?P<day>0[1-9]|[12][0-9]|3[01])(?![0-9]))?)?)?)?"
)
_BLANKS = re.sub("[\u2028\u2029]", "", BLANKS)
"""To V8's reader of dates the separators of lines and paragraphs are letters."""

_TOKEN = re.compile(
    rf"(?P<number>[0-9]+)|(?P<word>[^\x00-@{_BLANKS}]+)|(?P<blank>[{_BLANKS}])|.", re.DOTALL
)
_DATE_PARTS = 3
_TIME_PARTS = 4
_SIGNIFICANT_DIGITS = 9


def parse_free_text(text: str) -> Fields | None:
    """Read a date in free text, or None where V8 sees none; no zone means UTC.

    Examples
    --------
    >>> parse_free_text("6/1/2026") == parse_free_text("1 June 2026") == Fields(2026, 6, 1)
    True
    >>> parse_free_text("Jan 5, 2026 10:30 PM").hour
    22
    >>> parse_free_text("next Tuesday") is None
    True
    """
    return _Reader(text.partition("\0")[0]).read()


class _Token(NamedTuple):
    kind: str
    text: str


_END = _Token("end", "")


def _tokens(text: str, start: int) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(text, start):
        token = _Token(match.lastgroup or match[0], match[0])
        if depth == 0:
            yield token
        depth += token.kind == "("
        depth -= token.kind == ")" and depth > 0


def _value(digits: str) -> int:
    return int(digits.lstrip("0")[:_SIGNIFICANT_DIGITS] or "0")


class _Reader:
    """One pass over a text's tokens; what was read so far is in its fields."""

    def __init__(self, text: str) -> None:
        start = _ISO_START.match(text)
        self._tokens = list(_tokens(text, start.end() if start else 0))
        self._position = 0
        self._date = [int(part) for part in start.groups() if part] if start else []
        self._time: list[int] = []
        self._month: int | None = None
        self._half_day: int | None = None
        self._zone_sign = 1
        self._zone_hours: int | None = None
        self._zone_minutes: int | None = None
        self._number_read = bool(self._date)

    def read(self) -> Fields | None:
        while (token := self._next()) is not _END:
            if not self._accepts(token):
                return None
        return self._fields()

    def _peek(self) -> _Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    def _next(self) -> _Token:
        token = self._peek()
        self._position += 1
        return token

    def _skip(self, mark: str) -> bool:
        found = self._peek().kind == mark
        self._position += found
        return found

    def _accepts(self, token: _Token) -> bool:
        if token.kind == "number":
            return self._accepts_number(_value(token.text))
        if token.kind == "word":
            return self._accepts_word(token.text.lower())
        if token.kind in "+-" and (self._time or self._zone_hours == self._zone_minutes == 0):
            return self._accepts_offset(token.kind)
        return token.kind not in "+-)" or not self._number_read

    def _accepts_number(self, number: int) -> bool:
        self._number_read = True
        if self._skip(":"):
            return self._accepts_time_part(number)
        if self._skip(".") and self._is_next_in_time(number):
            self._time.append(number)
            token = self._next()
            return token.kind == "number" and self._ends_time(fraction_milliseconds(token.text))
        if self._zone_hours is not None and self._zone_minutes is None and number < 60:
            self._zone_minutes = number
            return True
        if self._is_next_in_time(number):
            after = self._peek()
            return self._ends_time(number) and (
                after.kind in {"end", "blank", "+", "-"} or after.text in {"Z", "z"}
            )
        self._date.append(number)
        self._skip("-")
        return len(self._date) <= _DATE_PARTS

    def _accepts_time_part(self, number: int) -> bool:
        if self._skip(":"):
            was_empty = not self._time
            self._time += [number, 0]
            return was_empty
        self._time.append(number)
        self._skip(".")
        return len(self._time) <= _TIME_PARTS

    def _is_next_in_time(self, number: int) -> bool:
        limits = (0, 60, 60, 1000, 0)
        return number < limits[len(self._time)]

    def _ends_time(self, number: int) -> bool:
        self._time.append(number)
        fits = len(self._time) <= _TIME_PARTS
        self._time += [0] * (_TIME_PARTS - len(self._time))
        return fits

    def _accepts_word(self, word: str) -> bool:
        if word in _HALF_DAYS and self._time:
            self._half_day = _HALF_DAYS[word]
        elif word[:3] in _MONTHS:
            self._month = _MONTHS.index(word[:3]) + 1
            self._skip("-")
        elif word in _ZONE_HOURS and self._number_read:
            hours = _ZONE_HOURS[word]
            self._zone_sign = -1 if hours < 0 else 1
            self._zone_hours, self._zone_minutes = abs(hours), 0
        else:
            return not self._number_read and self._peek().kind != "number"
        return True

    def _accepts_offset(self, sign: str) -> bool:
        self._zone_sign = -1 if sign == "-" else 1
        self._number_read = True
        digits = self._next().text if self._peek().kind == "number" else ""
        number = _value(digits)
        if self._peek().kind == ":":
            self._zone_hours, self._zone_minutes = number, None
        elif 1 <= len(digits) <= 2:
            self._zone_hours, self._zone_minutes = number, 0
        else:
            self._zone_hours, self._zone_minutes = divmod(number, 100)
        return self._zone_minutes is None or 1 <= len(digits) <= 4

    def _fields(self) -> Fields | None:
        if not self._date:
            return None
        first, second, third = (*self._date, 1, 1)[:_DATE_PARTS]
        starts_with_day = 1 <= first <= 31
        if self._month is not None:
            month = self._month
            day, year = (first, second) if starts_with_day else (second, first)
        elif starts_with_day:
            month, day, year = first, second, third
        else:
            year, month, day = first, second, third
        hour, minute, second_, millisecond = (*self._time, 0, 0, 0, 0)[:_TIME_PARTS]
        if self._half_day is not None:
            if hour > 12:
                return None
            hour = hour % 12 + self._half_day
        offset = (self._zone_hours or 0) * 60 + (self._zone_minutes or 0)
        fields = Fields(
            _full_year(year),
            month,
            day,
            hour,
            minute,
            second_,
            millisecond,
            self._zone_sign * offset,
        )
        return fields if is_in_range(fields) else None


def _full_year(year: int) -> int:
    if year in range(50):
        return year + 2000
    return year + 1900 if year in range(50, 100) else year
