"""What every result has: a frame, a picture, and a representation that says what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from session_lab.analysis.display import table_html, table_text
from session_lab.analysis.drawing import draw
from session_lab.errors import DataError
from session_lab.mistyped import AnswersMistyped

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Result", "result_html"]

_HOW = ".plot() draws it; .to_frame() returns all numbers"


class Result(AnswersMistyped, ABC):
    """A frozen result of an analysis.

    Subclasses name themselves and their formula; ``session_lab.plots`` has a function for each.
    """

    title: ClassVar[str]
    formula: ClassVar[str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed about this data, to be read with the numbers."""
        return ()

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table."""

    def overview(self) -> pd.DataFrame:
        """Return the table that is read first: the numbers, or what sums up very many of them."""
        return self.to_frame()

    def plot(self, ax: Axes | None = None, *, figsize: tuple[float, float] | None = None) -> Axes:
        """Draw the result.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        figsize : tuple of float, optional
            Width and height of the new figure in inches.

        Returns
        -------
        matplotlib Axes
            Where it was drawn; its own methods change the title, the labels and the rest.

        Raises
        ------
        DataError
            Axes were given, and a size for a new figure too.
        """
        if ax is not None and figsize is not None:
            message = "the Axes given have a figure already; set its size, or give only figsize"
            raise DataError(message, column="figsize")
        if figsize is not None and np.shape(figsize) != (2,):
            message = f"{figsize!r} is not a width and a height in inches, as in (7, 3.6)"
            raise DataError(message, column="figsize")
        drawn = draw(self, ax)
        if figsize is not None:
            drawn.figure.set(size_inches=figsize)
        return drawn

    def __repr__(self) -> str:
        """Show the title, a short table, the formula and the assumptions, and what to call next."""
        return "\n".join([self.title, table_text(self.overview()), self.formula, *self.notes, _HOW])

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return what the representation shows as HTML."""
        return result_html(
            self.title, table_html(self.overview()), (self.formula, *self.notes, _HOW)
        )


def result_html(title: str, table: str, below: Iterable[str]) -> str:
    """Put a title above a table, and lines below it."""
    lines = "".join(f"<p><i>{escape(line)}</i></p>" for line in below)
    # A dollar sign in someone's text is not a formula: these classes keep MathJax away.
    return (
        f'<div class="tex2jax_ignore mathjax_ignore"><p><b>{escape(title)}</b></p>'
        f"{table}{lines}</div>"
    )
