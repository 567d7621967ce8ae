"""Events in Parquet, taken over column by column where the types allow.

A file in which anything is unusual is not taken over here but read row by row, which knows every
way to write a value and names the row of one that cannot be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from session_lab.errors import DataError
from session_lab.frames import EVENTS, NAT, Coded, Kind, build
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from session_lab.frames.schema import Column

__all__ = ["columns_of", "frame", "rows"]

_MOST_CODE = 999


class _Unusual(Exception):  # noqa: N818 (no error: a sign to read row by row)
    """A column holds something that needs a closer look."""


def columns_of(path: Path) -> dict[str, str]:
    """Tell the columns of a file and their types; dictionaries count as what they hold."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    return {field.name: str(_plain_type(field.type)) for field in schema}


def frame(path: Path, columns: Mapping[str, str]) -> pd.DataFrame | None:
    """Read a file as an events frame, or tell by None that it must be read row by row."""
    names = {column.name: columns.get(column.name, column.name) for column in EVENTS.columns}
    try:
        file = pq.ParquetFile(path)
        present = set(file.schema_arrow.names)
        table = file.read(columns=[name for name in names.values() if name in present])
        table.validate(full=True)
        data = dict(_columns(table, names)) if set(columns.values()) <= present else None
    except (pa.ArrowException, OSError, UnicodeError, OverflowError, _Unusual):
        return None
    return None if data is None else build(EVENTS, data, n=len(table))


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each row, from 0, and its values."""
    try:
        batches = pq.ParquetFile(path).iter_batches()
        records = (record for batch in batches for record in batch.to_pylist())
        yield from enumerate(records)
    except (pa.ArrowException, OSError, UnicodeError, OverflowError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot be read as Parquet ({error})", source=path.name)


def _columns(table: pa.Table, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for column in EVENTS.columns:
        name = names[column.name]
        if name not in table.column_names:
            if not column.optional:
                raise _Unusual
            continue
        values = table[name].combine_chunks()
        if not column.optional and values.null_count:
            raise _Unusual
        if column.optional and values.null_count == len(values):
            continue
        yield column.name, _READERS[column.kind](values, column)


def _instants(values: pa.Array, _: Column) -> np.ndarray:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        # Digits below a millisecond are cut off, as they are from text.
        values = values.cast(pa.timestamp("ms", values.type.tz), safe=False).cast(pa.int64())
    return _whole(values, LAST_INSTANT)


def _durations(values: pa.Array, _: Column) -> np.ndarray:
    if pa.types.is_duration(values.type):
        values = values.cast(pa.duration("ms")).cast(pa.int64())
    return _whole(values, LONGEST_DURATION)


def _whole(values: pa.Array, most: int) -> np.ndarray:
    if not pa.types.is_integer(values.type):
        raise _Unusual
    whole = values.cast(pa.int64())
    known = np.asarray(whole.fill_null(0))
    if known.min(initial=0) < 0 or known.max(initial=0) > most:
        raise _Unusual
    return np.asarray(whole.fill_null(NAT))


def _ids(values: pa.Array, _: Column) -> pa.Array | pd.Series:
    if pa.types.is_integer(values.type):
        return values.cast(pa.large_string())
    texts = pd.Series(pd.array(_texts(values), dtype=pd.StringDtype("pyarrow")))
    if (texts.eq("") | texts.str.startswith("session_")).any():
        raise _Unusual
    return texts


def _categories(values: pa.Array, column: Column) -> Coded:
    encoded = _texts(values).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    if column.allowed and not set(names) <= set(column.allowed):
        raise _Unusual
    return Coded(np.asarray(encoded.indices.fill_null(-1)), names)


def _texts(values: pa.Array) -> pa.Array:
    plain = _plain_type(values.type)
    if not (pa.types.is_string(plain) or pa.types.is_large_string(plain)):
        raise _Unusual
    return values.cast(plain)


def _tags(values: pa.Array, _: Column) -> pa.Array:
    if not pa.types.is_list(values.type) or values.type.value_type != pa.string():
        raise _Unusual
    if values.flatten().null_count:
        raise _Unusual
    return values.cast(pa.list_(pa.string()))


def _codes(values: pa.Array, _: Column) -> list[int | None]:
    return [None if code == NAT else code for code in _whole(values, _MOST_CODE).tolist()]


def _flags(values: pa.Array, _: Column) -> np.ndarray:
    if not pa.types.is_boolean(values.type):
        raise _Unusual
    return np.asarray(values.cast(pa.int8()).fill_null(-1))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


_READERS = {
    Kind.INSTANT: _instants,
    Kind.DURATION: _durations,
    Kind.TEXT: _ids,
    Kind.CATEGORY: _categories,
    Kind.TAGS: _tags,
    Kind.CODE: _codes,
    Kind.FLAG: _flags,
}
