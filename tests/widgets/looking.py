"""Explorers as someone in front of them sees them: controls by their labels, pictures, texts."""

from __future__ import annotations

import gc
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

__all__ = ["control", "labelled", "picture", "text", "tree", "widgets_and_figures"]


def control(explorer: Any, description: str) -> Any:
    """Find a control by its label, as a user does."""
    return next(one for one in tree(explorer.widget) if labelled(one) == description)


def labelled(widget: Any) -> str:
    return getattr(widget, "description", "")


def tree(widget: Any) -> list[Any]:
    return [widget, *(one for child in getattr(widget, "children", ()) for one in tree(child))]


def picture(explorer: Any) -> str:
    return "".join(html for html in pieces(explorer) if html.startswith("<img"))


def text(explorer: Any) -> str:
    return "".join(html for html in pieces(explorer) if not html.startswith("<img"))


def pieces(explorer: Any) -> list[str]:
    return [one.value for one in tree(explorer.widget) if isinstance(one, ipywidgets.HTML)]


def widgets_and_figures() -> tuple[set[str], int]:
    gc.collect()
    figures = sum(isinstance(one, Figure) for one in gc.get_objects())
    return set(ipywidgets.Widget.get_manager_state()["state"]), figures
