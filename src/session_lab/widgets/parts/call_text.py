"""The text of a call, as someone would have typed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from session_lab.frames.selection import Selection

__all__ = ["call", "plotted", "selected"]

_WIDTH = 88
_INDENT = "    "


def call(function: str, *arguments: str, **options: object) -> str:
    """Write a call: arguments are code already, options are values.

    Values are written with ``repr``, so that no text of a user can become code.

    Examples
    --------
    >>> print(call("sl.lifetimes.survival", "sessions", by="type"))
    sl.lifetimes.survival(sessions, by='type')
    """
    parts = [*arguments, *(f"{name}={value!r}" for name, value in options.items())]
    line = f"{function}({', '.join(parts)})"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    lines = "".join(f"{_INDENT}{_indented(part)},\n" for part in parts)
    return f"{function}(\n{lines})"


def selected(selection: Selection, name: str = "sessions") -> str:
    """Write the frame that a selection leaves of a frame with this name."""
    if not selection.criteria:
        return name
    return call("sl.select", name, **selection.criteria)


def plotted(code: str) -> str:
    """Write the call that draws what a call returns."""
    return f"{code}.plot()"


def _indented(text: str) -> str:
    return text.replace("\n", f"\n{_INDENT}")
