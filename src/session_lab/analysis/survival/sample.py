"""Durations as callers give them: checked, and brought to one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Sample", "causes_of", "check_sample", "events_of"]

_MOST_CAUSES = 100


class Sample(NamedTuple):
    """One row per subject.

    ``durations`` and ``entry`` are numbers; ``dtype`` is what the caller's times were, so that a
    curve can speak in them. ``outcome`` is 0 where the end was not seen.
    """

    durations: NDArray[Any]
    outcome: NDArray[np.integer] | NDArray[np.bool_]
    entry: NDArray[Any] | None
    dtype: np.dtype[Any]


def check_sample(
    durations: ArrayLike,
    outcome: NDArray[np.int64] | NDArray[np.bool_],
    entry: ArrayLike | None,
) -> Sample:
    """Check durations, outcomes and late entry against each other.

    Raises
    ------
    DataError
        No rows, lengths that differ, missing, negative or infinite times, or a row that enters at
        or after its own end; the error names the first such row, counted from 0.
    """
    times = _times(durations, "durations")
    if not len(times):
        message = "there are no rows, so there is nothing to estimate; check what was selected"
        raise DataError(message, column="durations")
    _same_length(times, outcome, "the outcomes")
    if entry is None:
        return Sample(_numbers(times), outcome, None, times.dtype)
    entries = _times(entry, "entry")
    _same_length(times, entries, "entry")
    if (entries.dtype.kind == "m") != (times.dtype.kind == "m"):
        message = f"holds {entries.dtype} where durations hold {times.dtype}; give both in one unit"
        raise DataError(message, column="entry")
    if times.dtype.kind == "m":
        entries = entries.astype(times.dtype)
    late, ends = _numbers(entries), _numbers(times)
    unseen = (late >= ends) & (late > 0)
    if unseen.any():
        row = int(unseen.argmax())
        message = (
            f"{entries[row]} is not before the duration {times[row]}; such a row was never under "
            "observation, so leave it out"
        )
        raise DataError(message, row=row, column="entry")
    return Sample(ends, outcome, late, times.dtype)


def events_of(observed: ArrayLike) -> NDArray[np.bool_]:
    """Read which ends were seen: bools, or 0 and 1.

    Raises
    ------
    DataError
        Anything else, or a missing value.
    """
    flags = _plain(observed, "observed")
    if flags.dtype.kind == "b":
        return flags
    wrong = (flags != 0) & (flags != 1)
    if wrong.any():
        row = int(wrong.argmax())
        message = f"{flags[row]} is neither true (the end was seen) nor false (censored)"
        raise DataError(message, row=row, column="observed")
    return flags.astype(bool)


def causes_of(cause: ArrayLike) -> NDArray[np.int64]:
    """Read causes: 0 for censored, 1, 2 and so on for what ended it.

    Raises
    ------
    DataError
        A negative number, a fraction, or a missing value.
    """
    codes = _plain(cause, "cause").astype(np.float64)
    wrong = (codes < 0) | (codes != np.floor(codes)) | (codes > _MOST_CAUSES)
    if wrong.any():
        row = int(wrong.argmax())
        message = f"{codes[row]:g} is not a cause: 0 (censored), or 1, 2 ... up to {_MOST_CAUSES}"
        raise DataError(message, row=row, column="cause")
    return codes.astype(np.int64)


def _times(values: ArrayLike, name: str) -> NDArray[Any]:
    times = _plain(values, name)
    if times.dtype.kind == "b":
        raise DataError("holds true and false where durations are expected", column=name)
    if times.dtype.kind in "iu":
        times = times.astype(np.int64, copy=False)
    elif times.dtype.kind == "f":
        times = times.astype(np.float64, copy=False)
        _refuse(np.isinf(times), times, name, "is not a duration")
    numbers = _numbers(times)
    if len(numbers) and numbers.min() < 0:
        _refuse(numbers < 0, times, name, "is negative; a duration is zero or more")
    return times


def _plain(values: ArrayLike, name: str) -> NDArray[Any]:
    """Make a one-dimensional array of numbers, bools or durations, with nothing missing."""
    array = np.asarray(values)
    if array.ndim != 1:
        message = f"has {array.ndim} dimensions; give one value per row"
        raise DataError(message, column=name)
    if array.dtype.kind not in "biufm":
        _refuse(np.asarray(pd.isna(array), bool), array, name, "is missing")
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            message = f"holds {array.dtype} where numbers or durations are expected"
            raise DataError(message, column=name) from None
    if array.dtype.kind in "fm":
        missing = np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)
        _refuse(missing, array, name, "is missing; leave such rows out")
    return array


def _numbers(times: NDArray[Any]) -> NDArray[Any]:
    return times.view(np.int64) if times.dtype.kind == "m" else times


def _same_length(times: NDArray[Any], others: NDArray[Any], name: str) -> None:
    if len(others) != len(times):
        message = f"there are {len(times)} durations and {len(others)} values of {name}"
        raise DataError(message, column="durations")


def _refuse(wrong: NDArray[np.bool_], values: NDArray[Any], name: str, problem: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{values[row]} {problem}", row=row, column=name)
