"""One pass each over millions of rows, compiled on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "count_codes",
    "count_ends",
    "count_ends_by_group",
    "first_of_days",
    "rows_with",
    "take_codes",
]


@numba.njit(cache=True, nogil=True)
def rows_with(
    codes: NDArray[Any], offsets: NDArray[np.int64], wanted: NDArray[np.bool_], least: int
) -> NDArray[np.bool_]:
    """Return which rows have at least so many of the wanted codes."""
    rows = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(rows)):
        found = 0
        for place in range(offsets[row], offsets[row + 1]):
            found += wanted[codes[place]]
        rows[row] = found >= least
    return rows


@numba.njit(cache=True, nogil=True)
def take_codes(
    codes: NDArray[Any],
    owners: NDArray[np.uint32],
    sizes: NDArray[np.int64],
    rows: NDArray[np.bool_],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Copy the codes of the chosen rows, with offsets of their own.

    Everything is written and only what was chosen is kept: which rows are chosen, and how many
    codes each has, cannot be foreseen by a processor, and each wrong guess would cost it more.
    """
    taken = np.empty(len(codes) + 1, codes.dtype)
    n_codes = 0
    for place in range(len(codes)):
        taken[n_codes] = codes[place]
        n_codes += rows[owners[place]]
    bounds = np.zeros(len(rows) + 1, np.int64)
    n_rows, end = 0, 0
    for row in range(len(rows)):
        end += rows[row] * sizes[row]
        n_rows += rows[row]
        bounds[n_rows] = end
    return taken[:n_codes], bounds[: n_rows + 1]


@numba.njit(cache=True, nogil=True)
def count_codes(
    codes: NDArray[np.integer], rows: NDArray[np.bool_], counts: NDArray[np.int64]
) -> None:
    """Add each chosen row to ``counts`` at its code; those without one, at -1, to the last."""
    for row in range(len(rows)):
        counts[codes[row]] += rows[row]


@numba.njit(cache=True, nogil=True)
def count_ends(
    cells: NDArray[np.uint32], rows: NDArray[np.bool_], counts: NDArray[np.int64]
) -> None:
    """Add each chosen row to ``counts`` at its cell."""
    for row in range(len(rows)):
        counts[cells[row]] += rows[row]


@numba.njit(cache=True, nogil=True)
def count_ends_by_group(  # noqa: PLR0917  compiled, without names
    counts: NDArray[np.int64],
    cells: NDArray[np.uint32],
    rows: NDArray[np.bool_],
    codes: NDArray[Any],
    offsets: NDArray[np.int64],
    group_of: NDArray[np.int64],
) -> None:
    """Add each chosen row to ``counts`` at its cell, once in each group that its codes are of."""
    last = np.full(len(counts), -1, np.int64)
    for row in range(len(cells)):
        if rows[row]:
            for place in range(offsets[row], offsets[row + 1]):
                group = group_of[codes[place]]
                counts[group, cells[row]] += last[group] != row
                last[group] = row


@numba.njit(cache=True, nogil=True)
def first_of_days(
    owners: NDArray[np.int64], at: NDArray[np.int64], n: int, day: int
) -> NDArray[np.bool_]:
    """Return which rows, in order of time, are the first of their owner and day.

    Of a day of the calendar, or of one counted from the owner's first row; all rows without an
    owner are among them.
    """
    first = np.zeros(n, np.int64)
    calendar, elapsed = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    is_first = np.ones(len(at), np.bool_)
    for row in range(len(at)):
        owner = owners[row]
        if owner < 0:
            continue
        if elapsed[owner] < 0:
            first[owner] = at[row]
        days = at[row] // day, (at[row] - first[owner]) // day
        is_first[row] = days[0] != calendar[owner] or days[1] != elapsed[owner]
        calendar[owner], elapsed[owner] = days
    return is_first
