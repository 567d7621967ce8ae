"""Text from users, made fit to stand in a picture."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from matplotlib import font_manager, rcParams

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["drawn", "short_text"]


def short_text(text: str, longest: int = 24) -> str:
    """Put any text on one short line.

    Line breaks become spaces, and invisible marks, such as those that turn the rest of a line
    around, go. What is too long loses its middle, as tags often differ at both ends.

    Examples
    --------
    >>> short_text("user:0123456789012345678901234567")
    'user:0123456…78901234567'
    """
    visible = "".join(
        character
        if not unicodedata.category(character).startswith("C")
        else " " * character.isspace()
        for character in text
    )
    line = " ".join(visible.split())
    if len(line) > longest:
        head = longest // 2
        line = f"{line[:head]}…{line[head + 1 - longest :]}"
    return line or "(empty)"


def drawn(texts: Iterable[str], longest: int = 24) -> list[str]:
    r"""Shorten texts and take from matplotlib what it would read into them.

    Dollar signs are no formulas, a leading underscore hides nothing from a legend, and characters
    that the font does not have, as most emoji, become ``□``.

    Examples
    --------
    >>> print(*drawn(["price:$5", "👩"]))
    price:\$5 □
    """
    fonts = [
        font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=[family])))
        for family in rcParams["font.family"]
    ]
    labels: list[str] = []
    for text in texts:
        line = "".join(
            character if any(font.get_char_index(ord(character)) for font in fonts) else "□"
            for character in short_text(text, longest)
        )
        labels.append(line.replace("$", r"\$").replace("_", " _", int(line.startswith("_"))))
    return labels
