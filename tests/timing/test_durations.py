"""The grammar of durations."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.timing import LONGEST_DURATION, duration_text, to_milliseconds

UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}


@given(st.integers(0, LONGEST_DURATION))
def test_a_duration_reads_back_as_it_was_written(milliseconds: int):
    assert to_milliseconds(duration_text(milliseconds)) == milliseconds


@given(st.integers(0, LONGEST_DURATION))
def test_a_timedelta_is_taken_to_the_millisecond(milliseconds: int):
    assert to_milliseconds(timedelta(milliseconds=milliseconds)) == milliseconds


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(list(UNITS))), min_size=1))
def test_the_parts_of_a_duration_add_up(parts: list[tuple[int, str]]):
    text = "".join(f"{count}{unit}" for count, unit in parts)
    assert to_milliseconds(text) == sum(count * UNITS[unit] for count, unit in parts)
    assert to_milliseconds(f" {text} ") == to_milliseconds(text)


@given(st.integers(0, 10**5), st.integers(1, 3), st.sampled_from(["s", "m", "h", "d"]))
def test_decimal_fractions_are_exact(digits: int, places: int, unit: str):
    number = Decimal(digits).scaleb(-places)
    assert to_milliseconds(f"{number:f}{unit}") == number * UNITS[unit]


def test_durations_are_written_with_the_largest_units_first():
    assert duration_text(90_061_001) == "1 d 1 h 1 min 1.001 s"
    assert duration_text(7 * 86_400_000) == "7 d"
    assert duration_text(60_000) == "1 min"
    assert duration_text(123_000) == "2 min 3 s"
    assert duration_text(0) == "0 s"


def test_what_is_below_a_second_cannot_be_taken_for_a_second_and_more():
    assert duration_text(1_095) == "1.095 s"
    assert duration_text(95) == "95 ms"
    assert duration_text(61_500) == "1 min 1.5 s"


@pytest.mark.parametrize("nothing", [0, 0.0, "0", "0s", "0ms", timedelta(0)])
def test_nothing_needs_no_unit(nothing: Any):
    assert to_milliseconds(nothing) == 0


@pytest.mark.parametrize("value", [1, 30, 0.5, True, False, None, [], b"30s"])
def test_what_has_no_unit_is_refused_with_an_example(value: Any):
    with pytest.raises(DataError, match="30s"):
        to_milliseconds(value)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "30", "30 seconds", "1h30", "+5s", "--5s", "1,5s", ".5s", "5.s", "1e3s", "5S",
     "٣s", "5s!", "P1D", "1:30", "NaNs", "infs"],
)  # fmt: skip
def test_text_outside_the_grammar_is_refused_with_the_units(text: str):
    with pytest.raises(DataError, match="ms, s, m, min, h, d, w"):
        to_milliseconds(text)


@pytest.mark.parametrize("text", ["-5s", "-1h30m", " - 5s", "-0s"])
def test_a_negative_text_is_refused_as_such(text: str):
    with pytest.raises(DataError, match="is negative; a duration is zero or more"):
        to_milliseconds(text)


def test_a_negative_timedelta_is_refused():
    with pytest.raises(DataError, match="negative"):
        to_milliseconds(timedelta(milliseconds=-1))


@pytest.mark.parametrize("value", ["0.5ms", "1.0001s", timedelta(microseconds=1)])
def test_a_part_of_a_millisecond_is_refused(value: str | timedelta):
    with pytest.raises(DataError, match="whole number of milliseconds"):
        to_milliseconds(value)


@pytest.mark.parametrize("value", ["36501d", f"{10**30}ms", "9" * 5000 + "w", timedelta(36501)])
def test_more_than_a_century_is_refused(value: str | timedelta):
    with pytest.raises(DataError, match="century"):
        to_milliseconds(value)


def test_a_century_itself_is_accepted():
    assert to_milliseconds("36500d") == LONGEST_DURATION


def test_the_error_names_the_argument():
    with pytest.raises(DataError) as caught:
        to_milliseconds("soon", name="idle_timeout")
    assert caught.value.column == "idle_timeout"
