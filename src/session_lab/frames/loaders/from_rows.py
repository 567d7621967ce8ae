"""From rows of files and frames to frames of sessions and runs."""

from __future__ import annotations

import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from session_lab.errors import DataError, DataWarning
from session_lab.frames.build import in_one_piece
from session_lab.frames.files.row_formats import (
    RUN_FORMATS,
    SESSION_FORMATS,
    RowFormat,
    recognise,
)
from session_lab.frames.loaders.column_kinds import Unusual
from session_lab.frames.loaders.from_arrow import runs_from, sessions_from
from session_lab.frames.loaders.observation import Observation
from session_lab.frames.loaders.rows import Places, table_of_columns, table_of_rows
from session_lab.frames.loaders.run_sessions import join_runs
from session_lab.mistyped import level_of_caller
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import pandas as pd

    from session_lab.timing import Instant

__all__ = ["Batch", "RowSource", "no_rows", "runs_of_rows", "sessions_of_rows"]

_LEAST_LIMIT = 1 << 30
_MOST_GROWTH = 200


class Batch(NamedTuple):
    """Some rows of a source.

    Attributes
    ----------
    columns : Table or None
        The rows as columns, by the source's own names, where Arrow could read them.
    rows : callable
        The rows one by one, for a closer look, and the number of each.
    """

    columns: pa.Table | None
    rows: Callable[[], tuple[Sequence[Mapping[str, Any]], Sequence[int]]]


class RowSource(NamedTuple):
    """Where rows come from, as far as it must be known to make a frame of them.

    Attributes
    ----------
    name : str
        What errors call it.
    unit : str
        What its numbers of rows count: lines, rows or entries.
    names : sequence of str
        What its columns are called.
    batches : callable
        The rows, once it is known how they are written.
    observed_at : str, optional
        When they were read from the platform, if the source says so.
    size : int, optional
        How many bytes it has, packed as it may be.
    """

    name: str
    unit: str
    names: Sequence[str]
    batches: Callable[[RowFormat], Generator[Batch]]
    observed_at: str | None = None
    size: int | None = None


def no_rows(source: str) -> DataError:
    """Return what is said of a file without rows."""
    return DataError("the file has no rows, so nothing tells what it is", source=source)


def sessions_of_rows(
    sources: Sequence[RowSource], name: str, observed_at: Instant | None
) -> pd.DataFrame:
    """Make a sessions frame of the rows of one or several sources."""
    format, table = _collect(sources, SESSION_FORMATS, name)
    table, told = _observed(table, sources)
    if "_version" in format.sources:
        table = _newest_versions(table, name)
    return sessions_from(table, Observation(observed_at or told), name)


def runs_of_rows(
    sources: Sequence[RowSource],
    name: str,
    observed_at: Instant | None,
    sessions: pd.DataFrame | None,
    tag: str,
) -> pd.DataFrame:
    """Make a runs frame of the rows of one or several sources."""
    format, table = _collect(sources, RUN_FORMATS, name)
    table, told = _observed(table, sources)
    if format.keeps_others:
        is_told = observed_at or told
        return runs_from(table, Observation(is_told) if is_told else None, name)
    if "session_id" not in table.column_names:
        table = join_runs(table, sessions, tag)
    return runs_from(table, Observation(observed_at or told), name)


def _observed(table: pa.Table, sources: Sequence[RowSource]) -> tuple[pa.Table, str | None]:
    """Find when the rows were read: what the sources say, or what a column of them says."""
    told = []
    for source in sources:
        if source.observed_at and source.observed_at != "NaT":
            try:
                told.append(to_instant(source.observed_at, name="observed_at"))
            except DataError as error:
                error.source = source.name
                raise
    if "observed_at" in table.column_names:
        told += table["observed_at"].drop_null().cast(pa.int64()).unique().to_pylist()
        table = table.drop_columns(["observed_at"])
    return table, instant_text(max(told)) if told else None


def _collect(
    sources: Sequence[RowSource], formats: Sequence[RowFormat], name: str
) -> tuple[RowFormat, pa.Table]:
    if not sources:
        raise DataError("the folder holds no file of rows", source=name)
    for source in sources:
        doubled = next((one for one in source.names if source.names.count(one) > 1), None)
        if doubled is not None:
            message = "several columns have this name"
            raise DataError(message, source=source.name, column=doubled)
    format = recognise(sources[0].names, formats, sources[0].name)
    tables: list[pa.Table] = []
    for source in sources:
        found = recognise(source.names, formats, source.name)
        if found is not format:
            message = f"it holds {found.name}, and {sources[0].name} holds {format.name}"
            raise DataError(message, source=source.name)
        tables += _tables(source, format)
    if not tables:
        return format, pa.table([pa.nulls(0, kind) for kind in format.schema.types], format.schema)
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        known = format.schema.names
        others = sorted({name for table in tables for name in table.column_names} - set(known))
        message = f"{name}: the columns {', '.join(others)} hold values of several kinds and were left out"
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())
        joined = pa.concat_tables([table.select(known) for table in tables])
    return format, joined.combine_chunks()


def _tables(source: RowSource, format: RowFormat) -> Iterator[pa.Table]:
    """Read the rows of a source; what grows out of proportion to it is refused."""
    size = 0
    # Closed at once when a row is refused: blocks are read ahead in threads.
    with closing(source.batches(format)) as batches:
        for batch in batches:
            table = _table(batch, source, format)
            size += table.nbytes
            if source.size is not None and size > max(_LEAST_LIMIT, _MOST_GROWTH * source.size):
                message = (
                    f"its {source.size:,} bytes hold more than {size >> 20:,} MiB of rows, which no "
                    "export does"
                )
                raise DataError(message, source=source.name)
            yield table


def _table(batch: Batch, source: RowSource, format: RowFormat) -> pa.Table:
    if batch.columns is not None:
        try:
            return table_of_columns(batch.columns, format)
        except Unusual:
            pass  # What is unusual is read, or named, row by row.
        except DataError as error:
            error.source = source.name
            raise
    rows, places = batch.rows()
    for place, row in zip(places, rows, strict=True):
        if isinstance(row, dict) and not format.known_by <= row.keys():
            message = f"the field is missing; this is taken for {format.name}"
            column = min(format.known_by - row.keys())
            raise DataError(message, source=source.name, row=place, column=column, unit=source.unit)
    return table_of_rows(rows, format, Places(source.name, places, source.unit))


def _newest_versions(table: pa.Table, source: str) -> pa.Table:
    """Of several versions of a row keep the newest, in the place of the first; leave out deleted."""
    ids = in_one_piece(table["session_id"]).dictionary_encode()
    codes = np.asarray(ids.indices)
    versions = np.asarray(table["_version"].fill_null(0))
    # Of equal versions the later row counts, so that the last of each id is the newest.
    order = np.lexsort((np.arange(len(codes)), versions, codes))
    is_last = np.append(codes[order][1:] != codes[order][:-1], [True])[: len(order)]
    newest = order[is_last]
    deleted = np.asarray(table["_is_deleted"].fill_null(0))[newest] == 1
    if len(newest) < len(codes) or deleted.any():
        message = (
            f"{source}: of {len(codes):,} rows {len(codes) - len(newest):,} are older versions of a "
            f"session and {int(deleted.sum()):,} are deleted; both were left out"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())
        table = table.take(newest[~deleted])
    return table.drop_columns(["_version", "_is_deleted"])
