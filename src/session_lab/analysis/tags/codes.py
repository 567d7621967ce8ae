"""Tags as numbers, prepared once, so that counting them again over other rows takes no time."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.analysis.engines import check_given_kind, collected, distinct_entries
from session_lab.analysis.observation import warn_of_doubles
from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["TagCodes", "prepare"]


@dataclass(frozen=True, eq=False)
class TagCodes:
    """The tags of sessions as codes; a session has each of its tags once.

    Attributes
    ----------
    names : tuple of str
        The distinct tags, in order.
    codes : ndarray of uint8, uint16 or int32
        The tags of all sessions one after another, as places in ``names``.
    offsets : ndarray of int64, one more than there are sessions
        Where the codes of each session begin, and where the last one's end.
    """

    names: tuple[str, ...]
    codes: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        """Show how much there is."""
        return (
            f"TagCodes({len(self):,} sessions, {len(self.names):,} tags, {len(self.codes):,} uses)"
        )

    def counts(self, rows: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Count the sessions with each tag, in the order of ``names``.

        Parameters
        ----------
        rows : ndarray of bool, optional
            Which sessions to count; all by default.
        """
        kernels = _kernels()
        counts: NDArray[np.int64] = (
            kernels.count_all(self.codes, len(self.names))
            if rows is None
            else kernels.count_rows(self.codes, self.offsets, self._mask(rows), len(self.names))
        )
        return counts

    def pairs(
        self, places: NDArray[np.integer], rows: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Count the sessions with both of two tags.

        Parameters
        ----------
        places : ndarray of int
            The tags to pair, as places in ``names``.
        rows : ndarray of bool, optional
            Which sessions to count; all by default.

        Returns
        -------
        ndarray of int64, shape (k, k)
            Symmetric, with the sessions of each tag on the diagonal.
        """
        place_of = np.full(len(self.names), -1, dtype=np.int64)
        place_of[places] = np.arange(len(places))
        pairs: NDArray[np.int64] = _kernels().count_pairs(
            self.codes, self.offsets, self._mask(rows), place_of, len(places)
        )
        return pairs

    def groups(self, group_of: NDArray[np.integer], n: int) -> NDArray[np.int64]:
        """Count the sessions with a tag of each group of tags, each session once.

        Parameters
        ----------
        group_of : ndarray of int
            The group of each of ``names``, from 0.
        n : int
            How many groups there are.
        """
        groups = np.asarray(group_of, dtype=np.int64)
        counts: NDArray[np.int64] = _kernels().count_groups(self.codes, self.offsets, groups, n)
        return counts

    def crossed(self, columns: NDArray[np.integer], n: int) -> NDArray[np.int64]:
        """Count the sessions with each tag by another column.

        Parameters
        ----------
        columns : ndarray of int
            The value of the other column for each session, from 0; sessions with -1 do not count.
        n : int
            How many values there are.

        Returns
        -------
        ndarray of int64, shape (tags, n)
        """
        counts = np.zeros((len(self.names), n), dtype=np.int64)
        _kernels().count_crossed(self.codes, self.offsets, columns, counts)
        return counts

    def n_sessions(self, rows: NDArray[np.bool_] | None = None) -> int:
        """Count the sessions."""
        return int(self._mask(rows).sum())

    def n_tagged(self, rows: NDArray[np.bool_] | None = None) -> int:
        """Count the sessions that have a tag."""
        return int((self._mask(rows) & (np.diff(self.offsets) > 0)).sum())

    def where(self, rows: NDArray[np.bool_]) -> TagCodes:
        """Keep some sessions, under the same names, so that all that counts tags counts these.

        Parameters
        ----------
        rows : ndarray of bool
            Which sessions to keep.
        """
        mask, lengths = self._mask(rows), np.diff(self.offsets)
        offsets = np.concatenate([[0], np.cumsum(lengths[mask])])
        return TagCodes(self.names, self.codes[np.repeat(mask, lengths)], offsets)

    def _mask(self, rows: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        if rows is None:
            return np.ones(len(self), dtype=np.bool_)
        mask = np.asarray(rows)
        if mask.dtype != np.bool_ or mask.shape != (len(self),):
            message = f"give one True or False for each of the {len(self):,} sessions"
            raise DataError(message, column="rows")
        return mask


@answer_mistyped
def prepare(frame: AnyFrame | TagCodes, *, column: str = "tags") -> TagCodes:
    """Turn the tags of sessions into codes.

    What counts tags takes these instead of a frame, so that the tags are read once however often
    they are counted.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table or relation
        A sessions frame of any engine; its column of tags is held in memory.
    column : str
        The column of tags.

    Raises
    ------
    DataError
        The column is missing or does not hold lists of text, or this is a frame of another kind.

    Warns
    -----
    DataWarning
        Rows stand for a session that another row stands for.

    Examples
    --------
    >>> import pandas as pd
    >>> codes = prepare(pd.DataFrame({"tags": [["vip", "eu"], [], ["eu"]]}))
    >>> codes
    TagCodes(3 sessions, 2 tags, 3 uses)
    >>> dict(zip(codes.names, codes.counts().tolist()))
    {'eu': 2, 'vip': 1}
    """
    if isinstance(frame, TagCodes):
        return frame
    if column == "tags":
        check_given_kind(frame, "sessions")
    warn_of_doubles(frame, "session_id", source="sessions")
    table = collected(frame, [column])
    entries = distinct_entries(table[column], column=column)
    order = np.argsort(np.array(entries.names, dtype=object), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    names = tuple(entries.names[place] for place in order)
    return _packed(entries.rows, rank[entries.codes], names, len(table))


def _packed(
    rows: NDArray[np.int64], codes: NDArray[np.int64], names: tuple[str, ...], n: int
) -> TagCodes:
    # Narrow codes are what makes counting fast: it takes as long as reading them does.
    kinds = (np.uint8, np.uint16, np.int32)
    narrow = next(kind for kind in kinds if len(names) <= np.iinfo(kind).max)
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=n), out=offsets[1:])
    return TagCodes(names, codes.astype(narrow), offsets)


def _kernels() -> Any:  # noqa: ANN401  a module
    # Loading numba takes longer than most counts; it waits until there is something to count.
    return importlib.import_module("session_lab.analysis.tags.compiled")
