"""Columns of the frames that users hand in: found by their names, read as whole milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames.build import NAT, milliseconds
from session_lab.mistyped import meant

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_frame", "column_of", "durations", "holds_durations", "holds_instants", "instants"]


_EVENTS = (
    "read a log with sl.traffic.read, or make one with sl.traffic.generate; sl.sweep and sl.decide "
    "take folders of shards as they are"
)
_ROWS = (
    "make one with sl.sessions_frame or sl.runs_frame, read one with sl.read_sessions or "
    "sl.read_runs, or convert a frame of another engine to pandas"
)


def check_frame(df: object, source: str) -> None:
    """Refuse what is not a DataFrame of pandas.

    Raises
    ------
    DataError
        It is something else; the error says how to come by one.
    """
    if isinstance(df, pd.DataFrame):
        return
    ways = _EVENTS if source == "events" else _ROWS
    message = f"{type(df).__name__} is not a pandas DataFrame; {ways}"
    raise DataError(message, source=source)


def column_of(df: pd.DataFrame, name: str, *, source: str) -> pd.Series:
    """Return a column by its name.

    Raises
    ------
    DataError
        There is no such column, or more than one; or this is not a DataFrame.

    Examples
    --------
    >>> column_of(pd.DataFrame({"tags": [["vip"]]}), "tag", source="sessions")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: sessions, tag: the column is missing; the frame has tags; did \
you mean 'tags'?
    """
    check_frame(df, source)
    names = list(df.columns)
    if names.count(name) != 1:
        problem = "several columns have this name" if name in names else "the column is missing"
        found = ", ".join(map(str, names)) or "no columns"
        near = "" if name in names else meant(name, names)
        raise DataError(f"{problem}; the frame has {found}{near}", source=source, column=name)
    column: pd.Series = df[name]
    return column


def instants(
    frame: pd.DataFrame, name: str, *, source: str, required: bool = True
) -> NDArray[np.int64]:
    """Return a column of instants as milliseconds since 1970 (UTC); NAT is missing.

    Raises
    ------
    DataError
        There is no such column, it does not hold times with a zone, or a required time is missing.

    Examples
    --------
    >>> frame = pd.DataFrame({"at": pd.to_datetime(["2026-01-01T00:00:00"])})
    >>> instants(frame, "at", source="events")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: events, at: the column holds datetime64[...] where times with a
    zone, such as datetime64[ms, UTC], are expected
    """
    column = column_of(frame, name, source=source)
    if holds_instants(column):
        values = milliseconds(column)
    elif column.isna().all():
        values = np.full(len(column), NAT)
    else:
        wanted = "times with a zone, such as datetime64[ms, UTC],"
        raise _wrong_type(column, wanted, source)
    if required and len(values) and values.min() == NAT:
        message = "the time is missing; leave the row out or say when it was"
        raise DataError(message, source=source, row=int(values.argmin()), column=name)
    return values


def durations(frame: pd.DataFrame, name: str, *, source: str) -> NDArray[np.int64]:
    """Return a column of durations as milliseconds; NAT is missing.

    Raises
    ------
    DataError
        There is no such column, or it does not hold durations.
    """
    column = column_of(frame, name, source=source)
    if holds_durations(column):
        return milliseconds(column)
    if column.isna().all():
        return np.full(len(column), NAT)
    raise _wrong_type(column, "durations, such as timedelta64[ms],", source)


def holds_instants(column: pd.Series) -> bool:
    """Check whether a column holds times with a zone, in whatever unit and zone."""
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        held = dtype.pyarrow_dtype
        return bool(pa.types.is_timestamp(held)) and held.tz is not None
    return isinstance(dtype, pd.DatetimeTZDtype)


def holds_durations(column: pd.Series) -> bool:
    """Check whether a column holds durations, in whatever unit."""
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return bool(pa.types.is_duration(dtype.pyarrow_dtype))
    return bool(pd.api.types.is_timedelta64_dtype(dtype))


def _wrong_type(column: pd.Series, wanted: str, source: str) -> DataError:
    message = f"the column holds {column.dtype} where {wanted} are expected"
    return DataError(message, source=source, column=str(column.name))
