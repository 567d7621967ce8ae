"""Pictures of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.dates as mdates

from session_lab.analysis.churn import Cost
from session_lab.analysis.replays.concurrency import Concurrency
from session_lab.plots.drawing import draw
from session_lab.plots.theme import COLOURS, INK, axes_for, tidy
from session_lab.replays.summary import ReplaySummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["concurrency", "cost", "start_kinds"]


@draw.register(Concurrency)
def concurrency(result: Concurrency, ax: Axes | None = None) -> Axes:
    """Draw the runs alive over time, and mark the peak.

    Parameters
    ----------
    result : Concurrency
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    ax.step(frame["time"], frame["alive"], where="post", color=COLOURS[0])
    ax.fill_between(frame["time"], frame["alive"], step="post", color=COLOURS[0], alpha=0.15)
    if result.peak_at is not None:
        peak = (mdates.date2num(result.peak_at), result.peak)
        ax.plot(*peak, marker="o", color=COLOURS[5])
        ax.annotate(
            f"peak {result.peak:,}",
            peak,
            xytext=(6, -2),
            textcoords="offset points",
            color=INK,
            va="top",
        )
        locator = mdates.AutoDateLocator(maxticks=7)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    ax.set_ylim(bottom=0)
    alt = f"Runs alive over time, at most {result.peak:,}, {result.mean:,.0f} on average."
    return tidy(ax, title=result.title, x="time (UTC)", y="runs", alt=alt)


@draw.register(ReplaySummary)
def start_kinds(result: ReplaySummary, ax: Axes | None = None) -> Axes:
    """Draw how the served turns started, as bars.

    Parameters
    ----------
    result : ReplaySummary
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    kinds = result.start_kinds
    bars = ax.bar(list(kinds), list(kinds.values()), color=COLOURS[0])
    ax.bar_label(bars, labels=[f"{n:,}" for n in kinds.values()], color=INK, padding=2)
    listed = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())
    alt = f"Turns by how they started: {listed or 'none'}."
    return tidy(ax, title="How turns started", x="", y="turns", alt=alt)


@draw.register(Cost)
def cost(result: Cost, ax: Axes | None = None) -> Axes:
    """Draw the price of the runs on each machine, as bars of compute and invocations.

    Parameters
    ----------
    result : Cost
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    ax.bar(frame["machine"], frame["compute"], color=COLOURS[0], label="compute")
    ax.bar(
        frame["machine"],
        frame["invocations"],
        bottom=frame["compute"],
        color=COLOURS[1],
        label="invocations",
    )
    ax.legend(frameon=False, labelcolor=INK)
    listed = ", ".join(f"{row.total:,.2f} on {row.machine}" for row in frame.itertuples())
    return tidy(ax, title=result.title, x="", y="price", alt=f"Price of the runs: {listed}.")
