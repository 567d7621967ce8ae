"""Pictures of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import ScalarFormatter, StrMethodFormatter

from session_lab.analysis.replays.recommend import Recommendation, settings_of
from session_lab.frames import milliseconds
from session_lab.plots.drawing import draw
from session_lab.plots.theme import COLOURS, INK, axes_for, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


__all__ = ["sweep_front"]

_SECOND, _HOUR = 1_000, 3_600_000
_NEAR = 0.05
"""Closer than this share of an axis, names would hide each other."""


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
    _name_points(ax, result)
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
    # No prefixes: "800m" seconds would be read as minutes.
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    return ax


def _name_points(ax: Axes, result: Recommendation) -> None:
    """Write beside each policy what it is, where one field tells and names hide no other."""
    rows = range(len(result.policies))
    held = [settings_of(result.policies, row) for row in rows]
    varied = [name for name in result.settings if len({one[name] for one in held}) > 1]
    if len(varied) != 1:
        return
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
        text = held[row][varied[0]]
        ax.annotate(
            text, (x[row], y[row]), xytext=(6, 7), textcoords="offset points", color=INK, size=8
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
