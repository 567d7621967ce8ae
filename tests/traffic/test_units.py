"""Numbers with a unit: whole columns are read as each number by itself is, or left to that."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.frames import UnusualError
from session_lab.traffic.parsing.units import UNITS, column_in_milliseconds, to_whole_milliseconds

DECIMALS = st.from_regex(r"[0-9]{1,12}(\.[0-9]{0,12})?(e-?[0-9]{1,2})?", fullmatch=True)
ODD = st.text("0123456789.eE+-_ xinfa", max_size=20)


@given(
    text=DECIMALS | ODD | st.floats(0, 1e10).map(str),
    unit=st.sampled_from(sorted(UNITS)),
    cut=st.booleans(),
)
@example(text="0.0005", unit="s", cut=False)
@example(text="0.00050000000001", unit="s", cut=False)  # Sixteen characters.
@example(text="0.0005000000000000000001", unit="s", cut=False)
@example(text="4294967295.12345", unit="s", cut=True)
@example(text="4294967295.123456", unit="s", cut=True)
@example(text="9999999999.12345", unit="s", cut=True)
@example(text="1e5", unit="ms", cut=False)
@example(text="-0.0", unit="ms", cut=False)
@example(text="nan", unit="s", cut=False)
def test_a_column_of_texts_is_read_as_each_text_or_left_to_that(text: str, unit: str, *, cut: bool):
    try:
        whole = column_in_milliseconds(pa.array([text, None]), unit, cut=cut)
    except UnusualError:
        return
    assert whole.to_pylist() == [to_whole_milliseconds(text, unit, "x", cut=cut), None]


@given(DECIMALS, st.sampled_from(sorted(UNITS)))
def test_a_column_of_floats_is_read_as_each_float_or_left_to_that(text: str, unit: str):
    number = float(text)
    try:
        whole = column_in_milliseconds(pa.array([number]), unit)
    except UnusualError:
        return
    assert whole.to_pylist() == [to_whole_milliseconds(number, unit, "x")]


@pytest.mark.parametrize("text", ["12.5", "0.25", "1700000000.125", "1700000000.123456"])
def test_usual_seconds_are_read_as_columns(text: str):
    whole = column_in_milliseconds(pa.array([text]), "s", cut=True)
    assert whole.to_pylist() == [to_whole_milliseconds(text, "s", "x", cut=True)]


@pytest.mark.parametrize("text", ["", "+", ".", "e5", "1.2.3", "0x10"])
def test_what_is_no_number_is_left_to_the_row(text: str):
    with pytest.raises(UnusualError):
        column_in_milliseconds(pa.array([text]), "s")
    with pytest.raises(DataError, match="not a number of s"):
        to_whole_milliseconds(text, "s", "x")
