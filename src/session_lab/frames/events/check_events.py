"""Frames that users hand in: brought to their schema, or refused with the place and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames.build import TEXT_DTYPE
from session_lab.frames.columns import INSTANTS, check_frame, not_one_column, wrong_type
from session_lab.frames.events.event_columns import (
    UnusualError,
    event_array,
    event_column,
)
from session_lab.frames.events.event_frames import events_from_table
from session_lab.frames.schema import EVENTS, Kind
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from session_lab.frames.schema import Column

__all__ = ["check_events"]

_SOURCE = "events"
_FIRST, _LAST = (pd.Timestamp(at, unit="ms", tz="UTC") for at in (0, LAST_INSTANT))
_NOTHING, _CENTURY = (pd.Timedelta(span, unit="ms") for span in (0, LONGEST_DURATION))


def check_events(frame: pd.DataFrame) -> pd.DataFrame:
    """Check a frame of events, and bring it to its schema's dtypes.

    Instants must carry a time zone and lie in the years 1970 to 9999; durations must not be
    negative; columns that the schema does not name are left out.

    Parameters
    ----------
    frame : DataFrame
        With at least ``at``, ``op`` and ``external_id``, in any order, under any index.

    Returns
    -------
    DataFrame
        A new events frame with a RangeIndex; ``attrs`` are kept.

    Raises
    ------
    DataError
        A column is missing or of the wrong kind, or a value cannot be used; the error names the
        first such row, counted from 0.
    """
    check_frame(frame, _SOURCE)
    names = list(frame.columns)
    columns: dict[str, pa.Array] = {}
    empty = []
    for column in EVENTS.columns:
        if names.count(column.name) > 1:
            message = not_one_column(column.name, names)
            raise DataError(message, source=_SOURCE, column=column.name)
        if column.name in names:
            values = frame[column.name].reset_index(drop=True)
            lacks = values.isna()
            if not column.optional:
                _refuse(lacks, values, column, "is missing")
            if lacks.all():
                empty.append(column.name)
            else:
                columns[column.name] = _checked(values, column)
        elif not column.optional:
            message = not_one_column(column.name, names, frame.index.names)
            raise DataError(message, source=_SOURCE, column=column.name)
    checked = events_from_table(pa.table(columns), empty=empty)
    checked.attrs = dict(frame.attrs)
    return checked


def _checked(values: pd.Series, column: Column) -> pa.Array:
    typed = _TYPED[column.kind](values, column)
    try:
        return event_column(pa.array(typed, from_pandas=True), column)
    except (UnusualError, pa.ArrowException, TypeError, ValueError):
        pass  # What is unusual is read, or named, value by value.
    if column.kind is Kind.INSTANT:
        outside = (values < _FIRST) | (values > _LAST)
        _refuse(outside, values, column, "lies outside the years 1970 to 9999")
    elif column.kind is Kind.DURATION:
        _refuse(values < _NOTHING, values, column, "is negative")
        _refuse(values > _CENTURY, values, column, "is longer than a century")
    return event_array(typed.astype(object), column, source=_SOURCE)


def _instants(values: pd.Series, _: Column) -> pd.Series:
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        raise wrong_type(values, INSTANTS, _SOURCE)
    in_utc: pd.Series = values.dt.tz_convert("UTC")  # Arrow does not know every zone.
    return in_utc


def _durations(values: pd.Series, _: Column) -> pd.Series:
    if not pd.api.types.is_timedelta64_dtype(values):
        raise wrong_type(values, "durations, such as timedelta64[ms],", _SOURCE)
    # What is finer than a millisecond is cut off; what is coarser may be out of range.
    cut: pd.Series = values.dt.as_unit("ms") if values.dt.unit in {"us", "ns"} else values
    return cut


def _text(values: pd.Series, column: Column) -> pd.Series:
    dtype = values.dtype
    is_arrow = isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"
    if not is_arrow and not pd.api.types.is_integer_dtype(dtype):
        values = _of_one_type(values, column)
    return values.astype(TEXT_DTYPE)


def _of_one_type(values: pd.Series, column: Column) -> pd.Series:
    given = values.astype(object)
    types = given.map(type, na_action="ignore")
    expected = next(iter(types.dropna()), str)
    if expected not in {str, int}:
        raise wrong_type(values, "text", _SOURCE)
    problem = f"is not {expected.__name__} as the values before it; write all in one way"
    _refuse(types.notna() & (types != expected), given, column, problem)
    _refuse(given.map(_is_broken), given, column, "holds half of a character")
    return given.map(str, na_action="ignore")


def _is_broken(value: object) -> bool:
    """Return whether text holds half of a surrogate pair, which no encoding can write."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return True
    return False


def _category(values: pd.Series, column: Column) -> pd.Series:
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return _text(values, column)
    # However long the column, there are but these few names to look at.
    names = set(values.cat.categories)
    if column.allowed and names <= set(column.allowed):
        return values
    if all(isinstance(name, str) and not _is_broken(name) for name in names):
        return values.cat.remove_unused_categories()
    return _text(values, column)


def _codes(values: pd.Series, _: Column) -> pd.Series:
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        raise wrong_type(values, "whole numbers", _SOURCE)
    try:
        return values.astype("Int64")  # Gaps make floats of them.
    except (TypeError, ValueError):
        return values


def _as_it_is(values: pd.Series, _: Column) -> pd.Series:
    return values


_TYPED: dict[Kind, Callable[[pd.Series, Column], pd.Series]] = {
    Kind.INSTANT: _instants,
    Kind.DURATION: _durations,
    Kind.TEXT: _text,
    Kind.CATEGORY: _category,
    Kind.TAGS: _as_it_is,
    Kind.CODE: _codes,
    Kind.FLAG: _as_it_is,
}
"""What a frame says by the types of its columns, which a file cannot."""


def _refuse(
    wrong: NDArray[np.bool_] | pd.Series, values: pd.Series, column: Column, problem: str
) -> None:
    """Raise for the first row that is wrong, if any is."""
    rows = np.asarray(wrong, dtype=bool)
    if rows.any():
        row = int(rows.argmax())
        value = values.iloc[row]
        shown = repr(value) if isinstance(value, (str, list)) else str(value)
        raise DataError(f"{shown} {problem}", source=_SOURCE, row=row, column=column.name)
