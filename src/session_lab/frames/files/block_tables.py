"""Blocks of text as Arrow tables, where Arrow and Python read them in one way.

Whatever Arrow might read in another way than a reader of rows, or not at all, is left to that: then
there is no table.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.frames.files.blocks import Block

__all__ = ["check_utf8", "csv_table", "json_table"]

_QUOTE, _LINE_FEED, _RETURN, _BRACE, _END_BRACE = b'"\n\r{}'
# Lists as deep and numbers as long as Python's own reader refuses stand in long lines only.
_LONG_LINE = 1_900
_DEEP = 200
_LONG_NUMBER = re.compile(rb"[0-9]{4000}")
_BLANK = np.isin(np.arange(256), list(b" \t\r"))


def check_utf8(data: bytes) -> bool:
    """Check whether a block is UTF-8 throughout, also where nobody reads it."""
    if data.isascii():
        return True
    try:
        pa.array([data], pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def json_table(
    block: Block,
    fields: Mapping[str, pa.DataType],
    *,
    others: Literal["ignore", "error", "infer"] = "ignore",
) -> pa.Table | None:
    """Read a block of JSON lines with Arrow, or return None where it needs a closer look.

    That is where a line is not one object, an object has a field twice, a value has another type
    than ``fields`` says, or Arrow and Python might read it in two ways. Fields that a line lacks are
    null.

    Parameters
    ----------
    block : Block
        Of :func:`line_blocks`.
    fields : mapping of str to Arrow type
        What to read.
    others : {"ignore", "error", "infer"}
        Whether a field that is not named is left out, needs a closer look, or gets a type by what
        is in it.
    """
    n = _count_objects(block.data)
    if not n or not check_utf8(block.data):
        return None
    schema = pa.schema(list(fields.items()))
    options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others)
    read = pajson.ReadOptions(use_threads=False, block_size=len(block.data) + 1)
    try:
        table = pajson.read_json(io.BytesIO(block.data), read, options)
    except pa.ArrowException:
        return None
    return table if table.num_rows == n else None


def _count_objects(data: bytes) -> int:
    """Count the lines of a block that hold something; 0 where one may be more or less than an object.

    Arrow stops the process at a first value `null`, and takes two objects on a line.
    """
    held = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(held == _LINE_FEED)
    starts = np.concatenate([[0], ends + 1])
    ends = np.append(ends, len(data))
    for start, end in zip(
        *(place[ends - starts >= _LONG_LINE] for place in (starts, ends)), strict=True
    ):
        brackets = data.count(b"[", start, end) + data.count(b"{", start, end)
        if brackets > _DEEP or _LONG_NUMBER.search(data, start, end):
            return 0
    while (is_blank := (ends > starts) & _BLANK[held[ends - 1]]).any():
        ends = ends - is_blank
    starts, ends = (place[ends > starts] for place in (starts, ends))
    are_objects = (held[starts] == _BRACE) & (held[ends - 1] == _END_BRACE)
    return len(starts) if are_objects.all() else 0


def csv_table(
    block: Block,
    names: Sequence[str],
    *,
    delimiter: str = ",",
    nulls: Sequence[str] = ("",),
    quoted: bool = True,
    wanted: Sequence[str] | None = None,
) -> pa.Table | None:
    """Read a block of CSV without a header with Arrow, or return None where it needs a closer look.

    All columns are text; a cell without quotes that is one of ``nulls`` is null.

    Parameters
    ----------
    block : Block
        Of :func:`row_blocks`.
    names : sequence of str
        The header.
    delimiter : str
        What parts cells.
    nulls : sequence of str
        What stands for no value.
    quoted : bool
        Whether quotes enclose cells.
    wanted : sequence of str, optional
        The columns to read; by default all.
    """
    data = block.data
    if (
        _has_lone_return(data)
        or not check_utf8(data)
        or (quoted and _has_stray_quotes(data, delimiter.encode()))
    ):
        return None
    types = dict.fromkeys(names, pa.large_string())
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            pacsv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=list(names)
            ),
            pacsv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
            ),
            pacsv.ConvertOptions(
                check_utf8=False,
                column_types=types,
                include_columns=wanted,
                null_values=list(nulls),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, ValueError):
        return None
    return table


def _has_lone_return(data: bytes) -> bool:
    """Check for carriage returns that no line feed follows, which end lines to some and not others."""
    if b"\r" not in data:
        return False
    held = np.frombuffer(data + b" ", np.uint8)
    returns = np.flatnonzero(held == _RETURN)
    return bool((held[returns + 1] != _LINE_FEED).any())


def _has_stray_quotes(data: bytes, delimiter: bytes) -> bool:
    """Check for quotes that neither open nor close a cell; Arrow and others read them in two ways.

    Every other quote opens a cell, or goes on with it after a quote that was doubled.
    """
    if b'"' not in data:
        return False
    around = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    quotes = np.flatnonzero(around == _QUOTE)
    may_stand_beside = np.zeros(256, np.bool_)
    may_stand_beside[[_QUOTE, *delimiter, *b"\r\n"]] = True
    before, after = around[quotes[::2] - 1], around[quotes[1::2] + 1]
    return bool(len(quotes) % 2 or not (may_stand_beside[before] & may_stand_beside[after]).all())
