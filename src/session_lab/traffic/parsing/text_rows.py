"""Rows of text formats: where they stand, and what to do with those that cannot be used."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["BadRows", "csv_records", "json_lines"]

_LONGEST_CELL = 2**31 - 1


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


def _text_of(line: bytes, number: int) -> str:
    """Decode a line of a file; the first may begin with a byte order mark."""
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start + 1} of the line is {line[error.start]:#04x})"
        raise DataError(message) from None


def _text_or_none(_: str, text: str) -> str | None:
    return text or None


def json_lines(path: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number, from 1, and its JSON object; empty lines are passed over."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = _object(_text_of(line, number))
            except DataError as error:
                bad.report(error, source=path.name, row=number)
            else:
                yield number, record


def csv_records(
    path: Path, bad: BadRows, cell: Callable[[str, str], object] = _text_or_none
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each row's last line and its cells by the names in the header.

    ``cell`` reads the text of a column's cell; by default an empty one is None.
    """
    # The module's own limit of 131,072 characters is less than a long chat; it is one for all
    # readers of the process, and only ever raised here.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    with path.open("rb") as lines:
        reader = csv.reader(_text_lines(lines, path), strict=True)
        try:
            header = next(reader, [])
            for row in filter(None, reader):
                if len(row) != len(header):
                    message = f"the row has {len(row)} fields where the header has {len(header)}"
                    bad.report(DataError(message), source=path.name, row=reader.line_num)
                    continue
                record = zip(header, row, strict=True)
                yield reader.line_num, {name: cell(name, text) for name, text in record}
        except csv.Error as error:
            raise DataError(
                f"not CSV ({error})", source=path.name, row=reader.line_num, unit="line"
            ) from None


def _text_lines(lines: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            yield _text_of(line, number)
        except DataError as error:
            error.source, error.row, error.unit = path.name, number, "line"
            raise


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
