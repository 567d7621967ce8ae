"""Pictures of churn: runs per session, gaps, reasons, transitions, rates, polled hand-overs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib import dates as mdates

from session_lab.analysis.churn import (
    Gaps,
    Handovers,
    Rate,
    Reasons,
    RunsPerSession,
    StartKinds,
    Transitions,
)
from session_lab.analysis.display import counted
from session_lab.plots.drawing import draw
from session_lab.plots.pictures.marks import Unit, mark_bars, mark_boxes, mark_curve, mark_units
from session_lab.plots.texts import share_text
from session_lab.plots.theme import COLOURS, INK, axes_for, draw_bars, ink_on, label_bars, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = [
    "churn_rate",
    "gaps",
    "handovers",
    "reasons",
    "runs_per_session",
    "transitions",
    "turn_starts",
]

_MANY = 30
"""Bars up to which each gets its number."""


@draw.register(RunsPerSession)
def runs_per_session(result: RunsPerSession, ax: Axes | None = None) -> Axes:
    """Draw how many sessions took how many runs, as bars.

    Parameters
    ----------
    result : RunsPerSession
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    bars = draw_bars(ax, frame["runs"], frame["sessions"], width=0.9, color=COLOURS[0])
    texts = [
        f"{counted(runs, 'run')}: {counted(n, 'session')} ({share_text(share)})"
        for runs, n, share in zip(frame["runs"], frame["sessions"], frame["share"], strict=True)
    ]
    mark_bars(ax, bars, map(str, frame["runs"]), texts)
    if len(frame) <= _MANY:
        label_bars(ax, bars, map(share_text, frame["share"]), padding=0, size=8)
    ax.margins(y=0.12)
    numbers = result.summary()
    alt = (
        f"Runs per session: {result.mean:.2f} on average, {numbers['median']} in the middle, "
        f"{numbers['most']} at most, in {counted(numbers['sessions'], 'session')}."
    )
    return tidy(ax, title=result.title, x="runs", y="sessions", alt=alt)


@draw.register(Gaps)
def gaps(result: Gaps, ax: Axes | None = None) -> Axes:
    """Draw the gaps by length, and the sessions still waiting by how long.

    Parameters
    ----------
    result : Gaps
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    place = np.arange(len(frame))
    for shift, column, colour, label in (
        (-0.2, "gaps", COLOURS[0], "next run came"),
        (0.2, "waiting", COLOURS[1], "none yet, waiting so long"),
    ):
        bars = draw_bars(ax, place + shift, frame[column], width=0.4, color=colour, label=label)
        keys = [(str(gap), column) for gap in frame["gap"]]
        texts = [
            f"{gap}: {n:,}, {label}" for gap, n in zip(frame["gap"], frame[column], strict=True)
        ]
        mark_bars(ax, bars, keys, texts)
    ax.set_xticks(place, frame["gap"], rotation=35, ha="right", rotation_mode="anchor")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, labelcolor=INK)
    alt = (
        f"{frame['gaps'].sum():,} gaps between runs by length, {frame['gaps'].iloc[0]:,} of them "
        f"below zero; {len(result.waiting):,} sessions wait for a next run."
    )
    return tidy(ax, title=result.title, x="", y="runs", alt=alt)


@draw.register(Reasons)
def reasons(result: Reasons, ax: Axes | None = None) -> Axes:
    """Draw why runs were triggered and why they ended, as bars with their shares.

    Parameters
    ----------
    result : Reasons
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    colours = frame["of"].map({"reason": COLOURS[0], "end_cause": COLOURS[1]})
    # A gap of one bar keeps the two kinds apart.
    place = np.arange(len(frame)) + (frame["of"] == "end_cause").to_numpy()
    bars = draw_bars(ax, place, frame["runs"], lying=True, color=list(colours))
    label_bars(ax, bars, map(share_text, frame["share"]))
    names = {"reason": "triggered for", "end_cause": "ended by"}
    texts = [
        f"{names[str(of)]} {str(value).replace('_', ' ')}: {counted(runs, 'run')} ({share_text(share)})"
        for of, value, runs, share in zip(
            frame["of"], frame["value"], frame["runs"], frame["share"], strict=True
        )
    ]
    mark_bars(ax, bars, zip(frame["of"], frame["value"], strict=True), texts)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    for kind, name in names.items():
        rows = np.flatnonzero(frame["of"] == kind)
        if len(rows):
            bars[rows[0]].set_label(name)
    if len(frame):
        ax.legend(frameon=False, labelcolor=INK)
    listed = ", ".join(f"{row.runs:,} {row.value}" for row in frame.itertuples())
    alt = f"Runs by reason, then by end: {listed or 'none'}."
    tidy(ax, title=result.title, x="runs", y="", alt=alt)
    ax.set_yticks(place, [value.replace("_", " ") for value in frame["value"]])
    return ax


@draw.register(StartKinds)
def turn_starts(result: StartKinds, ax: Axes | None = None) -> Axes:
    """Draw how served turns started, as bars with their mean wait.

    Parameters
    ----------
    result : StartKinds
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    bars = ax.bar(frame["start_kind"], frame["turns"], color=COLOURS[0])
    waits = frame["mean_wait"].dt.total_seconds()
    label_bars(ax, bars, [f"waited {wait:,.1f} s" for wait in waits], padding=2)
    ax.margins(y=0.12)
    listed = ", ".join(f"{row.turns:,} {row.start_kind}" for row in frame.itertuples())
    alt = f"Turns by how they started: {listed or 'none'}."
    return tidy(ax, title=result.title, x="", y="turns", alt=alt)


@draw.register(Transitions)
def transitions(result: Transitions, ax: Axes | None = None) -> Axes:
    """Draw the matrix from ends to next reasons, shaded by share and labelled with counts.

    Parameters
    ----------
    result : Transitions
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    shares = result.shares
    shades = colormaps["Blues"]
    if shares.size:
        ax.imshow(shares, cmap=shades, vmin=0, vmax=1, aspect="auto")
    for (row, column), runs in np.ndenumerate(result.counts):
        share = float(shares[row, column])
        colour = ink_on(shades(share))
        label = f"{share_text(share)}\n{runs:,}" if runs else "0"
        ax.text(column, row, label, ha="center", va="center", color=colour, size=8)
        key = (result.end_causes[row], result.reasons[column])
        text = f"ended by {key[0].replace('_', ' ')}, then {key[1]}: {counted(int(runs), 'run')}"
        mark_boxes(ax, [(column - 0.5, row - 0.5, column + 0.5, row + 0.5)], [key], [text])
    ax.set_xticks(range(len(result.reasons)), result.reasons)
    ax.set_yticks(range(len(result.end_causes)), [c.replace("_", " ") for c in result.end_causes])
    listed = ", ".join(
        f"{row.runs:,} from {row.end_cause} to {row.next_reason}"
        for row in result.to_frame().itertuples()
    )
    names = ax.yaxis.get_major_formatter()
    tidy(ax, title=result.title, x="next run", y="this run ended by", alt=f"Runs: {listed}.")
    ax.yaxis.set_major_formatter(names)
    return ax


@draw.register(Rate)
def churn_rate(result: Rate, ax: Axes | None = None) -> Axes:
    """Draw hand-overs per session-hour over time, as steps over the periods.

    Parameters
    ----------
    result : Rate
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.to_frame()
    rates = frame["rate"].to_numpy(dtype=float, na_value=np.nan)
    days = frame["period"].dt.tz_localize(None)
    ax.step(days, rates, where="post", color=COLOURS[0])
    (line,) = ax.plot(days, rates, "o", markersize=4, color=COLOURS[0])
    mark_curve(ax, line, "hand-overs per session-hour")
    mark_units(ax, Unit("time", 86_400_000), Unit("number"))
    if len(frame):
        _dates(ax)
        ax.set_ylim(0, 1.05 * np.nanmax(rates, initial=0) or 1)
        # A day to either side: one period alone would else stand in the middle of years.
        day = np.timedelta64(1, "D")
        ax.set_xlim(mdates.date2num(days.min() - day), mdates.date2num(days.max() + day))
    whole = result.summary().get("rate")
    told = "no session alive" if whole is None else f"{whole:.3g} per session-hour altogether"
    alt = f"Hand-overs per session-hour over {counted(len(frame), 'period')}: {told}."
    return tidy(ax, title=result.title, x=f"time ({result.tz})", y="per session-hour", alt=alt)


@draw.register(Handovers)
def handovers(result: Handovers, ax: Axes | None = None) -> Axes:
    """Draw the bounds on how many hand-overs had happened by a time.

    Parameters
    ----------
    result : Handovers
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.cumulative()
    time, low, high = frame["time"].dt.tz_localize(None), frame["at_least"], frame["at_most"]
    ax.fill_between(time, low, high, step="post", color=COLOURS[0], alpha=0.2)
    ax.step(time, high, where="post", color=COLOURS[1], label="at most")
    ax.step(time, low, where="post", color=COLOURS[0], label="at least")
    if len(frame):
        ax.legend(frameon=False, labelcolor=INK)
        _dates(ax)
    alt = f"{len(result.by):,} hand-overs seen by polls: bounds on how many had happened by a time."
    return tidy(ax, title=result.title, x="time (UTC)", y="hand-overs seen", alt=alt)


def _dates(ax: Axes) -> None:
    locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
