from __future__ import annotations

import itertools
import json
import math
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.api.javascript.dates import LAST_DATE, to_date
from session_lab.simulator.api.javascript.numbers import number_text, to_number
from session_lab.simulator.api.javascript.periods import period_milliseconds
from session_lab.simulator.model.calendar import date_text
from session_lab.wire.text import trim, utf16_length

MAY_DAY = 1777593600000  # 2026-05-01T00:00:00Z
DAY = 86_400_000


def coerce_with_node(expression: str, values: list[object]) -> list[object]:
    """Apply a JavaScript expression of x to each value in a process whose zone is UTC."""
    script = (
        "process.env.TZ='UTC';"
        "let text='';process.stdin.on('data',c=>text+=c).on('end',()=>"
        f"console.log(JSON.stringify(JSON.parse(text).map(x=>{expression}))))"
    )
    done = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer: list[object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-01",
        "2026-05",
        "2026-05-01T00:00Z",
        "2026-05-01T02:00:00.000+02:00",
        "2026-04-30T24:00:00Z",
        "2026-04-31",
        "2026-05-01t00:00:00.000999z",
        "2026-05-01 00:00:00",
        "05/01/2026",
        "5-1-2026",
        "May 1, 2026",
        "Fri, 01 May 2026 00:00:00 GMT",
        "1 may 2026 12:00 AM (spring)",
        "2026-04-30 20:00 EDT",
        "2026/5/1 05:30 GMT+0530",
        MAY_DAY,
        MAY_DAY + 0.9,
        ["2026-05-01"],
        [[2026, 5]],
    ],
)
def test_many_forms_name_one_instant(value: object) -> None:
    assert to_date(value) == MAY_DAY


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "1970-01-01T00:00:00.000Z"),
        (False, "1970-01-01T00:00:00.000Z"),
        (True, "1970-01-01T00:00:00.001Z"),
        (-1.9, "1969-12-31T23:59:59.999Z"),
        ("0", "2000-01-01T00:00:00.000Z"),
        ("1", "2001-01-01T00:00:00.000Z"),
        ("49", "2049-01-01T00:00:00.000Z"),
        ("99", "1999-01-01T00:00:00.000Z"),
        ([None], None),
        ([0], "2000-01-01T00:00:00.000Z"),
        ("2100-02-29", "2100-03-01T00:00:00.000Z"),
        ("+010000-01-01", "+010000-01-01T00:00:00.000Z"),
        ("-000001-01-01", "-000001-01-01T00:00:00.000Z"),
        ("2026-06-01\0 or so", "2026-06-01T00:00:00.000Z"),
        (LAST_DATE, "+275760-09-13T00:00:00.000Z"),
        (-LAST_DATE, "-271821-04-20T00:00:00.000Z"),
    ],
)
def test_odd_values_become_the_instants_that_javascript_sees(
    value: object, shown: str | None
) -> None:
    instant = to_date(value)
    assert (None if instant is None else date_text(instant)) == shown


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        [],
        {},
        {"a": 1},
        "13",
        "1777593600000",
        "1777593600",
        "tomorrow",
        "1d",
        "2026-13-01",
        "2026-00-01",
        "2026-05-32",
        "2026-W18",
        "2026-05-01T25:00Z",
        "2026-05-01T24:01Z",
        "2026-05-01T12",
        "2026-05-01T12:60",
        "2026-05-01T12:00+24:00",
        "-000000-01-01T00:00Z",
        "12:00",
        "May 1 2026 13:00 PM",
        "about\0 2026",
        LAST_DATE + 1,
        -LAST_DATE - 1,
        1e300,
        math.nan,
        math.inf,
    ],
)
def test_what_names_no_instant_is_refused(value: object) -> None:
    assert to_date(value) is None


@given(st.integers(-LAST_DATE, LAST_DATE))
def test_a_written_instant_reads_back(instant: int) -> None:
    assert to_date(date_text(instant)) == instant


@given(st.integers(-LAST_DATE // DAY, LAST_DATE // DAY - 1))
def test_days_follow_each_other_in_the_text(day: int) -> None:
    assert to_date(date_text(day * DAY)[:-14]) == day * DAY


DATE_WORDS = (
    "2026 06 1 31 0 99 13 12 : - / . , + ( ) T Z t é [ _ 24:00 :: 00001 Jan june Mon AM pm UTC GMT "
    "est (x) 10:30 10:30:15 .5 .123456 +02:00 +0530 -08 2026-06-01 2026-06 6/1/2026 T10:00 Marchx "
    "Dec-25 tomorrow 1d -000001-05 +010000 1767225600000"
)
DATE_PARTS = [*DATE_WORDS.split(), " ", "\u00a0", "\ufeff", "\u2028", "\0"]


@pytest.mark.needs_node
def test_free_text_is_read_as_node_reads_it() -> None:
    pairs = itertools.product(DATE_PARTS, repeat=2)
    longer = itertools.product(["6", "2026", " ", "-", "10:30", "pm", "June"], repeat=4)
    texts: list[object] = ["".join(parts) for parts in itertools.chain(pairs, longer)]
    expected = coerce_with_node("new Date(x).getTime()", texts)
    assert [to_date(text) for text in texts] == expected
    assert sum(instant is not None for instant in expected) > 500


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" \n\ufeff", 0),
        ("10", 10),
        (" 10 ", 10),
        ("+5", 5),
        ("5.", 5),
        (".5e1", 5),
        ("1e1", 10),
        ("0x10", 16),
        ("0b10", 2),
        ("0o10", 8),
        ("-0", 0),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("0x" + "f" * 400, math.inf),
    ],
)
def test_text_is_a_number_where_javascript_sees_one(text: str, number: float) -> None:
    assert to_number(text) == number


@pytest.mark.parametrize(
    "text", ["abc", "1_0", "10,20", "NaN", "infinity", "+0x10", "0x", "٣", "1 0", ".", "e1", "null"]
)
def test_other_text_is_no_number(text: str) -> None:
    assert math.isnan(to_number(text))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-0.0, "0"),
        (5, "5"),
        (100.0, "100"),
        (0.1, "0.1"),
        (-1.5, "-1.5"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (123456789012345683968, "123456789012345680000"),
        (10**400, "Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_a_number_is_written_in_its_shortest_form(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.floats(allow_nan=False))
def test_a_written_number_reads_back(number: float) -> None:
    assert to_number(number_text(number)) == number


@pytest.mark.needs_node
def test_numbers_are_written_as_node_writes_them() -> None:
    patterns = [n * 0x9E3779B97F4A7C15 % 2**64 for n in range(1, 3000)]
    doubles: list[float] = [struct.unpack("d", struct.pack("Q", n))[0] for n in patterns]
    decimals = [n / 10 ** (n % 13) for n in patterns]
    powers = [10.0**power for power in range(-25, 25)]
    numbers: list[object] = [x for x in [*doubles, *decimals, *powers] if math.isfinite(x)]
    assert [number_text(float(str(x))) for x in numbers] == coerce_with_node("String(x)", numbers)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("90", 90),
        ("30m", 30 * 60_000),
        ("24h", DAY),
        ("1d", DAY),
        ("1 day", DAY),
        ("2 weeks", 14 * DAY),
        ("1d 2h", DAY + 2 * 3_600_000),
        ("1h30", 90 * 60_000),
        ("1.5h", 90 * 60_000),
        ("1mo", 365.25 * DAY / 12),
        ("1 Y", 365.25 * DAY),
        ("1M", 60_000),
        ("P1D", DAY),
        ("1,000s", 1_000_000),
        ("1e3", 1000),
        ("-1d", -DAY),
        ("500us", 0.5),
    ],
)
def test_a_period_reads_as_the_list_filter_reads_it(text: str, milliseconds: float) -> None:
    assert period_milliseconds(text) == pytest.approx(milliseconds, rel=1e-12)


@pytest.mark.parametrize("text", ["", "abc", "all", "1q", "d"])
def test_a_period_without_a_known_unit_is_none(text: str) -> None:
    assert period_milliseconds(text) is None


def test_a_zero_period_is_zero() -> None:
    assert period_milliseconds("0d") == 0


@given(st.text())
def test_no_period_is_an_error(text: str) -> None:
    assert period_milliseconds(text) is None or isinstance(period_milliseconds(text), float)


@pytest.mark.parametrize("blank", [*"\t\n\v\f\r \u00a0\u1680\u2003\u2028\u202f\u205f\u3000\ufeff"])
def test_javascript_blanks_are_trimmed(blank: str) -> None:
    assert trim(f"{blank}a{blank}b{blank}") == f"a{blank}b"


@pytest.mark.parametrize("kept", [*"\x85\x1c\x1f\u200b\u180e"])
def test_what_only_python_takes_for_a_blank_stays(kept: str) -> None:
    assert trim(f"{kept}a{kept}") == f"{kept}a{kept}"


@given(st.text())
def test_length_counts_utf16_units(text: str) -> None:
    assert utf16_length(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2
