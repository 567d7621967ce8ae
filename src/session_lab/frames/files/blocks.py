"""Text files as blocks of whole lines or rows, each to be read at once by Arrow or row by row.

A block knows the number of its first line, so that whoever finds something odd in it can look at
its rows one by one and name the line. Encodings end here: UTF-16 with its mark becomes UTF-8, and
the mark of UTF-8 is left out.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

__all__ = [
    "Block",
    "delimiter_of",
    "in_order",
    "line_blocks",
    "row_blocks",
    "row_texts",
    "split_row",
]

T = TypeVar("T")
U = TypeVar("U")

_SIZE = 1 << 20
_LONGEST = 64 << 20
_LINE_FEED = ord("\n")
_OTHERS = {
    b"PK\x03\x04": "a zip archive or a workbook; take the table out of it",
    b"\x1f\x8b": "packed twice; unpack it once",
    b"\xfd7zXZ\x00": "packed with xz; pack it with gzip or zstd",
    b"PAR1": "Parquet; let its name end in .parquet",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"ORC": "ORC; write it as Parquet",
    b"Obj\x01": "Avro; write it as Parquet",
    b"SQLite format 3\x00": "a database of SQLite; write the table as CSV",
}
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Block(NamedTuple):
    """Some whole lines of a text file.

    Attributes
    ----------
    data : bytes
        The lines, as UTF-8 so far as anybody has looked.
    first_line : int
        The number of the first of them, from 1.
    """

    data: bytes
    first_line: int


def line_blocks(stream: BinaryIO, source: str, *, size: int = _SIZE) -> Iterator[Block]:
    """Cut a stream into blocks of whole lines.

    Parameters
    ----------
    stream : file
        Plain bytes, as :meth:`Source.open` gives them.
    source : str
        What it is called, for errors.
    size : int
        About how many bytes a block has; no more are held at a time, but for a longer line.

    Raises
    ------
    DataError
        A line is longer than 64 MiB.
    """
    yield from _cut(_as_utf8(stream, source, size), source, _line_end)


def row_blocks(
    stream: BinaryIO, source: str, *, quoted: bool = True, size: int = _SIZE
) -> Iterator[Block]:
    """Cut a stream of CSV into blocks of whole rows, whose cells may hold line ends in quotes.

    The first block begins with the header. Without ``quoted`` quotes mean nothing, as in the files
    with tabs that databases write.
    """
    find_end = _row_end if quoted else _line_end
    yield from _cut(_as_utf8(stream, source, size), source, find_end)


def _line_end(_: bytes, chunk: bytes) -> int:
    return chunk.rfind(b"\n") + 1


def _row_end(rest: bytes, chunk: bytes) -> int:
    """Find the end of the last line of a chunk at which no quote is open; ``rest`` is before it."""
    end = chunk.rfind(b"\n") + 1
    if b'"' in rest or b'"' in chunk:
        before = rest.count(b'"')
        while end and (before + chunk.count(b'"', 0, end)) % 2:
            end = chunk.rfind(b"\n", 0, end - 1) + 1
    return end


def _cut(
    chunks: Iterable[bytes], source: str, find_end: Callable[[bytes, bytes], int]
) -> Iterator[Block]:
    rest, line = b"", 1
    for chunk in chunks:
        end = find_end(rest, chunk)
        if end:
            data = b"".join([rest, memoryview(chunk)[:end]])
            yield Block(data, line)
            line += int(np.count_nonzero(np.frombuffer(data, np.uint8) == _LINE_FEED))
            rest = b""
        rest += chunk[end:]
        if len(rest) > _LONGEST:
            message = f"the line is longer than {_LONGEST >> 20} MiB"
            raise DataError(message, source=source, row=line, unit="line")
    if rest:
        yield Block(rest, line)


def _as_utf8(stream: BinaryIO, source: str, size: int) -> Iterator[bytes]:
    first = stream.read(size)
    encoding = _UTF16.get(first[:2])
    if encoding is None:
        first = first.removeprefix(codecs.BOM_UTF8)
        _check_beginning(first, source)
        yield first
        while chunk := stream.read(size):
            yield chunk
        return
    if first[:4] == codecs.BOM_UTF32_LE:
        _check_beginning(first, source)
    # Half a character becomes what UTF-8 refuses, so that it is found where lines are checked.
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    yield decoder.decode(first[2:]).encode("utf-8", "surrogatepass")
    while chunk := stream.read(size):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")


def _check_beginning(first: bytes, source: str) -> None:
    """Name what is not text, or not such as is read here.

    Raises
    ------
    DataError
        It is a file of another kind, the first characters have zero bytes beside them, or lines end
        as on old machines.
    """
    for magic, kind in _OTHERS.items():
        if first.startswith(magic):
            raise DataError(f"this is not text but {kind}", source=source)
    if b"\0" in first[:4]:
        message = "holds zero bytes, as UTF-16 without its mark and UTF-32 do; write UTF-8"
        raise DataError(message, source=source)
    if b"\r" in first and b"\n" not in first and first.count(b"\r") > 1:
        message = "its lines end in carriage returns only; write line feeds"
        raise DataError(message, source=source)


def delimiter_of(header: str) -> str:
    """Return what parts the cells of a header: a comma, a semicolon, a tab or a bar."""
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max((",", ";", "\t", "|"), key=unquoted.count)


def split_row(
    text: str, delimiter: str = ",", nulls: Sequence[str] = ("",)
) -> list[str | None] | None:
    """Split a row of CSV into its cells, or return None where its quotes are out of place.

    A cell without quotes that is one of ``nulls`` is None; empty text has quotes.

    Examples
    --------
    >>> split_row('a,,"","it""s"')
    ['a', None, '', 'it"s']
    """
    cells: list[str | None] = []
    place = 0
    pattern = _cell(delimiter)
    while True:
        found = pattern.match(text, place)
        if found is None:
            return None
        quoted, plain, end = found.groups()
        cells.append(
            quoted.replace('""', '"') if quoted is not None else None if plain in nulls else plain
        )
        place = found.end()
        if not end:
            return cells


def row_texts(block: Block, source: str, *, quoted: bool = True) -> Iterator[tuple[int, str]]:
    """Yield the rows of a block of CSV as text, with the number of each one's last line.

    Raises
    ------
    DataError
        A row is not UTF-8.
    """
    held, number = b"", block.first_line - 1
    for line in io.BytesIO(block.data):
        number += 1
        held += line
        if quoted and held.count(b'"') % 2:
            continue
        row, held = held.removesuffix(b"\n").removesuffix(b"\r"), b""
        if row:
            yield number, _text(row, source, number)
    if held:
        message = "a quote is opened here and never closed"
        raise DataError(message, source=source, row=number, unit="line")


def _text(row: bytes, source: str, number: int) -> str:
    try:
        return row.decode()
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start + 1} is {row[error.start]:#04x})"
        raise DataError(message, source=source, row=number, unit="line") from None


def _cell(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'(?:"((?:[^"]|"")*)"|([^"{mark}\n]*))({mark}|\Z)')


def in_order(work: Callable[[T], U], items: Iterable[T], *, workers: int = 2) -> Iterator[U]:
    """Work on items side by side and give the results in their order.

    No more than ``workers`` items and one are under way at a time. Where the items end in an error,
    it is raised after the results of those before it.
    """
    coming = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[U]] = deque()
        failure, is_over = None, False
        while under_way or not is_over:
            try:
                while not is_over and len(under_way) <= workers:
                    under_way.append(pool.submit(work, next(coming)))
            except StopIteration:
                is_over = True
            except DataError as error:
                failure, is_over = error, True
            if under_way:
                yield under_way.popleft().result()
        if failure is not None:
            raise failure
