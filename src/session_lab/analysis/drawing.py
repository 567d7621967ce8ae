"""How results draw themselves: by a function that is handed in from above, once.

Analysis knows no pictures; the top of the package hands in the function that does, and that
function loads matplotlib when something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

__all__ = ["draw", "hand_in"]

_drawers: list[Callable[[Any, Axes | None], Axes]] = []


def hand_in(drawer: Callable[[Any, Axes | None], Axes]) -> None:
    """Set the function that draws results: a result and Axes, or None for new ones, to Axes."""
    _drawers[:] = [drawer]


def draw(result: object, ax: Axes | None) -> Axes:
    """Draw a result by the function handed in."""
    return _drawers[0](result, ax)
