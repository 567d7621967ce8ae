"""Files that an explorer writes: the rows behind a view, its picture, its code."""

from __future__ import annotations

import json
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv

from session_lab.frames import whole_file, write_parquet
from session_lab.frames.selection import one_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "free_path", "write_rows", "write_whole"]

KINDS = ("csv", "parquet", "png", "svg", "code")


def free_path(title: str, kind: str) -> Path:
    """Return a path in the working folder at which there is no file yet.

    Raises
    ------
    DataError
        The kind is unknown.
    """
    one_of(kind, KINDS, name="kind")
    stem, ending = title.lower().replace(" ", "-"), "py" if kind == "code" else kind
    numbers = chain([""], (f"-{n}" for n in count(2)))
    names = (f"{stem}{number}.{ending}" for number in numbers)
    return next(path for path in map(Path, names) if not path.exists())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as draft:
        draft.write_bytes(content)


def write_rows(rows: pd.DataFrame, path: Path, kind: str) -> None:
    """Write sessions as a table by Arrow, which takes seconds for a million of them.

    In CSV, tags are JSON, instants ISO 8601 in UTC, and durations whole milliseconds.
    """
    if kind == "parquet":
        write_parquet(rows, path)
        return
    plain = rows.copy(deep=False)
    plain.attrs = {}  # CSV has no place for them.
    table = pa.Table.from_pandas(plain, preserve_index=False)
    with whole_file(path) as draft:
        pyarrow.csv.write_csv(_plain(table), draft)


def _plain(table: pa.Table) -> pa.Table:
    """Return a table whose columns CSV can hold."""
    columns = {name: _column(table.column(name)) for name in table.column_names}
    return pa.table(columns)


def _column(column: pa.ChunkedArray) -> Any:  # noqa: ANN401  pyarrow has no types
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if pa.types.is_duration(kind):
        return column.cast(pa.duration("ms")).cast(pa.int64())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        encoded = column.combine_chunks().to_pylist()
        return pa.array([None if one is None else json.dumps(one) for one in encoded])
    return column
