"""Trace formats, one module each; a new one is a module with a ``FORMAT`` and a name below."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from session_lab.errors import DataError

if TYPE_CHECKING:
    from session_lab.traffic.formats.format import Format

__all__ = ["FORMATS", "format_named"]

FORMATS = (
    "events",
    "mooncake",
    "burstgpt",
    "bailian",
    "har",
    "journal",
)
"""Their names, which are those of their modules; the more particular ones come later."""


def format_named(name: str) -> Format:
    """Return a format by its name, which loads its module.

    Raises
    ------
    DataError
        There is no such format.
    """
    if not isinstance(name, str) or name not in FORMATS:
        message = f"{name!r} is not a known format; the known ones are auto, {', '.join(FORMATS)}"
        raise DataError(message, column="format")
    found: Format = importlib.import_module(f"{__name__}.{name}").FORMAT
    return found
