"""Sessions in the form that sliders need: codes and sorted columns, made once per frame.

Whatever a control changes is then a pass over small integers; text, dates and pandas are not
touched again.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from session_lab.analysis import tags
from session_lab.frames import SESSIONS, Coded, check_kind, column_of, durations, instants
from session_lab.frames.selection import CATEGORIES, Selection, between, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.analysis.tags import TagCodes
    from session_lab.frames.selection import Match

__all__ = ["IndexedSessions", "kernels"]

_KEPT = 8
"""Selections whose rows are kept: a byte for each session."""


class IndexedSessions:
    """A sessions frame with its columns as codes, each made when it is first asked for.

    Parameters
    ----------
    frame : DataFrame
        A sessions frame, which must not change afterwards.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        check_kind(frame, "sessions")
        self.frame = frame
        self._coded: dict[str, Coded] = {}
        self._kept: dict[Selection, NDArray[np.bool_]] = {}

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.frame)

    def column(self, name: str) -> pd.Series:
        """Return a column.

        Raises
        ------
        DataError
            There is none of this name.
        """
        return column_of(self.frame, name, source="sessions")

    def coded(self, name: str) -> Coded:
        """Return a column of few values as codes."""
        if name not in self._coded:
            values = pd.Categorical(self.column(name))
            self._coded[name] = Coded(values.codes, list(map(str, values.categories)))
        return self._coded[name]

    @cached_property
    def tags(self) -> TagCodes:
        """The tags as codes."""
        self.column("tags")
        return tags.prepare(self.frame)

    def members(self, name: str) -> TagCodes:
        """Return the values of a column as codes; of tags each session may have several."""
        if name == "tags":
            return self.tags
        codes, names = self.coded(name)
        present = codes >= 0
        offsets = np.concatenate([[0], np.cumsum(present)])
        return tags.TagCodes(tuple(names), codes[present], offsets)

    @cached_property
    def _owners(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The row of each use of a tag, and how many uses each row has."""
        sizes = np.diff(self.tags.offsets)
        return np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes), sizes

    @cached_property
    def created(self) -> NDArray[np.int64]:
        """When each session was created, in milliseconds since 1970; NAT is missing."""
        return instants(self.frame, "created_at", source="sessions", required=False)

    @cached_property
    def lifetimes(self) -> NDArray[np.int64]:
        """How long each session lived, in milliseconds; NAT is missing."""
        return durations(self.frame, "lifetime", source="sessions")

    def values(self, name: str) -> list[str]:
        """Return the values that sessions can be selected by, used or not."""
        allowed = SESSIONS.column(name).allowed
        present = self.coded(name).names if name in self.frame.columns else ()
        return list(dict.fromkeys([*allowed, *present]))

    def rows(self, selection: Selection) -> NDArray[np.bool_]:
        """Return which sessions a selection keeps.

        Raises
        ------
        DataError
            A value that no session has, or a column that is missing.
        """
        rows = self._kept.pop(selection, None)
        if rows is None:
            rows = self._rows(selection)
        # Views and lists ask for the rows of a few selections in a row, the same ones again.
        self._kept[selection] = rows
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return rows

    def selected(self, selection: Selection, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the sessions that a selection keeps, with all columns or some."""
        frame = self.frame
        if columns is not None:
            frame = frame[[name for name in columns if name in frame.columns]]
        return frame[self.rows(selection)]

    def tags_of(self, selection: Selection) -> TagCodes:
        """Return the tags of the sessions that a selection keeps."""
        codes = self.tags
        if not selection.criteria:
            return codes
        taken = kernels().take_codes(codes.codes, *self._owners, self.rows(selection))
        return tags.TagCodes(codes.names, *taken)

    def load(self) -> None:
        """Load the passes by which tags are filtered; each is compiled where it never ran before."""
        if "tags" in self.frame.columns and self.tags.names:
            none = np.zeros(0, dtype=np.bool_)
            codes, bounds, owners = self.tags.codes[:0], self.tags.offsets[:1], self._owners
            kernels().take_codes(codes, *(one[:0] for one in owners), none)
            kernels().rows_with(codes, bounds, none, 1)

    def _rows(self, selection: Selection) -> NDArray[np.bool_]:
        rows = np.ones(len(self), dtype=np.bool_)
        for name in CATEGORIES:
            wanted = getattr(selection, name)
            if wanted:
                rows &= self._with_value(name, wanted)
        if selection.window != (None, None):
            rows &= between(self.created, selection.window)
        if selection.lengths != (None, None):
            rows &= between(self.lifetimes, selection.lengths)
        if selection.tags:
            rows &= self._with_tags(selection.tags, selection.match)
        return rows

    def _with_value(self, name: str, wanted: Sequence[str]) -> NDArray[np.bool_]:
        for value in wanted:
            one_of(value, self.values(name), name=name)
        codes, names = self.coded(name)
        # One entry more than there are values, for the code -1 of what is missing.
        keep = np.array([*(value in wanted for value in names), False], dtype=np.bool_)
        rows: NDArray[np.bool_] = keep[codes]
        return rows

    def _with_tags(self, wanted: Sequence[str], match: Match) -> NDArray[np.bool_]:
        names = self.tags.names
        places = np.searchsorted(np.array(names, dtype=object), np.array(wanted, dtype=object))
        for tag, place in zip(wanted, places, strict=True):
            if place == len(names) or names[place] != tag:
                one_of(tag, names, name="tags")
        keep = np.zeros(len(names), dtype=np.bool_)
        keep[places] = True
        least = len(wanted) if match == "all" else 1
        rows: NDArray[np.bool_] = kernels().rows_with(
            self.tags.codes, self.tags.offsets, keep, least
        )
        return rows


def kernels() -> Any:  # noqa: ANN401  a module
    """Return the compiled loops; loading numba waits until there is something to count."""
    return importlib.import_module("session_lab.widgets.data.kernels")
