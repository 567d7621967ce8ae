"""The explorer of lifetimes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import ipywidgets  # type: ignore[import-untyped]

from session_lab.analysis import lifetimes
from session_lab.analysis.survival.tables.session_durations import Expiry
from session_lab.errors import DataError
from session_lab.frames.selection import one_of
from session_lab.mistyped import answer_mistyped_fields
from session_lab.timing import to_milliseconds
from session_lab.widgets.data.lifetime_counts import (
    RESOLUTIONS,
    PreparedLives,
    suggested_resolution,
)
from session_lab.widgets.data.session_index import IndexedSessions
from session_lab.widgets.explorer import Explorer, ExplorerState
from session_lab.widgets.parts.call_text import call, selected
from session_lab.widgets.parts.controls import NOTHING
from session_lab.widgets.parts.selection_panel import SelectionPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from session_lab.analysis.results import Result
    from session_lab.plots.pictures.marks import Key

__all__ = ["LifetimeExplorer", "LifetimeState", "LifetimeView"]

LifetimeView = Literal["survival", "incidence"]
"""The functions of ``session_lab.analysis.lifetimes`` that the explorer shows."""

_VIEWS = {"still open, by age": "survival", "closed and expired, by age": "incidence"}
_EXPIRY = {"an end like a close": "competes", "no end (censors)": "censors"}
_GROUPS = ("type", "task_identifier", "tags")
_MOST_GROUPS = 30


@answer_mistyped_fields
@dataclass(frozen=True)
class LifetimeState(ExplorerState):
    """What a :class:`LifetimeExplorer` shows.

    Attributes
    ----------
    view : {"survival", "incidence"}
        Which analysis.
    by : {"type", "task_identifier", "tags"}, optional
        A column to group by.
    top : int
        How many groups to keep apart, those with the most sessions; the others become one group.
    expiry : {"competes", "censors"}
        How survival takes expiry.
    resolution : str, optional
        Ages are rounded up to whole multiples of it; exact by default.
    """

    view: LifetimeView = "survival"
    by: str | None = None
    top: int = 5
    expiry: Expiry = "competes"
    resolution: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        one_of(self.view, get_args(LifetimeView), name="view")
        one_of(self.by, (None, *_GROUPS), name="by")
        if type(self.top) is not int or not 1 <= self.top <= _MOST_GROUPS:
            message = f"{self.top!r} is not a number from 1 to {_MOST_GROUPS}"
            raise DataError(message, column="top")
        one_of(self.expiry, get_args(Expiry), name="expiry")
        if self.resolution is not None and not to_milliseconds(self.resolution, name="resolution"):
            raise DataError("a resolution of 0 holds no time; None is exact", column="resolution")

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the analysis, apart from the sessions."""
        by = {} if self.by is None else {"by": self.by, "top": self.top}
        expiry = {"expiry": self.expiry} if self.view == "survival" else {}
        resolution = {} if self.resolution is None else {"resolution": self.resolution}
        return by | expiry | resolution


class LifetimeExplorer(Explorer[LifetimeState]):
    """Explore how long sessions live, and what ends them.

    Parameters
    ----------
    sessions : DataFrame
        A sessions frame, which must not change afterwards.
    panel : SelectionPanel, optional
        Controls over these sessions to share with other explorers; its own by default.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"lifetime": pd.to_timedelta(["1h", "2h"]), "end_cause": "closed"})
    >>> explorer = LifetimeExplorer(df)
    >>> print(explorer.code())
    sl.lifetimes.survival(sessions, expiry='competes')
    >>> explorer.data().to_frame()["survival"].tolist()
    [1.0, 0.5, 0.0]
    >>> explorer.close()
    """

    title: ClassVar[str] = "Lifetimes"

    def __init__(
        self, sessions: pd.DataFrame | IndexedSessions, panel: SelectionPanel | None = None
    ) -> None:
        self._prepared = (
            sessions if isinstance(sessions, IndexedSessions) else IndexedSessions(sessions)
        )
        self._lives: dict[str | None, PreparedLives | None] = {}
        state = LifetimeState(resolution=suggested_resolution(self._prepared.frame))
        shared = panel is not None
        super().__init__(state, panel or SelectionPanel(self._prepared), shared=shared)

    def _result(self, state: LifetimeState) -> Result:
        lives = self._lives_at(state.resolution)
        if lives is None:
            return self._by_frame(state)
        rows = self._prepared.rows(state.selection)
        if state.by is not None:
            return self._by_group(lives, state, state.by) or self._by_frame(state)
        if state.view == "incidence":
            return lives.incidence(rows)
        return lives.survival(rows, state.expiry)

    def _by_group(self, lives: PreparedLives, state: LifetimeState, by: str) -> Result | None:
        """Count codes of groups; None where the frame lacks something, which the analysis says."""
        rows = self._prepared.rows(state.selection)
        try:
            groups = self._prepared.members(by)
        except DataError:
            return None
        if state.view == "incidence":
            return lives.incidence_by(by, groups, rows, state.top)
        return lives.survival_by(by, groups, rows, state.top, state.expiry)

    def _by_frame(self, state: LifetimeState) -> Result:
        columns = ("lifetime", "end_cause", *(() if state.by is None else (state.by,)))
        chosen = self._prepared.selected(state.selection, columns)
        analyse = getattr(lifetimes, state.view)
        result: Result = analyse(chosen, **state.options)
        return result

    def _lives_at(self, resolution: str | None) -> PreparedLives | None:
        """Prepare the lives; None where some cannot be used, but perhaps those selected can."""
        if resolution not in self._lives:
            try:
                lives = PreparedLives(self._prepared.frame, resolution)
            except DataError:
                lives = None
            # One at a time: an axis of ages takes room, and the slider moves on one of them.
            self._lives = {resolution: lives}
        return self._lives[resolution]

    def _owned(self, state: LifetimeState) -> tuple[str, ...]:
        ends = ("end_cause",) if state.view == "incidence" else ()
        return ("lifetime_from", "lifetime_to", *ends)

    def _picking(self, state: LifetimeState, mark: Key) -> LifetimeState:
        if state.view != "incidence" or not isinstance(mark, str):
            return super()._picking(state, mark)
        chosen = () if state.selection.end_cause == (mark,) else (mark,)
        return replace(state, selection=replace(state.selection, end_cause=chosen))

    def _picked(self, state: LifetimeState) -> Sequence[Key]:
        return state.selection.end_cause if state.view == "incidence" else ()

    def _stretch(self, state: LifetimeState) -> str | None:  # noqa: ARG002  every view has ages
        return "lifetime"

    def _code(self, state: LifetimeState) -> str:
        return call(f"sl.lifetimes.{state.view}", selected(state.selection), **state.options)

    def _make_controls(self) -> dict[str, Any]:
        make = self._panel.kit.make
        groups = [(name, name) for name in _GROUPS if name in self._prepared.frame.columns]
        return {
            "view": make(ipywidgets.Dropdown, options=list(_VIEWS.items()), description="Show"),
            "by": make(
                ipywidgets.Dropdown, options=[("nothing", NOTHING), *groups], description="Group by"
            ),
            "top": make(ipywidgets.IntSlider, min=1, max=_MOST_GROUPS, description="Groups"),
            "expiry": make(
                ipywidgets.Dropdown, options=list(_EXPIRY.items()), description="Expiry is"
            ),
            "resolution": make(
                ipywidgets.Dropdown,
                options=[("exact", NOTHING), *((one, one) for one in RESOLUTIONS)],
                description="Round to",
            ),
        }

    def _in_use(self, state: LifetimeState) -> set[str]:
        return {"view", "by", "resolution", *state.options}
