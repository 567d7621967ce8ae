"""Frames from plain columns: the one place where values get their dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames.schema import Kind
from session_lab.frames.tags_dtype import TAGS_DTYPE, TagsArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from session_lab.frames.schema import Column, Schema

__all__ = ["NAT", "Coded", "build", "empty", "in_one_piece", "milliseconds", "to_instants"]

NAT = -(2**63)
"""Stands for a missing instant or duration among whole milliseconds; numpy's own NaT."""

INSTANT_DTYPE = pd.DatetimeTZDtype("ms", "UTC")
TEXT_DTYPE = pd.StringDtype("pyarrow")


class Coded(NamedTuple):
    """Text as places in a list of values; -1 is missing."""

    codes: NDArray[np.integer]
    names: Sequence[str]


Values: TypeAlias = Any
"""What numpy, pandas or Arrow can make an array of; none of their own types says as much."""


def build(schema: Schema, data: Mapping[str, Values], *, n: int) -> pd.DataFrame:
    """Make a frame of a schema.

    Parameters
    ----------
    schema : Schema
        Its columns and their order.
    data : mapping of str to array
        A column's values: int64 milliseconds (NAT is missing) for instants and durations, a list
        or Arrow array of text, lists of text for tags, :class:`Coded` or text for categories,
        integers for counts, integers (NAT is missing) or None for codes, floats for numbers, -1, 0 and 1 or bools
        for flags. A column that is not given is missing throughout, or left out where the schema
        says it is optional.
    n : int
        The number of rows.

    Returns
    -------
    DataFrame
        With a RangeIndex and the dtypes of the schema. Arrays that have them already are taken
        over, not copied.
    """
    unknown = sorted(set(data) - {column.name for column in schema.columns})
    if unknown:
        message = f"the {schema.name} frame has no column {', '.join(unknown)}"
        raise DataError(message, column=unknown[0])
    columns = {
        column.name: _CONVERTERS[column.kind](column, data.get(column.name), n)
        for column in schema.columns
        if column.name in data or not column.optional
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(n), copy=False)


def empty(schema: Schema) -> pd.DataFrame:
    """Make a frame of a schema without rows."""
    return build(schema, {}, n=0)


def milliseconds(column: pd.Series) -> NDArray[np.int64]:
    """Turn a column of instants or durations into whole milliseconds; NAT is missing.

    Examples
    --------
    >>> milliseconds(pd.Series(pd.to_datetime(["2026-01-01T00:00:00Z"]))).tolist()
    [1767225600000]
    """
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        held = pa.array(column)
        unit = pa.timestamp("ms", "UTC") if pa.types.is_timestamp(held.type) else pa.duration("ms")
        whole = held.cast(unit, safe=False).cast(pa.int64()).fill_null(NAT)
        return np.asarray(whole)
    # Times with a zone are held as UTC, whatever the zone.
    wanted = f"datetime64[{dtype.unit}]" if isinstance(dtype, pd.DatetimeTZDtype) else None
    values = column.to_numpy(dtype=wanted)
    unit = "datetime64[ms]" if values.dtype.kind == "M" else "timedelta64[ms]"
    return values.astype(unit).view(np.int64)


def in_one_piece(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Join the chunks of an array; what pandas keeps in Arrow comes in chunks, other things do not.

    Examples
    --------
    >>> in_one_piece(pa.chunked_array([["a"], ["b"]])).to_pylist()
    ['a', 'b']
    """
    if not isinstance(values, pa.ChunkedArray):
        return values
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def to_instants(milliseconds: NDArray[np.int64]) -> pd.Series:
    """Turn milliseconds since 1970 into a ``datetime64[ms, UTC]`` column; NAT is missing."""
    return pd.Series(milliseconds, dtype=INSTANT_DTYPE)


def _instants(_: Column, values: Values, n: int) -> pd.Series:
    return pd.Series(_milliseconds(values, n), dtype=INSTANT_DTYPE, copy=False)


def _durations(_: Column, values: Values, n: int) -> pd.Series:
    return pd.Series(_milliseconds(values, n).view("timedelta64[ms]"), copy=False)


def _milliseconds(values: Values, n: int) -> NDArray[np.int64]:
    if values is None:
        return np.full(n, NAT, dtype=np.int64)
    # A frame can be written to, so an array that cannot is copied.
    return np.require(values, dtype=np.int64, requirements=["C", "W"])


def _text(_: Column, values: Values, n: int) -> pd.Series:
    if values is None:
        values = pa.nulls(n, pa.large_string())
    return pd.Series(pd.array(values, dtype=TEXT_DTYPE))


def _category(column: Column, values: Values, n: int) -> pd.Series:
    if values is None:
        values = Coded(np.full(n, -1, dtype=np.int8), ())
    if isinstance(values, Coded):
        codes, names = values
    else:
        encoded = in_one_piece(pa.array(values, pa.string(), from_pandas=True)).dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        names = encoded.dictionary.to_pylist()
    wanted = column.allowed or tuple(sorted(names))
    places = {name: place for place, name in enumerate(wanted)}
    # One spare entry at the end, so that the code -1 of a missing value stays -1.
    narrowest = np.min_scalar_type(-1 - len(wanted))
    recode = np.array([*(places.get(name, -2) for name in names), -1], dtype=narrowest)
    if (recode == -2).any():
        used = np.unique(codes).tolist()
        bad = [code for code in used if code >= 0 and names[code] not in places]
        if bad:
            message = f"{names[bad[0]]!r} is not one of {', '.join(wanted)}"
            row = int(np.flatnonzero(codes == bad[0])[0])
            raise DataError(message, row=row, column=column.name)
    recoded = codes if list(names) == list(wanted) else recode.take(codes)
    categories = pd.Index(list(wanted), dtype=TEXT_DTYPE)
    return pd.Series(pd.Categorical.from_codes(recoded, categories=categories))


def _tags(_: Column, values: Values, n: int) -> pd.Series:
    if values is None:
        values = pa.nulls(n, pa.list_(pa.string()))
    elif not isinstance(values, (pa.Array, pa.ChunkedArray)):
        values = pa.array(values, pa.list_(pa.string()))
    return pd.Series(TagsArray(values.cast(TAGS_DTYPE.pyarrow_dtype)))


def _counts(column: Column, values: Values, n: int) -> NDArray[np.int64]:
    if values is None:
        if n:
            raise DataError("the column is required", column=column.name)
        return np.empty(0, dtype=np.int64)
    return np.asarray(values, dtype=np.int64)


def _codes(_: Column, values: Values, n: int) -> pd.Series:
    if isinstance(values, np.ndarray) and values.dtype.kind == "i":
        numbers = values.astype(np.int64)
        return pd.Series(pd.arrays.IntegerArray(numbers, numbers == NAT))
    if values is None:
        return pd.Series(pd.arrays.IntegerArray(np.zeros(n, np.int64), np.ones(n, dtype=bool)))
    return pd.Series(pd.array(values, dtype="Int64"))


def _numbers(_: Column, values: Values, n: int) -> pd.Series:
    if values is None:
        return pd.Series(pd.arrays.FloatingArray(np.zeros(n), np.ones(n, dtype=bool)))
    return pd.Series(pd.array(values, dtype="Float64"))


def _flags(_: Column, values: Values, n: int) -> pd.Series:
    codes = np.full(n, -1, dtype=np.int8) if values is None else np.asarray(values, dtype=np.int8)
    return pd.Series(pd.arrays.BooleanArray(codes == 1, codes < 0))


_CONVERTERS = {
    Kind.INSTANT: _instants,
    Kind.DURATION: _durations,
    Kind.TEXT: _text,
    Kind.JSON: _text,
    Kind.CATEGORY: _category,
    Kind.TAGS: _tags,
    Kind.COUNT: _counts,
    Kind.CODE: _codes,
    Kind.NUMBER: _numbers,
    Kind.FLAG: _flags,
}
