"""The explorer of churn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import ipywidgets  # type: ignore[import-untyped]
import pandas as pd

from session_lab.analysis import churn
from session_lab.analysis.churn.cohorts import Day
from session_lab.analysis.periods import calendar_period
from session_lab.errors import DataError
from session_lab.frames import check_kind
from session_lab.frames.selection import one_of
from session_lab.mistyped import answer_mistyped_fields
from session_lab.widgets.data.belonging import OwnedRows
from session_lab.widgets.data.session_index import IndexedSessions
from session_lab.widgets.explorer import Explorer, ExplorerState
from session_lab.widgets.parts.call_text import call, selected
from session_lab.widgets.parts.selection_panel import SelectionPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from session_lab.analysis.results import Result

__all__ = ["ChurnExplorer", "ChurnState", "ChurnView"]

ChurnView = Literal["runs_per_session", "gaps", "reasons", "transitions", "rate", "cohorts"]
"""The functions of ``session_lab.analysis.churn`` that the explorer shows."""

_TITLES = {
    "Runs per session": "runs_per_session",
    "Gaps between runs": "gaps",
    "Reasons and ends": "reasons",
    "From end to reason": "transitions",
    "Rate over time": "rate",
    "Who comes back": "cohorts",
}
_OF_SESSIONS = ("session_id", "created_at", "ended_at")
_OF_ROWS = {
    "runs": ("session_id", "run_id", "triggered_at", "ended_at", "reason", "end_cause"),
    "operations": ("external_id", "at"),
}
"""What the analyses read of sessions, runs and operations."""

_READ = {
    "runs_per_session": ("session_id",),
    "gaps": ("session_id", "triggered_at", "ended_at", "end_cause"),
    "reasons": ("reason", "end_cause"),
    "transitions": ("session_id", "triggered_at", "reason", "end_cause"),
    "rate": ("session_id", "triggered_at"),
}
"""What those of runs read of them, so that no other column is taken; and the run, if doubled."""


@answer_mistyped_fields
@dataclass(frozen=True)
class ChurnState(ExplorerState):
    """What a :class:`ChurnExplorer` shows.

    Attributes
    ----------
    view : {"runs_per_session", "gaps", "reasons", "transitions", "rate", "cohorts"}
        Which analysis.
    freq : {"1d", "1w"}
        Days or weeks, for rate and cohorts.
    day : {"calendar", "elapsed"}
        How the days of cohorts are counted.
    """

    view: ChurnView = "runs_per_session"
    freq: str = "1d"
    day: Day = "calendar"

    def __post_init__(self) -> None:
        """Check the fields, and bring the period to one form."""
        one_of(self.view, get_args(ChurnView), name="view")
        object.__setattr__(self, "freq", calendar_period(self.freq))
        one_of(self.freq, ("1d", "1w"), name="freq")
        one_of(self.day, get_args(Day), name="day")

    @property
    def options(self) -> dict[str, object]:
        """The arguments of the analysis, apart from the frames."""
        used = {"rate": ("freq",), "cohorts": ("freq", "day")}.get(self.view, ())
        return {name: getattr(self, name) for name in used}


class ChurnExplorer(Explorer[ChurnState]):
    """Explore how runs follow one another in sessions, and who comes back.

    Parameters
    ----------
    runs : DataFrame
        A runs frame, which must not change afterwards.
    sessions : DataFrame, optional
        Their sessions, to choose from; those without a run are counted too, and there is a rate.
    operations : DataFrame, optional
        Operations on the sessions: cohorts are then of external ids, by what they asked for,
        instead of session ids, by their runs.
    panel : SelectionPanel, optional
        Controls over these sessions to share with other explorers; its own by default.

    Examples
    --------
    >>> runs = pd.DataFrame({"session_id": ["s1", "s1", "s2"]})
    >>> explorer = ChurnExplorer(runs)
    >>> print(explorer.code())
    sl.churn.runs_per_session(runs)
    >>> explorer.data().mean
    1.5
    >>> explorer.close()
    """

    title: ClassVar[str] = "Churn"

    def __init__(
        self,
        runs: pd.DataFrame,
        sessions: pd.DataFrame | IndexedSessions | None = None,
        operations: pd.DataFrame | None = None,
        panel: SelectionPanel | None = None,
    ) -> None:
        check_kind(runs, "runs")
        self._frames = {"runs": runs}
        if operations is not None:
            check_kind(operations, "operations")
            self._frames["operations"] = operations
        self._has_sessions = sessions is not None
        if sessions is None:
            sessions = _sessions_of(runs)
        self._prepared = (
            sessions if isinstance(sessions, IndexedSessions) else IndexedSessions(sessions)
        )
        self._prepared_rows: dict[str, OwnedRows] = {}
        shared = panel is not None
        super().__init__(ChurnState(), panel or SelectionPanel(self._prepared), shared=shared)

    def _result(self, state: ChurnState) -> Result:
        analyse: Callable[..., Result] = getattr(churn, state.view)
        frames = [self._chosen(state)]
        if self._takes_sessions(state):
            frames.append(self._chosen_sessions(state))
        elif state.view == "rate":
            message = "a rate needs the sessions, to know how long they are alive; give them too"
            raise DataError(message, source="sessions")
        return analyse(*frames, **state.options)

    def _source(self, state: ChurnState) -> str:
        """Name the frame whose rows are analysed."""
        by_operations = state.view == "cohorts" and "operations" in self._frames
        return "operations" if by_operations else "runs"

    def _takes_sessions(self, state: ChurnState) -> bool:
        return self._has_sessions and state.view in {"runs_per_session", "rate"}

    def _chosen(self, state: ChurnState) -> pd.DataFrame:
        """Return the rows that belong to the sessions selected."""
        source = self._source(state)
        rows = self._rows_of(source, state)
        if rows is None:
            return self._frames[source]
        read = _READ.get(state.view)
        return rows.rows(self._mask(state), None if read is None else ("run_id", *read))

    def _chosen_sessions(self, state: ChurnState) -> pd.DataFrame:
        """Return the sessions selected, with ids as the runs have them."""
        rows = self._rows_of("runs", state)
        if rows is None:
            return self._prepared.selected(state.selection, _OF_SESSIONS)
        is_counted = state.view == "runs_per_session"
        return rows.sessions(self._mask(state), ("session_id",) if is_counted else None)

    def _mask(self, state: ChurnState) -> NDArray[np.bool_] | None:
        selection = state.selection
        return self._prepared.rows(selection) if selection.criteria else None

    def _rows_of(self, source: str, state: ChurnState) -> OwnedRows | None:
        """Read the ids of rows, once; None without a selection where there are none to read.

        What is missing then is said by the analysis itself.
        """
        if source not in self._prepared_rows:
            try:
                self._prepared_rows[source] = OwnedRows(
                    self._frames[source], self._prepared.frame, _OF_ROWS[source], _OF_SESSIONS
                )
            except DataError:
                if state.selection.criteria:
                    raise
                return None
        return self._prepared_rows[source]

    def _lacking(self, state: ChurnState) -> str | None:
        source = self._source(state)
        if not len(self._frames[source]):
            return f"there are no {source}"
        if lacking := super()._lacking(state):
            return lacking
        rows = self._rows_of(source, state)
        has_rows = rows is None or rows.any(self._mask(state))
        return None if has_rows else f"the sessions selected have no {source}"

    def _code(self, state: ChurnState) -> str:
        sessions, source = selected(state.selection), self._source(state)
        chosen = call("sl.of_sessions", source, sessions)
        frames = [chosen if state.selection.criteria else source]
        if self._takes_sessions(state):
            frames.append(sessions)
        return call(f"sl.churn.{state.view}", *frames, **state.options)

    def _make_controls(self) -> dict[str, Any]:
        make = self._panel.kit.make
        views = [
            (title, view) for title, view in _TITLES.items() if view != "rate" or self._has_sessions
        ]
        return {
            "view": make(ipywidgets.Dropdown, options=views, description="Show"),
            "freq": make(
                ipywidgets.Dropdown, options=[("day", "1d"), ("week", "1w")], description="By"
            ),
            "day": make(
                ipywidgets.Dropdown,
                options=[("of the calendar", "calendar"), ("24 hours each", "elapsed")],
                description="Days are",
            ),
        }

    def _in_use(self, state: ChurnState) -> set[str]:
        return {"view", *state.options}


def _sessions_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions that runs tell of: nothing but their ids."""
    if "session_id" not in runs:
        return pd.DataFrame()
    return pd.DataFrame({"session_id": runs["session_id"].dropna().unique()})
