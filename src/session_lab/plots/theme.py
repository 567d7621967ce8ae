"""One look for every picture: colours told apart by everyone, readable on light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib import ticker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "INK", "axes_for", "legend_above", "tidy"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""The palette of Okabe and Ito (2008), which colour-blind readers can tell apart."""

INK = "#6b7280"
"""A grey with enough contrast on white and on near-black."""


def axes_for(ax: Axes | None) -> Axes:
    """Return the given Axes, or those of a new figure with a transparent background."""
    if ax is not None:
        return ax
    figure, new = plt.subplots(figsize=(7, 3.6), layout="constrained")
    figure.patch.set_alpha(0)
    return new


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
