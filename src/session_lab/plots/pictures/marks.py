"""What in a picture stands for a value: bars, cells, points and curves, each with its words.

A function that draws says so once, in the coordinates of the data, and whoever shows the picture
can ask for the places: a page that tells values under the pointer, a test, an image map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

__all__ = [
    "Key",
    "Mark",
    "Marked",
    "Unit",
    "forget_marks",
    "mark_bars",
    "mark_boxes",
    "mark_curve",
    "mark_points",
    "mark_units",
    "marked",
]

Key = str | tuple[str, ...]
"""What a mark stands for: a tag, a group, a pair of tags, a tag and a status."""

_POINT = 0.012
"""Half the width of a point's place, as a share of the axis."""


class Mark(NamedTuple):
    """A place in a picture, and what is to be read there.

    Attributes
    ----------
    key : str or tuple of str
        What it stands for.
    text : str
        The value in words.
    box : tuple of float
        Left, bottom, right and top in the coordinates of the data.
    """

    key: Key
    text: str
    box: tuple[float, float, float, float]


class Unit(NamedTuple):
    """What one step on an axis is: a kind of value, how many milliseconds it has, and its name."""

    kind: Literal["age", "time", "share", "number"]
    milliseconds: float = 1.0
    name: str = ""


@dataclass
class Marked:
    """What is marked on some Axes."""

    marks: list[Mark] = field(default_factory=list)
    curves: dict[str, str] = field(default_factory=dict)
    """Names of curves by the gid of their lines."""
    x: Unit | None = None
    """The unit of the horizontal axis where a stretch of it may be chosen."""
    y: Unit | None = None


_marked: WeakKeyDictionary[Axes, Marked] = WeakKeyDictionary()


def marked(ax: Axes) -> Marked:
    """Return what is marked on Axes; what draws adds to it."""
    return _marked.setdefault(ax, Marked())


def forget_marks(ax: Axes) -> None:
    """Remove all marks."""
    _marked.pop(ax, None)


def mark_bars(ax: Axes, bars: BarContainer, keys: Iterable[Key], texts: Iterable[str]) -> None:
    """Mark bars, in their order."""
    boxes = [
        (bar.get_x(), bar.get_y(), bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height())
        for bar in bars.patches
    ]
    mark_boxes(ax, boxes, keys, texts)


def mark_boxes(
    ax: Axes,
    boxes: Sequence[tuple[float, float, float, float]],
    keys: Iterable[Key],
    texts: Iterable[str],
) -> None:
    """Mark places: left, bottom, right and top of each."""
    marked(ax).marks.extend(
        Mark(key, text, box) for key, text, box in zip(keys, texts, boxes, strict=True)
    )


def mark_points(
    ax: Axes, places: Iterable[tuple[float, float]], keys: Iterable[Key], texts: Iterable[str]
) -> None:
    """Mark points; a place has some width, so that it can be found."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    wide, high = _POINT * (right - left), 2 * _POINT * (top - bottom)
    boxes = [(x - wide, y - high, x + wide, y + high) for x, y in places]
    mark_boxes(ax, boxes, keys, texts)


def mark_curve(ax: Axes, line: Line2D, name: str) -> None:
    """Mark a curve: its line gets a gid of its own."""
    curves = marked(ax).curves
    gid = f"curve-{len(curves)}"
    line.set_gid(gid)
    curves[gid] = name


def mark_units(ax: Axes, x: Unit, y: Unit) -> None:
    """Record what the axes measure, so that curves can be read and a stretch of x be chosen."""
    marks = marked(ax)
    marks.x, marks.y = x, y
