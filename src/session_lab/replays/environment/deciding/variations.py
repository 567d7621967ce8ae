"""Other assumptions under which the same choice is made again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from session_lab.simulator import Distribution, Platform
from session_lab.simulator.model.run_rules import LONGEST_DRAW
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from session_lab.timing import Duration

__all__ = ["scaled", "variations"]

_TIMES = {"boot_time": "boots", "resume_time": "resumes"}


def variations(platform: Platform) -> dict[str, Platform]:
    """Return platforms that differ from one in a single assumption, by what that is.

    Boots and resumes take half and twice the time, and twice as many turns crash; what is zero
    stays so.
    """
    found: dict[str, Platform] = {}
    for name, noun in _TIMES.items():
        for factor, words in ((0.5, "half as long"), (2.0, "twice as long")):
            changed = scaled(getattr(platform, name), factor)
            if changed != getattr(platform, name):
                found[f"{noun} take {words}"] = _with(platform, name, changed)
    if platform.crash_rate:
        rate = min(2 * platform.crash_rate, 1.0)
        found["twice as many turns crash"] = _with(platform, "crash_rate", rate)
    return found


def _with(platform: Platform, name: str, value: Any) -> Platform:  # noqa: ANN401  as its field
    return replace(platform, **{name: value})


def scaled(time: Duration | Distribution, factor: float) -> Duration | Distribution:
    """Return a time, or the quantiles of one that differs, some times as long."""
    if isinstance(time, Distribution):
        quantiles = {p: duration_text(_times(ms, factor)) for p, ms in time.quantiles}
        return Distribution(quantiles)
    return duration_text(_times(to_milliseconds(time), factor))


def _times(milliseconds: int, factor: float) -> int:
    return min(round(milliseconds * factor), LONGEST_DRAW)
