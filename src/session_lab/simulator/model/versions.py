"""Versions of a deployed task, named as the platform names them: a day and a count."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["version_at"]

_BEFORE: Final = "20200101.1"
"""What was deployed before the first deploy that is known."""


def version_at(deploys: Sequence[str], instant: int) -> str | None:
    """Return the version that was deployed at an instant; None without deploys.

    Parameters
    ----------
    deploys : sequence of str
        When new versions went live, in order.
    instant : int
        In milliseconds since 1970.

    Examples
    --------
    >>> version_at(["2026-01-01T09:00:00.000Z", "2026-01-01T10:00:00.000Z"], 1767261600000)
    '20260101.2'
    """
    if not deploys:
        return None
    place = bisect_right(deploys, instant, key=to_instant)
    if not place:
        return _BEFORE
    day = deploys[place - 1][:10]
    count = sum(deploy.startswith(day) for deploy in deploys[:place])
    return f"{day.replace('-', '')}.{count}"
