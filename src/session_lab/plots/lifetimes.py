"""Pictures of lifetimes: survival with its risk table, hazard, incidence, comparison."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from pandas import Timedelta

from session_lab.analysis.display import read_duration, short_text
from session_lab.analysis.lifetimes import (
    CoxModel,
    CumulativeHazard,
    GroupComparison,
    Hazard,
    Incidence,
    IncidenceByGroup,
    IntervalSurvival,
    Survival,
    SurvivalByGroup,
)
from session_lab.plots.drawing import draw
from session_lab.plots.pictures.marks import Unit, mark_boxes, mark_curve, mark_units
from session_lab.plots.texts import drawn
from session_lab.plots.theme import COLOURS, INK, axes_for, legend_above, tidy

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence, Sized

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


__all__ = [
    "comparison",
    "cumulative_hazard",
    "hazard",
    "hazard_ratios",
    "incidence",
    "incidences",
    "interval_survival",
    "survival",
]

_STYLES = ("-", "--", ":", "-.")
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))

_RATES = (("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))

_STEPS = 300
"""Steps of a curve that a picture can show."""

_BARS = 8
"""Groups of a comparison that are drawn."""

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

    def told(self, time: float | Timedelta) -> str:
        """Return a time as words and tables have it."""
        if isinstance(time, Timedelta):
            return read_duration(round(time / Timedelta(1, "ms")))
        return f"{time:.3g}"

    @property
    def rate(self) -> tuple[str, float]:
        """What rates on this axis are per, and how many seconds that is."""
        if not self.name:
            return "unit of time", 1.0
        units = (unit for unit in _RATES if unit[1] <= self.milliseconds)
        name, milliseconds = next(units, _RATES[-1])
        return name, milliseconds / 1_000

    @property
    def label(self) -> str:
        return f"age of the session ({self.name})" if self.name else "time"

    @property
    def unit(self) -> Unit:
        """The unit as marks have it."""
        return Unit("age", self.milliseconds, self.name) if self.name else Unit("number")


def _scale(times: NDArray[Any]) -> _Scale:
    """Choose the largest unit of which the times span at least two."""
    if times.dtype.kind != "m":
        return _Scale("", 1)
    last = times[-1] / np.timedelta64(1, "ms")
    return next((_Scale(*unit) for unit in _UNITS if last >= 2 * unit[1]), _Scale("ms", 1))


@draw.register(SurvivalByGroup)
@draw.register(Survival)
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
    still = "still open" if scale.name else "surviving"
    for colour, name, curve in zip(COLOURS, names, curves, strict=False):
        x = scale.shown(curve.time)
        seen = _seen(x)
        (line,) = ax.step(x[seen], curve.survival[seen], where="post", color=colour, label=name)
        band = curve.lower[seen], curve.upper[seen]
        ax.fill_between(x[seen], *band, step="post", color=colour, alpha=0.15, lw=0)
        mark_curve(ax, line, name or still)
    mark_units(ax, scale.unit, Unit("share"))
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    _risk_table(ax, names, curves, scale)
    if parts:
        # Where curves that fall leave room; to look for the best place takes longer than a curve.
        ax.legend(frameon=False, labelcolor=INK, loc="upper right")
    told = [f"{short_text(str(name))}: " for name in _largest(parts)] or [""]
    medians = "; ".join(
        name + _median(curve, scale) for name, curve in zip(told, curves, strict=True)
    )
    alt = f"Share {still} by {'age' if scale.name else 'time'}. {medians}."
    title = f"{result.title}{_some(curves, parts)}"
    tidy(ax, title=title, x=scale.label, y=f"share {still}", alt=alt)
    return _as_shares(ax)


@draw.register(CumulativeHazard)
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


@draw.register(Hazard)
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
    per, seconds = scale.rate
    rate, lower, upper = (seconds * h for h in (result.hazard, result.lower, result.upper))
    x = scale.shown(result.time)
    ax.plot(x, rate, color=COLOURS[0])
    ax.fill_between(x, lower, upper, color=COLOURS[0], alpha=0.15, lw=0)
    ax.set_ylim(bottom=0)
    alt = f"Rate of ending over time, at most {rate.max():.3g} per {per}."
    # A short bandwidth may need a finer unit than the axis.
    width = _scale(np.array([result.bandwidth], result.time.dtype)).told(result.bandwidth)
    title = f"{result.title}, bandwidth {width}"
    return tidy(ax, title=title, x=scale.label, y=f"rate per {per}", alt=alt)


@draw.register(Incidence)
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
    x = scale.shown(result.time)
    # The last step needs some width, else nobody would see what happens at the last time.
    x = np.append(x, x[-1] * 1.03 or 1.0)
    seen = _seen(x)
    floor = np.zeros(len(x))
    for colour, cause, share in zip(COLOURS, result.causes, result.incidence, strict=False):
        top = floor + np.append(share, share[-1])
        band = x[seen], floor[seen], top[seen]
        ax.fill_between(*band, step="post", color=colour, alpha=0.7, lw=0, label=str(cause))
        # An upper edge without width: not to be seen, but to be read under the pointer.
        (line,) = ax.step(x[seen], top[seen], where="post", color=colour, lw=0)
        mark_curve(ax, line, f"{cause} and what is below it" if floor.any() else str(cause))
        box = (float(x[-1]) * 0.98, float(floor[-1]), float(x[-1]), float(top[-1]))
        mark_boxes(ax, [box], [str(cause)], [f"{cause}: {share[-1]:.1%} by the last time"])
        floor = top
    mark_units(ax, scale.unit, Unit("share"))
    ax.set_ylim(0, 1)
    ax.set_xlim(0, x[-1])
    legend_above(ax)
    tidy(ax, title=result.title, x=scale.label, y="ended", alt=_shares_of(result))
    return _as_shares(ax)


@draw.register(IncidenceByGroup)
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
            seen = _seen(x)
            (line,) = ax.step(x[seen], share[seen], where="post", color=colour, linestyle=style)
            mark_curve(ax, line, f"{name}, {cause}")
    mark_units(ax, scale.unit, Unit("share"))
    ax.set_ylim(0, 1)
    ax.set_xlim(left=0)
    causes = map(str, next(iter(parts.values())).causes)
    lines = [
        *(Line2D([], [], color=c, label=name) for c, name in zip(COLOURS, names, strict=False)),
        *(
            Line2D([], [], color=INK, ls=s, label=name)
            for s, name in zip(_STYLES, causes, strict=False)
        ),
    ]
    ax.legend(handles=lines, frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    alt = " ".join(f"{short_text(str(name))}: {_shares_of(part)}" for name, part in parts.items())
    title = f"{result.title}{_some(parts, result.parts)}"
    tidy(ax, title=title, x=scale.label, y="ended", alt=alt)
    return _as_shares(ax)


@draw.register(GroupComparison)
def comparison(result: GroupComparison, ax: Axes | None = None) -> Axes:
    """Draw the events that each group had beside those expected if all ended at one rate.

    Of more than eight groups, the eight largest are drawn.

    Parameters
    ----------
    result : GroupComparison
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    largest = result.to_frame().nlargest(_BARS, "n").sort_index()
    places = np.arange(len(largest))
    ax.barh(places - 0.2, largest["observed"], 0.4, color=COLOURS[0], label="observed")
    ax.barh(places + 0.2, largest["expected"], 0.4, color=COLOURS[1], label="expected")
    ax.invert_yaxis()
    ax.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    listed = "; ".join(
        f"{short_text(str(row.group))}: {row.observed:,} seen, {row.expected:,.1f} expected"
        for row in largest.itertuples()
    )
    some = _some(largest, result.groups)
    alt = f"Events per group{some}; {result.notes[0]}. {listed}."
    tidy(ax, title=f"{result.title}{some}", x=f"events ({result.notes[0]})", y="", alt=alt)
    ax.set_yticks(places, drawn(map(str, largest["group"])))
    return ax


def _seen(x: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the steps that can be told apart: the last of those that fall on one place."""
    if len(x) <= _STEPS:
        return np.arange(len(x))
    places = np.floor((x - x[0]) / (x[-1] - x[0]) * _STEPS)
    last = np.flatnonzero(np.append(np.diff(places) > 0, True))
    return np.union1d([0], last)


@draw.register(CoxModel)
def hazard_ratios(result: CoxModel, ax: Axes | None = None) -> Axes:
    """Draw each hazard ratio and its interval, on a scale of factors.

    Parameters
    ----------
    result : CoxModel
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    table = result.to_frame()
    places = np.arange(len(table))
    reach = np.stack(
        [table["hazard_ratio"] - table["lower"], table["upper"] - table["hazard_ratio"]]
    )
    ax.errorbar(table["hazard_ratio"], places, xerr=reach, fmt="o", color=COLOURS[0], capsize=3)
    ax.axvline(1, color=INK, lw=0.8, ls=":")
    ax.set_xscale("log")
    ax.invert_yaxis()
    listed = "; ".join(
        f"{short_text(str(row.term))}: {row.hazard_ratio:.3g} ({row.lower:.3g} to {row.upper:.3g})"
        for row in table.itertuples()
    )
    tidy(ax, title=result.title, x="hazard ratio", y="", alt=f"Hazard ratios. {listed}.")
    ax.set_yticks(places, drawn(table["term"]))
    return ax


@draw.register(IntervalSurvival)
def interval_survival(result: IntervalSurvival, ax: Axes | None = None) -> Axes:
    """Draw between what the share alive must lie, over time.

    Parameters
    ----------
    result : IntervalSurvival
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    scale = _scale(result.right)
    left, right = scale.shown(result.left), scale.shown(result.right)
    after = np.concatenate([[1.0], result.survival])
    start = np.zeros(1)
    ax.plot(
        np.concatenate([start, right]), after, drawstyle="steps-post", color=COLOURS[0],
        label="ends as late as possible",
    )  # fmt: skip
    ax.plot(
        np.concatenate([start, left]), after, drawstyle="steps-post", color=COLOURS[0], ls=":",
        label="ends as early as possible",
    )  # fmt: skip
    ax.legend(frameon=False, labelcolor=INK)
    alt = f"Share surviving, between bounds, of {result.n:,} subjects; {result.notes[0]}."
    tidy(ax, title=result.title, x=scale.label, y="surviving", alt=alt)
    return _as_shares(ax)


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
    _write(ax, 0, "at risk", beside, line=0, ha="right")
    for line, (colour, name, curve) in enumerate(zip(COLOURS, names, curves, strict=False)):
        below = line + 1 if name else 0
        if name:
            # Some of the colours are too pale for small text, so a dot has the colour.
            _write(ax, 0, "●", beside, line=below, ha="right", color=colour)
            _write(ax, 0, name, beside - 2 * _DIGIT, line=below, ha="right")
        for tick, n in zip(ticks, curve.at(asked)["at_risk"], strict=True):
            _write(ax, tick, f"{n:,}", 0, line=below, ha="center")


def _write(
    ax: Axes, x: float, text: str, shift: float, *, line: int, ha: str, color: str = INK
) -> None:
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


def _some(drawn: Sized, groups: Sized) -> str:
    """Note in a title that not all groups are drawn."""
    some = f", the {len(drawn)} largest of {len(groups)} groups"
    return some if len(groups) > len(drawn) else ""


def _as_shares(ax: Axes) -> Axes:
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return ax


def _median(curve: Survival, scale: _Scale) -> str:
    value, lower, upper, level = curve.median
    if value is None:
        return "median not reached"
    if lower is None and upper is None:
        return f"median {scale.told(value)}, its interval not known"
    low, high = (
        "beyond the data" if bound is None else scale.told(bound) for bound in (lower, upper)
    )
    return f"median {scale.told(value)}, {level:.0%} interval {low} to {high}"


def _shares_of(result: Incidence) -> str:
    listed = ", ".join(
        f"{share:.0%} {cause}"
        for cause, share in zip(result.causes, result.incidence[:, -1], strict=True)
    )
    return f"Share ended by the last time: {listed}."
