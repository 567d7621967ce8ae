"""Explorers as someone in front of them sees them: controls by their labels, pictures, texts."""

from __future__ import annotations

import gc
from typing import Any
from unittest import mock

import ipywidgets
from matplotlib.figure import Figure

from session_lab.widgets.parts.html import code_html, message_html
from session_lab.widgets.parts.view import View

__all__ = ["control", "displayed", "labelled", "picture", "text", "tree", "widgets_and_figures"]


def control(explorer: Any, description: str) -> Any:
    """Find a control by its label, as a user does."""
    return next(one for one in tree(explorer.widget) if labelled(one) == description)


def labelled(widget: Any) -> str:
    return getattr(widget, "description", "")


def tree(widget: Any) -> list[Any]:
    return [widget, *(one for child in getattr(widget, "children", ()) for one in tree(child))]


def picture(explorer: Any) -> str:
    """Return the SVG that the picture shows; empty where there is none."""
    views = [one for one in tree(explorer.widget) if isinstance(one, View)]
    return "".join(view.svg for view in views)


def text(explorer: Any) -> str:
    return "".join(pieces(explorer))


def pieces(explorer: Any) -> list[str]:
    """Return what stands around each picture, as pages show it."""
    views = [one for one in tree(explorer.widget) if isinstance(one, View)]
    return [
        piece
        for view in views
        for piece in (message_html(view.lines), view.table, code_html(view.code))
    ]


def displayed(explorer: Any) -> list[dict[str, Any]]:
    """Return the outputs that showing something in a notebook writes, one after the other."""
    with mock.patch("session_lab.widgets.parts.static_twin.display") as display:
        explorer._ipython_display_()
    return [call.args[0] for call in display.call_args_list]


def widgets_and_figures() -> tuple[set[str], int]:
    gc.collect()
    figures = sum(isinstance(one, Figure) for one in gc.get_objects())
    return set(ipywidgets.Widget.get_manager_state()["state"]), figures
