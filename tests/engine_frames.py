"""The same table as a frame of every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl

from session_lab.frames.build import TEXT_DTYPE
from session_lab.frames.tags_dtype import TAGS_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

__all__ = ["ENGINES", "to_pandas"]


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Bring a table to pandas with the dtypes of the package's frames."""
    dtypes = {
        "list<item: string>": TAGS_DTYPE,
        "string": TEXT_DTYPE,
        "int64": pd.Int64Dtype(),
        "bool": pd.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=lambda kind: dtypes.get(str(kind)))


def _dask(table: pa.Table) -> Any:
    return dd.from_pandas(to_pandas(table), npartitions=min(2, max(1, len(table))))


def _duckdb(table: pa.Table) -> Any:
    return duckdb.connect().from_arrow(table)


ENGINES: dict[str, Callable[[pa.Table], Any]] = {
    "pandas": to_pandas,
    "polars": pl.from_arrow,
    "polars-lazy": lambda table: pl.from_arrow(table).lazy(),
    "pyarrow": lambda table: table,
    "duckdb": _duckdb,
    "dask": _dask,
}
"""How to make an Arrow table a frame of each engine."""
