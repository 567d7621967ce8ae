"""Rows of text formats: in blocks for Arrow, and one by one with their numbers."""

from __future__ import annotations

import codecs
import csv
import io
import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from session_lab.errors import DataError
from session_lab.frames.files.block_tables import csv_table, json_table
from session_lab.frames.files.blocks import (
    Block,
    delimiter_of,
    in_order,
    line_blocks,
    row_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from session_lab.frames.files.sources import Source

__all__ = [
    "BadRows",
    "Piece",
    "csv_pieces",
    "json_lines",
    "json_pieces",
    "json_records",
]

_LONGEST_CELL: Final = 2**31 - 1
BLOCK_SIZE: Final = 1 << 20
"""About how many bytes are looked at together; tests make it small."""


class BadRows:
    """What becomes of rows that cannot be used: the first one raises, or all are collected.

    Parameters
    ----------
    collect : bool
        Whether to go on and collect the errors.
    """

    def __init__(self, *, collect: bool) -> None:
        self._collect = collect
        self.errors: list[DataError] = []
        self.remarks: list[str] = []

    def leave_out(self, n: int, what: str) -> None:
        """Note that rows were left out which are in order, but no events."""
        if n:
            self.remarks.append(f"left out {n:,} {what}")

    def note(self, n: int, what: str) -> None:
        """Note what a reader should know of some rows."""
        if n:
            self.remarks.append(f"{n:,} {what}")

    def report(self, error: DataError, *, source: str, row: int, unit: str = "line") -> None:
        """Place an error in its file, and raise or keep it."""
        error.source, error.row, error.unit = source, row, unit
        if not self._collect:
            raise error
        self.errors.append(error)


class Piece(NamedTuple):
    """Some rows of a file.

    Attributes
    ----------
    table : Table or None
        Their columns; None where they are to be read one by one.
    rows : callable
        Iterates over the rows one by one, each with its number.
    """

    table: pa.Table | None
    rows: Callable[[], Iterator[tuple[int, dict[str, Any]]]]


def json_pieces(
    source: Source, bad: BadRows, types: Callable[[Block], Mapping[str, pa.DataType]]
) -> Generator[Piece]:
    """Read JSON lines block by block; ``types`` says what fields to look for in one.

    To look for fields that a file does not have takes time. So all are looked for in the first
    block, and in the others those that were found so far, unless there turn out to be others.
    """
    found: dict[str, pa.DataType] = {}
    has_others = False

    def read(block: Block) -> Piece:
        nonlocal found, has_others
        table, tried = None, {} if has_others else found
        if tried:
            table = json_table(block, tried, others="error")
        if table is None:
            fields = types(block)
            table = json_table(block, fields)
            if table is not None:
                seen = [name for name in fields if table[name].null_count < table.num_rows]
                found = found | {name: fields[name] for name in seen}
                has_others = has_others or found == tried
        return Piece(table, partial(json_records, block, source.name, bad))

    with source.open() as stream:
        yield from in_order(read, line_blocks(stream, source.name, size=BLOCK_SIZE))


def json_lines(source: Source, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number, from 1, and its JSON object; empty lines are passed over."""
    with source.open() as stream:
        for block in line_blocks(stream, source.name, size=BLOCK_SIZE):
            yield from json_records(block, source.name, bad)


def json_records(block: Block, source: str, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line of a block, and its JSON object."""
    for number, line in enumerate(block.data.split(b"\n"), start=block.first_line):
        if not line.strip():
            continue
        try:
            record = _object(_text_of(line))
        except DataError as error:
            bad.report(error, source=source, row=number)
        else:
            yield number, record


class _Header(NamedTuple):
    """The names of a table's columns, what parts cells, and what follows."""

    names: Sequence[str]
    delimiter: str
    rest: Block


def csv_pieces(
    source: Source,
    bad: BadRows,
    cell: Callable[[str, str], object],
    present: Callable[[Sequence[str]], Sequence[str]],
) -> Generator[Piece]:
    """Read CSV block by block.

    ``cell`` reads the text of a column's cell, where one by one; ``present`` returns which columns
    of a header are looked at.
    """
    with source.open() as stream:
        blocks = row_blocks(stream, source.name, size=BLOCK_SIZE)
        first = next(blocks, None)
        if first is None:
            return
        header = _header(first, source.name)
        unique = len(set(header.names)) == len(header.names)
        # Without any Arrow would not count rows.
        wanted = present(header.names) or None

        def read(block: Block) -> Piece:
            data, table = block.data, None
            # A byte order mark at the beginning of what it is given is none to Arrow.
            if unique and data and not data.isspace() and not data.startswith(codecs.BOM_UTF8):
                table = csv_table(block, header.names, delimiter=header.delimiter, wanted=wanted)
            return Piece(table, partial(_csv_rows, block, header, source.name, bad, cell))

        yield read(header.rest)
        yield from in_order(read, blocks)


def _header(block: Block, source: str) -> _Header:
    lines = io.BytesIO(block.data).readlines()
    reader = _reader(lines, block.first_line, source, ",")
    with _as_data_error(reader, block.first_line, source):
        next(reader, [])
    used = max(reader.line_num, 1)
    text = b"".join(lines[:used]).decode("utf-8", "replace")
    delimiter = delimiter_of(text)
    reader = _reader(lines, block.first_line, source, delimiter)
    with _as_data_error(reader, block.first_line, source):
        names: list[str] = next(reader, [])
    used = max(reader.line_num, 1)
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        message = "several columns have this name, so nobody knows which is meant"
        raise DataError(message, source=source, row=1, column=repeated[0], unit="line")
    return _Header(names, delimiter, Block(b"".join(lines[used:]), block.first_line + used))


def _csv_rows(
    block: Block, header: _Header, source: str, bad: BadRows, cell: Callable[[str, str], object]
) -> Iterator[tuple[int, dict[str, Any]]]:
    names, before = header.names, block.first_line - 1
    reader = _reader(io.BytesIO(block.data), block.first_line, source, header.delimiter)
    with _as_data_error(reader, block.first_line, source):
        for row in filter(None, reader):
            number = before + reader.line_num
            if len(row) != len(names):
                message = f"the row has {len(row)} fields where the header has {len(names)}"
                bad.report(DataError(message), source=source, row=number)
                continue
            record = zip(names, row, strict=True)
            yield number, {name: cell(name, text) for name, text in record}


def _reader(lines: Iterable[bytes], first: int, source: str, delimiter: str) -> Any:  # noqa: ANN401
    # The module's own limit of 131,072 characters is less than a long chat; it is one for all
    # readers of the process, and only ever raised here.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    return csv.reader(_text_lines(lines, first, source), delimiter=delimiter, strict=True)


@contextmanager
def _as_data_error(reader: Any, first: int, source: str) -> Generator[None]:  # noqa: ANN401
    try:
        yield
    except csv.Error as error:
        number = first - 1 + reader.line_num
        raise DataError(f"not CSV ({error})", source=source, row=number, unit="line") from None


def _text_lines(lines: Iterable[bytes], first: int, source: str) -> Iterator[str]:
    for number, line in enumerate(lines, start=first):
        try:
            yield _text_of(line)
        except DataError as error:
            error.source, error.row, error.unit = source, number, "line"
            raise


def _text_of(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start + 1} of the line is {line[error.start]:#04x})"
        raise DataError(message) from None


def _object(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg} at character {error.pos + 1})") from None
    except (ValueError, RecursionError) as error:  # Numbers too long, and lists too deep.
        raise DataError(f"JSON that is too large to read ({error})") from None
    if not isinstance(record, dict):
        raise DataError(f"a {type(record).__name__} where an object is expected")
    return record
