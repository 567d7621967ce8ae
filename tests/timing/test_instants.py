"""Instants: text, datetimes and milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.timing import LAST_INSTANT, instant_text, to_instant

instants = st.integers(0, LAST_INSTANT)
offsets = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(instants)
def test_an_instant_reads_back_as_it_was_written(instant: int):
    assert to_instant(instant_text(instant)) == instant
    assert to_instant(instant) == instant


@given(st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29)), offsets)  # noqa: DTZ001
def test_zones_are_converted_and_digits_below_a_millisecond_cut_off(
    local: datetime, zone: timezone
):
    moment = local.replace(tzinfo=zone)
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert to_instant(moment) == expected
    assert to_instant(moment.isoformat()) == expected


def test_the_first_and_the_last_instant_are_accepted():
    assert to_instant("1970-01-01T00:00:00Z") == 0
    assert to_instant("9999-12-31T23:59:59.999Z") == LAST_INSTANT
    assert instant_text(LAST_INSTANT) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "value",
    ["1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", -1,
     "10000-01-01T00:00:00Z", "+292278995-01-01T00:00:00Z", "-000001-01-01T00:00:00Z",
     LAST_INSTANT + 1, 10**30],
)  # fmt: skip
def test_what_lies_outside_1970_to_9999_is_refused(value: str | int):
    with pytest.raises(DataError, match="1970 to 9999") as caught:
        to_instant(value)
    assert str(value)[:10] in str(caught.value)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                                  "1767225600000", "2026-01-01T25:00Z"])  # fmt: skip
def test_text_that_does_not_parse_is_refused_with_an_example(text: str):
    with pytest.raises(DataError, match="2026-01-01T00:00:00Z"):
        to_instant(text)


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00.5"])
def test_a_time_without_a_zone_is_refused_and_how_to_add_one_is_said(text: str):
    with pytest.raises(DataError, match=r"no time zone.*Z"):
        to_instant(text)


@pytest.mark.parametrize("value", [None, 1.5, True, b"2026-01-01T00:00:00Z", []])
def test_other_types_are_refused(value: Any):
    with pytest.raises(DataError, match="is not a time"):
        to_instant(value)


def test_the_error_names_the_argument():
    with pytest.raises(DataError) as caught:
        to_instant("soon", name="until")
    assert caught.value.column == "until"
