"""Pictures of a report: SVG in the page itself, which tells its values on hover without a script."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from session_lab.timing import duration_text, instant_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.plots.pictures.marks import Unit
    from session_lab.plots.pictures.scene import Scene

__all__ = ["figure_svg"]

_BANDS = 60
"""Places along curves at which their values are told."""
_NAMESPACES = re.compile(r' xmlns(:\w+)?="[^"]*"')
_CURVE = r'<g id="{id}">\s*<path d="([^"]*)"'
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def figure_svg(scene: Scene, name: str) -> str:
    """Return a picture as an element of an HTML page.

    Bars, cells and points, and places along curves, have titles, which every browser shows under
    the pointer.

    Parameters
    ----------
    scene : Scene
        The picture.
    name : str
        What its ids begin with, so that they differ from those of other pictures of the page.
    """
    svg = _NAMESPACES.sub("", scene.svg).replace("xlink:href", "href")
    titled = [
        f'<rect class="value" x="{place.x}" y="{place.y}" width="{place.width}" '
        f'height="{place.height}"><title>{escape(place.text)}</title></rect>'
        for place in scene.places
    ]
    # What answers for a bar or a point lies above what answers for the curves behind it.
    inside = "".join([*_along_curves(scene), *titled])
    head = f'<svg role="img" aria-label="{escape(scene.alt)}"'
    whole = svg.replace("<svg", head, 1).replace("</svg>", f"{inside}</svg>")
    whole = re.sub(r'\bid="', f'id="{name}-', whole)
    return re.sub(r'(url\(#|href="#)', rf"\1{name}-", whole)


def _along_curves(scene: Scene) -> Iterator[str]:
    if scene.x is None or scene.y is None:
        return
    curves = {name: _points(scene.svg, gid) for gid, name in scene.curves.items()}
    left, top, right, bottom = scene.frame
    low, high, least, most = scene.limits
    wide = (right - left) / _BANDS
    for band in range(_BANDS):
        x = left + (band + 0.5) * wide
        told = []
        for name, points in curves.items():
            height = next((y for at, y in reversed(points) if at <= x), None)
            if height is not None and points[-1][0] >= x - wide:
                value = least + (bottom - height) / (bottom - top) * (most - least)
                told.append(f"{name}: {_text(scene.y, value)}")
        if told:
            at = _text(scene.x, low + (x - left) / (right - left) * (high - low))
            title = escape("\n".join([at, *told]))
            yield (
                f'<rect class="value" x="{left + band * wide:.1f}" y="{top}" width="{wide:.1f}" '
                f'height="{bottom - top:.1f}"><title>{title}</title></rect>'
            )


def _points(svg: str, gid: str) -> list[tuple[float, float]]:
    """Return the corners of a line as the SVG has them."""
    found = re.search(_CURVE.format(id=re.escape(gid)), svg)
    numbers = [float(one) for one in _NUMBER.findall(found[1])] if found else []
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _text(unit: Unit, value: float) -> str:
    if unit.kind == "share":
        return f"{value:.1%}"
    if unit.kind == "time":
        return f"{instant_text(round(value * unit.milliseconds))[:16].replace('T', ' ')} UTC"
    if unit.kind == "age":
        return duration_text(round(value * unit.milliseconds / 60_000) * 60_000)
    return f"{value:,.4g}"
