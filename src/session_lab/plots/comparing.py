"""Pictures of replays side by side: against each other, a recording, and the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.analysis.replays.compare import ReplayComparison
from session_lab.analysis.replays.fidelity import Agreement
from session_lab.analysis.replays.lateness import Lateness
from session_lab.plots.drawing import draw
from session_lab.plots.theme import COLOURS, INK, axes_for, label_bars, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["agreement", "lateness", "replay_comparison"]


@draw.register(ReplayComparison)
def replay_comparison(result: ReplayComparison, ax: Axes | None = None) -> Axes:
    """Draw the change of each measure with its interval, in percent of the first replay's value.

    A measure that is 0 in the first replay has no percentage and is left out.

    Parameters
    ----------
    result : ReplayComparison
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.relative().iloc[::-1]
    places = range(len(frame))
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.hlines(places, frame["lower"], frame["upper"], color=COLOURS[0], linewidth=2)
    ax.plot(frame["difference"], places, "o", color=COLOURS[0])
    told = ", ".join(
        f"{row.metric} {row.difference:+.1f} % ({row.lower:+.1f} to {row.upper:+.1f})"
        for row in frame.iloc[::-1].itertuples()
    )
    alt = f"Change of each measure in percent of the first replay: {told or 'none'}."
    ax = tidy(ax, title=result.title, x="difference, % of the first", y="", alt=alt)
    ax.set_yticks(places, labels=frame["metric"].tolist())
    return ax


@draw.register(Agreement)
def agreement(result: Agreement, ax: Axes | None = None) -> Axes:
    """Draw how many answers of each operation are as expected, as stacked bars.

    Parameters
    ----------
    result : Agreement
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    counts = result.by_operation()
    ax.bar(counts["op"], counts["agreeing"], color=COLOURS[0], label=f"as {result.basis}")
    bars = ax.bar(
        counts["op"],
        counts["differing"],
        bottom=counts["agreeing"],
        color=COLOURS[5],
        label="otherwise",
    )
    labels = [f"{n:,} otherwise" for n in counts["differing"]]
    label_bars(ax, bars, labels, padding=2)
    ax.margins(y=0.12)
    ax.legend(frameon=False, labelcolor=INK)
    told = ", ".join(
        f"{row.op} {row.agreeing:,} as {result.basis} and {row.differing:,} otherwise"
        for row in counts.itertuples()
    )
    alt = f"Answers by operation: {told or 'none'}."
    return tidy(ax, title=result.title, x="", y="operations", alt=alt)


@draw.register(Lateness)
def lateness(result: Lateness, ax: Axes | None = None) -> Axes:
    """Draw how late each request went out, over the time it was due.

    Parameters
    ----------
    result : Lateness
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    ax.plot(result.since / 1000, result.late, ".", color=COLOURS[0], markersize=4)
    ax.set_ylim(bottom=0)
    late = result.summary()["late"]
    told = ", ".join(f"{name} {value} ms" for name, value in late.items()) or "no requests"
    alt = f"Lateness of requests over the time they were due: {told}."
    return tidy(ax, title=result.title, x="due, seconds from the first", y="late, ms", alt=alt)
