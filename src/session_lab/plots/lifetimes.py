"""Pictures of lifetimes: survival with its risk table, hazard, incidence, comparison."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from session_lab.analysis.tables import short_text
from session_lab.plots.texts import drawn
from session_lab.plots.theme import COLOURS, INK, axes_for, tidy

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from session_lab.analysis.lifetimes import (
        Comparison,
        CumulativeHazard,
        Estimate,
        Hazard,
        Incidence,
        IncidenceByGroup,
        Survival,
        SurvivalByGroup,
    )

__all__ = ["comparison", "cumulative_hazard", "hazard", "incidence", "incidences", "survival"]

_STYLES = ("-", "--", ":", "-.")
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))

_ROW = 13
"""Points from one line of the risk table to the next; its text is smaller."""

_BELOW = 42
"""Points from the axis to the risk table: past the ticks and the axis' own label."""

_DIGIT = 6
"""Points that a character of the risk table takes at most."""


class _Scale(NamedTuple):
    """The unit in which an axis of times is shown."""

    name: str
    milliseconds: int

    def shown(self, times: NDArray[Any]) -> NDArray[np.float64]:
        """Return times as the axis shows them."""
        if times.dtype.kind != "m":
            return times.astype(np.float64)
        return times / np.timedelta64(self.milliseconds, "ms")

    def asked(self, ticks: Sequence[float]) -> list[Any]:
        """Return what the axis shows as times that a result can be asked for."""
        if not self.name:
            return list(ticks)
        return [timedelta(milliseconds=round(tick * self.milliseconds)) for tick in ticks]

    @property
    def label(self) -> str:
        return f"time ({self.name})" if self.name else "time"


def _scale(times: NDArray[Any]) -> _Scale:
    """Choose the largest unit of which the times span at least two."""
    if times.dtype.kind != "m":
        return _Scale("", 1)
    last = times[-1] / np.timedelta64(1, "ms")
    return next((_Scale(*unit) for unit in _UNITS if last >= 2 * unit[1]), _Scale("ms", 1))


def survival(result: Survival | SurvivalByGroup, ax: Axes | None = None) -> Axes:
    """Draw survival curves with their bands, and below them how many are at risk.

    Of more than six groups, the six largest are drawn.

    Parameters
    ----------
    result : Survival or SurvivalByGroup
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    parts: Mapping[Hashable, Survival] = getattr(result, "parts", {})
    curves = list(_largest(parts).values()) or [cast("Survival", result)]
    names = drawn(map(str, _largest(parts))) or [""]
    if ax is None:
        ax = axes_for(None)
        figure = cast("Figure", ax.figure)
        figure.set_figheight(figure.get_figheight() + len(names) * _ROW / 72)
    scale = _scale(max((curve.time for curve in curves), key=lambda time: time[-1]))
    for colour, name, curve in zip(COLOURS, names, curves, strict=False):
        x = scale.shown(curve.time)
        ax.step(x, curve.survival, where="post", color=colour, label=name)
        ax.fill_between(x, curve.lower, curve.upper, step="post", color=colour, alpha=0.15, lw=0)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    _risk_table(ax, names, curves, scale)
    if parts:
        ax.legend(frameon=False, labelcolor=INK)
    some = f", the {len(curves)} largest of {len(parts)} groups" if len(parts) > len(curves) else ""
    told = [f"{short_text(str(name))}: " for name in _largest(parts)] or [""]
    medians = "; ".join(name + _median(curve) for name, curve in zip(told, curves, strict=True))
    alt = f"Share surviving over time. {medians}."
    tidy(ax, title=f"{result.title}{some}", x=scale.label, y="surviving", alt=alt)
    return _as_shares(ax)


def cumulative_hazard(result: CumulativeHazard, ax: Axes | None = None) -> Axes:
    """Draw a cumulative hazard with its band.

    Parameters
    ----------
    result : CumulativeHazard
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    scale = _scale(result.time)
    x = scale.shown(result.time)
    ax.step(x, result.hazard, where="post", color=COLOURS[0])
    ax.fill_between(x, result.lower, result.upper, step="post", color=COLOURS[0], alpha=0.15, lw=0)
    ax.set_ylim(bottom=0)
    alt = f"Cumulative hazard over time, {result.hazard[-1]:.3g} at the end."
    return tidy(ax, title=result.title, x=scale.label, y="cumulative hazard", alt=alt)


def hazard(result: Hazard, ax: Axes | None = None) -> Axes:
    """Draw a smoothed hazard with its band.

    Parameters
    ----------
    result : Hazard
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    scale = _scale(result.time)
    x = scale.shown(result.time)
    ax.plot(x, result.hazard, color=COLOURS[0])
    ax.fill_between(x, result.lower, result.upper, color=COLOURS[0], alpha=0.15, lw=0)
    ax.set_ylim(bottom=0)
    per = "second" if scale.name else "unit of time"
    peak = result.hazard.argmax()
    alt = f"Rate of ending over time, at most {result.hazard[peak]:.3g} per {per}."
    title = f"{result.title}, bandwidth {result.bandwidth}"
    return tidy(ax, title=title, x=scale.label, y=f"rate per {per}", alt=alt)


def incidence(result: Incidence, ax: Axes | None = None) -> Axes:
    """Draw the cumulative incidence of all causes, stacked: what is above them has not ended.

    Parameters
    ----------
    result : Incidence
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    scale = _scale(result.time)
    x, floor = scale.shown(result.time), np.zeros(len(result.time))
    for colour, cause, share in zip(COLOURS, result.causes, result.incidence, strict=False):
        top = floor + share
        ax.fill_between(x, floor, top, step="post", color=colour, alpha=0.7, lw=0, label=str(cause))
        floor = top
    ax.set_ylim(0, 1)
    ax.set_xlim(left=0)
    # Above the picture, where no colour lies beneath its text.
    ax.legend(
        frameon=False,
        labelcolor=INK,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0,
        ncols=len(result.causes),
    )
    tidy(ax, title=result.title, x=scale.label, y="ended", alt=_shares_of(result))
    return _as_shares(ax)


def incidences(result: IncidenceByGroup, ax: Axes | None = None) -> Axes:
    """Draw the cumulative incidence of each cause as lines: groups by colour, causes by dashes.

    Of more than six groups, the six largest are drawn.

    Parameters
    ----------
    result : IncidenceByGroup
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    parts = _largest(result.parts)
    names = drawn(map(str, parts))
    scale = _scale(max((part.time for part in parts.values()), key=lambda time: time[-1]))
    for colour, name, part in zip(COLOURS, names, parts.values(), strict=False):
        x = scale.shown(part.time)
        for style, cause, share in zip(_STYLES, part.causes, part.incidence, strict=False):
            label = f"{name}, {cause}"
            ax.step(x, share, where="post", color=colour, linestyle=style, label=label)
    ax.set_ylim(0, 1)
    ax.set_xlim(left=0)
    ax.legend(frameon=False, labelcolor=INK)
    alt = " ".join(f"{short_text(str(name))}: {_shares_of(part)}" for name, part in parts.items())
    tidy(ax, title=result.title, x=scale.label, y="ended", alt=alt)
    return _as_shares(ax)


def comparison(result: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the events that each group had beside those expected if all ended at one rate.

    Parameters
    ----------
    result : Comparison
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    places = np.arange(len(result.groups))
    ax.bar(places - 0.2, result.observed, 0.4, color=COLOURS[0], label="observed")
    ax.bar(places + 0.2, result.expected, 0.4, color=COLOURS[1], label="expected")
    ax.set_xticks(places, drawn(map(str, result.groups)))
    ax.legend(frameon=False, labelcolor=INK)
    listed = "; ".join(
        f"{short_text(str(name))}: {seen:,} seen, {due:,.1f} expected"
        for name, seen, due in zip(result.groups, result.observed, result.expected, strict=True)
    )
    title = f"{result.title}, {result.notes[0]}"
    return tidy(ax, title=title, x="", y="events", alt=f"Events per group. {listed}.")


def _risk_table(ax: Axes, names: Sequence[str], curves: Sequence[Survival], scale: _Scale) -> None:
    """Write below the axis how many are at risk at its ticks, a line for each curve.

    Lines are a fixed number of points apart, and there are only as many ticks as the widest number
    leaves room for, so nothing overlaps at any size of the figure.
    """
    most = max(int(curve.at_risk.max()) for curve in curves)
    wide = len(f"{most:,}") * _DIGIT
    # Names to the left may take a part of the width away.
    taken = max(map(len, names)) * _DIGIT + wide
    width = ax.bbox.width / ax.figure.dpi * 72 - taken
    last = max(float(scale.shown(curve.time)[-1]) for curve in curves) or 1.0
    room = int(min(max(width // (wide + 4 * _DIGIT), 1), 8))
    ticks = [tick for tick in MaxNLocator(room).tick_values(0, last) if 0 <= tick <= last]
    ax.set_xticks(ticks)
    asked = scale.asked(ticks)
    beside = -wide / 2 - 8
    _write(ax, 0, "at risk", beside, line=0, ha="right", color=INK)
    for line, (colour, name, curve) in enumerate(zip(COLOURS, names, curves, strict=False)):
        below = line + 1 if name else 0
        _write(ax, 0, name, beside, line=below, ha="right", color=colour)
        for tick, n in zip(ticks, curve.at(asked)["at_risk"], strict=True):
            _write(ax, tick, f"{n:,}", 0, line=below, ha="center", color=INK)


def _write(ax: Axes, x: float, text: str, shift: float, *, line: int, ha: str, color: str) -> None:
    if text:
        ax.annotate(
            text,
            (x, 0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(shift, -_BELOW - line * _ROW),
            textcoords="offset points",
            ha=ha,
            va="top",
            fontsize=9,
            color=color,
            annotation_clip=False,
        )


def _largest(parts: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    """Return the groups that started with most subjects, as many as there are colours."""
    by_size = sorted(parts, key=lambda name: -int(parts[name].at_risk.max()))
    drawn = set(islice(by_size, len(COLOURS)))
    return {name: part for name, part in parts.items() if name in drawn}


def _as_shares(ax: Axes) -> Axes:
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return ax


def _median(curve: Survival) -> str:
    median: Estimate = curve.median
    if median.value is None:
        return "median not reached"
    upper = "beyond the data" if median.upper is None else median.upper
    return f"median {median.value}, interval {median.lower} to {upper}"


def _shares_of(result: Incidence) -> str:
    listed = ", ".join(
        f"{share:.0%} {cause}"
        for cause, share in zip(result.causes, result.incidence[:, -1], strict=True)
    )
    return f"Share ended by the last time: {listed}."
