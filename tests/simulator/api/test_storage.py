from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.api.lists.database_limits import (
    StoreError,
    stored_columns,
    stored_instant,
    stored_text,
)
from session_lab.simulator.model.calendar import date_text


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "a\udfff"])
def test_a_text_that_postgres_cannot_hold_is_refused(text: str) -> None:
    for value in (text, {text: 1}, {"a": [text]}):
        with pytest.raises(StoreError, match=r"U\+0000"):
            stored_columns({"metadata": value})
    with pytest.raises(StoreError, match=r"U\+0000"):
        stored_text(text)


def test_other_text_is_stored_as_it_is() -> None:
    assert stored_text("💬\x01\u2028") == "💬\x01\u2028"


def test_json_is_stored_down_to_123_levels() -> None:
    assert stored_columns({"metadata": nested(123)}) == {"metadata": nested(123)}
    with pytest.raises(StoreError, match="123 levels"):
        stored_columns({"metadata": nested(124)})


def test_prototype_keys_and_infinities_are_lost() -> None:
    value = {"__proto__": 1, "a": {"__proto__": 2, "b": [float("-inf"), 1.5, None, True]}}
    assert stored_columns({"metadata": value}) == {
        "metadata": {"a": {"b": [None, 1.5, None, True]}}
    }


odd_texts = st.text(st.sampled_from("\x00a\u2028\ud83d\udcac💬\\u0")) | st.sampled_from(
    ["__proto__", "\\u0000", "Infinity", "[" * 130]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["tags", "metadata"]), json_values))
def test_what_the_store_makes_of_a_value_follows_from_its_parts(columns: dict[str, Any]) -> None:
    def stored(value: Any) -> Any:
        if isinstance(value, str):
            return stored_text(value)
        if isinstance(value, list):
            return [stored(item) for item in value]
        if isinstance(value, dict):
            kept = {stored_text(key): stored(item) for key, item in value.items()}
            kept.pop("__proto__", None)
            return kept
        return None if value in (float("inf"), float("-inf")) else value

    try:
        expected = {name: stored(value) for name, value in columns.items()}
    except StoreError:
        with pytest.raises(StoreError):
            stored_columns(columns)
    else:
        assert stored_columns(columns) == expected


@given(st.integers(-59_011_459_200_000, 253_402_300_799_999))
def test_instants_of_the_years_100_to_9999_come_back(instant: int) -> None:
    assert stored_instant(instant) == instant


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0099-06-01T10:00:00.123Z", "1999-06-01T10:00:00.123Z"),
        ("0049-12-31", "2049-12-31T00:00:00.000Z"),
        ("0012-05-01", "2001-12-05T00:00:00.000Z"),
    ],
)
def test_the_first_century_comes_back_misread(written: str, read: str) -> None:
    instant = to_date(written)
    assert instant is not None
    assert date_text(stored_instant(instant)) == read


@pytest.mark.parametrize("text", ["+010000-01-01", "-000001-01-01", "0000-01-01", "0024-05-01"])
def test_other_years_are_refused(text: str) -> None:
    instant = to_date(text)
    assert instant is not None
    with pytest.raises(StoreError, match="cannot hold"):
        stored_instant(instant)
