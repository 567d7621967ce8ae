"""Frames that users hand in: brought to their schema, or refused with the place and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames.build import NAT, TEXT_DTYPE, build, milliseconds
from session_lab.frames.schema import EVENTS, Kind
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from session_lab.frames.schema import Column

__all__ = ["check_events"]

_SOURCE = "events"


def check_events(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a frame of events to its schema's dtypes.

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
    data: dict[str, Any] = {}
    for column in EVENTS.columns:
        if column.name in frame:
            values = frame[column.name].reset_index(drop=True)
            if not column.optional:
                _refuse(values.isna(), values, column, "is missing")
            data[column.name] = _CHECKS[column.kind](values, column)
        elif not column.optional:
            found = ", ".join(map(str, frame.columns)) or "no columns"
            message = f"the column is missing; the frame has {found}"
            raise DataError(message, source=_SOURCE, column=column.name)
    checked = build(EVENTS, data, n=len(frame))
    checked.attrs = dict(frame.attrs)
    return checked


def _instants(values: pd.Series, column: Column) -> NDArray[np.int64]:
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        if values.isna().all():
            return np.full(len(values), NAT)
        raise _wrong_type(values, column, "times with a zone, such as datetime64[ms, UTC]")
    found = milliseconds(values)
    outside = (found != NAT) & ((found < 0) | (found > LAST_INSTANT))
    _refuse(outside, values, column, "lies outside the years 1970 to 9999")
    return found


def _durations(values: pd.Series, column: Column) -> NDArray[np.int64]:
    if values.isna().all():
        return np.full(len(values), NAT)
    if not pd.api.types.is_timedelta64_dtype(values):
        raise _wrong_type(values, column, "durations, such as timedelta64[ms]")
    found = milliseconds(values)
    _refuse((found != NAT) & (found < 0), values, column, "is negative")
    _refuse(found > LONGEST_DURATION, values, column, "is longer than a century")
    return found


def _text(values: pd.Series, column: Column) -> pd.Series:
    if pd.api.types.is_integer_dtype(values):
        return values.astype(TEXT_DTYPE)
    given = values.astype(object)
    types = given.map(type, na_action="ignore")
    expected = next(iter(types.dropna()), str)
    if expected not in {str, int}:
        raise _wrong_type(values, column, "text")
    problem = f"is not {expected.__name__} as the values before it; write all in one way"
    _refuse(types.notna() & (types != expected), values, column, problem)
    return given.map(str, na_action="ignore").astype(TEXT_DTYPE)


def _category(values: pd.Series, column: Column) -> pd.Series:
    text = _text(values, column)
    if column.values:
        unknown = text.notna() & ~text.isin(column.values)
        _refuse(unknown, values, column, f"is not one of {', '.join(column.values)}")
    return text


def _tags(values: pd.Series, column: Column) -> list[list[str] | None]:
    rows = [None if row is None or row is pd.NA else list(row) for row in values.astype(object)]
    wrong = [row is not None and not all(isinstance(tag, str) for tag in row) for row in rows]
    _refuse(np.array(wrong, dtype=bool), values, column, "is not a list of texts")
    return rows


_CHECKS: dict[Kind, Callable[[pd.Series, Column], Any]] = {
    Kind.INSTANT: _instants,
    Kind.DURATION: _durations,
    Kind.TEXT: _text,
    Kind.CATEGORY: _category,
    Kind.TAGS: _tags,
}


def _refuse(
    wrong: NDArray[np.bool_] | pd.Series, values: pd.Series, column: Column, problem: str
) -> None:
    """Raise for the first row that is wrong, if any is."""
    rows = np.asarray(wrong, dtype=bool)
    if rows.any():
        row = int(rows.argmax())
        message = f"{values.iloc[row]!r} {problem}"
        raise DataError(message, source=_SOURCE, row=row, column=column.name)


def _wrong_type(values: pd.Series, column: Column, wanted: str) -> DataError:
    message = f"the column holds {values.dtype} where {wanted} are expected"
    return DataError(message, source=_SOURCE, column=column.name)
