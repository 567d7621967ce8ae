"""From Arrow columns of rows to frames of sessions and runs, with what is derived from them."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError, DataWarning
from session_lab.frames.build import NAT, TEXT_DTYPE, Coded, build, in_one_piece
from session_lab.frames.lifetime_columns import derive_lifetimes
from session_lab.frames.loaders.observation import observe
from session_lab.frames.schema import RUNS, SESSIONS, Kind
from session_lab.mistyped import level_of_caller
from session_lab.timing import instant_text
from session_lab.wire.run.run_status import FINAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from session_lab.frames.loaders.observation import Observation
    from session_lab.frames.schema import Schema

__all__ = ["columns_of", "kept_frame", "runs_from", "sessions_from"]

_END_CAUSES = {"TIMED_OUT": "max_duration", "CRASHED": "crash", "CANCELED": "cancelled"}
_COUNTS = ("turns", "resumes")
_WRITES = ("created_at", "updated_at", "closed_at")
_RUN_WRITES = ("triggered_at", "updated_at", "ended_at")
# What is read on the way to a frame and is not a column of it.
_DROPPED = {"payload", *(c.name for s in (SESSIONS, RUNS) for c in s.columns)}
# What seconds since 1970 of the years 2008 to 2065 are where milliseconds are meant.
_SECONDS = (1_200_000_000, 3_000_000_000)


def columns_of(table: pa.Table, schema: Schema) -> dict[str, Any]:
    """Bring the columns that a schema names into the form that :func:`build` takes.

    An optional column of which nothing is known is left out.
    """
    return {
        column.name: _converted(column.kind, table[column.name])
        for column in schema.columns
        if column.name in table.column_names
        and not (column.optional and table[column.name].null_count == table.num_rows)
    }


def kept_frame(table: pa.Table, schema: Schema) -> pd.DataFrame:
    """Make a frame of a table that was made of one, as Parquet keeps it, with its attributes."""
    durations = [column.name for column in schema.columns if column.kind is Kind.DURATION]
    for place, name in enumerate(table.column_names):
        if name in durations:
            table = table.set_column(place, name, table[name].cast(pa.int64()))
    data: dict[str, Any] = {
        column.name: _converted(column.kind, table[column.name])
        for column in schema.columns
        if column.name in table.column_names
    }
    frame = _with_missing_counts(build(schema, data, n=table.num_rows), data, schema)
    frame.attrs = json.loads((table.schema.metadata or {}).get(b"session_lab", b"{}"))
    return frame


def _with_missing_counts(frame: pd.DataFrame, data: dict[str, Any], schema: Schema) -> pd.DataFrame:
    """Bring counts of which some are missing into a form that can say so."""
    for column in schema.columns:
        values = data.get(column.name)
        if column.kind is Kind.COUNT and values is not None and (values == NAT).any():
            frame[column.name] = pd.Series(pd.arrays.IntegerArray(values, values == NAT))
    return frame


def _built(schema: Schema, data: dict[str, Any], n: int, source: str) -> pd.DataFrame:
    """Build a frame; an error names where the rows come from."""
    try:
        return build(schema, data, n=n)
    except DataError as error:
        message = str(error.args[0])
        raise DataError(message, source=source, row=error.row, column=error.column) from None


def sessions_from(table: pa.Table, observation: Observation, source: str) -> pd.DataFrame:
    """Make a sessions frame of columns that have the names of its stored columns."""
    data = columns_of(table, SESSIONS)
    observed_at = observation.settle(_newest(data, _WRITES), source)
    data |= derive_lifetimes(
        data["created_at"], data["closed_at"], data["expires_at"], observed_at or 0
    )
    _warn_of_contradictions(table, data, source)
    _warn_of_seconds(data["created_at"], source, "created_at")
    frame = _with_others(_built(SESSIONS, data, table.num_rows, source), table)
    return observe(frame, observed_at)


def _warn_of_contradictions(table: pa.Table, data: dict[str, Any], source: str) -> None:
    """Warn of rows that contradict each other or themselves."""
    created, closed, expires = (data[name] for name in ("created_at", "closed_at", "expires_at"))
    found = {
        "repeat a session that another row stands for": (
            table.num_rows - len(table["session_id"].unique())
        ),
        "were closed before they were created": np.count_nonzero(
            (closed != NAT) & (closed < created)
        ),
        "expire before they were created, so that their start was refused": np.count_nonzero(
            (expires != NAT) & (expires < created)
        ),
    }
    told = "; ".join(f"{n:,} {problem}" for problem, n in found.items() if n)
    if told:
        message = (
            f"{source}: of {table.num_rows:,} rows {told}. sl.validate names each and what to do"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def runs_from(table: pa.Table, observation: Observation | None, source: str) -> pd.DataFrame:
    """Make a runs frame of columns that have the names of its columns, or some of them.

    Nothing in it is derived from the observation, so a frame that was kept without may stay so.

    What the source does not tell is NA. ``end_cause`` is what the status says of it, and
    ``end_cause_rule`` says so: the API does not tell why a run that completed did so.
    """
    n = table.num_rows
    given: dict[str, Any] = {name: table[name] for name in table.column_names}
    data = columns_of(table, RUNS)
    if "status" in given and "end_cause" not in given:
        statuses = in_one_piece(given["status"]).dictionary_encode()
        known = pa.array(
            [_end_cause(text) for text in statuses.dictionary.to_pylist()], pa.string()
        )
        causes = known.take(statuses.indices)
        data["end_cause"] = causes
        if causes.null_count < n:
            codes = np.where(np.asarray(causes.is_valid()), 0, -1)
            data["end_cause_rule"] = Coded(codes, ["status"])
    counts = {name: _whole(given[name]) if name in given else np.full(n, NAT) for name in _COUNTS}
    frame = _with_missing_counts(_built(RUNS, data | counts, n, source), counts, RUNS)
    _warn_of_seconds(data["triggered_at"], source, "triggered_at")
    frame = _with_others(frame, table)
    if observation is None:
        return frame
    return observe(frame, observation.settle(_newest(data, _RUN_WRITES), source))


def _end_cause(status: str | None) -> str | None:
    if status is None or status in FINAL_STATUSES:
        return _END_CAUSES.get(status or "")
    return "open"


def _warn_of_seconds(times: NDArray[np.int64], source: str, column: str) -> None:
    """Warn of times that were surely written in seconds where milliseconds are meant."""
    first, last = _SECONDS
    early = (times >= first) & (times < last)
    if early.any():
        row = int(early.argmax())
        message = (
            f"{source}, row {row}, {column}: {instant_text(int(times[row]))} and "
            f"{int(early.sum()) - 1:,} more lie in the first weeks of 1970; numbers are taken for "
            "milliseconds, and these look like seconds"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def _with_others(frame: pd.DataFrame, table: pa.Table) -> pd.DataFrame:
    """Add the columns of the user's, under their own names and in their own types."""
    for name in table.column_names:
        if name not in frame and name not in _DROPPED:
            frame[name] = _of_pandas(table[name])
    return frame


def _of_pandas(column: pa.ChunkedArray) -> Any:  # noqa: ANN401  what a frame takes as a column
    if pa.types.is_integer(column.type) and column.null_count:
        return pd.Series(column.to_pandas(types_mapper={column.type: pd.Int64Dtype()}.get))
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pd.Series(pd.array(column, dtype=TEXT_DTYPE))
    if pa.types.is_nested(column.type):
        return pd.Series(pd.arrays.ArrowExtensionArray(column))
    return column.to_pandas()


def _whole(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Round numbers, such as a sum of milliseconds; what is missing becomes NAT."""
    numbers = column.to_numpy()
    known = np.isfinite(numbers)
    return np.where(known, np.rint(np.where(known, numbers, 0)), NAT).astype(np.int64)


def _newest(data: dict[str, Any], names: tuple[str, ...]) -> int | None:
    times = [data[name] for name in names if name in data and isinstance(data[name], np.ndarray)]
    newest = max((int(column.max()) for column in times if len(column)), default=NAT)
    return None if newest == NAT else newest


def _integers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    values: NDArray[np.int64] = column.cast(pa.int64()).fill_null(NAT).to_numpy()
    return values


def _coded(column: pa.ChunkedArray) -> Coded:
    encoded = in_one_piece(column.cast(pa.string())).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(codes, encoded.dictionary.to_pylist())


def _floats(column: pa.ChunkedArray) -> pd.Series:
    return pd.Series(column.to_numpy()).astype("Float64")


def _flags(column: pa.ChunkedArray) -> NDArray[np.int8]:
    return np.asarray(column.cast(pa.int8()).fill_null(-1))


_CONVERTERS: dict[Kind, Callable[[pa.ChunkedArray], Any]] = {
    Kind.INSTANT: _integers,
    Kind.DURATION: _whole,
    Kind.COUNT: _whole,
    Kind.CODE: _whole,
    Kind.CATEGORY: _coded,
    Kind.NUMBER: _floats,
    Kind.FLAG: _flags,
}


def _converted(kind: Kind, column: pa.ChunkedArray) -> Any:  # noqa: ANN401  what build() takes
    return _CONVERTERS[kind](column) if kind in _CONVERTERS else column
