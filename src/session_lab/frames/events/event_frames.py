"""Tables of checked events, joined into an events frame whose columns are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.frames.build import NAT, Coded, build, in_one_piece
from session_lab.frames.events.event_columns import table_of_rows
from session_lab.frames.schema import EVENTS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["events_from_table", "join_events"]


def join_events(tables: Sequence[pa.Table]) -> pd.DataFrame:
    """Join tables of checked events into an events frame, in their order.

    A column that one of them lacks is missing throughout there.
    """
    tables = [table for table in tables if table.num_rows] or [table_of_rows([])]
    if len(tables) == 1:
        return events_from_table(tables[0])
    return events_from_table(pa.concat_tables(tables, promote_options="default"))


def events_from_table(table: pa.Table, *, empty: Sequence[str] = ()) -> pd.DataFrame:
    """Make an events frame of a table of checked events; it also has the columns named empty."""
    data: dict[str, Any] = dict.fromkeys(empty)
    for name in table.column_names:
        data[name] = _TAKERS.get(EVENTS.column(name).kind, in_one_piece)(table[name])
    return build(EVENTS, data, n=table.num_rows)


def _joined(values: pa.ChunkedArray, missing: int) -> np.ndarray:
    """Join numbers in an array that can be written to, so that a frame takes it over."""
    return np.concatenate([np.asarray(chunk.fill_null(missing)) for chunk in values.chunks])


def _times(values: pa.ChunkedArray) -> np.ndarray:
    return _joined(values, NAT)


def _coded(values: pa.ChunkedArray) -> Coded:
    places: dict[str, int] = {}
    codes = []
    for chunk in values.chunks:
        names = chunk.dictionary.to_pylist()
        # One spare entry at the end, for the code -1 of a missing value.
        found = [*(places.setdefault(name, len(places)) for name in names), -1]
        narrow = np.array(found, np.min_scalar_type(-1 - len(places)))
        codes.append(narrow.take(np.asarray(chunk.indices.fill_null(-1))))
    return Coded(np.concatenate(codes), list(places))


def _codes(values: pa.ChunkedArray) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(_joined(values, 0), np.asarray(values.is_null()))


def _flag_codes(values: pa.ChunkedArray) -> np.ndarray:
    return _joined(values.cast(pa.int8()), -1)


_TAKERS: dict[Kind, Callable[[pa.ChunkedArray], Any]] = {
    Kind.INSTANT: _times,
    Kind.DURATION: _times,
    Kind.CATEGORY: _coded,
    Kind.CODE: _codes,
    Kind.FLAG: _flag_codes,
}
