"""Parquet files of events: read column by column, or row by row where anything is unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from session_lab.traffic.parsing.column_map import ColumnMap

__all__ = ["columns_of", "rows", "table"]

_DAMAGE = (pa.ArrowException, OSError, UnicodeError, OverflowError)


def columns_of(path: Path) -> dict[str, str]:
    """Return the columns of a file and their types; dictionaries count as what they hold."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    return {field.name: str(_plain_type(field.type)) for field in schema}


def table(path: Path, columns: ColumnMap) -> pa.Table | None:
    """Read the columns that are looked at; None where the file must be read row by row."""
    try:
        file = pq.ParquetFile(path)
        found = file.read(columns=columns.present(file.schema_arrow.names))
        found.validate(full=True)
    except _DAMAGE:
        return None
    return found


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each row, from 0, and its values."""
    try:
        batches = pq.ParquetFile(path).iter_batches()
        records = (record for batch in batches for record in batch.to_pylist())
        yield from enumerate(records)
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot be read as Parquet ({error})", source=path.name)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
