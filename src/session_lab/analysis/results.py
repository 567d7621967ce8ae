"""What every result has: a frame, a picture, and a representation that says what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Result"]

_SHOWN = 12


class Result(ABC):
    """A frozen result of an analysis.

    Subclasses name themselves and their formula, and the function of ``session_lab.plots`` that
    draws them.
    """

    title: ClassVar[str]
    formula: ClassVar[str]
    plotter: ClassVar[str]

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the result.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib Axes
            Where it was drawn.
        """
        # The one place where a room reaches up: loading matplotlib waits until someone draws.
        from session_lab import plots  # noqa: PLC0415

        axes: Axes = getattr(plots, self.plotter)(self, ax=ax)
        return axes

    def __repr__(self) -> str:
        """Show the title, the table and the formula."""
        frame = self.to_frame()
        more = f"\n… {len(frame) - _SHOWN} more rows" if len(frame) > _SHOWN else ""
        table = frame.head(_SHOWN).to_string(index=False)
        return f"{self.title}\n{table}{more}\n{self.formula}"

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return the title, the table and the formula as HTML."""
        frame = self.to_frame()
        more = f"<p>… {len(frame) - _SHOWN} more rows</p>" if len(frame) > _SHOWN else ""
        table = frame.head(_SHOWN).to_html(index=False, border=0)
        return f"<p><b>{self.title}</b></p>{table}{more}<p><i>{self.formula}</i></p>"
