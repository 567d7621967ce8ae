"""Lives of sessions in the form that sliders need: places on an axis of ages, sorted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.lifetimes import COMPETING_NOTE, EXPIRY_NOTES, group_notes
from session_lab.analysis.survival.aalen_johansen import estimate_incidence
from session_lab.analysis.survival.groups import (
    IncidenceByGroup,
    SurvivalByGroup,
    kept_apart,
    other_name,
    rest_note,
    warn_of_ungrouped,
    warn_of_weak_groups,
)
from session_lab.analysis.survival.kaplan_meier import estimate_survival
from session_lab.analysis.survival.tables.event_table import EventTable, warn_if_weak, weakness_of
from session_lab.analysis.survival.tables.session_durations import CAUSES, censored_note, lives_of
from session_lab.errors import DataError
from session_lab.frames import milliseconds
from session_lab.timing import to_milliseconds
from session_lab.widgets.data.session_index import kernels

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from session_lab.analysis.lifetimes import Incidence, Survival
    from session_lab.analysis.survival.tables.session_durations import Expiry
    from session_lab.analysis.tags import TagCodes

__all__ = ["RESOLUTIONS", "PreparedLives", "suggested_resolution"]

RESOLUTIONS = ("1s", "1m", "10m", "1h", "6h", "1d")
"""What ages are rounded to, from fine to coarse."""

_LEVEL = 0.95
_STEPS = 1_000
"""Steps of a curve that a picture can show; more only take time to draw."""

_OPEN, _CLOSED, _EXPIRED = range(3)
_OUTCOMES = 3
_MOST_CELLS = 1 << 24
"""Counts of groups that are held at once; with exact ages of millions each group has millions."""


class _Grouped(NamedTuple):
    """Counts of each group, and what is to be said of all."""

    groups: dict[Hashable, NDArray[np.int64]]
    notes: tuple[str, ...]


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
        counts = self._counts(rows)
        table = self._survival_table(counts, expiry)
        warn_if_weak(table)
        notes = (EXPIRY_NOTES[expiry], *self._noted(counts))
        return estimate_survival(table, level=_LEVEL, assumptions=notes)

    def incidence(self, rows: NDArray[np.bool_]) -> Incidence:
        """Estimate the incidence of both ends of some of the sessions."""
        counts = self._counts(rows)
        table = self._incidence_table(counts)
        warn_if_weak(table)
        notes = (COMPETING_NOTE, *self._noted(counts))
        return estimate_incidence(table, CAUSES, level=_LEVEL, assumptions=notes)

    def survival_by(
        self, by: str, groups: TagCodes, rows: NDArray[np.bool_], top: int, expiry: Expiry
    ) -> SurvivalByGroup | None:
        """Estimate the survival of the commonest groups; None where they are not to be counted."""
        counted = self._grouped(by, groups, rows, top)
        if counted is None:
            return None
        tables = {name: self._survival_table(one, expiry) for name, one in counted.groups.items()}
        warn_of_weak_groups({name: weakness_of(one) for name, one in tables.items()}, by)
        notes = (EXPIRY_NOTES[expiry], *counted.notes)
        parts = {
            name: estimate_survival(table, level=_LEVEL, assumptions=notes)
            for name, table in tables.items()
        }
        return SurvivalByGroup(by, parts, notes)

    def incidence_by(
        self, by: str, groups: TagCodes, rows: NDArray[np.bool_], top: int
    ) -> IncidenceByGroup | None:
        """Estimate the incidence of the commonest groups; None where they are not to be counted."""
        counted = self._grouped(by, groups, rows, top)
        if counted is None:
            return None
        tables = {name: self._incidence_table(one) for name, one in counted.groups.items()}
        warn_of_weak_groups({name: weakness_of(one) for name, one in tables.items()}, by)
        notes = (COMPETING_NOTE, *counted.notes)
        parts = {
            name: estimate_incidence(table, CAUSES, level=_LEVEL, assumptions=notes)
            for name, table in tables.items()
        }
        return IncidenceByGroup(by, parts, notes)

    def _survival_table(self, counts: NDArray[np.int64], expiry: Expiry) -> EventTable:
        ages, counts = self._occurring(counts)
        is_end = np.array([False, True, expiry == "competes"])
        return _event_table(ages, counts[:, is_end].sum(axis=1)[None], counts[:, ~is_end])

    def _incidence_table(self, counts: NDArray[np.int64]) -> EventTable:
        ages, counts = self._occurring(counts)
        ends = np.ascontiguousarray(counts[:, [_CLOSED, _EXPIRED]].T)
        return _event_table(ages, ends, counts[:, [_OPEN]])

    def _grouped(
        self, by: str, groups: TagCodes, rows: NDArray[np.bool_], top: int
    ) -> _Grouped | None:
        found = groups.counts(rows)
        (present,) = np.nonzero(found)
        kept, place = kept_apart(found[present], top)
        names = [groups.names[one] for one in present[kept]]
        rest = ""
        if len(names) < len(present):
            names.append(other_name(len(present) - top))
            rest = rest_note(len(present), top)
        n_cells = len(self._ages) * _OUTCOMES
        if not names or len(names) * n_cells > _MOST_CELLS:
            return None
        group_of = np.full(len(groups.names), -1, dtype=np.int64)
        group_of[present] = place
        cells = np.zeros((len(names), n_cells), dtype=np.int64)
        kernels().count_ends_by_group(
            cells, self._cells, rows, groups.codes, groups.offsets, group_of
        )
        members = groups.n_tagged(rows)
        warn_of_ungrouped(by, int(rows.sum()) - members)
        overlap = int(cells.sum()) > members
        return _Grouped(
            {name: one.reshape(-1, _OUTCOMES) for name, one in zip(names, cells, strict=True)},
            (*self._noted(self._counts(rows)), *group_notes(by, rest, overlap=overlap)),
        )

    def _counts(self, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return how many sessions reached each age with each outcome."""
        if not rows.any():
            message = "there are no rows, so there is nothing to estimate; check what was selected"
            raise DataError(message, column="durations")
        cells = np.zeros(len(self._ages) * _OUTCOMES, dtype=np.int64)
        kernels().count_ends(self._cells, rows, cells)
        return cells.reshape(-1, _OUTCOMES)

    def _occurring(
        self, counts: NDArray[np.int64]
    ) -> tuple[NDArray[np.timedelta64], NDArray[np.int64]]:
        """Return the ages that occur, from 0, and their counts."""
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
