"""What an engine's frame looks like from here: some columns of it, lazily or in Arrow."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.dependencies import is_dask_dataframe, is_pandas_dataframe
from narwhals.typing import IntoFrame

from session_lab.errors import DataError
from session_lab.frames import check_kind
from session_lab.frames.columns import not_one_column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "LISTS",
    "AnyFrame",
    "Entries",
    "by_partition",
    "check_given_kind",
    "collected",
    "distinct_entries",
    "lazy",
    "pandas_frame",
]

T = TypeVar("T")

_KINDS = {"sessions", "runs", "operations"}

LISTS = pa.list_(pa.large_string())
"""Lists of text in Arrow."""

AnyFrame: TypeAlias = IntoFrame
"""A frame of any of the engines."""


class Entries(NamedTuple):
    """The distinct entries of lists, one after another.

    Attributes
    ----------
    rows : ndarray of int64
        The list that each entry stands in, not decreasing.
    codes : ndarray of int64
        Each entry, as its place in ``names``.
    names : list of str
        The texts, in order of their first appearance.
    """

    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    names: list[str]


def collected(frame: AnyFrame, columns: Sequence[str]) -> pa.Table:
    """Bring some columns of any engine's frame into one Arrow table.

    Raises
    ------
    DataError
        A column is missing, or cannot be told in Arrow.
    """
    if is_dask_dataframe(frame):
        return pa.concat_tables(
            by_partition(frame, partial(collected, columns=columns)), promote_options="permissive"
        )
    return lazy(frame, columns).collect("pyarrow").to_native()


def pandas_frame(frame: AnyFrame, source: str) -> pd.DataFrame:
    """Return a frame of any engine as one of pandas; one of pandas as it is.

    Raises
    ------
    DataError
        This is not a frame, or plainly one of another kind than ``source`` names, or it cannot be
        brought into Arrow.

    Examples
    --------
    >>> table = pa.table({"lifetime": pa.array([1000], pa.duration("ms")), "tags": [["vip"]]})
    >>> pandas_frame(table, "sessions").dtypes.astype(str).tolist()
    ['timedelta64[us]', 'list<item: string>[pyarrow]']
    """
    native: Any = frame
    if is_pandas_dataframe(native):
        given: pd.DataFrame = native
        check_given_kind(given, source)
        return given
    if is_dask_dataframe(frame):
        parts = by_partition(frame, partial(pandas_frame, source=source))
        return pd.concat(parts, ignore_index=True)
    try:
        held = lazy(frame, [])
    except DataError as error:
        raise DataError(str(error.args[0]), source=source) from error
    # DuckDB has intervals instead of durations, and not all of them fit into Arrow.
    spans = [name for name, kind in held.collect_schema().items() if isinstance(kind, nw.Duration)]
    counted = held.with_columns(nw.col(name).dt.total_microseconds() for name in spans)
    table: pa.Table = counted.collect("pyarrow").to_native()
    for name in spans:
        whole = table[name].cast(pa.int64()).cast(pa.duration("us"))
        table = table.set_column(table.column_names.index(name), name, whole)
    for place, column in enumerate(table.schema):
        # Polars counts categories without a sign, which older Arrow does not bring into pandas.
        if pa.types.is_dictionary(column.type):
            signed = pa.dictionary(pa.int32(), column.type.value_type)
            table = table.set_column(place, column.name, table[place].cast(signed))
    # What pandas once wrote beside the columns names dtypes that other versions do not know.
    plain = table.replace_schema_metadata(None)
    made: pd.DataFrame = plain.to_pandas(types_mapper=_text_and_lists)
    check_given_kind(made, source)
    return made


def check_given_kind(frame: AnyFrame, source: str) -> None:
    """Refuse a frame of pandas that is plainly of another kind than ``source`` names."""
    if source in _KINDS and is_pandas_dataframe(frame):  # Others take frames of several kinds.
        check_kind(frame, source)


def _text_and_lists(kind: pa.DataType) -> pd.ArrowDtype | None:
    """Keep lists in Arrow, where pandas has nothing of its own but Python objects."""
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return pd.ArrowDtype(kind) if is_list else None


def distinct_entries(lists: pa.ChunkedArray, *, column: str) -> Entries:
    """Explode lists, each list's entries once; missing lists and entries have none.

    Raises
    ------
    DataError
        The column holds something else than lists of text.

    Examples
    --------
    >>> found = distinct_entries(pa.chunked_array([[["b", "a", "b"], [], ["a"]]]), column="tags")
    >>> found.rows.tolist(), found.codes.tolist(), found.names
    ([0, 0, 2], [0, 1, 1], ['b', 'a'])
    """
    try:
        texts = lists.cast(LISTS).combine_chunks()
    except pa.ArrowException as error:
        message = f"the column holds {lists.type} where lists of text are expected"
        raise DataError(message, column=column) from error
    encoded = pc.call_function("list_flatten", [texts]).dictionary_encode()
    rows = pc.call_function("list_parent_indices", [texts]).to_numpy().astype(np.int64)
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    names = encoded.dictionary.to_pylist()
    present = codes >= 0
    rows, codes = rows[present], codes[present]
    places = rows * len(names) + codes
    # They are nearly in order, so that this sort takes a twentieth of looking each of them up.
    ordered = np.sort(places, kind="stable")
    if (ordered[1:] == ordered[:-1]).any():
        rows, codes = np.divmod(pd.unique(places), len(names))
    return Entries(rows, codes, names)


def by_partition(frame: Any, task: Callable[[Any], T]) -> tuple[T, ...]:  # noqa: ANN401
    """Do something with each partition of a dask frame, which is a frame of pandas."""
    # Not through narwhals, which is leaving dask to a package of its own.
    dask: Any = importlib.import_module("dask")
    done: tuple[T, ...] = dask.compute(*(dask.delayed(task)(part) for part in frame.to_delayed()))
    return done


def lazy(frame: AnyFrame, columns: Sequence[str]) -> nw.LazyFrame[Any]:
    """Collect columns of a frame of any engine but dask, or all if none are named.

    Frames of pandas are read as Arrow, so that there is one idea of what is missing.

    Raises
    ------
    DataError
        This is not a frame, or a column is missing or holds values of several kinds.
    """
    native: Any = frame
    if is_pandas_dataframe(native):
        _check_columns([str(name) for name in native.columns], columns, native.index.names)
        native = _to_arrow(native, columns)
    try:
        held: nw.LazyFrame[Any] = nw.from_native(native).lazy()
    except TypeError:
        kind = type(frame).__name__
        message = f"{kind} is not a frame of pandas, Polars, pyarrow, DuckDB or dask"
        raise DataError(message, source="frame") from None
    _check_columns(held.collect_schema().names(), columns)
    return held.select(*columns) if columns else held


def _to_arrow(frame: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    if not columns:
        return pa.table({"row": np.arange(len(frame))})
    arrays: dict[str, pa.Array] = {}
    for name in columns:
        try:
            array = pa.array(frame[name], from_pandas=True)
        except pa.ArrowException as error:
            message = f"the column holds values of several kinds ({error}); write all in one way"
            raise DataError(message, column=name) from error
        # Where there is no value to tell the type by, pandas makes the column one of floats.
        is_untold = pa.types.is_floating(array.type) and array.null_count == len(array)
        arrays[name] = pa.nulls(len(array)) if is_untold else array
    return pa.table(arrays)


def _check_columns(
    names: Sequence[str], columns: Sequence[str], index: Sequence[object] = ()
) -> None:
    for name in columns:
        if list(names).count(name) != 1:
            raise DataError(not_one_column(name, names, index), column=name)
