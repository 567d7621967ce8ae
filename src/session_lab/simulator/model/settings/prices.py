"""What runs cost on the platform, in cents.

Published, as third parties recorded it in May 2026, are the price of a run and those of a second on
the smallest and the largest machine preset. Those between are an assumption, so that every run of
the simulator has a price; what the platform asks stands on its pricing page.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CENTS_PER_RUN", "CENTS_PER_SECOND", "DEFAULT_MACHINE", "compute_cents"]

CENTS_PER_SECOND: Final[Mapping[str, float]] = MappingProxyType(
    {
        "micro": 0.00169,
        "small-1x": 0.00338,
        "small-2x": 0.00675,
        "medium-1x": 0.0085,
        "medium-2x": 0.017,
        "large-1x": 0.034,
        "large-2x": 0.068,
    }
)
"""The price of a billed second, by machine preset."""

CENTS_PER_RUN: Final = 0.0025
"""The price of a run, whatever it does."""

DEFAULT_MACHINE: Final = "small-1x"
"""The preset of runs that name none."""


def compute_cents(milliseconds: int, machine: str) -> float:
    """Return the price of billed time, to a ten-billionth of a cent; other machines cost nothing.

    Examples
    --------
    >>> compute_cents(90_000, "small-1x")
    0.3042
    """
    return round(milliseconds * CENTS_PER_SECOND.get(machine, 0.0) / 1000, 10)
