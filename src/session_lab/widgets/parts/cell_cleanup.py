"""Explorers of a notebook cell that is run again."""

from __future__ import annotations

import sys
from typing import Any, Protocol

__all__ = ["Closable", "close_earlier"]


class Closable(Protocol):
    """Something that holds widgets until it is closed."""

    def close(self) -> None:
        """Release the widgets."""
        ...


_made: dict[str, tuple[str, list[Closable]]] = {}
"""By cell: the run that made explorers in it, and these."""


def close_earlier(explorer: Closable) -> None:
    """Close what earlier runs of the same cell made, so that running a cell again leaks nothing.

    ipywidgets keeps a widget for as long as it is not closed, seen or not. Outside of a notebook
    there are no cells and nothing is done.
    """
    cell, run = _here()
    if cell is None:
        return
    last_run, explorers = _made.get(cell, (run, []))
    if last_run != run:
        for old in explorers:
            old.close()
        explorers = []
    _made[cell] = (run, [*explorers, explorer])


def _here() -> tuple[str | None, str]:
    """Return the cell that is running, as Jupyter's front ends name it, and this run of it."""
    ipython = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    # Not every kernel tells what it was asked.
    get_parent = getattr(getattr(shell, "kernel", None), "get_parent", None)
    if get_parent is None:
        return None, ""
    request = get_parent("shell")
    return request.get("metadata", {}).get("cellId"), request.get("header", {}).get("msg_id", "")
