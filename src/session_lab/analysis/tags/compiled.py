"""Loops over codes, compiled on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_all", "count_crossed", "count_groups", "count_pairs", "count_rows"]


@numba.njit(cache=True, nogil=True)
def count_all(codes: NDArray[Any], n_names: int) -> NDArray[np.int64]:
    """Count every code."""
    counts = np.zeros(n_names, np.int64)
    for code in codes:
        counts[code] += 1
    return counts


@numba.njit(cache=True, nogil=True)
def count_rows(
    codes: NDArray[Any], offsets: NDArray[np.int64], rows: NDArray[np.bool_], n_names: int
) -> NDArray[np.int64]:
    """Count the codes of the chosen rows."""
    counts = np.zeros(n_names, np.int64)
    for row in range(len(rows)):
        # To add nothing is faster than a jump that the processor cannot foresee.
        weight = np.int64(rows[row])
        for place in range(offsets[row], offsets[row + 1]):
            counts[codes[place]] += weight
    return counts


@numba.njit(cache=True, nogil=True)
def count_pairs(
    codes: NDArray[Any],
    offsets: NDArray[np.int64],
    rows: NDArray[np.bool_],
    place_of: NDArray[np.int64],
    n_places: int,
) -> NDArray[np.int64]:
    """Count the chosen rows that hold both of two codes; a code whose place is -1 is left out."""
    pairs = np.zeros((n_places, n_places), np.int64)
    for row in range(len(rows)):
        if not rows[row]:
            continue
        for i in range(offsets[row], offsets[row + 1]):
            one = place_of[codes[i]]
            if one < 0:
                continue
            for j in range(offsets[row], offsets[row + 1]):
                other = place_of[codes[j]]
                if other >= 0:
                    pairs[one, other] += 1
    return pairs


@numba.njit(cache=True, nogil=True)
def count_groups(
    codes: NDArray[Any], offsets: NDArray[np.int64], group_of: NDArray[np.int64], n_groups: int
) -> NDArray[np.int64]:
    """Count the rows with a code of each group, each row once."""
    counts = np.zeros(n_groups, np.int64)
    last = np.full(n_groups, -1, np.int64)
    for row in range(len(offsets) - 1):
        for place in range(offsets[row], offsets[row + 1]):
            group = group_of[codes[place]]
            counts[group] += last[group] != row
            last[group] = row
    return counts


@numba.njit(cache=True, nogil=True)
def count_crossed(
    codes: NDArray[Any],
    offsets: NDArray[np.int64],
    columns: NDArray[Any],
    counts: NDArray[np.int64],
) -> None:
    """Add each row's codes to ``counts`` at its column; a row whose column is -1 is left out."""
    for row in range(len(columns)):
        column = columns[row]
        if column < 0:
            continue
        for place in range(offsets[row], offsets[row + 1]):
            counts[codes[place], column] += 1
