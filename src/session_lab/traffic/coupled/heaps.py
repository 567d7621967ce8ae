"""Binary heaps of an instant and a number, in arrays that the caller keeps, for compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Int64

__all__ = ["pop", "push"]


@inlined
def push(  # noqa: PLR0917
    at: NDArray[np.int64],
    number: NDArray[np.int32],
    begin: Int64,
    size: Int64,
    new_at: Int64,
    new_number: Int64,
) -> None:
    """Put an entry into the heap of ``size`` entries that begins at a place; there must be room."""
    place = np.int64(size)
    while place > 0:
        above = (place - 1) >> 1
        other_at, other_number = at[begin + above], number[begin + above]
        if other_at < new_at or (other_at == new_at and other_number <= new_number):
            break
        at[begin + place], number[begin + place] = other_at, other_number
        place = above
    at[begin + place], number[begin + place] = new_at, new_number


@inlined
def pop(at: NDArray[np.int64], number: NDArray[np.int32], begin: Int64, size: Int64) -> None:
    """Remove the first entry from the heap of ``size`` entries that begins at a place."""
    last = np.int64(size) - 1
    last_at, last_number = at[begin + last], number[begin + last]
    place = np.int64(0)
    below = np.int64(1)
    while below < last:
        low_at, low_number = at[begin + below], number[begin + below]
        if below + 1 < last:
            other_at, other_number = at[begin + below + 1], number[begin + below + 1]
            if other_at < low_at or (other_at == low_at and other_number < low_number):
                below += 1
                low_at, low_number = other_at, other_number
        if last_at < low_at or (last_at == low_at and last_number <= low_number):
            break
        at[begin + place], number[begin + place] = low_at, low_number
        place = below
        below = 2 * place + 1
    at[begin + place], number[begin + place] = last_at, last_number
