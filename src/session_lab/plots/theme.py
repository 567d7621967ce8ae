"""One look for every picture: colours told apart by everyone, readable on light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib import ticker
from matplotlib.colors import to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.typing import ColorType

__all__ = [
    "COLOURS",
    "INK",
    "PAPER",
    "REST",
    "axes_for",
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
    ax.yaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    ax.set_label(alt)
    return ax
