"""What every result has: a frame, a picture, and a representation that says what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
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

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed about this data, to be read with the numbers."""
        return ()

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
        """Show the title, the table, the formula and the assumptions."""
        frame = self.to_frame()
        more = f"\n… {len(frame) - _SHOWN} more rows" if len(frame) > _SHOWN else ""
        table = frame.head(_SHOWN).to_string(index=False)
        return "\n".join([self.title, f"{table}{more}", self.formula, *self.notes])

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return the title, the table, the formula and the assumptions as HTML."""
        frame = self.to_frame()
        more = f"<p>… {len(frame) - _SHOWN} more rows</p>" if len(frame) > _SHOWN else ""
        table = frame.head(_SHOWN).to_html(index=False, border=0)
        below = "".join(f"<p><i>{escape(line)}</i></p>" for line in (self.formula, *self.notes))
        return f"<p><b>{escape(self.title)}</b></p>{table}{more}{below}"
