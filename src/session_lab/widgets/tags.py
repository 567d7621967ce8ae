"""The explorer of tags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import ipywidgets  # type: ignore[import-untyped]

from session_lab.analysis import tags
from session_lab.analysis.tags.by_status import count_statuses
from session_lab.analysis.tags.drift import follow
from session_lab.errors import DataError
from session_lab.frames.selection import one_of
from session_lab.mistyped import answer_mistyped_fields
from session_lab.plots.tags import OTHER
from session_lab.timing import to_milliseconds
from session_lab.widgets.data.session_index import IndexedSessions
from session_lab.widgets.explorer import Explorer, ExplorerState
from session_lab.widgets.parts.call_text import call, selected
from session_lab.widgets.parts.selection_panel import SelectionPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from session_lab.analysis.results import Result
    from session_lab.plots.pictures.marks import Key

__all__ = ["TagExplorer", "TagState", "TagView"]

TagView = Literal["distribution", "cooccurrence", "namespaces", "by_status", "drift"]
"""The functions of ``session_lab.analysis.tags`` that the explorer shows."""

_TITLES = {
    "How often": "distribution",
    "Together": "cooccurrence",
    "By namespace": "namespaces",
    "By status": "by_status",
    "Over time": "drift",
}
_MOST = 200
_PAIR = 2
_PAIRED = ("by_status", "cooccurrence")
"""Views whose marks stand for two things each."""


@answer_mistyped_fields
@dataclass(frozen=True)
class TagState(ExplorerState):
    """What a :class:`TagExplorer` shows.

    Attributes
    ----------
    view : {"distribution", "cooccurrence", "namespaces", "by_status", "drift"}
        Which analysis.
    top : int
        How many tags to pair or to follow over time, the most frequent first.
    freq : str
        The length of a period, over time.
    """

    view: TagView = "distribution"
    top: int = 8
    freq: str = "1d"

    def __post_init__(self) -> None:
        """Check the fields."""
        one_of(self.view, get_args(TagView), name="view")
        if type(self.top) is not int or not 1 <= self.top <= _MOST:
            raise DataError(f"{self.top!r} is not a number from 1 to {_MOST}", column="top")
        if not to_milliseconds(self.freq, name="freq"):
            raise DataError("a period of 0 holds no time", column="freq")

    @property
    def options(self) -> dict[str, object]:
        """The arguments of the analysis, apart from the sessions."""
        used = {"cooccurrence": ("top",), "drift": ("freq", "top")}.get(self.view, ())
        return {name: getattr(self, name) for name in used}


class TagExplorer(Explorer[TagState]):
    """Explore how often tags occur, together with which others, in which state and when.

    Parameters
    ----------
    sessions : DataFrame
        A sessions frame, which must not change afterwards.
    panel : SelectionPanel, optional
        Controls over these sessions to share with other explorers; its own by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from dataclasses import replace
    >>> explorer = TagExplorer(pd.DataFrame({"tags": [["vip", "eu"], ["eu"], []]}))
    >>> explorer.state = replace(explorer.state, view="cooccurrence")
    >>> print(explorer.code())
    sl.tags.cooccurrence(sessions, top=8)
    >>> explorer.data().to_frame()["sessions"].tolist()
    [1]
    >>> explorer.close()
    """

    title: ClassVar[str] = "Tags"

    def __init__(
        self, sessions: pd.DataFrame | IndexedSessions, panel: SelectionPanel | None = None
    ) -> None:
        self._prepared = (
            sessions if isinstance(sessions, IndexedSessions) else IndexedSessions(sessions)
        )
        shared = panel is not None
        super().__init__(TagState(), panel or SelectionPanel(self._prepared), shared=shared)

    def _result(self, state: TagState) -> Result:
        analyse: Callable[..., Result] = getattr(tags, state.view)
        if state.view in {"distribution", "cooccurrence", "namespaces"}:
            return analyse(self._prepared.tags_of(state.selection), **state.options)
        if (counted := self._counted(state)) is not None:
            return counted
        columns = ("tags", "status", "created_at")
        return analyse(self._prepared.selected(state.selection, columns), **state.options)

    def _counted(self, state: TagState) -> Result | None:
        """Count codes; None where the frame lacks something, which the analysis itself says."""
        prepared, rows = self._prepared, self._prepared.rows(state.selection)
        try:
            if state.view == "by_status":
                return count_statuses(prepared.tags, prepared.coded("status"), rows)
            return follow(prepared.tags, prepared.created, rows, state.freq, state.top)
        except DataError:
            return None

    def _owned(self, state: TagState) -> tuple[str, ...]:
        return {
            "by_status": ("tags", "match", "status"),
            "drift": ("tags", "match", "created_from", "created_to"),
        }.get(state.view, ("tags", "match"))

    def _picking(self, state: TagState, mark: Key) -> TagState:
        selection = state.selection
        if state.view == "distribution" and mark == OTHER:
            message = "'other' stands for many tags; choose one of them by its name"
            raise DataError(message, column="tags")
        if isinstance(mark, tuple) and (state.view not in _PAIRED or len(mark) != _PAIR):
            raise DataError(f"{mark!r} is not a mark of this view", column="tags")
        if state.view == "by_status" and isinstance(mark, tuple):
            tag, status = mark
            chosen: dict[str, Any] = {"tags": (tag,), "status": (status,)}
        elif isinstance(mark, tuple):
            chosen = {"tags": mark, "match": "all"}
        elif state.view == "namespaces":
            chosen = {"tags": self._in_namespace(mark), "match": "any"}
        else:
            kept = tuple(tag for tag in selection.tags if tag != mark)
            chosen = {"tags": kept if mark in selection.tags else (*kept, mark)}
        if all(getattr(selection, name) == value for name, value in chosen.items()):
            return replace(state, selection=selection.without(chosen))
        return replace(state, selection=replace(selection, **chosen))

    def _picked(self, state: TagState) -> Sequence[Key]:
        tags, status = state.selection.tags, state.selection.status
        if state.view == "by_status":
            return [(tag, one) for tag in tags for one in status]
        if state.view == "cooccurrence":
            return [tags, tags[::-1]] if len(tags) == _PAIR else []
        if state.view == "namespaces":
            spaces = dict.fromkeys(_namespace(tag) for tag in tags)
            return [one for one in spaces if set(self._in_namespace(one)) <= set(tags)]
        return tags

    def _in_namespace(self, name: str) -> tuple[str, ...]:
        return tuple(tag for tag in self._prepared.tags.names if _namespace(tag) == name)

    def _stretch(self, state: TagState) -> str | None:
        return "created" if state.view == "drift" else None

    def _code(self, state: TagState) -> str:
        return call(f"sl.tags.{state.view}", selected(state.selection), **state.options)

    def _make_controls(self) -> dict[str, Any]:
        make = self._panel.kit.make
        return {
            "view": make(ipywidgets.Dropdown, options=list(_TITLES.items()), description="Show"),
            "top": make(ipywidgets.IntSlider, min=1, max=30, description="How many"),
            "freq": make(
                ipywidgets.Dropdown,
                options=[("hour", "1h"), ("day", "1d"), ("week", "1w")],
                description="Periods",
            ),
        }

    def _in_use(self, state: TagState) -> set[str]:
        return {"view", *state.options}


def _namespace(tag: str) -> str:
    """Return what stands before the first colon; nothing where there is none."""
    space, colon, _ = tag.partition(":")
    return space if colon else ""
