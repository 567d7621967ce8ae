"""Pictures of who comes back: the cohort triangle, retention lines, ids by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib import dates as mdates
from matplotlib.ticker import MaxNLocator, PercentFormatter

from session_lab.analysis.churn import Cohorts, Identities
from session_lab.analysis.display import counted
from session_lab.analysis.periods import period_name
from session_lab.plots.drawing import draw
from session_lab.plots.pictures.marks import mark_boxes
from session_lab.plots.theme import COLOURS, INK, axes_for, ink_on, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["cohorts", "identities", "retention"]

_FEW = 14
_DAYS = {"1d": 1, "1w": 7, "1mo": 28}
"""How wide the bar of a period is."""
"""Cohorts and ages up to which each cell is labelled."""

_CELLS = 400
"""Cells that answer to a pointer; more are too small to be met."""

_LABELS = 12
"""Cohorts named along the axis."""


@draw.register(Cohorts)
def cohorts(result: Cohorts, ax: Axes | None = None) -> Axes:
    """Draw retention by cohort and age as a triangle, shaded by retention.

    Parameters
    ----------
    result : Cohorts
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    shares = result.retention
    n_cohorts, n_ages = shares.shape
    shades = colormaps["Blues"]
    if shares.size:
        ax.imshow(shares, cmap=shades, vmin=0, vmax=1, aspect="auto")
        step = -(-n_cohorts // _LABELS)
        names = result.names()[::step]
        ax.set_yticks(range(0, n_cohorts, step), names)
    cohort = result.names()
    for row, age in np.argwhere(result.observed)[:_CELLS].tolist():
        share = float(shares[row, age])
        text = f"{cohort[row]}, {age} on: {share:.0%} of {result.members[row]:,}"
        box = (age - 0.5, row - 0.5, age + 0.5, row + 0.5)
        mark_boxes(ax, [box], [(cohort[row], str(age))], [text])
        if n_cohorts <= _FEW and n_ages <= _FEW:
            colour = ink_on(shades(share))
            ax.text(age, row, f"{share:.0%}", ha="center", va="center", color=colour, size=8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    names_of_cohorts = ax.yaxis.get_major_formatter()
    unit = f"{period_name(result.freq)}s"
    alt = (
        f"Retention of {n_cohorts} cohorts, {result.members.sum():,} members, over {n_ages} {unit} "
        f"({result.day}), as shaded cells."
    )
    tidy(ax, title=result.title, x=f"{unit} since the first activity", y="cohort", alt=alt)
    ax.yaxis.set_major_formatter(names_of_cohorts)
    return ax


def retention(result: Cohorts, ax: Axes | None = None) -> Axes:
    """Draw retention by age: a thin line for each cohort, and all together with a 95 % band.

    Parameters
    ----------
    result : Cohorts
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    for line in result.retention:
        ax.plot(line, color=INK, alpha=0.35, linewidth=0.8)
    pooled = result.pooled()
    ages, label = pooled["age"], "95 % interval"
    ax.fill_between(
        ages, pooled["lower"], pooled["upper"], color=COLOURS[0], alpha=0.2, label=label
    )
    ax.plot(pooled["age"], pooled["retention"], color=COLOURS[0], marker="o", label="all cohorts")
    ax.set_ylim(0, 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(pooled):
        ax.legend(frameon=False, labelcolor=INK)
    listed = ", ".join(f"{row.retention:.0%} at {row.age}" for row in pooled.head(8).itertuples())
    unit = f"{period_name(result.freq)}s"
    alt = f"Retention of all cohorts by age in {unit}: {listed or 'none observed'}."
    tidy(ax, title="Retention", x=f"{unit} since the first activity", y="active", alt=alt)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return ax


@draw.register(Identities)
def identities(result: Identities, ax: Axes | None = None) -> Axes:
    """Draw new and returning ids as bars, one above the other, and dormant ones as a line.

    Parameters
    ----------
    result : Identities
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    days = frame["period"].dt.tz_localize(None)
    width = 0.9 * _DAYS[result.freq]
    ax.bar(days, frame["new"], width=width, align="edge", color=COLOURS[0], label="new")
    ax.bar(
        days,
        frame["returning"],
        bottom=frame["new"],
        width=width,
        align="edge",
        color=COLOURS[2],
        label="returning",
    )
    middles = days + pd.Timedelta(days=width / 2)
    ax.plot(middles, frame["dormant"], marker="o", color=COLOURS[5], label="dormant")
    if len(frame):
        ax.legend(frameon=False, labelcolor=INK)
        locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    numbers = result.summary()
    alt = (
        f"{counted(numbers['ids'], 'id')} over {counted(numbers['periods'], 'period')}: new, "
        f"returning and dormant; {numbers['dormant']:,} dormant in the last."
    )
    return tidy(ax, title=result.title, x=f"time ({result.tz})", y="ids", alt=alt)
