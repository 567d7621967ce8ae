"""Templates filled in."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from session_lab._version import __version__
from session_lab.plots.pictures.picture import Picture

if TYPE_CHECKING:
    from session_lab.analysis.results import Result

__all__ = ["Image", "image_of", "render"]


class Image(NamedTuple):
    """A picture as base64 of PNG, and in words."""

    png: str
    alt: str


def image_of(result: Result) -> Image:
    """Draw a result."""
    picture = Picture()
    png = b64encode(picture.draw(result)).decode()
    return Image(png, picture.alt)


def _capitalize_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def render(template: str, **values: Any) -> str:  # noqa: ANN401  whatever the template shows
    """Fill a template in; what is HTML in values is escaped where the template is HTML."""
    environment = Environment(
        loader=PackageLoader("session_lab.reports"),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["capitalize_first"] = _capitalize_first
    return environment.get_template(template).render(version=__version__, **values)
