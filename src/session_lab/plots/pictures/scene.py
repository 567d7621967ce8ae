"""A picture as a page shows it: SVG as matplotlib writes it, and the places that answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.colors import to_hex
from matplotlib.font_manager import findfont, get_font

from session_lab.plots.pictures.marks import marked
from session_lab.plots.theme import INK, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import GraphicsContextBase
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.text import Text

    from session_lab.plots.pictures.marks import Key, Unit

__all__ = ["Place", "Scene", "SceneRenderer", "scene_of"]

_POINTS = 72
"""Dots per inch of SVG, so that a unit of the picture is a point."""
_LEAST = 5.0
"""Points that a place measures at least, so that a pointer finds it."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "session-lab",
    "path.simplify": True,
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_DECIMALS = re.compile(r"(?<=\.\d)\d+")
_TAG = re.compile(r"<[^>]*>")
_SAME = re.compile(r"(?<=; )font-family: [^;]*; | transform=\"rotate\(-0 [^)]*\)\"")
"""What every text says alike: its family, which stands once for all, and that it is not turned."""
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}
_FAMILY = "'DejaVu Sans', Verdana, sans-serif"
_BREAKS = re.compile(r"\s*\n\s*")
_METADATA = re.compile(r"^.*?<svg|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_SIZE = re.compile(r' (width|height)="[\d.]+pt"', re.ASCII)


Size = tuple[float, float, float]
"""Width, height and descent of a text."""


class SceneRenderer(RendererSVG):
    """Matplotlib's writer of SVG, which writes and measures texts in a shorter way.

    The page sets the texts, so that a measure only serves to place what is turned or has several
    lines; shaping each new number to a fraction of a point took a quarter of the drawing. Of
    groups only those with an id of their own are written.
    """

    _sizes: ClassVar[dict[tuple[str, float, object], Size]] = {}
    _heights: ClassVar[dict[tuple[float, object], Size]] = {}

    def __init__(self, width: float, height: float, out: StringIO) -> None:
        super().__init__(width, height, out, None, _POINTS, metadata=_NO_METADATA)  # type: ignore[no-untyped-call]
        self._is_written: list[bool] = []

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Open a group, if it can be found by its id."""
        self._is_written.append(gid is not None)
        if gid is not None:
            super().open_group(s, gid)  # type: ignore[no-untyped-call]

    def close_group(self, s: str) -> None:
        """Close the group that was opened last."""
        if self._is_written.pop():
            super().close_group(s)  # type: ignore[no-untyped-call]

    def draw_text(  # noqa: PLR0917  as matplotlib calls it
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: bool | Literal["TeX"] = False,  # noqa: FBT001, FBT002
        mtext: Text | None = None,
    ) -> None:
        """Write a text, by itself where it is a plain line, as nearly all are."""
        red, green, blue, alpha = gc.get_rgb()
        is_plain = prop.get_weight() == "normal" and alpha == gc.get_alpha() == 1
        if ismath or angle or mtext is None or gc.get_clip_rectangle() or not is_plain:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
            return
        place = mtext.get_transform().transform(mtext.get_unitless_position())
        style = f"font-size: {prop.get_size():g}px; text-anchor: {_ANCHORS[mtext.get_horizontalalignment()]}"
        if red or green or blue:  # Black is what ink is without a word.
            style += f"; fill: {to_hex((red, green, blue))}"
        self.writer.element("text", s, attrib={"style": style, "x": f"{place[0]:f}", "y": f"{y:f}"})

    def get_text_width_height_descent(
        self,
        s: str,
        prop: FontProperties,
        ismath: bool | Literal["TeX"],  # noqa: FBT001  as matplotlib calls it
    ) -> Size:
        """Return the size of a text: the widths of its characters together."""
        if ismath:
            size: Size = super().get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-untyped-call]
            return size
        _, height, descent = self._size("lp", prop)
        return sum(self._size(character, prop)[0] for character in s), height, descent

    def _get_font_height_metrics(self, prop: FontProperties) -> Size:
        """Return the ascent, the descent and the gap of lines, as the font's file says them.

        Matplotlib asks for it where there is such a method, and else reads the file with each text.
        """
        key = prop.get_size_in_points(), prop.get_weight()
        if key not in self._heights:
            font = get_font(findfont(prop))
            line: Any = font.get_sfnt_table("OS/2")
            head: Any = font.get_sfnt_table("head")
            names = ("sTypoAscender", "sTypoDescender", "sTypoLineGap")
            if line is None:
                line, names = font.get_sfnt_table("hhea"), ("ascent", "descent", "lineGap")
            ascent, descent, gap = (key[0] * line[name] / head["unitsPerEm"] for name in names)
            self._heights[key] = ascent, -descent, gap
        return self._heights[key]

    def _size(self, text: str, prop: FontProperties) -> Size:
        key = text, prop.get_size_in_points(), prop.get_weight()
        if key not in self._sizes:
            size = super().get_text_width_height_descent(text, prop, ismath=False)  # type: ignore[no-untyped-call]
            self._sizes[key] = size
        return self._sizes[key]


@dataclass(frozen=True)
class Place:
    """A mark in the coordinates of the picture, whose origin is its top left corner."""

    key: Key
    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Scene:
    """What a page needs to show a picture that answers.

    Attributes
    ----------
    svg : str
        The picture; ``currentColor`` stands for the ink, so that it follows the page's theme.
    width, height : float
        Its size in points.
    places : tuple of Place
        Bars, cells and points.
    curves : dict of str to str
        The names of curves, by the ids that their lines have in the SVG.
    frame : tuple of float
        Left, top, right and bottom of the Axes.
    limits : tuple of float
        The values at its left, right, bottom and top.
    x, y : Unit, optional
        What the axes measure; without them no stretch can be chosen.
    alt : str
        What the picture shows, in words.
    """

    svg: str
    width: float
    height: float
    places: tuple[Place, ...]
    curves: dict[str, str]
    frame: tuple[float, float, float, float]
    limits: tuple[float, float, float, float]
    x: Unit | None
    y: Unit | None
    alt: str

    def to_svg(self) -> str:
        """Return the picture as a file of its own, on paper, with ink that is read on it."""
        size = f'<svg width="{self.width:g}pt" height="{self.height:g}pt"'
        inked = _TAG.sub(lambda tag: tag[0].replace("currentColor", INK), self.svg)
        whole = inked.replace("<svg", size, 1)
        return whole.replace(">", f'><rect width="100%" height="100%" fill="{PAPER}"/>', 1)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the picture itself as plain values."""
        return {
            "width": self.width,
            "height": self.height,
            "places": [
                [place.key, place.text, place.x, place.y, place.width, place.height]
                for place in self.places
            ],
            "curves": self.curves,
            "frame": self.frame,
            "limits": self.limits,
            "x": self.x and self.x._asdict(),
            "y": self.y and self.y._asdict(),
            "alt": self.alt,
        }


def scene_of(figure: Figure) -> Scene:
    """Render a figure whose layout is settled; its first Axes are those that answer."""
    ax = figure.axes[0]
    dpi = figure.dpi
    figure.set_dpi(_POINTS)
    try:
        width, height = figure.get_size_inches() * _POINTS
        out = StringIO()
        with rc_context(_STYLE):
            renderer = SceneRenderer(width, height, out)
            figure.draw(renderer)
            renderer.finalize()  # type: ignore[no-untyped-call]
        marks = marked(ax)
        box = ax.get_window_extent()
        left, right = ax.get_xlim()
        bottom, top = ax.get_ylim()
        return Scene(
            svg=_shortened(out.getvalue()),
            width=float(width),
            height=float(height),
            places=tuple(_places(ax, float(height))),
            curves=dict(marks.curves),
            frame=_rounded(box.x0, height - box.y1, box.x1, height - box.y0),
            limits=(float(left), float(right), float(bottom), float(top)),
            x=marks.x,
            y=marks.y,
            alt=str(ax.get_label()),
        )
    finally:
        figure.set_dpi(dpi)


def _places(ax: Axes, height: float) -> list[Place]:
    marks, places = marked(ax).marks, []
    corners = ax.transData.transform(np.array([mark.box for mark in marks]).reshape(-1, 2))
    for (key, text, _), (a, c, b, d) in zip(marks, corners.reshape(-1, 4).tolist(), strict=True):
        left, right, low, high = min(a, b), max(a, b), min(c, d), max(c, d)
        wide, tall = max(right - left, _LEAST), max(high - low, _LEAST)
        x, y, wide, tall = _rounded(left, height - high, wide, tall)
        places.append(Place(key, text, x, y, wide, tall))
    return places


def _rounded(*numbers: float) -> tuple[float, float, float, float]:
    a, b, c, d = (round(float(number), 1) for number in numbers)
    return a, b, c, d


def _shortened(svg: str) -> str:
    """Leave out what a page does not need, and follow the page's ink.

    Numbers keep a tenth of a point; that is below what any screen shows.
    """
    svg = _METADATA.sub(lambda found: "<svg" if found[0].endswith("<svg") else "", svg)
    svg = _BREAKS.sub(" ", _SIZE.sub("", svg, count=2))
    svg = svg.replace("<svg", f'<svg font-family="{_FAMILY}"', 1)
    return _TAG.sub(_shortened_tag, svg)


def _shortened_tag(tag: re.Match[str]) -> str:
    """Shorten the numbers of a tag; text between tags is someone's, and stays as it is."""
    return _SAME.sub("", _DECIMALS.sub("", tag[0])).replace(INK, "currentColor")
