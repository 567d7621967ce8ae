"""Pictures of a sweep, and of what was decided by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import PercentFormatter, ScalarFormatter, StrMethodFormatter

from session_lab.analysis.display import cell_texts
from session_lab.analysis.replays.recommend import Recommendation, settings_of
from session_lab.frames import milliseconds
from session_lab.plots.drawing import draw
from session_lab.plots.pictures.marks import mark_points
from session_lab.plots.theme import COLOURS, INK, axes_for, tidy
from session_lab.replays.environment.deciding import Decision

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray


__all__ = ["decision", "sweep_front"]

_SECOND, _HOUR = 1_000, 3_600_000
_NEAR = 0.05
"""Closer than this share of an axis, names would hide each other."""
_RIVAL = 0.05
"""A policy that wins in so large a share of the samples is told apart."""


@draw.register(Recommendation)
def sweep_front(result: Recommendation, ax: Axes | None = None) -> Axes:
    """Draw every policy of a sweep by cost and wait, join the front, and mark the recommended one.

    Parameters
    ----------
    result : Recommendation
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    policies, front = result.policies, result.to_frame()
    x, y = result.cost, result.wait
    ax.plot(*_both(policies, x, y), ls="", marker="o", ms=3, color=INK, alpha=0.5, label="policies")
    ax.plot(*_both(front, x, y), marker="o", ms=4, color=COLOURS[0], label="front")
    chosen = policies.iloc[[result.chosen]]
    ax.plot(*_both(chosen, x, y), ls="", marker="D", ms=8, color=COLOURS[5], label="recommended")
    if result.current is not None:
        today = policies.iloc[[result.current]]
        ax.plot(
            *_both(today, x, y), ls="", marker="o", ms=13, mfc="none", mec=INK, mew=1.5,
            label="today",
        )  # fmt: skip
    # Room for the name of the point that waits longest.
    ax.margins(y=0.09)
    names = _names(result)
    if names:
        _name_points(ax, result, names)
    settings = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    legend = ax.legend(frameon=False, labelcolor=INK, title=settings)
    legend.get_title().set(color=INK, fontsize=8)
    alt = (
        f"{len(policies):,} policies by {x} and {y}, {len(front):,} of them on the front; "
        f"recommended: {settings}."
    )
    if result.current is not None:
        held = settings_of(policies, result.current)
        alt += f" Today: {', '.join(f'{name} {value}' for name, value in held.items())}."
    ax = tidy(ax, title=result.title, x=_label(policies, x), y=_label(policies, y), alt=alt)
    # No prefixes: "1.2k" seconds are harder to compare than 1200.
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    _mark_points(ax, result, names)
    return ax


def _names(result: Recommendation) -> list[str]:
    """Return what each policy is called where one field tells them apart, and nothing elsewhere."""
    held = [settings_of(result.policies, row) for row in range(len(result.policies))]
    varied = [name for name in result.settings if len({one[name] for one in held}) > 1]
    return [str(one[varied[0]]) for one in held] if len(varied) == 1 else []


def _mark_points(ax: Axes, result: Recommendation, names: list[str]) -> None:
    """Mark each policy by its name, with its wait and cost."""
    x, y = (
        np.asarray(one, dtype=float) for one in _both(result.policies, result.cost, result.wait)
    )
    measures = [name.replace("_", " ") for name in (result.wait, result.cost)]
    values = [cell_texts(result.policies[name]) for name in (result.wait, result.cost)]
    seen = [row for row in range(len(names)) if np.isfinite([x[row], y[row]]).all()]
    mark_points(
        ax,
        [(x[row], y[row]) for row in seen],
        [names[row] for row in seen],
        [
            f"{names[row]}: {measures[0]} {values[0][row]}, {measures[1]} {values[1][row]}"
            for row in seen
        ],
    )


def _name_points(ax: Axes, result: Recommendation, names: list[str]) -> None:
    """Write beside each policy what it is, as far as names hide no other."""
    x, y = (
        np.asarray(one, dtype=float) for one in _both(result.policies, result.cost, result.wait)
    )
    wide, high = (np.nanmax(one) - np.nanmin(one) or 1 for one in (x, y))
    first = [result.chosen, *([] if result.current is None else [result.current])]
    named: list[int] = []
    for row in (*first, *range(len(x))):
        near = (
            abs(x[row] - x[a]) < _NEAR * wide and abs(y[row] - y[a]) < _NEAR * high for a in named
        )
        if np.isnan(x[row]) or np.isnan(y[row]) or any(near):
            continue
        named.append(row)
        ax.annotate(
            names[row],
            (x[row], y[row]),
            xytext=(6, 7),
            textcoords="offset points",
            color=INK,
            size=8,
            annotation_clip=False,
        )


def _both(policies: pd.DataFrame, x: str, y: str) -> tuple[ArrayLike, ArrayLike]:
    return _shown(policies[x]), _shown(policies[y])


def _shown(column: pd.Series) -> ArrayLike:
    """Bring durations into the unit of their axis: waits in seconds, all else in hours."""
    if column.dtype.kind != "m":
        return column.to_numpy()
    unit = _unit(str(column.name))
    shown: ArrayLike = np.where(column.isna(), np.nan, milliseconds(column) / unit)
    return shown


def _unit(name: str) -> int:
    return _SECOND if name.startswith("wait") else _HOUR


def _label(policies: pd.DataFrame, name: str) -> str:
    words = name.replace("_", " ")
    if policies[name].dtype.kind != "m":
        return words
    return f"{words} ({'s' if _unit(name) == _SECOND else 'h'})"


@draw.register(Decision)
def decision(result: Decision, ax: Axes | None = None) -> Axes:
    """Draw every policy by its cost a month and its wait, with today's, the proposed, and rivals.

    Bars are 95 % intervals; a dashed line is the limit or the budget.

    Parameters
    ----------
    result : Decision
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    frame = result.policies
    cost, wait = frame["cost"].to_numpy(dtype=np.float64), _waits(result)
    ax.plot(cost, wait, ls="", marker="o", ms=3, color=INK, alpha=0.5, label="policies")
    front = np.flatnonzero(frame["front"])
    front = front[np.argsort(cost[front], kind="stable")]
    ax.plot(cost[front], wait[front], lw=1, color=COLOURS[0], label="front")
    rivals = np.flatnonzero(frame["wins"] >= _RIVAL)
    rivals = rivals[(rivals != result.chosen) & (rivals != result.today)]
    if len(rivals):
        ax.plot(
            cost[rivals], wait[rivals], ls="", marker="s", ms=6, color=COLOURS[1],
            label=f"wins in {_RIVAL:.0%} of the samples or more",
        )  # fmt: skip
    for place, side, colour, marker in (
        (result.today, "today", INK, "o"),
        (result.chosen, "proposed", COLOURS[5], "D"),
    ):
        if side == "today" and not result.is_change:
            continue
        x, y = _bars(result, "cost", side), _bars(result, result.wait, side)
        ax.errorbar(
            cost[place], wait[place], xerr=x, yerr=y, fmt=marker, ms=8, color=colour, lw=1.5,
            mfc=colour if side == "proposed" else "none", mew=1.5, label=side,
        )  # fmt: skip
    _draw_limit(ax, result)
    ax.legend(frameon=False, labelcolor=INK, fontsize=8)
    words = result.wait.replace("_", " ")
    is_time = frame[result.wait].dtype.kind == "m"
    unit = "$" if result.cost_unit == "dollars" else result.cost_unit
    alt = f"{len(frame):,} policies by cost a month and {words}. {result.headline}; {result.sureness}."
    ax = tidy(
        ax, title="", x=f"cost a month ({unit})", y=f"{words} (s)" if is_time else words, alt=alt
    )
    ax.yaxis.set_major_formatter(ScalarFormatter() if is_time else PercentFormatter(1.0))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    return ax


def _draw_limit(ax: Axes, result: Decision) -> None:
    number = result.rule.number
    if result.rule.kind == "at_most":
        ax.axhline(number, ls="--", lw=1, color=COLOURS[2], label="limit")
    elif result.rule.kind == "budget":
        ax.axvline(number, ls="--", lw=1, color=COLOURS[2], label="budget")


def _waits(result: Decision) -> NDArray[np.float64]:
    column = result.policies[result.wait]
    if column.dtype.kind != "m":
        return column.to_numpy(dtype=np.float64)
    seconds: NDArray[np.float64] = np.where(column.isna(), np.nan, milliseconds(column) / 1000)
    return seconds


def _bars(result: Decision, measure: str, side: str) -> NDArray[np.float64]:
    """Return how far an interval reaches below and above its value."""
    rows = {row["measure"]: row for row in result.expected.to_dict("records")}
    row = rows[measure]
    value, lower, upper = (float(row[f"{side}{end}"]) for end in ("", "_lower", "_upper"))
    return np.maximum([[value - lower], [upper - value]], 0.0)
