"""The controls that choose sessions, one set for any number of explorers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]
import numpy as np

from session_lab.analysis.display import short_text
from session_lab.frames import NAT
from session_lab.frames.selection import CATEGORIES, Selection
from session_lab.timing import instant_text
from session_lab.widgets.controls import close_tree, put

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from session_lab.widgets.session_index import Prepared

__all__ = ["SelectionPanel"]

_MOST_OPTIONS = 100
"""A list of values longer than this is not a control; rarer ones can be set in the state."""

_MINUTE = 60_000
_STEPS = tuple(
    minutes * _MINUTE for minutes in (1, 5, 15, 60, 6 * 60, 24 * 60, 7 * 24 * 60, 28 * 24 * 60)
)
_MOST_EDGES = 150

_TITLES = {
    "status": "Status",
    "type": "Type",
    "task_identifier": "Task",
    "end_cause": "Ended by",
    "tags": "Tags",
    "match": "Match",
    "created": "Created",
}


class SelectionPanel:
    """Controls over a selection.

    Parameters
    ----------
    prepared : Prepared
        The sessions to choose from.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._value = Selection()
        self._followers: list[Callable[[Selection], None]] = []
        self._is_following = False
        self._lists = {name: _list(name, *_values(prepared, name)) for name in _offered(prepared)}
        self._match = ipywidgets.Dropdown(
            options=[("any of the tags", "any"), ("all of the tags", "all")],
            description=_TITLES["match"],
        )
        self._edges = _edges(prepared)
        # The browser sends a slider's next value when the kernel is done with the last one, so
        # nothing piles up while it is dragged.
        self._created = ipywidgets.SelectionRangeSlider(
            options=_labelled(self._edges),
            index=(0, len(self._edges) - 1),
            description=_TITLES["created"],
            continuous_update=True,
            readout=False,
            layout={"width": "420px"},
        )
        self._window = ipywidgets.Label(layout={"margin": "2px 0 2px 16px"})
        self._tell_window()
        self.widget = self._assembled()
        for control in (*self._lists.values(), self._match, self._created):
            control.observe(self._on_change, names="value")

    @property
    def value(self) -> Selection:
        """The selection; set another one to move the controls."""
        return self._value

    @value.setter
    def value(self, selection: Selection) -> None:
        if selection == self._value:
            return
        self.count(selection)  # Refuses values that the data do not have.
        self._value = selection
        self._follow()
        for follower in list(self._followers):
            follower(selection)

    def count(self, selection: Selection) -> tuple[int, int]:
        """Return how many sessions a selection keeps, and how many there are.

        Raises
        ------
        DataError
            A value that no session has.
        """
        return int(self._prepared.rows(selection).sum()), len(self._prepared)

    def subscribe(self, follower: Callable[[Selection], None]) -> None:
        """Call a function with every new selection."""
        self._followers.append(follower)

    def unsubscribe(self, follower: Callable[[Selection], None]) -> None:
        """Stop calling a function."""
        if follower in self._followers:
            self._followers.remove(follower)

    def close(self) -> None:
        """Close the controls."""
        self._followers.clear()
        close_tree(self.widget)

    def _assembled(self) -> Any:  # noqa: ANN401  ipywidgets has no types
        with_tags = [self._match] if "tags" in self._lists else []
        lists = ipywidgets.HBox(
            [*self._lists.values(), *with_tags], layout={"flex_flow": "row wrap"}
        )
        dated = ipywidgets.HBox([self._created, self._window], layout={"flex_flow": "row wrap"})
        return ipywidgets.VBox([lists, dated] if len(self._edges) > 1 else [lists])

    def _on_change(self, _: object) -> None:
        if not self._is_following:
            self.value = self._shown()

    def _shown(self) -> Selection:
        """Return the selection that the controls show."""
        start, end = self._bounds()
        return Selection(
            **{name: control.value for name, control in self._lists.items()},
            match="all" if self._match.value == "all" else "any",
            # A handle at its end sets no bound.
            created_from=None if start == self._edges[0] else instant_text(start),
            created_to=None if end == self._edges[-1] else instant_text(end),
        )

    def _bounds(self) -> tuple[int, int]:
        """Return where the handles stand; both on one edge mean the step that begins there."""
        first, last = self._created.index
        if first == last and len(self._edges) > 1:
            first = min(first, len(self._edges) - 2)
            last = first + 1
        return self._edges[first], self._edges[last]

    def _follow(self) -> None:
        """Bring the controls in step with the selection."""
        self._is_following = True
        try:
            for name, control in self._lists.items():
                put(control, getattr(self._value, name))
            put(self._match, self._value.match)
            self._move_window()
        finally:
            self._is_following = False

    def _move_window(self) -> None:
        start, end = self._value.window
        asked = [at for at in (start, end) if at is not None]
        edges = sorted({*self._edges, *asked})
        if edges != self._edges:
            self._edges = edges
            self._created.options = _labelled(edges)
        first = edges[0] if start is None else start
        last = edges[-1] if end is None else end
        self._created.value = (first, last)
        self._tell_window()

    def _tell_window(self) -> None:
        start, end = self._created.label
        self._window.value = f"{start} to {end} UTC" if start else ""


def _offered(prepared: Prepared) -> list[str]:
    """Return the columns that there is something to choose in."""
    columns = prepared.frame.columns
    offered = [name for name in CATEGORIES if name in columns and len(prepared.values(name)) > 1]
    return [*offered, "tags"] if "tags" in columns and prepared.tags.names else offered


def _values(prepared: Prepared, name: str) -> tuple[Sequence[str], NDArray[np.int64]]:
    """Return the values of a column and how often each occurs, the most frequent first."""
    if name == "tags":
        names: Sequence[str] = prepared.tags.names
        counts = prepared.tags.counts()
    else:
        codes, present = prepared.coded(name)
        names = prepared.values(name)
        found = np.bincount(np.asarray(codes)[np.asarray(codes) >= 0], minlength=len(present))
        by_name = dict(zip(present, found.tolist(), strict=True))
        counts = np.array([by_name.get(one, 0) for one in names], dtype=np.int64)
    order = np.argsort(-counts, kind="stable")[:_MOST_OPTIONS]
    return [names[place] for place in order], counts[order]


def _list(name: str, values: Sequence[str], counts: NDArray[np.int64]) -> Any:  # noqa: ANN401
    options = [
        (f"{short_text(value, 40)} ({n:,})", value)
        for value, n in zip(values, counts.tolist(), strict=True)
    ]
    return ipywidgets.SelectMultiple(
        options=options, description=_TITLES[name], rows=min(4, max(2, len(options)))
    )


def _edges(prepared: Prepared) -> list[int]:
    """Return round times, evenly spaced, that take in all creations; few enough for a slider."""
    if "created_at" not in prepared.frame.columns:
        return [0]
    created = prepared.created[prepared.created != NAT]
    if not len(created):
        return [0]
    first, last = int(created.min()), int(created.max())
    step = next((step for step in _STEPS if (last - first) / step < _MOST_EDGES), _STEPS[-1])
    return list(range(first // step * step, last + step + 1, step))


def _labelled(edges: list[int]) -> list[tuple[str, int]]:
    """Name times to the minute, or to the millisecond where that is needed."""
    if len(edges) == 1:
        return [("", edge) for edge in [*edges, *edges]]
    return [
        (instant_text(edge)[: 16 if edge % _MINUTE == 0 else 23].replace("T", " "), edge)
        for edge in edges
    ]
