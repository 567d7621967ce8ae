"""The sessions of a selection as a table of which only a few rows are read at a time."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.analysis.display import cell_texts
from session_lab.errors import DataError
from session_lab.frames import in_one_piece
from session_lab.frames.selection import one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.frames.selection import Selection
    from session_lab.widgets.data.session_index import IndexedSessions

__all__ = ["MOST_ROWS", "SessionTable", "check_link"]

MOST_ROWS = 200
"""Rows that are read at a time at most."""
_FIRST = ("external_id", "session_id", "status", "end_cause", "created_at", "lifetime", "tags")


class SessionTable:
    """Windows onto the sessions of a selection, in the order of any column.

    Parameters
    ----------
    prepared : IndexedSessions
        The sessions.
    link : str, optional
        The address of a session's page, with columns in braces, such as
        ``"https://cloud.trigger.dev/orgs/o/projects/p/env/dev/sessions/{session_id}"``.

    Raises
    ------
    DataError
        The link is not an address, or names a column that there is not.
    """

    def __init__(self, prepared: IndexedSessions, link: str | None = None) -> None:
        self._prepared = prepared
        self._link = link
        columns = list(map(str, prepared.frame.columns))
        self._fields = () if link is None else check_link(link, columns)
        first = [name for name in _FIRST if name in columns]
        self.columns = [*first, *(name for name in columns if name not in first)]
        self._orders: dict[str, NDArray[np.int64]] = {}
        self._sorted: tuple[Selection, str | None, NDArray[np.int64]] | None = None

    def window(
        self,
        selection: Selection,
        start: int,
        stop: int,
        *,
        by: str | None = None,
        descending: bool = False,
    ) -> tuple[list[list[str]], list[str]]:
        """Return the texts of some rows, a list for each, and the addresses of their pages.

        Parameters
        ----------
        selection : Selection
            The sessions of the table.
        start, stop : int
            From which row to which; no more than ``MOST_ROWS``.
        by : str, optional
            The column to sort by: tags by their number, missing values last; by default the order
            of the frame.
        descending : bool
            Whether the largest come first.

        Raises
        ------
        DataError
            There is no such column.
        """
        rows = self._rows(selection, by)
        start = max(0, start)
        stop = min(stop, start + MOST_ROWS, len(rows))
        if by is not None and descending:
            # Missing values stay last.
            known = len(rows) - int(self._missing(by)[rows].sum())
            places = np.concatenate([rows[:known][::-1], rows[known:]])[start:stop]
        else:
            places = rows[start:stop]
        taken = {name: self._taken(name, places) for name in self.columns}
        texts = [cell_texts(column) for column in taken.values()]
        return [list(row) for row in zip(*texts, strict=True)], self._links(taken, len(places))

    def _rows(self, selection: Selection, by: str | None) -> NDArray[np.int64]:
        if self._sorted is None or self._sorted[:2] != (selection, by):
            mask = self._prepared.rows(selection)
            order = np.arange(len(mask)) if by is None else self._order(by)
            self._sorted = (selection, by, order[mask[order]])
        return self._sorted[2]

    def _order(self, by: str) -> NDArray[np.int64]:
        """Return the rows in the order of a column, which is found once."""
        one_of(by, self.columns, name="column")
        if by not in self._orders:
            keys = self._keys(by)
            order = pc.call_function(
                "array_sort_indices", [keys], pc.ArraySortOptions(null_placement="at_end")
            )
            self._orders[by] = order.to_numpy().astype(np.int64)
        return self._orders[by]

    def _keys(self, by: str) -> pa.Array:
        """Return what a column is sorted by."""
        column = self._prepared.frame[by]
        try:
            array = in_one_piece(pa.array(column, from_pandas=True))
        except pa.ArrowException:
            array = in_one_piece(pa.array(column.astype("string"), from_pandas=True))
        if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            return pc.call_function("list_value_length", [array])
        return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array

    def _missing(self, by: str) -> NDArray[np.bool_]:
        return np.asarray(self._prepared.frame[by].isna(), dtype=np.bool_)

    def _taken(self, name: str, places: NDArray[np.int64]) -> pd.Series:
        # Column by column: a row of a frame with lists takes a hundred times as long.
        column = self._prepared.frame[name].iloc[places]
        if name == "tags":
            texts = [
                ", ".join(map(str, one)) if hasattr(one, "__len__") else ""
                for one in column.tolist()
            ]
            return column.to_frame().assign(**{name: texts})[name]
        return column

    def _links(self, taken: dict[str, pd.Series], n: int) -> list[str]:
        if self._link is None:
            return []
        values = [[str(value) for value in taken[name]] for name in self._fields]
        return [
            self._link.format_map(
                {
                    name: quote(column[row], safe="")
                    for name, column in zip(self._fields, values, strict=True)
                }
            )
            for row in range(n)
        ]


def check_link(link: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that the address of a session's page takes.

    Raises
    ------
    DataError
        It is not an address of the web, or names something else.

    Examples
    --------
    >>> check_link("https://example.com/sessions/{session_id}", ["session_id"])
    ('session_id',)
    """
    try:
        parts = list(string.Formatter().parse(link))
    except (ValueError, TypeError) as error:
        raise DataError(f"{link!r} is not an address with columns in braces: {error}", column="link") from error  # fmt: skip
    fields = [name for _, name, _, _ in parts if name is not None]
    if urlsplit(parts[0][0] if parts else "").scheme not in {"http", "https"}:
        raise DataError(f"{link!r} does not begin with https:// or http://", column="link")
    for name in fields:
        one_of(name, columns, name="link")
    return tuple(dict.fromkeys(fields))
