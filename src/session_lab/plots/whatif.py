"""The picture of what other idle timeouts would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import ScalarFormatter

from session_lab.analysis.display import read_duration
from session_lab.plots.drawing import draw
from session_lab.plots.theme import COLOURS, INK, axes_for, tidy
from session_lab.replays.whatif import Played, WhatIf
from session_lab.timing import duration_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["what_if"]

_SECOND, _HOUR = 1_000, 3_600_000
_NEAR = 0.05
"""Closer than this share of an axis, names would hide each other."""


@draw.register(WhatIf)
def what_if(result: WhatIf, ax: Axes | None = None) -> Axes:
    """Draw idle timeouts by billed time and mean wait, join the front, and mark the current one.

    Parameters
    ----------
    result : WhatIf
        What to draw.
    ax : matplotlib Axes, optional
        Where; a new figure by default.
    """
    ax = axes_for(ax)
    front = [point for point, is_on in zip(result.points, result.front, strict=True) if is_on]
    ax.plot(*_places(result.points), ls="", marker="o", ms=4, color=INK, label="idle timeouts")
    ax.plot(*_places(sorted(front, key=_place)), marker="o", color=COLOURS[0], label="front")
    ax.plot(*_places([result.current]), ls="", marker="D", ms=9, color=COLOURS[5], label="current")
    for point in _apart(result):
        ax.annotate(
            duration_text(point.idle_timeout),
            _place(point),
            xytext=(5, 7),
            textcoords="offset points",
            color=INK,
            size=8,
        )
    ax.legend(frameon=False, labelcolor=INK)
    ax.margins(x=0.08, y=0.15)
    current = result.current
    alt = (
        f"{len(result.points)} idle timeouts by billed time and mean wait, {len(front)} of them on "
        f"the front; the current one, {duration_text(current.idle_timeout)}, has "
        f"{read_duration(current.billed)} billed and a mean wait of {duration_text(current.wait_mean)}."
    )
    tidy(ax, title=result.title, x="billed (hours)", y="mean wait (seconds)", alt=alt)
    # Half a second is 0.5 and not 500m, which reads like minutes.
    ax.yaxis.set_major_formatter(ScalarFormatter())
    return ax


def _apart(result: WhatIf) -> list[Played]:
    """Return the current point and those whose names would not hide that of another one."""
    places = [_place(point) for point in result.points]
    wide, high = (max(axis) - min(axis) or 1 for axis in zip(*places, strict=True))
    named: list[Played] = []
    for point in (result.current, *result.points):
        x, y = _place(point)
        near = (
            abs(x - a) < _NEAR * wide and abs(y - b) < _NEAR * high for a, b in map(_place, named)
        )
        if not any(near):
            named.append(point)
    return named


def _place(point: Played) -> tuple[float, float]:
    return point.billed / _HOUR, point.wait_mean / _SECOND


def _places(points: list[Played] | tuple[Played, ...]) -> tuple[list[float], list[float]]:
    places = [_place(point) for point in points]
    return [x for x, _ in places], [y for _, y in places]
