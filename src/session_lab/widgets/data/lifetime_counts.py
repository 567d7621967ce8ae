"""Lives of sessions in the form that sliders need: places on an axis of ages, sorted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.analysis.lifetimes import COMPETING_NOTE, EXPIRY_NOTES
from session_lab.analysis.survival.aalen_johansen import estimate_incidence
from session_lab.analysis.survival.kaplan_meier import estimate_survival
from session_lab.analysis.survival.tables.event_table import EventTable, warn_if_weak
from session_lab.analysis.survival.tables.session_durations import CAUSES, censored_note, lives_of
from session_lab.errors import DataError
from session_lab.frames import milliseconds
from session_lab.timing import to_milliseconds
from session_lab.widgets.data.session_index import kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.lifetimes import Incidence, Survival
    from session_lab.analysis.survival.tables.session_durations import Expiry

__all__ = ["RESOLUTIONS", "PreparedLives", "suggested_resolution"]

RESOLUTIONS = ("1s", "1m", "10m", "1h", "6h", "1d")
"""What ages are rounded to, from fine to coarse."""

_LEVEL = 0.95
_STEPS = 1_000
"""Steps of a curve that a picture can show; more only take time to draw."""

_OPEN, _CLOSED, _EXPIRED = range(3)
_OUTCOMES = 3


class PreparedLives:
    """Every session's place on a sorted axis of ages, and how it ended.

    Parameters
    ----------
    frame : DataFrame
        A sessions frame.
    resolution : str, optional
        As of :func:`session_lab.analysis.lifetimes.survival`.

    Raises
    ------
    DataError
        As of the same function.
    """

    def __init__(self, frame: pd.DataFrame, resolution: str | None) -> None:
        lives = lives_of(frame, resolution=resolution)
        ages, places = np.unique(lives.durations, return_inverse=True)
        self._ages = ages
        self._cells = (places * _OUTCOMES + lives.outcome).astype(np.uint32)
        # The note on open sessions is for the whole frame; each selection has its own.
        self._notes = () if resolution is None else lives.assumptions[-1:]

    def survival(self, rows: NDArray[np.bool_], expiry: Expiry) -> Survival:
        """Estimate the survival of some of the sessions; each is counted in one pass."""
        ages, counts = self._counts(rows)
        is_end = np.array([False, True, expiry == "competes"])
        table = _event_table(ages, counts[:, is_end].sum(axis=1)[None], counts[:, ~is_end])
        warn_if_weak(table)
        notes = (EXPIRY_NOTES[expiry], *self._noted(counts))
        return estimate_survival(table, level=_LEVEL, assumptions=notes)

    def incidence(self, rows: NDArray[np.bool_]) -> Incidence:
        """Estimate the incidence of both ends of some of the sessions."""
        ages, counts = self._counts(rows)
        ends = np.ascontiguousarray(counts[:, [_CLOSED, _EXPIRED]].T)
        table = _event_table(ages, ends, counts[:, [_OPEN]])
        warn_if_weak(table)
        notes = (COMPETING_NOTE, *self._noted(counts))
        return estimate_incidence(table, CAUSES, level=_LEVEL, assumptions=notes)

    def _counts(self, rows: NDArray[np.bool_]) -> tuple[NDArray[np.timedelta64], NDArray[np.int64]]:
        """Return the ages that occur, from 0, and how many reached them with each outcome."""
        if not rows.any():
            message = "there are no rows, so there is nothing to estimate; check what was selected"
            raise DataError(message, column="durations")
        cells = np.zeros(len(self._ages) * _OUTCOMES, dtype=np.int64)
        kernels().count_ends(self._cells, rows, cells)
        counts = cells.reshape(-1, _OUTCOMES)
        occur = counts.any(axis=1)
        ages, counts = self._ages[occur], counts[occur]
        if ages[0] > np.timedelta64(0, "ms"):
            ages = np.concatenate([np.zeros(1, ages.dtype), ages])
            counts = np.concatenate([np.zeros((1, _OUTCOMES), np.int64), counts])
        return ages, counts

    def _noted(self, counts: NDArray[np.int64]) -> tuple[str, ...]:
        still_open = int(counts[:, _OPEN].sum())
        return (censored_note(still_open), *self._notes) if still_open else self._notes


def suggested_resolution(frame: pd.DataFrame) -> str | None:
    """Choose the finest resolution at which a curve has no more steps than a picture can show.

    None, for exact ages, where there are few sessions.
    """
    if len(frame) <= _STEPS or "lifetime" not in frame.columns:
        return None
    known = frame["lifetime"].dropna()
    if not len(known) or not pd.api.types.is_timedelta64_dtype(known):
        return None
    span = int(milliseconds(known).max())
    fits = (one for one in RESOLUTIONS if span <= _STEPS * to_milliseconds(one))
    return next(fits, RESOLUTIONS[-1])


def _event_table(
    ages: NDArray[np.timedelta64], ends: NDArray[np.int64], others: NDArray[np.int64]
) -> EventTable:
    censored = others.sum(axis=1)
    gone = ends.sum(axis=0) + censored
    return EventTable(ages, np.cumsum(gone[::-1])[::-1], ends, censored)
