"""Explorers: controls over analyses and plots, for notebooks.

Each explorer has a state, which can be read and set; ``data()``, the result that its picture
shows; and ``code()``, the call that makes it. Nothing can be seen that could not be computed
without a control.
"""

from typing import TYPE_CHECKING

from session_lab.frames.selection import Selection
from session_lab.mistyped import no_attribute
from session_lab.widgets.churn import ChurnExplorer, ChurnState
from session_lab.widgets.data.session_index import IndexedSessions
from session_lab.widgets.explorer import Explorer, ExplorerState
from session_lab.widgets.lifetimes import LifetimeExplorer, LifetimeState
from session_lab.widgets.parts.selection_panel import SelectionPanel
from session_lab.widgets.policy import PolicyExplorer, PolicyState
from session_lab.widgets.tabs import Exploration, explore
from session_lab.widgets.tags import TagExplorer, TagState

__all__ = [
    "ChurnExplorer",
    "ChurnState",
    "Exploration",
    "Explorer",
    "ExplorerState",
    "IndexedSessions",
    "LifetimeExplorer",
    "LifetimeState",
    "PolicyExplorer",
    "PolicyState",
    "Selection",
    "SelectionPanel",
    "TagExplorer",
    "TagState",
    "explore",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # To a type checker it would stand for every name.

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name, __all__)
