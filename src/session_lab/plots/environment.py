"""Pictures of a team's own environment: the fitted run model, and how well it reproduces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, PercentFormatter

from session_lab.analysis.display import read_duration
from session_lab.plots.drawing import draw
from session_lab.plots.theme import COLOURS, INK, axes_for, legend_above, tidy
from session_lab.replays.environment.calibration import Calibration
from session_lab.replays.environment.fitting import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from session_lab.replays.environment.fitting.parameters import Parameter

__all__ = ["calibration", "fitted"]

_STEPS = 400
"""Steps of a curve that a picture can show."""
_SET = ("idle_timeout", "turn_timeout", "max_duration", "preload_idle_timeout", "preload_timeout")
_TICKS = (1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 86_400_000)
_LEAST = 1.0
"""A logarithmic axis has no 0; what takes no time stands at a millisecond."""


@draw.register(Fit)
def fitted(result: Fit, ax: Axes | None = None) -> Axes:
    """Draw how long boots, resumes and turns take, with their means, and what the team has set.

    Each curve is the share that took no longer; the line through its mean is the interval of that.
    A timeout is a vertical line.

    Parameters
    ----------
    result : Fit
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    told = []
    for place, (name, sample) in enumerate(result.samples.items()):
        share = np.cumsum(sample.weights)
        rows = np.unique(np.linspace(0, len(share) - 1, _STEPS).astype(int))
        values, colour = np.maximum(sample.times[rows], _LEAST), COLOURS[place]
        ax.step(
            np.insert(values, 0, values[0]),
            np.insert(share[rows], 0, 0.0),
            where="post",
            color=colour,
            label=name.replace("_", " "),
        )
        mean = next(row for row in result.rows if (row.parameter, row.statistic) == (name, "mean"))
        height = float(np.interp(_at_least(mean.value), values, share[rows]))
        ends = [_at_least(mean.lower), _at_least(mean.upper)]
        ax.plot(ends, [height, height], color=colour, linewidth=4, alpha=0.4)
        ax.plot([_at_least(mean.value)], [height], "o", color=colour)
        told.append(f"mean {name.replace('_', ' ')} {read_duration(round(mean.value or 0))}")
    for row in result.rows:
        if row.parameter in _SET and row.value is not None:
            told.append(_set_line(ax, row, len(told)))
    ax.set_xscale("log")
    ax.set_ylim(0, 1.02)
    if result.samples:
        legend_above(ax)
    alt = f"What was fitted: {', '.join(told) or 'nothing'}."
    ax = tidy(ax, title="", x="time", y="share that took no longer", alt=alt)
    ax.set_title(result.title, loc="left", color=INK, fontsize=11, pad=22)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    low, high = ax.get_xlim()
    ax.set_xticks([tick for tick in _TICKS if low <= tick <= high])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: read_duration(round(tick))))
    ax.minorticks_off()
    return ax


@draw.register(Calibration)
def calibration(result: Calibration, ax: Axes | None = None) -> Axes:
    """Draw by how much each measure of the replay differs from the recorded, with its interval.

    The band is the tolerance. Shares are in points, all else in percent of the recorded; what did
    not occur on either side, or is not judged, is left out.

    Parameters
    ----------
    result : Calibration
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    judged = result.overview().dropna(subset="verdict")["measure"].tolist()
    frame = result.relative()
    frame = frame[frame["measure"].isin(judged)].iloc[::-1]
    ax = axes_for(ax)
    is_off = (result.measures["verdict"] == "off").fillna(value=False)
    off = set(result.measures["measure"][is_off])
    places = range(len(frame))
    band = 100 * result.tolerance
    ax.axvspan(-band, band, color=INK, alpha=0.12)
    ax.axvline(0, color=INK, linewidth=0.8)
    colours = [COLOURS[5] if name in off else COLOURS[0] for name in frame["measure"]]
    ax.hlines(places, frame["lower"], frame["upper"], color=colours, linewidth=2)
    ax.scatter(frame["difference"], places, color=colours, s=24, zorder=3)
    told = ", ".join(
        f"{row.measure} {row.difference:+.1f}" for row in frame.iloc[::-1].itertuples()
    )
    alt = f"{result.sentence}. Replayed less recorded, in percent or points: {told or 'nothing'}."
    ax = tidy(ax, title=result.title, x="replayed - recorded, % or points", y="", alt=alt)
    ax.set_yticks(places, labels=[name.replace("_", " ") for name in frame["measure"]])
    ax.tick_params(axis="y", labelsize=7)
    return ax


def _set_line(ax: Axes, row: Parameter, place: int) -> str:
    """Draw what a team has set, and return it in words."""
    value = _at_least(row.value)
    name = row.parameter.replace("_", " ")
    whose = "" if row.task is None else f" of {row.task}"
    ax.axvline(value, color=INK, linestyle="--", linewidth=1)
    if row.lower is not None and row.upper is not None:
        ax.axvspan(_at_least(row.lower), _at_least(row.upper), color=INK, alpha=0.15)
    text = f"{name}{whose} {read_duration(round(value))}"
    height = 0.04 + 0.09 * (place % 5)
    ax.annotate(
        text,
        (value, height),
        xytext=(-4, 0),
        textcoords="offset points",
        color=INK,
        fontsize=8,
        ha="right",
    )
    return text


def _at_least(value: float | None) -> float:
    return max(value or 0.0, _LEAST)
