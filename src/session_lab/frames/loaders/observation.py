"""The instant at which rows were looked at, which says until when they tell what happened.

A frame carries it in ``attrs["observed_at"]`` as ISO 8601 text, a form that pandas can write to
files with the frame.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pandas as pd

from session_lab.errors import DataError, DataWarning
from session_lab.mistyped import level_of_caller
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from session_lab.timing import Instant

__all__ = ["Observation", "observe", "observed_at", "warn_of_unknown_observation"]

_NAME = "observed_at"


def observe(frame: pd.DataFrame, at: int | None) -> pd.DataFrame:
    """Write into a frame when its rows were looked at, in milliseconds since 1970.

    Examples
    --------
    >>> observe(pd.DataFrame(), 1_767_225_600_000).attrs
    {'observed_at': '2026-01-01T00:00:00.000Z'}
    """
    if at is None:
        frame.attrs.pop(_NAME, None)
    else:
        frame.attrs[_NAME] = instant_text(at)
    return frame


def observed_at(frame: pd.DataFrame) -> int | None:
    """Return when the rows of a frame were looked at, in milliseconds since 1970, if it says so.

    Raises
    ------
    DataError
        What it says is not a time with a zone.
    """
    told = frame.attrs.get(_NAME)
    if told is None or told is pd.NaT:
        return None
    return to_instant(told, name=_NAME)


def warn_of_unknown_observation(newest: int, source: str) -> None:
    """Warn that the newest instant in some rows stands for when they were read."""
    warnings.warn(
        f"{source}: nothing tells when the rows were read, so the newest instant in them, "
        f"{instant_text(newest)}, stands for it; what is open may have lasted longer. Pass "
        "observed_at= to say it",
        DataWarning,
        stacklevel=level_of_caller(),
    )


class Observation:
    """The instant at which rows were looked at, from what is known of it.

    Parameters
    ----------
    given : str or datetime, optional
        What the caller says; it wins.
    """

    def __init__(self, given: Instant | None = None) -> None:
        self._given = None if given is None else to_instant(given, name="observed_at")
        self._told: int | None = None

    def hear(self, told: int | None) -> None:
        """Read the time that a reply carries; the newest counts."""
        if told is not None:
            self._told = max(told, self._told or told)

    def settle(self, newest: int | None, source: str) -> int | None:
        """Decide, given the newest instant at which a row was written.

        A server's ``Date`` has whole seconds, so a row may be written after it.
        """
        if self._given is not None:
            if newest is not None and newest > self._given:
                message = (
                    f"{instant_text(self._given)} lies before {instant_text(newest)}, when a row "
                    "was written; give the instant at which the rows were read"
                )
                raise DataError(message, source=source, column="observed_at")
            return self._given
        if self._told is not None or newest is None:
            return self._told if newest is None or self._told is None else max(self._told, newest)
        warn_of_unknown_observation(newest, source)
        return newest
