"""Frames from files: those this package writes, rows of the API, exports of the platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import feather

from session_lab.errors import DataError
from session_lab.frames.files.block_tables import csv_table
from session_lab.frames.files.blocks import (
    Block,
    delimiter_of,
    in_order,
    row_blocks,
    row_texts,
    split_row,
)
from session_lab.frames.files.json_rows import json_rows
from session_lab.frames.files.places import reading
from session_lab.frames.files.progress import shown
from session_lab.frames.files.sources import Source
from session_lab.frames.loaders.from_rows import (
    Batch,
    RowSource,
    no_rows,
    runs_of_rows,
    sessions_of_rows,
)
from session_lab.frames.values import unescaped
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import pandas as pd

    from session_lab.frames.files.row_formats import RowFormat
    from session_lab.frames.files.sources import Place
    from session_lab.timing import Instant

__all__ = ["read_runs", "read_sessions"]

_BATCH = 1 << 16
_FORMS = {
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "json",
    ".jsonl": "json",
    ".json": "json",
}
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "feather"}
# Names that say nothing of what is in a file.
_UNTOLD = {"", ".txt", ".log", ".dat"}


@answer_mistyped
def read_sessions(
    path: Place, *, observed_at: Instant | None = None, progress: bool = False
) -> pd.DataFrame:
    """Read sessions from a file.

    Parameters
    ----------
    path : path, address or file
        CSV (with commas, semicolons or tabs), NDJSON, a JSON document, Parquet or Feather, packed
        or not; a folder or pattern of such files; an address such as ``s3://bucket/week/``, ``-``
        for standard input, or an open file. Its columns tell what it is: a frame that
        :func:`session_lab.write_frame` wrote, rows of the API, or an export of the platform's
        ``sessions_v1`` (ClickHouse) or ``Session`` (Postgres), whose times are UTC. Of several
        versions of a session in an export of ClickHouse the newest is taken, and what is marked as
        deleted is left out; a :class:`DataWarning` counts them.
    observed_at : str or datetime, optional
        When the rows were read from the platform; by default what the file says, else as for
        :func:`session_lab.sessions_frame`.
    progress : bool
        Show on standard error how much of the file was read.

    Returns
    -------
    DataFrame
        A sessions frame. Columns that are not of the schema are kept where the file is one of
        :func:`session_lab.write_frame`.

    Raises
    ------
    DataError
        The file is of no known kind, or a row cannot be used; the error names line and column.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "sessions.ndjson"
    >>> _ = path.write_text(
    ...     '{"id": "session_c1", "externalId": "chat-1", "type": "chat.agent", "tags": ["vip"], '
    ...     '"taskIdentifier": "support", "createdAt": "2026-01-01T00:00:00.000Z", '
    ...     '"updatedAt": "2026-01-01T01:30:00.000Z", "closedAt": "2026-01-01T01:30:00.000Z"}'
    ... )
    >>> sessions = read_sessions(path, observed_at="2026-01-02T00:00:00Z")
    >>> sessions[["external_id", "status", "lifetime"]]
      external_id  status        lifetime
    0      chat-1  CLOSED 0 days 01:30:00
    """
    source = Source(path)
    with shown(source, progress=progress):
        return sessions_of_rows(_open(source), source.name, observed_at)


@answer_mistyped
def read_runs(
    path: Place,
    *,
    sessions: pd.DataFrame | None = None,
    tag: str = "chat:{external_id}",
    observed_at: Instant | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Read runs from a file.

    Parameters
    ----------
    path : path, address or file
        As for :func:`read_sessions`: a runs frame, rows of the API, what the query page exports of
        the table ``runs`` as CSV or JSON, or an export of the platform's ``SessionRun``
        (Postgres), which tells reasons and no statuses.
    sessions, tag
        For rows that do not name their session, as for :func:`session_lab.runs_frame`.
    observed_at, progress
        As for :func:`read_sessions`.

    Returns
    -------
    DataFrame
        A runs frame.

    Raises
    ------
    DataError
        The file is of no known kind, or a row cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "runs.ndjson"
    >>> _ = path.write_text(
    ...     '{"id": "run_c1", "status": "COMPLETED", "tags": ["chat:session_c1"], '
    ...     '"createdAt": "2026-01-01T00:00:00.000Z", "finishedAt": "2026-01-01T00:10:00.000Z"}'
    ... )
    >>> read_runs(path, observed_at="2026-01-02T00:00:00Z")[["run_id", "session_id", "status"]]
       run_id  session_id     status
    0  run_c1  session_c1  COMPLETED
    """
    source = Source(path)
    with shown(source, progress=progress):
        return runs_of_rows(_open(source), source.name, observed_at, sessions, tag)


def _open(source: Source) -> list[RowSource]:
    """Open the files that a place stands for."""
    if not source.exists():
        raise DataError("there is no such file", source=source.name)
    return [_READERS[_form(part)](part) for part in source.parts(*_FORMS)]


def _form(source: Source) -> str:
    head = source.head(512)
    for magic, form in _MAGIC.items():
        if head.startswith(magic):
            return form
    if source.suffix in _FORMS:
        return _FORMS[source.suffix]
    if source.suffix not in _UNTOLD:
        message = f"the ending {source.suffix!r} is none of {', '.join(_FORMS)}"
        raise DataError(message, source=source.name)
    return "json" if head.lstrip()[:1] in {b"{", b"["} else "csv"


def _parquet(source: Source) -> RowSource:
    with source.parquet() as file:
        schema = file.schema_arrow
        texts = [field.name for field in schema if pa.types.is_string(field.type)]

    told = {name: value for name, value in source.partition.items() if name not in schema.names}

    def batches(format: RowFormat) -> Generator[Batch]:
        wanted = [n for n in schema.names if format.keeps_others or n in format.sources]
        place = 0
        # Text stays coded until it is known how much of it there is.
        with source.parquet(read_dictionary=texts) as opened:
            for batch in opened.iter_batches(_BATCH, columns=wanted):
                table = pa.Table.from_batches([batch])
                for name, value in told.items():
                    if name in format.sources:
                        column = pa.array([value] * table.num_rows, pa.string())
                        table = table.append_column(name, column)
                yield _arrow_batch(table, place, source)
                place += batch.num_rows
                source.on_bytes(source.size * batch.num_rows // opened.metadata.num_rows)

    names = [*_unindexed(schema), *told]
    return RowSource(source.name, "row", names, batches, _told(schema), source.size)


def _feather(source: Source) -> RowSource:
    with reading(source.name), source.random_access() as file:
        table = feather.read_table(file)
        table.validate(full=True)

    def batches(_: RowFormat) -> Generator[Batch]:
        yield _arrow_batch(table, 0, source)

    schema = table.schema
    return RowSource(source.name, "row", _unindexed(schema), batches, _told(schema), source.size)


def _arrow_batch(table: pa.Table, place: int, source: Source) -> Batch:
    def rows() -> tuple[list[dict[str, Any]], range]:
        with reading(source.name):
            return table.to_pylist(), range(place, place + table.num_rows)

    return Batch(table, rows)


def _unindexed(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if not name.startswith("__index_level_")]


def _told(schema: pa.Schema) -> str | None:
    """Find when a frame was observed: where we write it, or where pandas writes attributes."""
    for key in (b"session_lab", b"PANDAS_ATTRS"):
        try:
            told = json.loads((schema.metadata or {})[key]).get("observed_at")
        except (KeyError, ValueError, AttributeError):
            continue
        if isinstance(told, str):
            return told
    return None


def _csv(source: Source) -> RowSource:
    with source.open() as stream:
        first = next(row_blocks(stream, source.name), None)
    number, header = next(row_texts(first, source.name), (1, "")) if first else (1, "")
    delimiter = delimiter_of(header)
    names = [cell or "" for cell in _split(header, delimiter, ("",), source.name, number)]
    if not any(names):
        raise no_rows(source.name)

    def batches(format: RowFormat) -> Generator[Batch]:
        escaped = format.is_database and delimiter == "\t"
        nulls = ("\\N",) if escaped else ("", "\\N") if format.is_database else ("",)
        # A column without a name is the index of pandas.
        columns = [name or f"\0{place}" for place, name in enumerate(names)]
        read = _CsvRows(source.name, columns, delimiter, nulls, escaped=escaped)
        with source.open() as stream:
            blocks = row_blocks(stream, source.name, quoted=not escaped)
            head = next(blocks)
            yield read.batch(_below(head, number))
            yield from in_order(read.batch, blocks)

    return RowSource(
        source.name, "line", [name for name in names if name], batches, None, source.size
    )


def _below(block: Block, header: int) -> Block:
    """Leave out the lines of the header, which ends in line ``header``."""
    data = block.data
    for _ in range(header):
        data = data.partition(b"\n")[2]
    return Block(data, block.first_line + header)


def _split(
    text: str, delimiter: str, nulls: Sequence[str], source: str, place: int
) -> list[str | None]:
    cells = split_row(text, delimiter, nulls)
    if cells is None:
        message = 'a quote stands where none can: write "" for it, in a cell with quotes'
        raise DataError(message, source=source, row=place, unit="line")
    return cells


class _CsvRows:
    """Rows of a CSV file, by the columns of its header."""

    def __init__(
        self,
        source: str,
        names: Sequence[str],
        delimiter: str,
        nulls: Sequence[str],
        *,
        escaped: bool,
    ) -> None:
        self._source, self._names, self._delimiter = source, names, delimiter
        self._nulls, self._escaped = nulls, escaped
        self._named = [name for name in names if not name.startswith("\0")]

    def batch(self, block: Block) -> Batch:
        columns = csv_table(
            block,
            self._names,
            delimiter=self._delimiter,
            nulls=self._nulls,
            quoted=not self._escaped,
        )
        if columns is not None and self._escaped and b"\\" in block.data:
            columns = None
        elif columns is not None:
            columns = columns.select(self._named)
        return Batch(columns, lambda: self._rows(block))

    def _rows(self, block: Block) -> tuple[list[dict[str, Any]], list[int]]:
        rows, places = [], []
        for place, text in row_texts(block, self._source, quoted=not self._escaped):
            row = dict(zip(self._names, self._cells(text, place), strict=True))
            rows.append({name: row[name] for name in self._named})
            places.append(place)
        return rows, places

    def _cells(self, text: str, place: int) -> list[str | None]:
        if self._escaped:
            cells = [self._of_database(cell, place) for cell in text.split(self._delimiter)]
        else:
            cells = _split(text, self._delimiter, self._nulls, self._source, place)
        if len(cells) != len(self._names):
            message = f"the line has not the {len(self._names)} fields of the header"
            raise DataError(message, source=self._source, row=place, unit="line")
        return cells

    def _of_database(self, cell: str, place: int) -> str | None:
        if cell in self._nulls:
            return None
        # ClickHouse escapes the texts of a list, and not the list once more.
        if cell.startswith("[") and not cell.startswith(('["', "[{")):
            return cell
        try:
            return unescaped(cell)
        except ValueError as error:
            message = f"{cell[:60]!r} {error}"
            raise DataError(message, source=self._source, row=place, unit="line") from None


_READERS: dict[str, Callable[[Source], RowSource]] = {
    "parquet": _parquet,
    "feather": _feather,
    "csv": _csv,
    "json": json_rows,
}
