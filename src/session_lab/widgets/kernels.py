"""One pass each over millions of rows, compiled on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_ends", "rows_with", "take_codes"]


@numba.njit(cache=True, nogil=True)
def rows_with(
    codes: NDArray[Any], offsets: NDArray[np.int64], wanted: NDArray[np.bool_], least: int
) -> NDArray[np.bool_]:
    """Tell which rows have at least so many of the wanted codes."""
    rows = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(rows)):
        found = 0
        for place in range(offsets[row], offsets[row + 1]):
            found += wanted[codes[place]]
        rows[row] = found >= least
    return rows


@numba.njit(cache=True, nogil=True)
def take_codes(
    codes: NDArray[Any], offsets: NDArray[np.int64], rows: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Copy the codes of the chosen rows, with offsets of their own."""
    taken = np.empty(len(codes), codes.dtype)
    bounds = np.zeros(len(rows) + 1, np.int64)
    n_rows, n_codes = 0, 0
    for row in range(len(rows)):
        if rows[row]:
            for place in range(offsets[row], offsets[row + 1]):
                taken[n_codes] = codes[place]
                n_codes += 1
            n_rows += 1
            bounds[n_rows] = n_codes
    return taken[:n_codes], bounds[: n_rows + 1]


@numba.njit(cache=True, nogil=True)
def count_ends(
    places: NDArray[np.int32],
    outcome: NDArray[np.int8],
    rows: NDArray[np.bool_],
    counts: NDArray[np.int64],
) -> None:
    """Add each chosen row to ``counts[place, outcome]``."""
    for row in range(len(rows)):
        if rows[row]:
            counts[places[row], outcome[row]] += 1
