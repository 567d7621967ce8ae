"""One look for every picture: colours told apart by everyone, readable on light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib import ticker
from matplotlib.colors import is_color_like, to_rgb
from matplotlib.container import BarContainer
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType
    from numpy.typing import ArrayLike

__all__ = [
    "COLOURS",
    "INK",
    "PAPER",
    "REST",
    "axes_for",
    "draw_bars",
    "ink_on",
    "label_bars",
    "legend_above",
    "tidy",
]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""The palette of Okabe and Ito (2008), which colour-blind readers can tell apart."""

INK = "#757575"
"""A grey that is read on white and on black: 4.6 to 1 on either."""

REST = "#8a8a8a"
"""The fill of what stands for all the rest: a grey that stays one, where ink follows the page."""

PAPER = "white"
"""What pictures stand on, so that they are read on a dark page too."""

_COUNTED = frozenset(
    {"hand-overs seen", "ids", "operations", "refused", "runs", "sessions", "starts", "turns"}
)
"""Labels of axes along which there are whole numbers alone."""

_SHORT = ticker.EngFormatter(sep="")

_DARK = 0.179
"""The luminance at which white and black are read equally well, 4.6 to 1."""


def axes_for(ax: Axes | None) -> Axes:
    """Return the given Axes, or those of a new figure."""
    if ax is not None:
        return ax
    # It loads what draws windows; an explorer has a figure of its own.
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, new = plt.subplots(figsize=(7, 3.6), layout="constrained")
    figure.patch.set_facecolor(PAPER)
    return new


def draw_bars(
    ax: Axes,
    places: ArrayLike,
    lengths: ArrayLike,
    *,
    lying: bool = False,
    width: float = 0.8,
    start: ArrayLike = 0.0,
    color: ColorType | Sequence[ColorType],
    label: str = "",
) -> BarContainer:
    """Draw bars of one width around their places, as ``ax.bar`` and ``ax.barh`` do.

    Those look for the limits of the Axes anew with each bar, which takes longer than all else about
    it; here they are found once.
    """
    at, length, base = (np.array(one, dtype=float) for one in (places, lengths, start))
    at, length, base = np.broadcast_arrays(at - width / 2, length, base)
    colours = [color] * len(at) if is_color_like(color) else color
    along = "x" if lying else "y"
    bars = []
    for side, begin, size, colour in zip(at, base, length, colours, strict=True):
        corner, extent = (side, begin), (width, size)
        if lying:
            corner, extent = corner[::-1], extent[::-1]
        bar = Rectangle(corner, *extent, facecolor=colour, linewidth=0, label="_nolegend_")
        getattr(bar.sticky_edges, along).append(begin)
        ax.add_artist(bar)
        bars.append(bar)
    corners = np.array([[at, base], [at + width, base + length]]).swapaxes(1, 2).reshape(-1, 2)
    ax.update_datalim(corners[:, ::-1] if lying else corners)
    ax.autoscale_view()
    orientation: Literal["horizontal", "vertical"] = "horizontal" if lying else "vertical"
    made = BarContainer(bars, datavalues=length, orientation=orientation, label=label)
    ax.add_container(made)
    return made


def label_bars(
    ax: Axes,
    bars: BarContainer,
    labels: Iterable[str],
    *,
    padding: float = 3,
    size: float | None = None,
) -> None:
    """Write a label at the end of each bar."""
    # To test whether each lies inside the Axes takes an eighth of the time of a picture.
    ax.bar_label(
        bars, labels=list(labels), color=INK, padding=padding, fontsize=size, annotation_clip=False
    )


def ink_on(colour: ColorType) -> str:
    """Return the ink, white or black, that is read best on a colour: by at least 4.5 to 1.

    References
    ----------
    Relative luminance as in WCAG 2.2.

    Examples
    --------
    >>> ink_on("#0072B2"), ink_on("#E69F00")
    ('white', 'black')
    """
    linear = [
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in to_rgb(colour)
    ]
    luminance = sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "white" if luminance <= _DARK else "black"


def legend_above(ax: Axes) -> None:
    """Put the legend above the picture, where no colour lies beneath its text."""
    _, labels = ax.get_legend_handles_labels()
    ax.legend(
        frameon=False,
        labelcolor=INK,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0,
        ncols=max(1, len(labels)),
    )


def tidy(ax: Axes, *, title: str, x: str, y: str, alt: str) -> Axes:
    """Label Axes and quieten their frame; ``get_label()`` then says what the picture shows."""
    ax.patch.set_alpha(0)
    ax.set_title(title, loc="left", color=INK, fontsize=11)
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    ax.tick_params(colors=INK)
    for side, spine in ax.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(INK)
    ax.yaxis.set_major_formatter(_short_number)
    for axis, label in ((ax.xaxis, x), (ax.yaxis, y)):
        if label in _COUNTED:
            axis.set_major_locator(
                ticker.MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)
            )
            axis.set_major_formatter(_short_number)
    ax.set_label(alt)
    return ax


def _short_number(value: float, _place: float = 0) -> str:
    """Write a tick: "25k" for many; "0.005" for few, as "5m" reads like minutes."""
    return _SHORT(value) if abs(value) >= 1 else f"{value:.6g}"
