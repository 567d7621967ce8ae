"""One figure that is drawn again and again, outside the registry of pyplot."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from session_lab.plots.pictures.marks import forget_marks
from session_lab.plots.pictures.scene import scene_of
from session_lab.plots.theme import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

    from session_lab.analysis.results import Result
    from session_lab.plots.pictures.scene import Scene

__all__ = ["Picture"]

_WIDTH, _HEIGHT = 7.0, 3.9
_LINE = 0.25
_MOST_LINES = 6
"""A picture of groups is higher by a line for each, as their numbers stand below the axis."""
_DPI = 144
"""Two dots for each point of a page, so that it is sharp on fine screens."""

_STYLE: dict[Any, Any] = {"axes.titley": 1.0}
"""The title stays just above the Axes, whatever is drawn, and is not placed anew each time."""


class _Layout(NamedTuple):
    """Where Axes stand in the figure, and where their labels stand beside them."""

    position: Bbox
    x_label: tuple[float, float]
    y_label: tuple[float, float]

    @classmethod
    def of(cls, ax: Axes) -> _Layout:
        """Return the layout that Axes have."""
        corner = ax.transAxes.inverted()
        (_, below), (left, _) = (
            corner.transform(axis.label.get_position()) for axis in (ax.xaxis, ax.yaxis)
        )
        return cls(ax.get_position(), (0.5, float(below)), (float(left), 0.5))

    def give(self, ax: Axes) -> None:
        """Lay out Axes so; labels are then not placed anew at each drawing."""
        ax.set_position(self.position)
        ax.set_in_layout(True)
        ax.xaxis.set_label_coords(*self.x_label)
        ax.yaxis.set_label_coords(*self.y_label)


class Picture:
    """The picture of a result.

    The figure is made when something is first drawn and again after :meth:`close`. A result of the
    same kind as the one before keeps the Axes, with its frame, scales and labels; only what shows
    the data is replaced.
    """

    def __init__(self) -> None:
        self._canvas: FigureCanvasAgg | None = None
        self._kind: type[Result] | None = None
        self._layouts: dict[object, list[_Layout]] = {}
        self.alt = ""
        """What the picture shows, in words."""

    def draw(self, result: Result) -> bytes:
        """Draw a result, and return the picture as PNG."""
        self._kind = None
        canvas = self.update(result)
        canvas.draw()
        png = BytesIO()
        # Few colours are in a picture; a table of them makes it a third as large.
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        image.quantize(dither=Image.Dither.NONE).save(png, format="png")
        return png.getvalue()

    def scene(self, result: Result) -> Scene:
        """Draw a result as SVG with the places that answer.

        The layout is found once for each kind of picture and length of its labels, and kept: it
        takes longer than all the drawing.
        """
        figure = self.update(result).figure
        shape = _shape(figure)
        if shape not in self._layouts:
            # A label that was placed once is never moved again, so a layout starts from new Axes.
            self._kind = None
            figure = self.update(result).figure
            engine = figure.get_layout_engine()
            if engine is not None:
                engine.execute(figure)
            self._layouts[shape] = [_Layout.of(ax) for ax in figure.axes]
        for ax, layout in zip(figure.axes, self._layouts[shape], strict=True):
            layout.give(ax)
        figure.set_layout_engine("none")
        # The page is the paper: its ink and its background are those of its theme.
        figure.patch.set_visible(False)
        try:
            return scene_of(figure)
        finally:
            figure.patch.set_visible(True)
            figure.set_layout_engine("constrained")

    def update(self, result: Result) -> FigureCanvasAgg:
        """Put a result onto the figure without rendering it; return what can render it."""
        if self._canvas is None:
            self._canvas = FigureCanvasAgg(Figure(dpi=_DPI, layout="constrained"))
            self._canvas.figure.patch.set_facecolor(PAPER)
        figure, kept = self._canvas.figure, type(result) is self._kind
        # A picture with more than one Axes, as one with a colour bar, is made anew.
        if kept and len(figure.axes) == 1:
            ax = figure.axes[0]
            _remove_data(ax)
        else:
            figure.clear()
            ax = figure.add_subplot()
        self._kind = type(result)
        lines = min(len(getattr(result, "parts", ())), _MOST_LINES)
        figure.set_size_inches(_WIDTH, _HEIGHT + _LINE * lines)
        with rc_context(_STYLE):
            result.plot(ax=ax)
        self.alt = str(ax.get_label())
        return self._canvas

    def close(self) -> None:
        """Release the figure."""
        self._canvas, self._kind = None, None


def _remove_data(ax: Axes) -> None:
    """Remove what shows data, and let the scales follow what comes next."""
    forget_marks(ax)
    for container in list(ax.containers):
        container.remove()
    for artist in [*ax.lines, *ax.patches, *ax.collections, *ax.images, *ax.texts]:
        artist.remove()
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_inverted(False)
    ax.relim()
    ax.set_autoscale_on(True)
    # The layout starts from its place in the grid again, not from where it was moved to.
    place = ax.get_subplotspec()
    if place is not None:
        ax.set_subplotspec(place)


def _shape(figure: Figure) -> object:
    """Return what decides about a layout: kinds of Axes, size, and how long the labels are."""
    axes = []
    for ax in figure.axes:
        lengths = [
            max((len(label.get_text()) for label in axis.get_ticklabels()), default=0) // 4
            for axis in (ax.xaxis, ax.yaxis)
        ]
        legend = ax.get_legend()
        named = [] if legend is None else [len(text.get_text()) for text in legend.get_texts()]
        texts = max((len(text.get_text()) for text in ax.texts), default=0)
        axes.append((ax.get_title(loc="left"), ax.get_xlabel(), *lengths, tuple(named), texts))
    return (*figure.get_size_inches().tolist(), *axes)
