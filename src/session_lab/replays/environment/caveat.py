"""What to bear in mind of a fit, a calibration or a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Caveat", "texts_of"]


class Caveat(NamedTuple):
    """A sentence to bear in mind, and what it is about.

    Attributes
    ----------
    about : str
        The parameter; or ``tasks``, ``policy``, ``period``, ``price``, ``turns``, ``recording``.
    text : str
        The sentence.
    """

    about: str
    text: str


def texts_of(caveats: Iterable[Caveat]) -> tuple[str, ...]:
    """Return the sentences."""
    return tuple(one.text for one in caveats)
