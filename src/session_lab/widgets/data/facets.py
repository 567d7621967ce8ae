"""What there is to choose from: the values of a column, and how many sessions each would leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.frames.selection import CATEGORIES
from session_lab.widgets.data.session_index import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.frames import Selection
    from session_lab.widgets.data.session_index import IndexedSessions

__all__ = ["MOST_OPTIONS", "Facet", "count_facet", "offered"]

MOST_OPTIONS = 100
"""A list of values longer than this is not a control; the others are found by their text."""


class Facet(NamedTuple):
    """The values of a column that are offered.

    Attributes
    ----------
    options : list of (str, int)
        Values, the most frequent first, and the sessions that each would leave.
    found : int
        How many values there are, offered or not.
    """

    options: list[tuple[str, int]]
    found: int


def offered(prepared: IndexedSessions) -> list[str]:
    """Return the columns that there is something to choose in."""
    columns = prepared.frame.columns
    names = [name for name in CATEGORIES if name in columns and len(prepared.values(name)) > 1]
    return [*names, "tags"] if "tags" in columns and prepared.tags.names else names


def count_facet(
    prepared: IndexedSessions, name: str, selection: Selection, text: str = ""
) -> Facet:
    """Count the sessions that each value of a column would leave.

    The column's own criterion is left aside, so that a count says what choosing that value instead
    would give. What is chosen is always offered.

    Parameters
    ----------
    prepared : IndexedSessions
        The sessions.
    name : str
        The column.
    selection : Selection
        What is chosen now.
    text : str
        Only values that hold this text are offered.
    """
    others = selection.without(("tags", "match") if name == "tags" else (name,))
    rows = prepared.rows(others)
    names: Sequence[str]
    if name == "tags":
        names, counts = prepared.tags.names, prepared.tags.counts(rows)
    else:
        names, counts = prepared.values(name), _counts(prepared, name, rows)
    order = np.argsort(-counts, kind="stable")
    wanted = text.strip().casefold()
    if wanted:
        order = order[[wanted in names[place].casefold() for place in order]]
    chosen = getattr(selection, name)
    places = order[:MOST_OPTIONS].tolist()
    shown = [(names[place], int(counts[place])) for place in places]
    listed = {value for value, _ in shown}
    by_name = {one: place for place, one in enumerate(names)} if set(chosen) - listed else {}
    extra = [(value, int(counts[by_name[value]])) for value in chosen if value not in listed]
    return Facet([*shown, *extra], len(order))


def _counts(prepared: IndexedSessions, name: str, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    codes, present = prepared.coded(name)
    # One entry more than there are values, for the code -1 of what is missing.
    counts = np.zeros(len(present) + 1, dtype=np.int64)
    kernels().count_codes(codes, rows, counts)
    found = counts[:-1]
    by_name = dict(zip(present, found.tolist(), strict=True))
    return np.array([by_name.get(one, 0) for one in prepared.values(name)], dtype=np.int64)
