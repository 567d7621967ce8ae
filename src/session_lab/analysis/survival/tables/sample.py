"""Durations as callers give them: checked, aligned, and brought to one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Sample",
    "causes_of",
    "check_aligned",
    "check_sample",
    "check_times",
    "events_of",
    "without_near_ties",
]

_MOST_CAUSES = 100
_COARSE = {"W": 604_800_000, "D": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
"""The units that are longer than a millisecond, in milliseconds."""
_TOLERANCE = np.finfo(np.float64).eps ** 0.5
"""Floats closer than this, or than this share of their mean, are one time: R's ``timefix``."""
_LONGEST = 2**53
"""Milliseconds, 285,000 years; beyond it numbers of other units are not durations of anything."""


class Sample(NamedTuple):
    """One row per subject.

    ``durations`` and ``entry`` are numbers; ``dtype`` is what the caller's times were, so that a
    curve can speak in them. ``outcome`` is 0 where the end was not seen. ``weights`` say how many
    subjects a row stands for, in whole numbers, or else what it counts by; one each where there are
    none.
    """

    durations: NDArray[Any]
    outcome: NDArray[np.integer] | NDArray[np.bool_]
    entry: NDArray[Any] | None
    dtype: np.dtype[Any]
    weights: NDArray[np.int64] | NDArray[np.float64] | None = None


def check_sample(
    durations: ArrayLike,
    outcome: NDArray[np.int64] | NDArray[np.bool_],
    entry: ArrayLike | None,
    weights: ArrayLike | None = None,
) -> Sample:
    """Check durations, outcomes, late entry and weights against each other.

    Durations of coarse units become milliseconds, and floats that differ by rounding errors only
    are tied (:func:`without_near_ties`).

    Raises
    ------
    DataError
        No rows, lengths that differ, missing, negative or infinite times, a weight that is
        negative or infinite, or a row that enters at or after its own end; the error names the first such
        row, counted from 0.
    """
    times = check_times(durations, "durations")
    if not len(times):
        message = "there are no rows, so there is nothing to estimate; check what was selected"
        raise DataError(message, column="durations")
    _same_length(times, outcome, "the outcomes")
    counted = None if weights is None else _weights(weights, times)
    if entry is None:
        ends = without_near_ties(_numbers(times))[0]
        return Sample(ends, outcome, None, times.dtype, counted)
    entries = check_times(entry, "entry")
    _same_length(times, entries, "entry")
    if (entries.dtype.kind == "m") != (times.dtype.kind == "m"):
        message = f"holds {entries.dtype} where durations hold {times.dtype}; give both in one unit"
        raise DataError(message, column="entry")
    if times.dtype.kind == "m":
        entries = entries.astype(times.dtype)
    late, ends = without_near_ties(_numbers(entries), _numbers(times))
    unseen = (late >= ends) & (late > 0)
    if unseen.any():
        row = int(unseen.argmax())
        message = (
            f"{entries[row]} is not before the duration {times[row]}; such a row was never under "
            "observation, so leave it out"
        )
        raise DataError(message, row=row, column="entry")
    return Sample(ends, outcome, late, times.dtype, counted)


def check_aligned(**given: object) -> None:
    """Refuse columns of pandas whose rows have other labels: they would be paired by position.

    Raises
    ------
    DataError
        Two of them have indexes that differ.

    Examples
    --------
    >>> check_aligned(durations=pd.Series([1, 2]), observed=pd.Series([1, 0], index=[1, 0]))
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: observed: its rows are labelled otherwise than those of durations;
    take both from one frame, or give .to_numpy() to pair them by position
    """
    labelled = [
        (name, values.index) for name, values in given.items() if isinstance(values, pd.Series)
    ]
    for name, index in labelled[1:]:
        first, expected = labelled[0]
        if not index.equals(expected):
            message = (
                f"its rows are labelled otherwise than those of {first}; take both from one frame, "
                "or give .to_numpy() to pair them by position"
            )
            raise DataError(message, column=name)


def without_near_ties(*times: NDArray[Any]) -> list[NDArray[Any]]:
    """Make equal what differs by rounding errors only, as 0.1 + 0.2 does from 0.3.

    Floats in order that are no further apart than 1.5e-8, or than that share of the mean of all
    distinct ones, become the first of them: what the R package survival does (``timefix``; T.
    Therneau, "Roundoff error and tied times", vignette of version 3.5). Whole numbers stay.

    Examples
    --------
    >>> without_near_ties(np.array([0.3, 0.1 + 0.2, 0.4]))[0].tolist()
    [0.3, 0.3, 0.4]
    """
    if all(column.dtype.kind == "i" for column in times):
        return list(times)
    distinct = np.unique(np.concatenate([column.astype(np.float64) for column in times]))
    if len(distinct) < 2:
        return list(times)
    is_near = np.diff(distinct) <= _TOLERANCE * max(1.0, float(np.abs(distinct).mean()))
    if not is_near.any():
        return list(times)
    firsts = distinct[np.append(True, ~is_near)]
    return [firsts[np.searchsorted(firsts, column, side="right") - 1] for column in times]


def _weights(weights: ArrayLike, times: NDArray[Any]) -> NDArray[np.int64] | NDArray[np.float64]:
    """Read case weights: whole numbers are counts of subjects, others are what rows count by."""
    numbers = _numeric(weights, "weights").astype(np.float64)
    _same_length(times, numbers, "weights")
    wrong = (numbers < 0) | (numbers > _LONGEST)
    _refuse(wrong, numbers, "weights", "is not what a row can count by; give 0 or more")
    if not numbers.any():
        raise DataError("all are 0, so there is nothing to estimate", column="weights")
    is_whole = bool((numbers == np.floor(numbers)).all())
    return numbers.astype(np.int64) if is_whole else numbers


def events_of(observed: ArrayLike) -> NDArray[np.bool_]:
    """Read which ends were seen: bools, or 0 and 1.

    Raises
    ------
    DataError
        Anything else, or a missing value.
    """
    flags = _numeric(observed, "observed")
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
    codes = _numeric(cause, "cause").astype(np.float64)
    wrong = (codes < 0) | (codes != np.floor(codes)) | (codes > _MOST_CAUSES)
    if wrong.any():
        row = int(wrong.argmax())
        message = f"{codes[row]:g} is not a cause: 0 (censored), or 1, 2 ... up to {_MOST_CAUSES}"
        raise DataError(message, row=row, column="cause")
    return codes.astype(np.int64)


def check_times(values: ArrayLike, name: str) -> NDArray[Any]:
    """Check times: numbers or durations of zero or more, none of them missing or infinite."""
    times = _plain(values, name)
    if times.dtype.kind == "m":
        times = _at_least_milliseconds(times, name)
    if times.dtype.kind == "b":
        raise DataError("holds true and false where durations are expected", column=name)
    if times.dtype.kind in "iu":
        _refuse(times > np.iinfo(np.int64).max, times, name, "is not a duration")
        times = times.astype(np.int64, copy=False)
    elif times.dtype.kind == "f":
        times = times.astype(np.float64, copy=False)
        _refuse(np.isinf(times), times, name, "is not a duration")
    numbers = _numbers(times)
    if len(numbers) and numbers.min() < 0:
        _refuse(numbers < 0, times, name, "is negative; a duration is zero or more")
    return times


def _at_least_milliseconds(times: NDArray[Any], name: str) -> NDArray[Any]:
    """Bring durations of hours or days to milliseconds, so that no answer is rounded to these."""
    unit, step = np.datetime_data(times.dtype)
    if unit in ("Y", "M"):
        message = f"holds {times.dtype}, which is of no fixed length; give days or less"
        raise DataError(message, column=name)
    if unit not in _COARSE:
        return times
    per_unit = _COARSE[unit] * step
    counts = times.view(np.int64)
    present = ~np.isnat(times)
    _refuse(present & (np.abs(counts) > _LONGEST // per_unit), times, name, "is not a duration")
    return np.where(present, counts * per_unit, counts).view("timedelta64[ms]")


def _plain(values: ArrayLike, name: str) -> NDArray[Any]:
    """Make a one-dimensional array of numbers, bools or durations, with nothing missing."""
    array = np.asarray(values)
    if array.ndim != 1:
        message = f"has {array.ndim} dimensions; give one value per row"
        raise DataError(message, column=name)
    if array.dtype.kind not in "biufm":
        _refuse(np.asarray(pd.isna(array), bool), array, name, "is missing")
        kind = pd.api.types.infer_dtype(array)
        if kind in ("timedelta", "timedelta64"):
            array = pd.to_timedelta(array).to_numpy()
        elif kind in ("integer", "floating", "boolean", "decimal", "mixed-integer-float", "empty"):
            array = array.astype(np.float64)
        else:
            message = f"holds {kind} where numbers or durations are expected"
            raise DataError(message, column=name)
    if array.dtype.kind in "fm":
        missing = np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)
        _refuse(missing, array, name, "is missing; leave such rows out")
    return array


def _numeric(values: ArrayLike, name: str) -> NDArray[Any]:
    """Make the same of numbers or bools; durations are neither counts nor flags."""
    array = _plain(values, name)
    if array.dtype.kind == "m":
        raise DataError(f"holds {array.dtype} where numbers are expected", column=name)
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
