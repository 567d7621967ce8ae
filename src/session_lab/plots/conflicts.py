"""Pictures of conflicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.analysis.conflicts import Conflicts
from session_lab.analysis.display import short_text
from session_lab.plots.drawing import draw
from session_lab.plots.texts import drawn
from session_lab.plots.theme import COLOURS, INK, axes_for, legend_above, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["conflict_bars", "reused_ids"]

_IDS = 12
_HATCHES = ("", "//", "..", "xx")


@draw.register(Conflicts)
def conflict_bars(result: Conflicts, ax: Axes | None = None) -> Axes:
    """Draw the refusals by the time since the end of the session, stacked by cause.

    Parameters
    ----------
    result : Conflicts
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    table = result.by_since()
    places = np.arange(len(table))
    bottom = np.zeros(len(table), dtype=np.int64)
    for number, cause in enumerate(table.columns):
        n = table[cause].to_numpy()
        if not n.any():
            continue
        ax.bar(
            places,
            n,
            bottom=bottom,
            color=COLOURS[number],
            hatch=_HATCHES[number],
            edgecolor="white",
            label=cause,
        )
        bottom = bottom + n
    for place, total in enumerate(bottom.tolist()):
        if total:
            ax.annotate(f"{total:,}", (place, total), color=INK, ha="center", va="bottom")
    if bottom.any():
        legend_above(ax)
        ax.set_ylim(0, 1.1 * int(bottom.max()))
    listed = ", ".join(f"{int(table[cause].sum()):,} {cause}" for cause in table.columns)
    alt = f"Refused operations by time since the end of their session; by cause: {listed}."
    ax = tidy(ax, title=result.title, x="time since the end of the session", y="refused", alt=alt)
    ax.set_xticks(places, [str(since) for since in table.index])
    return ax


def reused_ids(result: Conflicts, ax: Axes | None = None) -> Axes:
    """Draw the external ids that were started most, as bars of their starts by outcome.

    Parameters
    ----------
    result : Conflicts
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    top = result.reused.head(_IDS)
    places = np.arange(len(top))
    left = np.zeros(len(top))
    for number, outcome in enumerate(result.starts):
        n = top[outcome].to_numpy()
        if not n.any():
            continue
        ax.barh(
            places,
            n,
            left=left,
            color=COLOURS[number],
            hatch=_HATCHES[number],
            edgecolor="white",
            label=outcome,
        )
        left = left + n
    if len(top):
        legend_above(ax)
    listed = ", ".join(
        f"{short_text(str(name))} {n:,}"
        for name, n in zip(top["external_id"].head(5), top["starts"], strict=False)
    )
    alt = f"Starts of the external ids that were started most: {listed or 'none twice'}."
    ax = tidy(ax, title="Ids started more than once", x="starts", y="", alt=alt)
    ax.set_yticks(places, drawn(top["external_id"]))
    ax.invert_yaxis()
    return ax
