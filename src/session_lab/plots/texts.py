"""Text from users, made fit to stand in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib import font_manager, rcParams

from session_lab.analysis.display import short_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["drawn", "share_text"]


def share_text(share: float) -> str:
    """Write a share in whole percents, where few are not none and most not all.

    Examples
    --------
    >>> [share_text(share) for share in (0, 0.001, 0.25, 0.999, 1)]
    ['0%', '<1%', '25%', '>99%', '100%']
    """
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


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
