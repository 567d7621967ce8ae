"""Rows of JSON: lines, whose blocks are read as columns where that tells all, and documents."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal

from session_lab.errors import DataError
from session_lab.frames.files.block_tables import json_table
from session_lab.frames.files.blocks import Block, in_order, line_blocks
from session_lab.frames.files.inner_objects import cut_at_objects, quote_objects, without_objects
from session_lab.frames.loaders.from_rows import Batch, RowSource, no_rows
from session_lab.frames.schema import Kind
from session_lab.frames.values import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import pyarrow as pa

    from session_lab.frames.files.row_formats import RowFormat
    from session_lab.frames.files.sources import Source

__all__ = ["json_rows"]

_MOST_DOCUMENT = 1 << 30


def json_rows(source: Source) -> RowSource:
    """Open lines of JSON, or a JSON document.

    Raises
    ------
    DataError
        It has no rows, or is a document that is not a list of them.
    """
    with source.open() as stream:
        first = next(line_blocks(stream, source.name), None)
    if first is None or first.data.isspace():
        raise no_rows(source.name)
    document = _document(source, first.data)
    if document is not None:
        rows = document

        def batches(_: RowFormat) -> Generator[Batch]:
            yield Batch(None, lambda: (rows, range(len(rows))))

        if not rows:
            raise no_rows(source.name)
        fields = [*rows[0]] if isinstance(rows[0], dict) else []
        return RowSource(source.name, "entry", fields, batches, None, source.size)
    lines = _objects(first, source.name)
    rows = lines()[0]
    names = list(rows[0]) if rows else []

    def line_batches(format: RowFormat) -> Generator[Batch]:
        # Columns of the user's are kept as their rows are decoded.
        by_columns = not format.keeps_others or format.sources.issuperset(names)
        types = format.json_types_of(rows[0] if rows else {})

        def read(block: Block) -> Batch:
            columns = _columns(block, format, types) if by_columns else None
            return Batch(columns, _objects(block, source.name))

        with source.open() as stream:
            yield from in_order(read, line_blocks(stream, source.name))

    return RowSource(source.name, "line", names, line_batches, None, source.size)


def _document(source: Source, head: bytes) -> list[Any] | None:
    """Return the rows of a file that is one JSON document, or None for lines of JSON.

    A document is a list, an object over several lines, or a page of the API or of its query.
    """
    start = head.lstrip()
    if start.startswith(b"{"):
        line, _, rest = start.partition(b"\n")
        try:
            row = decoded(line)
        except ValueError:
            # An object over several lines; what is not JSON is told with its line.
            if line.rstrip().endswith(b"}") or not rest:
                return None
        else:
            return None if rest.strip() else _listed(row)
    elif not start.startswith(b"["):
        return None
    with source.open() as stream:
        text = b"".join(block.data for block in line_blocks(stream, source.name, size=1 << 24))
    if len(text) > _MOST_DOCUMENT:
        message = "a JSON document of more than 1 GiB; write one object a line (NDJSON)"
        raise DataError(message, source=source.name)
    try:
        value = decoded(text)
    except ValueError as error:
        raise DataError(f"this is not JSON: {error}", source=source.name) from None
    rows = _listed(value)
    if rows is None:
        message = "the document is neither a list of rows nor a page of the API"
        raise DataError(message, source=source.name)
    return rows


def _listed(value: Any) -> list[Any] | None:  # noqa: ANN401  JSON
    if isinstance(value, dict):
        value = value.get("data", value.get("results"))
    return value if isinstance(value, list) else None


def _objects(block: Block, source: str) -> Callable[[], tuple[list[dict[str, Any]], list[int]]]:
    """Decode a block of JSON lines, when asked to."""

    def rows() -> tuple[list[dict[str, Any]], list[int]]:
        found, places = [], []
        for place, line in enumerate(io.BytesIO(block.data), block.first_line):
            if line.isspace():
                continue
            try:
                row = decoded(line)
            except ValueError as error:
                message = f"this is not JSON: {error}"
                raise DataError(message, source=source, row=place, unit="line") from None
            if not isinstance(row, dict):
                message = "a line holds one JSON object"
                raise DataError(message, source=source, row=place, unit="line")
            found.append(row)
            places.append(place)
        return found, places

    return rows


def _columns(block: Block, format: RowFormat, types: Mapping[str, pa.DataType]) -> pa.Table | None:
    """Read a block of JSON lines as columns, or return None where only the rows tell all.

    Objects in JSON columns are read as the text that they are written in.
    """
    others: Literal["infer", "ignore"] = "infer" if format.keeps_others else "ignore"
    names = [
        field.source
        for field in format.fields
        if field.column.kind is Kind.JSON and b'"%b"' % field.source.encode() in block.data
    ]
    pieces = None
    if names and not format.keeps_others:
        pieces = cut_at_objects(block.data)
        if pieces is None:
            return None
    data = block.data if pieces is None else quote_objects(pieces, names)
    table = json_table(block._replace(data=data), types, others=others)
    if table is None or (format.keeps_others and not format.sources.issuperset(table.column_names)):
        return None
    missing = [name for name in format.known_by if table[name].null_count]
    if not missing:
        return table
    # Columns do not tell null from absent, and an object in a row may have its keys.
    pieces = cut_at_objects(block.data) if pieces is None else pieces
    rows = b"" if pieces is None else without_objects(pieces)
    are_there = all(rows.count(b'"%b":' % name.encode()) == table.num_rows for name in missing)
    return table if are_there else None
