"""All explorers in tabs, over one choice of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import ipywidgets  # type: ignore[import-untyped]
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames.selection import one_of
from session_lab.mistyped import AnswersMistyped, answer_mistyped
from session_lab.simulator import Platform, RunPolicy
from session_lab.widgets.churn import ChurnExplorer
from session_lab.widgets.data.session_index import IndexedSessions
from session_lab.widgets.lifetimes import LifetimeExplorer
from session_lab.widgets.parts.cell_cleanup import close_earlier
from session_lab.widgets.parts.selection_panel import SelectionPanel
from session_lab.widgets.parts.static_twin import display_both
from session_lab.widgets.policy import PolicyExplorer
from session_lab.widgets.tags import TagExplorer

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.frames.selection import Selection
    from session_lab.widgets.explorer import Explorer

__all__ = ["Exploration", "ExplorerInputs", "explore"]


Value = TypeVar("Value")


class HasSessions(Protocol):
    """What holds frames: a replay, or the recording of an environment."""

    @property
    def sessions(self) -> pd.DataFrame:
        """The sessions."""
        ...


class ExplorerInputs(NamedTuple):
    """What there is to explore."""

    sessions: IndexedSessions
    runs: pd.DataFrame | None
    operations: pd.DataFrame | None
    events: pd.DataFrame | None
    policy: RunPolicy | None
    platform: Platform | None
    panel: SelectionPanel


class _Tab(NamedTuple):
    """An explorer: its title, and how it is made; None where its data were not given."""

    title: str
    make: Callable[[ExplorerInputs], Explorer[Any] | None]
    lacking: str


def _churn(given: ExplorerInputs) -> ChurnExplorer | None:
    if given.runs is None:
        return None
    return ChurnExplorer(given.runs, given.sessions, given.operations, given.panel)


def _policy(given: ExplorerInputs) -> PolicyExplorer | None:
    if given.events is None:
        return None
    return PolicyExplorer(
        given.events,
        given.sessions,
        given.panel,
        policy=given.policy,
        platform=given.platform,
    )


_TABS = (
    _Tab("Tags", lambda given: TagExplorer(given.sessions, given.panel), ""),
    _Tab("Lifetimes", lambda given: LifetimeExplorer(given.sessions, given.panel), ""),
    _Tab("Churn", _churn, "Give the runs too, to see their churn: sl.explore(sessions, runs)"),
    _Tab("What if", _policy, "Give a log too, to play it: sl.explore(sessions, events=events)"),
)
"""The tabs in their order."""


class Exploration(AnswersMistyped):
    """Explorers in tabs over one selection; :func:`explore` makes it.

    Attributes
    ----------
    explorers : dict of str to Explorer
        The explorers by the titles of their tabs, each with its state, data and code.
    """

    def __init__(self, given: ExplorerInputs) -> None:
        self._panel = given.panel
        made = [(tab, tab.make(given)) for tab in _TABS]
        self.explorers: dict[str, Explorer[Any]] = {
            tab.title: explorer for tab, explorer in made if explorer is not None
        }
        make = given.panel.kit.make
        pages = [
            make(ipywidgets.Label, tab.lacking) if explorer is None else explorer.widget
            for tab, explorer in made
        ]
        self._titles = [tab.title for tab, _ in made]
        self._tabs = make(ipywidgets.Tab, pages, titles=self._titles, selected_index=0)
        self.widget = make(ipywidgets.VBox, [self._panel.widget, self._tabs, self._panel.table])
        self._tabs.observe(self._on_tab, names="selected_index")
        self._is_closed = False
        close_earlier(self)
        self._on_tab(None)

    def rows(self) -> pd.DataFrame:
        """Return the sessions that are selected."""
        return next(iter(self.explorers.values())).rows()

    @property
    def selection(self) -> Selection:
        """The sessions that all explorers are about; set another one to move them all."""
        return self._panel.value

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self._panel.value = selection

    def __getitem__(self, title: str) -> Explorer[Any]:
        """Return the explorer of a tab.

        Raises
        ------
        DataError
            There is no such tab, or its data were not given.
        """
        lacking = next((tab.lacking for tab in _TABS if tab.title == title), "")
        if title not in self.explorers and lacking:
            raise DataError(lacking, column=title)
        one_of(title, self.explorers, name="tab")
        return self.explorers[title]

    def to_html(self) -> str:
        """Return all explorers as a page without controls."""
        shown = self._shown()
        pages = "".join(explorer.to_html() for explorer in self.explorers.values())
        self._show_only(shown)
        return f"<div>{pages}</div>"

    def close(self) -> None:
        """Close all explorers; their states, data and code remain."""
        self._is_closed = True
        for explorer in self.explorers.values():
            explorer.close()
        self._panel.close()

    def __repr__(self) -> str:
        """Show the states."""
        lines = "".join(f"\n  {explorer!r}" for explorer in self.explorers.values())
        return f"Exploration of {len(self.explorers)} explorers:{lines}"

    def _ipython_display_(self) -> None:
        """Display the live tabs, and for pages without a kernel the tab that is open.

        What nobody sees is not computed; :meth:`to_html` writes all of them.
        """
        explorer = self.explorers[self._shown() or self._titles[0]]
        html = explorer.to_html()
        name = explorer.live_as(html)
        display_both(html, name, repr(self), None if self._is_closed else self.widget)
        self._panel.get_ready()

    def _on_tab(self, _: object) -> None:
        self._show_only(self._shown())

    def _shown(self) -> str | None:
        place = self._tabs.selected_index
        return None if place is None else self._titles[place]

    def _show_only(self, title: str | None) -> None:
        """Defer the explorers behind other tabs: what nobody sees is not computed."""
        for name, explorer in self.explorers.items():
            if name == title:
                explorer.show()
            else:
                explorer.hide()


@answer_mistyped
def explore(
    sessions: pd.DataFrame | HasSessions,
    runs: pd.DataFrame | None = None,
    operations: pd.DataFrame | None = None,
    *,
    events: pd.DataFrame | None = None,
    policy: RunPolicy | None = None,
    platform: Platform | None = None,
    link: str | None = None,
) -> Exploration:
    """Explore sessions in a notebook: explorers in tabs, over one choice of sessions.

    Tags and lifetimes are there always, churn where there are runs, and what other run policies
    would do where there are events.

    Parameters
    ----------
    sessions : DataFrame, Replay or Recording
        A sessions frame, which must not change afterwards; or what has frames as attributes, of
        which those that are not given beside it are taken.
    runs : DataFrame, optional
        Their runs.
    operations : DataFrame, optional
        The operations of a replay: cohorts are of these.
    events : DataFrame, optional
        The log that the sessions come from.
    policy : RunPolicy, optional
        What else holds when the log is played, such as the cap on active time, and where controls
        stand first; ``RunPolicy()`` by default.
    platform : Platform, optional
        What the environment does; a replay and a fit have one.
    link : str, optional
        The address of a session's page in the platform's dashboard, with columns of the sessions
        in braces: the table of sessions links to it.

    Returns
    -------
    Exploration
        Shows itself as the last line of a cell, or by ``display``. Its explorers have ``.state``,
        ``.data()`` and ``.code()``; ``.close()`` lets go of all.

    Raises
    ------
    DataError
        Something given is not a frame, or a frame of another kind; or the link is not an address.

    Examples
    --------
    >>> import pandas as pd
    >>> exploration = explore(pd.DataFrame({"tags": [["vip"], ["vip", "eu"]]}))
    >>> exploration["Tags"].data().to_frame()["sessions"].tolist()
    [2, 1]
    >>> exploration.close()
    """
    if not isinstance(sessions, pd.DataFrame) and hasattr(sessions, "sessions"):
        runs = getattr(sessions, "runs", None) if runs is None else runs
        operations = getattr(sessions, "operations", None) if operations is None else operations
        events = getattr(sessions, "events", None) if events is None else events
        policy = _own(sessions, "policy", RunPolicy) if policy is None else policy
        platform = _own(sessions, "platform", Platform) if platform is None else platform
        sessions = sessions.sessions
    for name, value, kind in (("policy", policy, RunPolicy), ("platform", platform, Platform)):
        if value is not None and not isinstance(value, kind):
            raise DataError(f"{value!r} is not a {kind.__name__}", column=name)
    prepared = IndexedSessions(sessions)  # type: ignore[arg-type]  # it refuses what is not a frame
    panel = SelectionPanel(prepared, link)
    return Exploration(ExplorerInputs(prepared, runs, operations, events, policy, platform, panel))


def _own(source: object, name: str, kind: type[Value]) -> Value | None:
    """Return what a replay was played with; None where there is nothing of the kind."""
    value = getattr(source, name, None)
    return value if isinstance(value, kind) else None
