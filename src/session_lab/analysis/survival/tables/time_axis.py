"""Times of a curve: plain numbers, or durations with a unit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.numbers import is_number
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Time", "Times", "number_of", "numbers", "value_of"]

Times: TypeAlias = "NDArray[Any]"
"""Numbers (int64, float64) in the caller's unit, or ``timedelta64``."""

_NONE = np.timedelta64(0)
_LAST = np.iinfo(np.int64).max

Time: TypeAlias = float | str | timedelta | np.timedelta64
"""One point of such an axis: a number, or a duration such as ``"30s"``."""


def numbers(times: Times) -> NDArray[Any]:
    """View times as numbers; durations become counts of their unit."""
    return times.view(np.int64) if times.dtype.kind == "m" else times


def number_of(value: Time, times: Times, *, name: str) -> float:
    """Place a value on the axis of some times.

    Raises
    ------
    DataError
        A number on an axis of durations, or a duration on an axis of numbers, or a negative value.
    """
    if times.dtype.kind == "m":
        if (
            isinstance(value, pd.Timedelta | np.timedelta64)
            and not pd.isna(value)
            and value >= _NONE
        ):
            # What comes from an axis of finer times than milliseconds goes back to it.
            place = float(value / np.ones(1, np.int64).view(times.dtype)[0])
            return int(place) if place.is_integer() else place
        span = np.timedelta64(to_milliseconds(value, name=name), "ms")
        return int(span.astype(times.dtype).astype(np.int64))
    if isinstance(value, (str, timedelta, np.timedelta64)):
        message = f"{value!r} is a duration, but the durations given were plain numbers"
        raise DataError(message, column=name)
    if not (is_number(value) and 0 <= value < np.inf):
        raise DataError(f"{value!r} is not a time of zero or more", column=name)
    return value


def value_of(number: float, times: Times) -> float | pd.Timedelta:
    """Read a number off the axis of some times: a float, or a ``Timedelta``."""
    if times.dtype.kind == "m":
        return pd.Timedelta(np.array([min(round(number), _LAST)]).view(times.dtype)[0])
    return float(number)
