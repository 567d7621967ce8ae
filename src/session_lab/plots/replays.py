"""Pictures of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.dates as mdates

from session_lab.analysis.churn.cost import CHARGED, Cost
from session_lab.analysis.churn.prices import PriceList
from session_lab.analysis.display import money, read_duration
from session_lab.analysis.replays.concurrency import Concurrency
from session_lab.analysis.replays.slot_waits import SlotWaits
from session_lab.plots.drawing import draw
from session_lab.plots.theme import COLOURS, INK, axes_for, label_bars, tidy
from session_lab.replays.summary import ReplaySummary

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


__all__ = ["concurrency", "cost", "price_list", "slot_waits", "start_kinds"]


@draw.register(Concurrency)
def concurrency(result: Concurrency, ax: Axes | None = None) -> Axes:
    """Draw the runs alive over time and those that execute, mark their peaks, and the limit.

    Parameters
    ----------
    result : Concurrency
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    peaks = {"alive": (result.peak, result.peak_at)}
    if result.executing is not None:
        peaks["executing"] = result.peak_executing, result.peak_executing_at
    told, times = [], _times(frame)
    for (name, (peak, peak_at)), colour in zip(peaks.items(), COLOURS, strict=False):
        ax.step(times, frame[name], where="post", color=colour, label=name)
        ax.fill_between(times, frame[name], step="post", color=colour, alpha=0.15)
        told.append(f"{name} at most {peak:,}, {_mean_of(result, name):,.0f} on average")
        if peak_at is not None:
            at = (mdates.date2num(peak_at), peak)
            ax.plot(*at, marker="o", color=COLOURS[5])
            ax.annotate(
                f"peak {peak:,}",
                at,
                xytext=(6, -2),
                textcoords="offset points",
                color=INK,
                va="top",
            )
    if result.limit is not None:
        ax.axhline(result.limit, color=INK, ls="--", lw=1, label=f"limit {result.limit:,}")
        told.append(f"limit {result.limit:,}")
    if len(frame):
        _dates(ax)
    ax.set_ylim(bottom=0)
    if len(ax.get_lines()) > 1:
        ax.legend(frameon=False, labelcolor=INK)
    alt = f"Runs over time: {'; '.join(told)}."
    return tidy(ax, title=result.title, x="time (UTC)", y="runs", alt=alt)


@draw.register(SlotWaits)
def slot_waits(result: SlotWaits, ax: Axes | None = None) -> Axes:
    """Draw the slots that are held over time, the limit, and on top of them the line.

    Parameters
    ----------
    result : SlotWaits
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    times = _times(frame)
    held, asked = frame["executing"], frame["executing"] + frame["in_line"]
    # What executes lies on top: where nobody is in line the two are the same.
    ax.fill_between(times, held, asked, step="post", color=COLOURS[5], alpha=0.3)
    ax.step(times, asked, where="post", color=COLOURS[5], lw=1, label="and in line")
    ax.fill_between(times, held, step="post", color=COLOURS[0], alpha=0.3)
    ax.step(times, held, where="post", color=COLOURS[0], lw=1, label="executing")
    ax.axhline(result.limit, color=INK, ls="--", lw=1, label=f"limit {result.limit:,}")
    if len(frame):
        _dates(ax)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, labelcolor=INK)
    p95 = read_duration(round(result.quantile(0.95).total_seconds() * 1000))
    alt = (
        f"Runs that execute, at most {result.peak:,} of {result.limit:,} slots, and those in line, "
        f"at most {result.longest_line:,}; {result.waited_share:.1%} of turns waited, p95 {p95}."
    )
    return tidy(ax, title=result.title, x="time (UTC)", y="runs", alt=alt)


def _times(frame: pd.DataFrame) -> NDArray[np.datetime64]:
    # Of none at all matplotlib makes no dates unless it sees that they are some.
    times: NDArray[np.datetime64] = frame["time"].dt.tz_convert(None).to_numpy("datetime64[ms]")
    return times


def _dates(ax: Axes) -> None:
    locator = mdates.AutoDateLocator(maxticks=7)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))


def _mean_of(result: Concurrency, name: str) -> float:
    return result.mean if name == "alive" else result.mean_executing


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
    label_bars(ax, bars, [f"{n:,}" for n in kinds.values()], padding=2)
    listed = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())
    alt = f"Turns by how they started: {listed or 'none'}."
    return tidy(ax, title="How turns started", x="", y="turns", alt=alt)


@draw.register(Cost)
def cost(result: Cost, ax: Axes | None = None) -> Axes:
    """Draw the price of the runs on each machine, as bars of compute and invocations.

    What the platform charged, where it is known, is a bar of its own.

    Parameters
    ----------
    result : Cost
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    whole = frame["machine"] == CHARGED
    priced = frame[~whole]
    ax.bar(frame["machine"], frame["total"].where(whole, 0.0), color=COLOURS[2])
    ax.bar(priced["machine"], priced["compute"], color=COLOURS[0], label="compute")
    ax.bar(
        priced["machine"],
        priced["invocations"],
        bottom=priced["compute"],
        color=COLOURS[1],
        label="invocations",
    )
    if len(priced):
        ax.legend(frameon=False, labelcolor=INK)
    shown = result.overview()
    listed = ", ".join(
        f"{total} {machine if machine == CHARGED else f'on {machine}'}"
        for machine, total in zip(shown["machine"], shown["total"], strict=True)
    )
    return tidy(ax, title=result.title, x="", y="price", alt=f"Price of the runs: {listed}.")


@draw.register(PriceList)
def price_list(result: PriceList, ax: Axes | None = None) -> Axes:
    """Draw what an hour of each machine costs, as bars.

    Parameters
    ----------
    result : PriceList
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    bars = ax.bar(frame["machine"], frame["price_per_hour"], color=COLOURS[0])
    shown = [money(price) for price in frame["price_per_hour"]]
    label_bars(ax, bars, shown, padding=2)
    listed = ", ".join(
        f"{machine} {price}" for machine, price in zip(frame["machine"], shown, strict=True)
    )
    alt = f"Dollars for an hour of each machine: {listed}."
    return tidy(ax, title="Price of an hour", x="", y="dollars", alt=alt)
