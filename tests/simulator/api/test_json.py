from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.api.javascript.json_text import parse_json, render_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_reads_back(value: object) -> None:
    assert parse_json(render_json(value).decode()) == value


@given(JSON)
def test_any_json_parser_reads_what_is_written(value: object) -> None:
    assert json.loads(render_json(value)) == value


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("3.0", "3"),
        ("-0", "0"),
        ("1e2", "100"),
        ("9007199254740993", "9007199254740992"),
        ("123456789012345683968", "123456789012345680000"),
        ("1e21", "1e+21"),
        ("1e-7", "1e-7"),
        ("1e400", "null"),
        ('"\\u00e9\\ud83d\\udcac\\u2028"', '"é💬\u2028"'),
        ('"\\ud800"', '"\\ud800"'),
        ('"\\u0000\\u001f\\n\\/"', '"\\u0000\\u001f\\n/"'),
        (' { "b" : 1 , "a" : [ ] } ', '{"b":1,"a":[]}'),
        ('{"a":1,"a":2}', '{"a":2}'),
    ],
)
def test_numbers_and_texts_come_back_as_javascript_writes_them(text: str, rendered: str) -> None:
    assert render_json(parse_json(text)).decode() == rendered


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        (1.0, "1"),
        ([2.0, {"a": 3.0}], '[2,{"a":3}]'),
        (1e-5, "0.00001"),
        ([1.5e-9, "1e-09"], '[1.5e-9,"1e-09"]'),
        ({"a": 1e22, "b": "v2.0, 3e-4"}, '{"a":1e+22,"b":"v2.0, 3e-4"}'),
        ([0.1, 1234567.125], "[0.1,1234567.125]"),
        ((float("inf"), float("nan")), "[null,null]"),
        (["\ud800", float("inf"), 1.0], '["\\ud800",null,1]'),
        ([1e16, "1e16,"], '[10000000000000000,"1e16,"]'),
    ],
)
def test_pythons_own_numbers_are_written_as_javascript_writes_them(
    value: object, rendered: str
) -> None:
    assert render_json(value).decode() == rendered


@given(st.lists(st.floats() | st.text("e-+.0123456789,]}")))
def test_however_texts_look_numbers_are_written_alike(values: list[float | str]) -> None:
    apart = ",".join(render_json(value).decode() for value in values)
    assert render_json(values).decode() == f"[{apart}]"


def test_digits_beyond_pythons_limit_for_integers_are_read() -> None:
    assert parse_json("1" * 5000) == float("inf")


@pytest.mark.parametrize(
    "text", ["", " ", "{", "nope", "NaN", "-Infinity", "undefined", "{'a':1}", '{"a":1,}', "1 2"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


def test_a_python_object_is_not_written() -> None:
    with pytest.raises(TypeError, match="object has no place in JSON"):
        render_json(object())


def test_what_nests_deep_is_written() -> None:
    deep = "[" * 800 + '"\\ud800"' + "]" * 800
    assert render_json(parse_json(deep)).decode() == deep
