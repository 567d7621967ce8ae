"""Grouped counts on any engine: pandas, Polars (eager and lazy), pyarrow, DuckDB and dask.

The one module of the analysis that is portable. The same rows give the same table on every engine,
and counts of parts add up to counts of the whole, so what is too large for one place is counted
part by part. Everything after counts is NumPy and pandas on small tables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.dependencies import is_dask_dataframe

from session_lab.analysis.engines import LISTS, by_partition, distinct_entries, lazy
from session_lab.errors import DataError
from session_lab.frames.build import TEXT_DTYPE
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from session_lab.analysis.engines import AnyFrame
    from session_lab.timing import Duration

__all__ = ["added", "grouped"]

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_MONDAY_MS = 4 * 86_400_000
_TEXTUAL = (nw.String, nw.Categorical, nw.Enum, nw.Unknown)
_DTYPES = {
    pa.large_string(): TEXT_DTYPE,
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def grouped(
    frame: AnyFrame,
    by: Sequence[str],
    *,
    every: Mapping[str, Duration] | None = None,
    explode: str | None = None,
) -> pd.DataFrame:
    """Count rows by the values of some columns.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table or relation
        Of pandas, Polars, pyarrow, DuckDB or dask.
    by : sequence of str
        Columns of text, categories, integers, flags or times; none of them counts all rows.
    every : mapping of str to duration, optional
        The resolution of each column of times, as in ``{"created_at": "1d"}``. An instant counts
        at the beginning of its bin; bins are counted from Monday, 1970-01-05T00:00:00Z, so days
        begin at midnight UTC and weeks on Mondays. A duration counts at the lower end of its bin.
    explode : str, optional
        One of ``by`` that holds lists of text. A row then counts once for each distinct entry of
        its list, and once as missing where the list is missing or empty; missing entries are left
        out.

    Returns
    -------
    DataFrame
        The columns ``by`` and ``n``, in order of ``by``, missing values last.

    Raises
    ------
    DataError
        A column is missing, or holds what cannot be counted.

    Examples
    --------
    >>> frame = pd.DataFrame({"tags": [["vip", "eu"], ["eu"], []]})
    >>> grouped(frame, ["tags"], explode="tags")
       tags  n
    0    eu  2
    1   vip  1
    2  <NA>  1
    """
    steps = {name: to_milliseconds(span, name=name) for name, span in (every or {}).items()}
    if not all(steps.values()):
        raise DataError("a resolution is longer than nothing", source="every")
    if "n" in by:
        raise DataError("the counts are called so; give the column another name", column="n")
    if is_dask_dataframe(frame):
        return added(by_partition(frame, partial(grouped, by=by, every=every, explode=explode)))
    engine, keys = lazy(frame, by), list(by)
    if explode is None:
        return added([_counted(engine, keys, steps)])
    others = [name for name in keys if name != explode]
    full, bare = _exploded(engine, others, explode)
    missing = _counted(bare, others, steps)
    missing = missing[missing["n"] > 0]
    missing[explode] = pd.array([None] * len(missing), dtype=TEXT_DTYPE)
    return added([_counted(full, keys, steps), missing[[*keys, "n"]]])


def added(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Add up counts of parts.

    Parameters
    ----------
    tables : iterable of DataFrame
        What :func:`grouped` made of the parts, with the same columns.

    Returns
    -------
    DataFrame
        The counts of the whole.

    Examples
    --------
    >>> morning = grouped(pd.DataFrame({"status": ["CLOSED"]}), ["status"])
    >>> evening = grouped(pd.DataFrame({"status": ["CLOSED", "ACTIVE"]}), ["status"])
    >>> added([morning, evening])
       status  n
    0  ACTIVE  1
    1  CLOSED  2
    """
    tables = list(tables)
    keys = list(tables[0].columns[:-1])
    if not keys:
        return pd.DataFrame({"n": [sum(int(table["n"].sum()) for table in tables)]})
    filled = [table for table in tables if len(table)] or tables[:1]
    total = pd.concat(filled).groupby(keys, dropna=False, sort=False)["n"].sum().reset_index()
    return total.sort_values(keys, na_position="last", ignore_index=True)


def _exploded(
    engine: nw.LazyFrame[Any], others: list[str], column: str
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Split rows into those with entries, once for each, and those whose list has none."""
    kind = engine.collect_schema()[column]
    # A column without any value has no type of its own.
    if not (
        isinstance(kind, nw.Unknown)
        or (isinstance(kind, nw.List) and isinstance(kind.inner, _TEXTUAL))
    ):
        message = f"the column holds {kind} where lists of text are expected"
        raise DataError(message, column=column)
    if engine.implementation.is_pyarrow():
        table = engine.collect().to_native()
        return _arrow_exploded(table, others, column)
    lists = nw.col(column)
    engine = engine.with_columns(lists.cast(nw.List(nw.String)))
    is_bare = lists.is_null() | (lists.list.len() == 0)
    full = engine.filter(~is_bare).with_columns(lists.list.unique()).explode(column)
    return full.filter(~lists.is_null()), engine.filter(is_bare)


def _arrow_exploded(
    table: pa.Table, others: list[str], column: str
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    entries = distinct_entries(table[column], column=column)
    rows, texts = pa.array(entries.rows), pa.array(entries.names, pa.large_string())
    full = pa.table(
        {
            **{name: table[name].take(rows) for name in others},
            column: texts.take(pa.array(entries.codes)),
        }
    )
    lengths = pc.call_function("list_value_length", [table[column].cast(LISTS)])
    bare = table.filter(pc.call_function("equal", [lengths.fill_null(0), 0]))
    return nw.from_native(full).lazy(), nw.from_native(bare).lazy()


def _counted(engine: nw.LazyFrame[Any], keys: list[str], steps: Mapping[str, int]) -> pd.DataFrame:
    if not keys:
        return pd.DataFrame({"n": [int(engine.select(nw.len()).collect().item())]})
    kinds = engine.collect_schema()
    ready = engine.select(_key(name, kinds[name], steps.get(name)) for name in keys)
    table = ready.group_by(*keys).agg(nw.len().alias("n")).collect("pyarrow").to_native()
    columns = {name: _restored(table[name], kinds[name], steps.get(name)) for name in keys}
    counts: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=_DTYPES.get)
    counts["n"] = table["n"].to_numpy().astype(np.int64)
    return counts


def _key(name: str, kind: nw.dtypes.DType, step: int | None) -> nw.Expr:
    """Encode a column as text, an integer, a flag, or the number of the bin of a time."""
    column = nw.col(name)
    is_time = isinstance(kind, (nw.Datetime, nw.Duration))
    if is_time and step is None:
        message = f'times are counted in bins; state a resolution, as in every={{"{name}": "1s"}}'
        raise DataError(message, column=name)
    if step is not None and not is_time:
        raise DataError(f"the column holds {kind}, and only times have bins", column=name)
    if isinstance(kind, nw.Datetime):
        if kind.time_zone is None:
            message = "the times have no zone; say which one, such as UTC"
            raise DataError(message, column=name)
        # Polars compares times of one zone only, so the origin is told in the column's own.
        column = column - nw.lit(_MONDAY.astimezone(ZoneInfo(kind.time_zone)))
    if step is not None:
        return (column.dt.total_milliseconds() // step).cast(nw.Int64).alias(name)
    if isinstance(kind, _TEXTUAL):
        return column.cast(nw.String)
    if isinstance(kind, nw.Boolean):
        return column
    if kind.is_integer():
        return column.cast(nw.Int64)
    message = f"{kind} cannot be counted; text, categories, integers, flags and binned times can"
    raise DataError(message, column=name)


def _restored(column: pa.ChunkedArray, kind: nw.dtypes.DType, step: int | None) -> pa.ChunkedArray:
    """Bring a key back from any engine's idea of it."""
    if step is not None:
        start = pc.call_function("multiply", [column.cast(pa.int64()), step])
        if isinstance(kind, nw.Datetime):
            return pc.call_function("add", [start, _MONDAY_MS]).cast(pa.timestamp("ms", tz="UTC"))
        return start.cast(pa.duration("ms"))
    if isinstance(kind, nw.Boolean):
        return column.cast(pa.bool_())
    return column.cast(pa.int64() if kind.is_integer() else pa.large_string())
