"""Numbers with a unit, as whole milliseconds: whole columns at once, exactly."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames import UnusualError
from session_lab.frames.events.event_columns import whole_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNITS", "column_in_milliseconds", "to_whole_milliseconds"]

UNITS: Final = {
    "s": Decimal(1000),
    "ms": Decimal(1),
    "us": Decimal("0.001"),
    "ns": Decimal("0.000001"),
}
"""How many milliseconds each unit has."""

_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_BEYOND: Final = Decimal(10) ** 18
_DECIMAL: Final = pc.MatchSubstringOptions(r"^[0-9]{1,10}(\.[0-9]{1,6})?$")
# Below this a number of millionths is the only one of as few digits that a float can mean.
_EXACT: Final = 2.0**32
_THOUSAND: Final = 10**3
_MILLION: Final = 10**6
# What is written in no more characters and has a point has at most fifteen digits, which a float
# tells from any other fifteen.
_SHORT: Final = 16


def to_whole_milliseconds(value: object, unit: str, name: str, *, cut: bool = False) -> int:
    """Return a number, or the text of one, as whole milliseconds.

    There is no detour over binary fractions: 1.0005 means what is written.

    Parameters
    ----------
    value : object
        As a file gives it.
    unit : {"s", "ms", "us", "ns"}
        What it is a number of.
    name : str
        What its column is called, for the error.
    cut : bool
        Whether digits below a millisecond are cut off, as of instants; else they are rounded, half
        to even.

    Raises
    ------
    DataError
        This is not a number.

    Examples
    --------
    >>> to_whole_milliseconds("1.0005", "s", "took"), to_whole_milliseconds(1.9999, "ms", "at", cut=True)
    (1000, 1)
    """
    try:
        exact = Decimal(str(value)) * UNITS[unit]
        rounding = ROUND_FLOOR if cut else ROUND_HALF_EVEN
        whole = int(exact.to_integral_value(rounding)) if abs(exact) < _BEYOND else None
    except ArithmeticError:
        whole = None
    if isinstance(value, bool) or whole is None:
        raise DataError(f"{value!r} is not a number of {unit}", column=name)
    return whole


def column_in_milliseconds(values: pa.Array, unit: str, *, cut: bool = False) -> pa.Array:
    """Return a column of numbers, or of texts of them, as whole milliseconds.

    The same as :func:`to_whole_milliseconds` of each.

    Raises
    ------
    UnusualError
        A number is negative, large, or has more than six digits behind its point.
    """
    known = values.drop_null()
    scale, whole = _exactly(known)
    if not len(whole):
        return pa.nulls(len(values), pa.int64())
    if whole.min() < 0 or whole.max() >= 2**62:
        raise UnusualError
    # A number is whole / scale units; milliseconds are whole * factor / divisor.
    factor, divisor = _NANOSECONDS[unit], _NANOSECONDS["ms"] * scale
    common = int(np.gcd(factor, divisor))
    factor, divisor = factor // common, divisor // common
    if whole.max() > 2**62 // factor:
        raise UnusualError
    found = whole * factor
    if divisor > 1:
        found, rest = np.divmod(found, divisor)
        if not cut:
            found += (2 * rest > divisor) | ((2 * rest == divisor) & (found % 2 == 1))
    if not values.null_count:
        return pa.array(found)
    places = np.cumsum(np.asarray(values.is_valid())) - 1
    return pa.array(found).take(pa.array(places, mask=np.asarray(values.is_null())))


def _exactly(values: pa.Array) -> tuple[int, NDArray[np.int64]]:
    """Return numbers as whole numbers of some part of one."""
    kind = values.type
    if pa.types.is_integer(kind):
        return 1, np.asarray(values.cast(pa.int64()))
    if pa.types.is_floating(kind):
        return _parts(values)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise UnusualError
    whole = whole_numbers(values)
    if whole is not None:
        return 1, np.asarray(whole)
    if pc.call_function("max", [pc.call_function("binary_length", [values])]).as_py() <= _SHORT:
        return _parts(values)
    are_decimals = pc.call_function("match_substring_regex", [values], _DECIMAL)
    if pc.call_function("all", [are_decimals]).as_py() is False:
        raise UnusualError
    # As decimals of six places, which are whole numbers of millionths as they lie in memory.
    decimals = values.cast(pa.decimal128(17, 6))
    return _MILLION, np.frombuffer(decimals.buffers()[1], np.int64)[::2][: len(values)].copy()


def _parts(values: pa.Array) -> tuple[int, NDArray[np.int64]]:
    """Return floats, or texts of few digits, as whole numbers of thousandths or of millionths."""
    try:
        numbers: NDArray[np.float64] = np.asarray(values.cast(pa.float64()))
    except pa.ArrowInvalid as error:
        raise UnusualError from error
    if not (np.abs(numbers) < _EXACT).all():
        raise UnusualError
    for scale in (_THOUSAND, _MILLION):
        parts = np.rint(numbers * scale)
        if (parts / scale == numbers).all():
            return scale, parts.astype(np.int64)
    raise UnusualError
