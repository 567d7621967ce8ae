"""Text files as blocks."""

from __future__ import annotations

import codecs
import csv
import io
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError
from session_lab.frames.files.block_tables import check_utf8, csv_table, json_table
from session_lab.frames.files.blocks import (
    Block,
    delimiter_of,
    in_order,
    line_blocks,
    row_blocks,
    split_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = {"a": pa.string(), "n": pa.int64()}
cells = st.text(st.sampled_from('a,;"\n\t ü\\'), max_size=4)


def blocks(data: bytes, size: int = 7) -> list[Block]:
    return list(line_blocks(io.BytesIO(data), "x", size=size))


@given(st.binary(max_size=60), st.integers(1, 20))
def test_blocks_are_the_file_cut_at_line_ends(data: bytes, size: int):
    # What is no text of a kind that is read is refused by what it begins with.
    assume(b"\0" not in data and b"\r" not in data)
    cut = blocks(data, size)
    plain = data.removeprefix(codecs.BOM_UTF8)
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return
    assert b"".join(block.data for block in cut) == plain
    assert all(block.data.endswith(b"\n") for block in cut[:-1])
    for block in cut:
        before = plain[
            : sum(len(other.data) for other in cut if other.first_line < block.first_line)
        ]
        assert block.first_line == before.count(b"\n") + 1


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["utf-16-le", "utf-16-be"])
)
def test_utf_16_with_its_mark_becomes_utf_8(text: str, encoding: str):
    assume(not text.startswith("\0"))
    cut = blocks(f"\ufeff{text}".encode(encoding))
    assert b"".join(block.data for block in cut).decode() == text


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8), st.integers(1, 30))
def test_blocks_of_csv_hold_whole_rows_and_cells_are_split_as_they_were_written(
    rows: list[list[str]], size: int
):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    found: list[list[str]] = []
    for block in row_blocks(io.BytesIO(text.getvalue().encode()), "x", size=size):
        table = csv_table(block, ["a", "b"])
        assert table is not None
        found += [list(row.values()) for row in table.to_pylist()]
    assert found == rows
    for row in rows:
        line = ",".join('"' + cell.replace('"', '""') + '"' for cell in row)
        assert split_row(line) == row


def test_nothing_and_empty_text_differ_in_csv():
    table = csv_table(Block(b',"",\\N,"\\N"\n', 1), list("abcd"), nulls=("", "\\N"))
    assert table is not None
    assert table.to_pylist() == [{"a": None, "b": "", "c": None, "d": "\\N"}]
    assert split_row(',""') == [None, ""]


@pytest.mark.parametrize("line", ['a"b",c', '"a"b,c', '"a,b', "a\rb,c", "a,b,c", "a\xff,b"])
def test_a_row_that_could_be_read_in_two_ways_needs_a_closer_look(line: str):
    assert csv_table(Block(line.encode("latin-1") + b"\n", 1), ["a", "b"]) is None


@pytest.mark.parametrize(
    ("header", "mark"), [("a,b;c,d", ","), ("a;b;c", ";"), ('"a,b"\tc\td', "\t"), ("a", ",")]
)
def test_the_mark_between_cells_is_seen_in_the_header(header: str, mark: str):
    assert delimiter_of(header) == mark


def test_lines_of_json_become_columns():
    data = b'{"a":"x","n":1,"more":[{}]}\n\n{"n":2}\r\n{"a":null}\n'
    table = json_table(Block(data, 1), FIELDS)
    assert table is not None
    assert table.to_pydict() == {"a": ["x", None, None], "n": [1, 2, None]}


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "[]",
        "1",
        '{"a":"x"}{"a":"y"}',
        '{"a":"x"',
        '"a":"x"}',
        '{"a":1}',
        '{"n":"1"}',
        '{"n":1.5}',
        '{"a":"x","a":"y"}',
        "{,}",
        '{"b":' + "[" * 1500 + "]" * 1500 + "}",
        '{"b":"\xff"}',
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_could_be_read_in_two_ways_needs_a_closer_look(line: str, place: int):
    lines = [b'{"a":"x","n":1}'] * 2
    lines.insert(place, line.encode("latin-1"))
    assert json_table(Block(b"\n".join(lines) + b"\n", 1), FIELDS) is None


def test_an_object_over_two_lines_needs_a_closer_look():
    assert json_table(Block(b'{"a":\n"x"}\n', 1), FIELDS) is None
    assert json_table(Block(b'{"b":[{}\n,{}]}\n', 1), FIELDS) is None


def test_a_first_line_of_null_does_not_stop_the_process():
    code = (
        "from session_lab.frames.files.block_tables import json_table\n"
        "from session_lab.frames.files.blocks import Block\n"
        "import pyarrow as pa\n"
        "assert json_table(Block(b'null\\n', 1), {'a': pa.string()}) is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.binary(max_size=20))
def test_utf_8_is_what_python_takes_for_it(data: bytes):
    try:
        data.decode()
    except UnicodeDecodeError:
        assert not check_utf8(data)
    else:
        assert check_utf8(data)


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("session_lab.frames.files.blocks._LONGEST", 100)
    with pytest.raises(sl.DataError, match="x, line 2: the line is longer than"):
        blocks(json.dumps("a").encode() + b"\n" + b" " * 500)


def test_results_come_in_order_and_errors_in_their_place():
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        if item == 7:
            raise ValueError
        return item

    done = []
    with pytest.raises(ValueError, match=r"^$"):
        done.extend(in_order(work, range(20)))
    results = in_order(work, range(20))
    assert [next(results) for _ in range(7)] == list(range(7))


def test_what_comes_before_an_error_is_given_before_it_is_raised():
    def items() -> Iterator[int]:
        yield from range(3)
        raise DataError("cut short")

    found: list[int] = []
    with pytest.raises(DataError, match="cut short"):
        found.extend(in_order(lambda number: 2 * number, items()))
    assert found == [0, 2, 4]
