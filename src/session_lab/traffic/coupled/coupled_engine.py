"""Playing a grouped log whose runs wait for slots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.traffic.columnar.compiling import allocating
from session_lab.traffic.columnar.layout import RunColumns
from session_lab.traffic.columnar.log import PROFILE
from session_lab.traffic.columnar.unpack import RunsSoFar, tell, to_columns
from session_lab.traffic.coupled.play import Play
from session_lab.traffic.coupled.state import QUEUED_COLUMN
from session_lab.traffic.engine.engine_result import NAT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.log import GroupedLog
    from session_lab.traffic.engine.engine_result import EngineResult
    from session_lab.traffic.engine.slots import SlotLimits

__all__ = ["play_coupled"]


def play_coupled(
    log: GroupedLog,
    policies: Sequence[Timings],
    limits: SlotLimits,
    *,
    profile: Profile = PROFILE,
    until: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> EngineResult:
    """Play a log whose runs wait for slots, and tell of every event, session and run.

    Parameters
    ----------
    log : GroupedLog
        The events.
    policies : sequence of Timings
        As many as its events name; all of one platform and seed.
    limits : SlotLimits
        How many runs may hold a slot at once.
    profile : Profile
        The state of the API to follow.
    until : int, optional
        The instant at which to look at what became of the events, none of which is later; by
        default the end of every run.
    progress : callable, optional
        Told now and then how many further events were played.

    Returns
    -------
    EngineResult
        The same as the readable engine's.
    """
    columns, book = log.prepared(policies, profile, until)
    play = Play(log, columns, book, limits, tells=True)
    told, queued_parts = RunsSoFar(), [np.empty(0, np.int64)]

    def keep(rows: NDArray[np.int64]) -> None:
        told.add(to_columns(rows))
        queued_parts.append(rows[:, QUEUED_COLUMN].copy())

    play.run(keep, progress)
    n_runs = play.written.sessions.n_runs
    runs, run_queued = told.columns(), np.concatenate(queued_parts)
    place = _places(runs.owner, n_runs)
    result = tell(
        play.written.answers,
        play.written.sessions,
        RunColumns(*(_moved(column, place) for column in runs)),
        at=columns.at,
        op=columns.op,
        session=log.session,
        created_by=log.created_by,
        expires_at=columns.expires_at,
        profile=profile,
        workers=1,
    )
    queued = play.written.queued
    queued[log.session < 0] = NAT
    return replace(
        result, queued=queued, run_queued=_moved(run_queued, place), slots=play.slot_use()
    )


@allocating
def _places(owner: NDArray[np.int32], n_runs: NDArray[np.int32]) -> NDArray[np.int32]:
    """Map runs, in order of the end of each, to their places by session."""
    free = np.zeros(len(n_runs) + 1, np.int64)
    for session in range(len(n_runs)):
        free[session + 1] = free[session] + n_runs[session]
    place = np.empty(len(owner), np.int32)
    for row in range(len(owner)):
        place[row] = free[owner[row]]
        free[owner[row]] += 1
    return place


def _moved(column: NDArray[Any], place: NDArray[np.int32]) -> NDArray[Any]:
    moved = np.empty_like(column)
    moved[place] = column
    return moved
