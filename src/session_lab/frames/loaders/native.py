"""Frames of pandas, Polars, Arrow and DuckDB as rows whose columns tell what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames.loaders.from_rows import Batch, RowSource
from session_lab.frames.loaders.observation import observed_at
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Generator

    from session_lab.frames.files.row_formats import RowFormat

__all__ = ["is_frame", "rows_of_frame"]


def is_frame(rows: object) -> bool:
    """Check whether this is a table of some engine."""
    return isinstance(rows, pd.DataFrame) or hasattr(rows, "__arrow_c_stream__") or _is_lazy(rows)


def _is_lazy(rows: object) -> bool:
    """Check for frames that are yet to be computed, and relations of DuckDB before 1.1."""
    kind = type(rows)
    return kind.__module__.partition(".")[0] in {"polars", "duckdb", "_duckdb"} and (
        hasattr(rows, "collect") or hasattr(rows, "arrow")
    )


def rows_of_frame(frame: Any, name: str) -> RowSource:  # noqa: ANN401  of any engine
    """Read a frame as rows.

    Parameters
    ----------
    frame : DataFrame of pandas or Polars, Table, or relation of DuckDB
        Its columns tell whose they are.
    name : str
        What errors call it.

    Raises
    ------
    DataError
        Several of its columns have one name, or it cannot be computed.
    """
    if isinstance(frame, pd.DataFrame):
        return _rows_of_pandas(frame, name)
    try:
        if hasattr(frame, "collect"):
            frame = frame.collect()
        table = pa.table(frame) if hasattr(frame, "__arrow_c_stream__") else frame.arrow()
    except Exception as error:  # Each engine has errors of its own.
        raise DataError(f"the frame cannot be read ({error})", source=name) from error

    def batches(_: RowFormat) -> Generator[Batch]:
        yield Batch(table, lambda: (table.to_pylist(), range(table.num_rows)))

    return RowSource(name, "row", table.column_names, batches)


def _rows_of_pandas(frame: pd.DataFrame, name: str) -> RowSource:
    names = [str(column) for column in frame.columns]

    def batches(format: RowFormat) -> Generator[Batch]:
        def rows() -> tuple[list[dict[str, Any]], range]:
            columns = [frame[column].astype(object).tolist() for column in frame.columns]
            return [
                dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)
            ], range(len(frame))

        yield Batch(_arrow(frame, format), rows)

    told = observed_at(frame)
    return RowSource(name, "row", names, batches, None if told is None else instant_text(told))


def _arrow(frame: pd.DataFrame, format: RowFormat) -> pa.Table | None:
    columns = {}
    for column in frame.columns:
        if str(column) in format.sources or format.keeps_others:
            try:
                values = pa.array(frame[column], from_pandas=True)
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                return None
            # Arrow makes one type of objects that have different fields.
            if pa.types.is_struct(values.type):
                return None
            columns[str(column)] = _known(values)
    return pa.table(columns) if columns else None


def _known(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Read columns of floats that hold nothing but NaN as empty columns."""
    is_untold = pa.types.is_floating(values.type) and values.null_count == len(values)
    return pa.nulls(len(values)) if is_untold else values
