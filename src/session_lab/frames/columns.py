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
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "INSTANTS",
    "check_frame",
    "column_of",
    "durations",
    "holds_durations",
    "holds_instants",
    "instants",
    "not_one_column",
    "wrong_type",
]

INSTANTS = "times with a zone, such as datetime64[ms, UTC],"
"""What a column of times is to hold, in words."""

_EVENTS = (
    "read a log with sl.traffic.read, or make one with sl.traffic.generate; sl.sweep and sl.decide "
    "take folders of shards as they are"
)
_ROWS = (
    "make one with sl.sessions_frame or sl.runs_frame, read one with sl.read_sessions or "
    "sl.read_runs, or convert a frame of another engine to pandas"
)

_LISTED = 30
"""Columns that an error lists."""


def check_frame(df: object, source: str) -> None:
    """Refuse what is not a DataFrame of pandas.

    Raises
    ------
    DataError
        It is something else; the error says how to come by one.
    """
    if isinstance(df, pd.DataFrame):
        return
    kind, ways = type(df).__name__, _EVENTS if source == "events" else _ROWS
    if hasattr(df, "to_pandas"):
        kind = f"{type(df).__module__.partition('.')[0]}.{kind}"
        ways = "its .to_pandas() makes one"
    message = f"{kind} is not a pandas DataFrame; {ways}"
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
        message = not_one_column(name, names, df.index.names)
        raise DataError(message, source=source, column=name)
    column: pd.Series = df[name]
    return column


def not_one_column(name: str, names: Sequence[object], index: Sequence[object] = ()) -> str:
    """Return why there is not just one column of a name, and what to do.

    Examples
    --------
    >>> not_one_column("at", ["op"], index=["at"])
    'the column is missing: it is the index, and .reset_index() makes it a column'
    """
    if name in index and name not in names:
        return "the column is missing: it is the index, and .reset_index() makes it a column"
    found = ", ".join(map(str, names[:_LISTED])) or "no columns"
    found += f" and {len(names) - _LISTED:,} more" * (len(names) > _LISTED)
    if name in names:
        return f"several columns have this name; the frame has {found}"
    return f"the column is missing; the frame has {found}{meant(name, names)}"


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
    zone, such as datetime64[ms, UTC], are expected; .dt.tz_localize("UTC") says that they are in UTC
    """
    column = column_of(frame, name, source=source)
    if holds_instants(column):
        values = milliseconds(column)
    elif column.isna().all():
        values = np.full(len(column), NAT)
    else:
        raise wrong_type(column, INSTANTS, source)
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
    raise wrong_type(column, "durations, such as timedelta64[ms],", source)


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


def wrong_type(column: pd.Series, wanted: str, source: str) -> DataError:
    """Return the error about a column of another type, with the call that makes times of it."""
    message = f"the column holds {column.dtype} where {wanted} are expected"
    if wanted == INSTANTS and pd.api.types.is_datetime64_dtype(column.dtype):
        message += '; .dt.tz_localize("UTC") says that they are in UTC'
    elif wanted == INSTANTS:
        unit = 'unit="ms", ' if pd.api.types.is_numeric_dtype(column.dtype) else ""
        message += f"; pd.to_datetime(..., {unit}utc=True) makes them"
    return DataError(message, source=source, column=str(column.name))
