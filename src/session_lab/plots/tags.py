"""Pictures of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.dates as mdates
import numpy as np
from matplotlib import colormaps, ticker

from session_lab.analysis.display import counted, short_text
from session_lab.analysis.tags import (
    Cooccurrence,
    Drift,
    Namespaces,
    TagDistribution,
    TagStatuses,
)
from session_lab.plots.drawing import draw
from session_lab.plots.pictures.marks import Unit, mark_bars, mark_boxes, mark_curve, mark_units
from session_lab.plots.texts import drawn, share_text
from session_lab.plots.theme import (
    COLOURS,
    INK,
    REST,
    axes_for,
    draw_bars,
    ink_on,
    label_bars,
    tidy,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


__all__ = [
    "OTHER",
    "namespace_bars",
    "tag_bars",
    "tag_drift",
    "tag_pairs",
    "tag_statuses",
]

OTHER = ""
"""Stands for all tags that have no bar of their own; no tag is empty."""

_BARS = 15
_CELLS = 15
_LINES = 6


@draw.register(TagDistribution)
def tag_bars(result: TagDistribution, ax: Axes | None = None) -> Axes:
    """Draw the most frequent tags as bars, and the rest as one.

    Parameters
    ----------
    result : TagDistribution
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    top, tail = result.top(_BARS), result.tail(_BARS)
    names = [short_text(name) for name in top["tag"]]
    labels = drawn(top["tag"])
    counts = top["sessions"].tolist()
    if tail.tags:
        labels.append(f"other ({counted(tail.tags, 'tag')})")
        counts.append(tail.uses)
    keys = [*top["tag"], *([OTHER] if tail.tags else [])]
    ax = _bars(axes_for(ax), labels, counts, keys, of=result.sessions)
    if tail.tags:
        ax.patches[-1].set_color(REST)
    listed = ", ".join(f"{name} {n:,}" for name, n in zip(names[:5], counts, strict=False))
    rest = (
        f"; {counted(tail.tags, 'more tag')} have {counted(tail.uses, 'use')}" if tail.tags else ""
    )
    alt = (
        f"Tags by number of sessions, of {counted(result.sessions, 'session')}: {listed or 'none'}"
        f"{rest}."
    )
    return _tidy_bars(ax, labels, title=result.title, x="uses (a session has a tag once)", alt=alt)


@draw.register(Namespaces)
def namespace_bars(result: Namespaces, ax: Axes | None = None) -> Axes:
    """Draw the sessions of each namespace as bars.

    Parameters
    ----------
    result : Namespaces
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    frame = result.to_frame().head(_BARS)
    names = [short_text(name) if name else "(none)" for name in frame["namespace"]]
    labels = drawn(names)
    ax = _bars(axes_for(ax), labels, frame["sessions"].tolist(), list(frame["namespace"]))
    listed = ", ".join(
        f"{name} {row.sessions:,} with {row.tags:,} different tags"
        for name, row in zip(names, frame.itertuples(), strict=True)
    )
    alt = f"Namespaces of tags by number of sessions: {listed or 'none'}."
    return _tidy_bars(ax, labels, title=result.title, x="sessions", alt=alt)


@draw.register(Cooccurrence)
def tag_pairs(result: Cooccurrence, ax: Axes | None = None) -> Axes:
    """Draw how often tags occur together as a heat map of Jaccard's index.

    Parameters
    ----------
    result : Cooccurrence
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    names = drawn(result.names[:_CELLS], longest=16)
    k = len(names)
    # A tag always occurs with itself, and the upper triangle repeats the lower one.
    shown = np.ma.masked_where(np.triu(np.ones((k, k), dtype=bool)), result.jaccard[:k, :k])
    if k > 1:
        shares = shown[1:, :-1]
        ax.imshow(shares, cmap="cividis", vmin=0, aspect="auto")
        _label_pairs(ax, shares, result)
    pairs = result.to_frame()
    strongest = pairs.iloc[int(pairs["jaccard"].argmax())] if len(pairs) else None
    told = (
        "none do"
        if strongest is None
        else f"most alike are {short_text(strongest['one'])} and "
        f"{short_text(strongest['other'])}, {strongest['jaccard']:.0%} of the sessions with either"
    )
    alt = f"How often {k:,} tags occur together in {counted(result.sessions, 'session')}: {told}."
    ax = tidy(ax, title=f"{result.title}: sessions with both, % of either", x="", y="", alt=alt)
    ax.set_xticks(range(max(0, k - 1)), names[:-1], rotation=40, ha="right")
    ax.set_yticks(range(max(0, k - 1)), names[1:])
    return ax


@draw.register(Drift)
def tag_drift(result: Drift, ax: Axes | None = None) -> Axes:
    """Draw the shares of the most frequent tags over time.

    Parameters
    ----------
    result : Drift
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    periods = result.summary()["period"]
    styles = ("-", "--", ":", "-.")
    names = result.names[:_LINES]
    for place, label in enumerate(drawn(names)):
        (line,) = ax.plot(
            periods,
            result.shares[:, place],
            color=COLOURS[place % len(COLOURS)],
            linestyle=styles[place % len(styles)],
            marker="o",
            markersize=3,
            label=label,
        )
        mark_curve(ax, line, short_text(names[place]))
    if names:
        mark_units(ax, Unit("time", 86_400_000), Unit("share"))
        ax.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
        locator = mdates.AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    known = [distance for distance in result.distances if distance is not None]
    change = f"; consecutive periods lie at most {max(known):.2f} apart" if known else ""
    listed = ", ".join(short_text(name) for name in names) or "none"
    alt = f"Shares of tags over {counted(len(periods), 'period')}: {listed}{change}."
    ax = tidy(ax, title=result.title, x="period (UTC)", y="share of sessions", alt=alt)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
    return ax


@draw.register(TagStatuses)
def tag_statuses(result: TagStatuses, ax: Axes | None = None) -> Axes:
    """Draw the statuses of the sessions with each tag, as shares of the tag.

    Parameters
    ----------
    result : TagStatuses
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    names = drawn(result.names[:_BARS])
    shares = result.shares[:_BARS]
    places = np.arange(len(names))
    left = np.zeros(len(names))
    for number, status in enumerate(drawn(result.statuses)):
        bars = draw_bars(
            ax,
            places,
            shares[:, number],
            lying=True,
            start=left,
            color=COLOURS[number % len(COLOURS)],
            label=status,
        )
        mark_bars(
            ax,
            bars,
            [(tag, result.statuses[number]) for tag in result.names[:_BARS]],
            [
                f"{short_text(tag)}, {status}: {share:.1%}"
                for tag, share in zip(result.names, shares[:, number], strict=False)
            ],
        )
        left = left + shares[:, number]
    listed = ", ".join(result.statuses) or "none"
    alt = f"Statuses ({listed}) of the sessions with each of {len(names):,} tags, as shares."
    ax = tidy(ax, title=result.title, x="share of the sessions with the tag", y="", alt=alt)
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
    if result.statuses:
        ax.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _bars(
    ax: Axes, labels: Sequence[str], counts: Sequence[int], keys: Sequence[str], of: int = 0
) -> Axes:
    """Draw bars that lie, the first on top, each with its number, and its share of a total."""
    bars = draw_bars(ax, range(len(labels)), counts, lying=True, color=COLOURS[0])
    shares = [f" ({share_text(n / of)})" if of else "" for n in counts]
    names = [short_text(key) if key else label for key, label in zip(keys, labels, strict=True)]
    texts = [
        f"{name}: {counted(n, 'session')}{share}"
        for name, n, share in zip(names, counts, shares, strict=True)
    ]
    mark_bars(ax, bars, keys, texts)
    label_bars(ax, bars, [f"{n:,}" for n in counts])
    ax.margins(x=0.12)
    ax.invert_yaxis()
    return ax


def _label_pairs(ax: Axes, shares: np.ma.MaskedArray[Any, Any], result: Cooccurrence) -> None:
    """Write the share of each pair into its cell, as far as there is room, and mark the cell."""
    most = float(shares.max()) or 1.0
    for (row, column), share in np.ndenumerate(shares.filled(np.nan)):
        if np.isnan(share):
            continue
        one, other = result.names[column], result.names[row + 1]
        box = (column - 0.5, row - 0.5, column + 0.5, row + 0.5)
        text = (
            f"{short_text(one)} and {short_text(other)}: both in {share:.1%} of those with either"
        )
        mark_boxes(ax, [box], [(one, other)], [text])
        if len(shares) < _CELLS:
            colour = ink_on(colormaps["cividis"](share / most))
            ax.text(
                column, row, f"{100 * share:.0f}", color=colour, ha="center", va="center", size=8
            )


def _tidy_bars(ax: Axes, labels: Sequence[str], *, title: str, x: str, alt: str) -> Axes:
    ax = tidy(ax, title=title, x=x, y="", alt=alt)
    ax.set_yticks(range(len(labels)), labels)
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    ax.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    return ax
