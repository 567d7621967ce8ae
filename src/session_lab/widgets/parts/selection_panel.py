"""The controls that choose sessions, one set for any number of explorers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from session_lab.analysis.display import counted, short_text
from session_lab.errors import DataError
from session_lab.frames import NAT, Selection
from session_lab.timing import FIRST_INSTANT, LAST_INSTANT, instant_text
from session_lab.widgets.data.facets import count_facet, offered
from session_lab.widgets.data.session_table import SessionTable
from session_lab.widgets.parts.chips import Chips
from session_lab.widgets.parts.controls import WRAPPED, Kit, put
from session_lab.widgets.parts.resting import beside
from session_lab.widgets.parts.rows_table import RowsTable

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from session_lab.widgets.data.facets import Facet
    from session_lab.widgets.data.session_index import IndexedSessions

__all__ = ["SelectionPanel"]

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
_CHIPS = {
    "status": "status",
    "type": "type",
    "task_identifier": "task",
    "end_cause": "ended by",
    "tags": "tag",
    "created_from": "created from",
    "created_to": "created before",
    "lifetime_from": "lived at least",
    "lifetime_to": "lived less than",
}
"""How criteria are named on the buttons that take them away."""


class SelectionPanel:
    """Controls over a selection.

    Parameters
    ----------
    prepared : IndexedSessions
        The sessions to choose from.
    link : str, optional
        The address of a session's page, with columns in braces, as of :func:`session_lab.explore`.

    Raises
    ------
    DataError
        The link is not an address, or names a column that there is not.
    """

    def __init__(self, prepared: IndexedSessions, link: str | None = None) -> None:
        self._prepared = prepared
        self.kit = Kit()
        make = self.kit.make
        self.table = make(RowsTable, SessionTable(prepared, link), total=len(prepared))
        self._value = Selection()
        self._followers: list[Callable[[Selection], None]] = []
        self._is_following = False
        facets = {name: count_facet(prepared, name, self._value) for name in offered(prepared)}
        self._lists = {
            name: make(ipywidgets.SelectMultiple, description=_TITLES[name], **_listed(facet))
            for name, facet in facets.items()
        }
        self._find = make(ipywidgets.Text, description="Find a tag", placeholder="part of its name")
        self._found = make(
            ipywidgets.Label, _told(facets.get("tags")), layout={"margin": "2px 0 2px 90px"}
        )
        self._chips = make(Chips, self._on_take)
        self._match = make(
            ipywidgets.Dropdown,
            options=[("any of the tags", "any"), ("all of the tags", "all")],
            description=_TITLES["match"],
        )
        self._edges = _edges(prepared)
        # The browser sends a slider's next value when the kernel is done with the last one, so
        # nothing piles up while it is dragged.
        self._created = make(
            ipywidgets.SelectionRangeSlider,
            options=_labelled(self._edges),
            index=(0, len(self._edges) - 1),
            description=_TITLES["created"],
            continuous_update=True,
            readout=False,
            layout={"width": "420px"},
        )
        self._window = make(
            ipywidgets.Label, self._window_text(), layout={"margin": "2px 0 2px 16px"}
        )
        self.widget = self._assembled()
        for control in (*self._lists.values(), self._match, self._created):
            control.observe(self._on_change, names="value")
        self._find.observe(lambda _: self._fill("tags"), names="value")

    @property
    def value(self) -> Selection:
        """The selection; set another one to move the controls."""
        return self._value

    @value.setter
    def value(self, selection: Selection) -> None:
        if selection == self._value:
            return
        if not isinstance(selection, Selection):
            raise DataError(f"{selection!r} is not a Selection", column="selection")
        n, _ = self.count(selection)  # Refuses values that the data do not have.
        self._value = selection
        self._follow()
        for follower in list(self._followers):
            follower(selection)
        # After the pictures, for which someone waits.
        self.table.show(selection, n)
        self._fill_lists()
        self._fill_chips()

    def get_ready(self) -> None:
        """Load what the first filter needs, while the first picture is looked at."""
        beside(self._prepared.load)

    def count(self, selection: Selection) -> tuple[int, int]:
        """Return how many sessions a selection keeps, and how many there are.

        Raises
        ------
        DataError
            A value that no session has.
        """
        return int(self._prepared.rows(selection).sum()), len(self._prepared)

    def rows(self, selection: Selection) -> pd.DataFrame:
        """Return the sessions that a selection keeps."""
        return self._prepared.selected(selection)

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
        self.kit.close()

    def _assembled(self) -> Any:  # noqa: ANN401  ipywidgets has no types
        make = self.kit.make
        found = make(ipywidgets.VBox, [self._find, self._match, self._found])
        with_tags = [found] if "tags" in self._lists else []
        lists = make(ipywidgets.HBox, [*self._lists.values(), *with_tags], layout=WRAPPED)
        dated = make(ipywidgets.HBox, [self._created, self._window], layout=WRAPPED)
        parts = [lists, dated] if len(self._edges) > 1 else [lists]
        return make(ipywidgets.VBox, [*parts, self._chips])

    def _fill_lists(self) -> None:
        """Offer the values there are, each with the sessions that it would leave."""
        for name in self._lists:
            self._fill(name)

    def _fill(self, name: str) -> None:
        control = self._lists[name]
        facet = count_facet(self._prepared, name, self._value, self._find.value)
        was_following, self._is_following = self._is_following, True
        try:
            shown = _listed(facet)
            if list(control.options) != shown["options"]:
                control.options = shown["options"]
                control.rows = shown["rows"]
            if control.value != getattr(self._value, name):
                control.value = getattr(self._value, name)
        finally:
            self._is_following = was_following
        if name == "tags":
            self._found.value = _told(facet)

    def _fill_chips(self) -> None:
        """Show each criterion as a button that takes it away, and one that takes all away."""
        chips = [f"{_CHIPS[name]} {short_text(value, 30)} ✕" for name, value in self._criteria()]
        self._chips.show([*chips, "Reset"] if chips else [])

    def _criteria(self) -> list[tuple[str, str]]:
        """Return what each of the buttons stands for: a criterion, and one of its values."""
        return [
            (name, str(value))
            for name, values in self._value.criteria.items()
            if name in _CHIPS
            for value in (values if isinstance(values, tuple) else (values,))
        ]

    def _on_take(self, place: int) -> None:
        criteria = self._criteria()
        if place < len(criteria):
            self._drop(*criteria[place])
        else:
            self.value = Selection()

    def _drop(self, name: str, value: str) -> None:
        values = getattr(self._value, name)
        kept = tuple(one for one in values if one != value) if isinstance(values, tuple) else None
        changes: dict[str, Any] = {name: kept}
        self.value = replace(self._value, **changes)

    def _on_change(self, _: object) -> None:
        if not self._is_following:
            self.value = self._shown()

    def _shown(self) -> Selection:
        """Return the selection that the controls show."""
        start, end = self._bounds()
        return Selection(
            **{name: control.value for name, control in self._lists.items()},
            match="all" if self._match.value == "all" else "any",
            # No control here shows these two; a brush sets them.
            lifetime_from=self._value.lifetime_from,
            lifetime_to=self._value.lifetime_to,
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
        self._window.value = self._window_text()

    def _window_text(self) -> str:
        start, end = self._created.label
        return f"{start} to {end} UTC" if start else ""


def _listed(facet: Facet) -> dict[str, Any]:
    """Return the options of a list and how many it shows at once, as a control takes them."""
    options = [(f"{short_text(value, 40)} ({n:,})", value) for value, n in facet.options]
    return {"options": options, "rows": min(4, max(2, len(options)))}


def _told(facet: Facet | None) -> str:
    return "" if facet is None else f"{len(facet.options):,} of {counted(facet.found, 'tag')} shown"


def _edges(prepared: IndexedSessions) -> list[int]:
    """Return round times, evenly spaced, that take in all creations; few enough for a slider."""
    if "created_at" not in prepared.frame.columns:
        return [0]
    created = prepared.created[prepared.created != NAT]
    if not len(created):
        return [0]
    first, last = int(created.min()), int(created.max())
    coarsest = -(-(last - first) // (_MOST_EDGES * _STEPS[-1])) * _STEPS[-1]
    step = next((step for step in _STEPS if (last - first) / step < _MOST_EDGES), coarsest)
    edges = range(first // step * step, last + step + 1, step)
    # Calendars of Python reach from the year 1 to 9999.
    return [min(max(edge, FIRST_INSTANT), LAST_INSTANT) for edge in edges]


def _labelled(edges: list[int]) -> list[tuple[str, int]]:
    """Name times to the minute, or to the millisecond where that is needed."""
    if len(edges) == 1:
        return [("", edge) for edge in [*edges, *edges]]
    return [
        (instant_text(edge)[: 16 if edge % _MINUTE == 0 else 23].replace("T", " "), edge)
        for edge in edges
    ]
