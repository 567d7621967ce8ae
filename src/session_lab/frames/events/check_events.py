"""Frames that users hand in: brought to their schema, or refused with the place and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames.build import (
    NAT,
    TEXT_DTYPE,
    Coded,
    build,
    in_one_piece,
    milliseconds,
)
from session_lab.frames.schema import EVENTS, Kind
from session_lab.frames.tags_dtype import TAGS_DTYPE
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from session_lab.frames.schema import Column

__all__ = ["check_events"]

_SOURCE = "events"
_MOST_CODE = 999
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
    given: object = frame
    if not isinstance(given, pd.DataFrame):
        message = (
            f"a {type(given).__name__} is not a frame of events; "
            "traffic.read makes one of a file, traffic.generate of a workload"
        )
        raise DataError(message, source=_SOURCE)
    data: dict[str, Any] = {}
    names = list(frame.columns)
    for column in EVENTS.columns:
        if names.count(column.name) > 1:
            message = "several columns have this name"
            raise DataError(message, source=_SOURCE, column=column.name)
        if column.name in names:
            values = frame[column.name].reset_index(drop=True)
            if not column.optional:
                _refuse(values.isna(), values, column, "is missing")
            data[column.name] = _CHECKS[column.kind](values, column)
        elif not column.optional:
            found = ", ".join(map(str, names)) or "no columns"
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
    ends = _extremes(values, f"datetime64[{values.dtype.unit}]")
    if ((ends < _FIRST) | (ends > _LAST)).any():
        outside = (values < _FIRST) | (values > _LAST)
        _refuse(outside, values, column, "lies outside the years 1970 to 9999")
    return milliseconds(values)


def _extremes(values: pd.Series, dtype: str | None = None) -> pd.Series:
    """Pick the greatest of times or durations, and one below zero if there is any.

    Held as whole numbers, what is missing is the least of all; and if the sign is taken for a bit
    of the number, then what is negative is greater than all else.
    """
    numbers = values.to_numpy(dtype=dtype)
    kinds = (np.int64, np.uint64) if len(values) else ()
    return values.iloc[[int(numbers.view(kind).argmax()) for kind in kinds]]


def _durations(values: pd.Series, column: Column) -> NDArray[np.int64]:
    if values.isna().all():
        return np.full(len(values), NAT)
    if not pd.api.types.is_timedelta64_dtype(values):
        raise _wrong_type(values, column, "durations, such as timedelta64[ms]")
    ends = _extremes(values)
    if ((ends < _NOTHING) | (ends > _CENTURY)).any():
        _refuse(values < _NOTHING, values, column, "is negative")
        _refuse(values > _CENTURY, values, column, "is longer than a century")
    return milliseconds(values)


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
        raise _wrong_type(values, column, "text")
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


def _external_id(values: pd.Series, column: Column) -> pd.Series:
    text = _text(values, column)
    held = pa.array(text.array)
    lengths = np.asarray(pc.call_function("binary_length", [held]))
    pattern = pc.MatchSubstringOptions("session_")
    is_session_id = np.asarray(pc.call_function("starts_with", [held], pattern))
    problem = "cannot be an external id: it is empty or begins with 'session_'"
    _refuse((lengths == 0) | is_session_id, values, column, problem)
    return text


def _category(values: pd.Series, column: Column) -> pd.Series | Coded:
    if isinstance(values.dtype, pd.CategoricalDtype):
        # However long the column, there are but these few names to check.
        names = list(values.cat.categories)
        if set(names) <= set(column.allowed):
            return Coded(values.cat.codes.to_numpy(), names)
        if not column.allowed and all(
            isinstance(one, str) and not _is_broken(one) for one in names
        ):
            used = values.cat.remove_unused_categories().cat
            return Coded(used.codes.to_numpy(), list(used.categories))
    text = _text(values, column)
    if column.allowed:
        unknown = text.notna() & ~text.isin(column.allowed)
        _refuse(unknown, values, column, f"is not one of {', '.join(column.allowed)}")
    return text


def _tags(values: pd.Series, column: Column) -> pa.Array | list[list[str] | None]:
    if getattr(values.dtype, "pyarrow_dtype", None) == TAGS_DTYPE.pyarrow_dtype:
        whole = in_one_piece(pa.array(values.array))
        if not whole.flatten().null_count:
            return whole
    given, missing = values.astype(object), values.isna()
    _refuse(~missing & ~given.map(_is_list_of_texts), values, column, "is not a list of texts")
    return [None if lacks else list(row) for row, lacks in zip(given, missing, strict=True)]


def _is_list_of_texts(value: object) -> bool:
    if not isinstance(value, (list, tuple, np.ndarray)):
        return False
    return all(isinstance(tag, str) and not _is_broken(tag) for tag in value)


def _codes(values: pd.Series, column: Column) -> pd.Series:
    if values.isna().all():
        return pd.Series(pd.array([pd.NA] * len(values), dtype="Int64"))
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        raise _wrong_type(values, column, "whole numbers")
    outside = ~values.between(0, _MOST_CODE) | (values % 1 != 0)
    _refuse(
        outside & values.notna(), values, column, f"is not a whole number from 0 to {_MOST_CODE}"
    )
    return values.astype("Int64")


def _flags(values: pd.Series, column: Column) -> NDArray[np.int8]:
    given = values.astype(object)
    _refuse(
        ~(values.isna() | given.map(_is_flag)), given, column, "is neither true, false nor missing"
    )
    return np.where(values.isna(), -1, given == True).astype(np.int8)  # noqa: E712


def _is_flag(value: object) -> bool:
    return isinstance(value, (bool, np.bool_))


_CHECKS: dict[Kind, Callable[[pd.Series, Column], Any]] = {
    Kind.INSTANT: _instants,
    Kind.DURATION: _durations,
    Kind.TEXT: _external_id,  # The one column of the schema that is plain text.
    Kind.CATEGORY: _category,
    Kind.TAGS: _tags,
    Kind.CODE: _codes,
    Kind.FLAG: _flags,
}


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


def _wrong_type(values: pd.Series, column: Column, wanted: str) -> DataError:
    message = f"the column holds {values.dtype} where {wanted} are expected"
    return DataError(message, source=_SOURCE, column=column.name)
