"""Calendar days and weeks of a named time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames import to_instants

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LENGTHS", "Freq", "numbers", "starts"]

Freq = Literal["D", "W"]
"""Days, or weeks that begin on Monday."""

LENGTHS = {"D": 86_400_000, "W": 7 * 86_400_000}
"""The names of periods, and what they last where no clock is changed."""

_DAY = 86_400_000
_MONDAY = 3
"""Days from a Monday to 1970-01-01, a Thursday."""


def numbers(instants: NDArray[np.int64], freq: Freq, zone: str) -> NDArray[np.int64]:
    """Count calendar days or weeks from that of 1970-01-01 to the one that holds each instant.

    The day is what a calendar in the zone shows; a week begins on Monday.

    Raises
    ------
    DataError
        The zone or the period is not known.

    Examples
    --------
    >>> numbers(np.array([0, 82_800_000]), "D", "Europe/Berlin").tolist()
    [0, 1]
    """
    _check(freq, zone)
    local = to_instants(instants).dt.tz_convert(zone).dt.tz_localize(None)
    days: NDArray[np.int64] = local.to_numpy().astype("datetime64[D]").astype(np.int64)
    return days if freq == "D" else (days + _MONDAY) // 7


def starts(periods: NDArray[np.int64], freq: Freq, zone: str) -> NDArray[np.int64]:
    """Return the first instant of each period, in milliseconds since 1970.

    A day whose midnight is skipped by a change of clocks begins when the skip ends; one that has
    two begins with the first.

    Examples
    --------
    >>> starts(np.array([1]), "D", "Europe/Berlin").tolist()
    [82800000]
    """
    _check(freq, zone)
    days = periods if freq == "D" else periods * 7 - _MONDAY
    midnights = pd.DatetimeIndex((days * _DAY).view("datetime64[ms]"))
    first = np.ones(len(midnights), dtype=bool)
    placed = midnights.tz_localize(zone, nonexistent="shift_forward", ambiguous=first)
    return placed.as_unit("ms").asi8


def _check(freq: str, zone: str) -> None:
    if freq not in LENGTHS:
        raise DataError(f'{freq!r} is not a period; they are "D" and "W"', column="freq")
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f'{zone!r} is not a time zone; name one such as "UTC" or "Europe/Berlin"'
        raise DataError(message, column="tz") from error
