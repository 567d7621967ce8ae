"""How results are written as pages: by a function that is handed in from above, once.

It is the counterpart of :mod:`session_lab.analysis.drawing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hand_in", "write_page"]

_writers: list[Callable[[Any, str, str], str]] = []


def hand_in(writer: Callable[[Any, str, str], str]) -> None:
    """Set the function that writes pages: a result, a suffix and a title to text."""
    _writers[:] = [writer]


def write_page(result: object, suffix: str, title: str) -> str:
    """Write a result as a page, HTML or Markdown, by the function handed in."""
    return _writers[0](result, suffix, title)
