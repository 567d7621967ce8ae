"""One function that draws any result; each picture registers itself for the results it shows."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from session_lab.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]


@singledispatch
def draw(result: object, ax: Axes | None = None) -> Axes:  # noqa: ARG001  for those that register
    """Draw a result: what its ``.plot()`` calls.

    Parameters
    ----------
    result : Result
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.

    Raises
    ------
    DataError
        There is no picture of such an object.
    """
    raise DataError(f"there is no picture of a {type(result).__name__}", source="draw")
