"""Columns of text as codes: each text is its place in a list of names."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError, DataWarning
from session_lab.frames import column_of, in_one_piece
from session_lab.mistyped import level_of_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Codes", "id_codes", "label_codes", "session_rows", "without_gaps"]


class Codes(NamedTuple):
    """Text as places in a list of names.

    Attributes
    ----------
    codes : ndarray of int
        The place of each row's text; -1 where it is missing.
    names : Index
        The texts. Not all of them need occur.
    """

    codes: NDArray[np.integer]
    names: pd.Index

    def present(self, *, source: str, column: str) -> NDArray[np.bool_]:
        """Return which rows have an id; warn of those that have none, which are left out."""
        has_id = self.codes >= 0
        lacking = int(len(has_id) - np.count_nonzero(has_id))
        if lacking:
            message = f"{source}: {lacking:,} rows have no {column} and are left out"
            warnings.warn(message, DataWarning, stacklevel=level_of_caller())
        return has_id


def id_codes(frame: pd.DataFrame, name: str, *, source: str) -> Codes:
    """Read a column of ids as codes; those of a categorical column are taken as they are."""
    column = column_of(frame, name, source=source)
    if isinstance(column.dtype, pd.CategoricalDtype):
        # Those of the accessor are a copy.
        return Codes(column.array.codes, column.cat.categories)
    try:
        encoded = in_one_piece(pa.array(column, from_pandas=True).dictionary_encode())
    except pa.ArrowException as error:
        message = f"the column holds values of several kinds ({error}); write all in one way"
        raise DataError(message, source=source, column=name) from error
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Codes(codes, pd.Index(encoded.dictionary.to_pylist(), dtype=object))


def label_codes(frame: pd.DataFrame, name: str, *, source: str, missing: str = "unknown") -> Codes:
    """Read a column of few values as codes, in the order of its categories; none is -1.

    Categories that do not occur are left out; what is missing is called ``missing``.
    """
    column = column_of(frame, name, source=source)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    codes = column.array.codes.astype(np.int64)
    names = [str(category) for category in column.cat.categories]
    if codes.min(initial=0) < 0:
        codes[codes < 0] = len(names)
    used, recoded = without_gaps(codes, len(names) + 1)
    return Codes(recoded, pd.Index([[*names, missing][place] for place in used]))


def without_gaps(codes: NDArray[np.integer], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the codes below ``n`` that occur, in order, and the place of each row's among them."""
    used = np.flatnonzero(np.bincount(codes, minlength=n))
    if used.max(initial=-1) == len(used) - 1:
        return used, codes.astype(np.int64, copy=False)
    place = np.zeros(n, dtype=np.int64)
    place[used] = np.arange(len(used))
    return used, place[codes]


def session_rows(owner: Codes, sessions: pd.DataFrame) -> NDArray[np.int64]:
    """Return the row of each owner's name in a sessions frame; -1 where it has none.

    Raises
    ------
    DataError
        A session stands twice in the frame.
    """
    column = column_of(sessions, "session_id", source="sessions")
    found = _rows_by_code(owner, column)
    if found is None:
        known = pd.Index(column.astype(object))
        if known.has_duplicates:
            row = int(known.duplicated().argmax())
            message = f"the session {known[row]!r} stands here a second time; keep its newest row"
            raise DataError(message, source="sessions", row=row, column="session_id")
        found = known.get_indexer(owner.names.astype(object)).astype(np.int64)
    # One entry more than there are names, for the code -1 of rows without a session.
    is_known = np.append(found >= 0, True)[owner.codes]
    stray = int(len(is_known) - np.count_nonzero(is_known))
    if stray:
        message = f"{stray:,} runs belong to sessions that are not in the sessions frame"
        warnings.warn(f"{message}; they are left out", DataWarning, stacklevel=level_of_caller())
    return found


def _rows_by_code(owner: Codes, column: pd.Series) -> NDArray[np.int64] | None:
    """Return the row of each name where both frames share the categories of their ids; else None.

    None too where a session stands twice, which is said where rows are looked up by their texts.
    """
    if (
        not isinstance(column.dtype, pd.CategoricalDtype)
        or column.cat.categories is not owner.names
    ):
        return None
    rows = np.flatnonzero(column.array.codes >= 0)
    codes = column.array.codes[rows]
    found = np.full(len(owner.names), -1, dtype=np.int64)
    found[codes] = rows
    return found if len(rows) == np.count_nonzero(found >= 0) else None
