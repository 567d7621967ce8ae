"""What an engine hands back: the outcome of a replay as plain columns.

Every engine fills the same columns, so that what follows them (identifiers, frames, digests) is
written once, and "the same outcome" means equal arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from session_lab.frames import NAT, OPERATIONS, RUNS
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from session_lab.simulator import Timings
    from session_lab.traffic.engine.slots import SlotUse

__all__ = ["CAUSES", "COLD", "KINDS", "NAT", "NONE", "OPS", "REASONS", "EngineResult", "Log"]

OPS = OPERATIONS.column("op").allowed
COLD = ("initial", "continuation", "upgrade")
"""The kinds of turns that trigger a run."""

KINDS = START_KINDS
REASONS = RUNS.column("reason").allowed
CAUSES = END_CAUSES

NONE = -1
"""Stands for no code, no row and no number in the columns below."""


class Log(NamedTuple):
    """Events as an engine takes them: in order of time, one array a field.

    Attributes
    ----------
    at : ndarray of int64
        Milliseconds since 1970, not decreasing.
    op : ndarray of int8
        Place in :data:`OPS`.
    chat : ndarray of int64
        Which external id, as its place in ``external_ids``.
    external_ids : Arrow array of text
        The distinct external ids.
    turn_duration, expires_at : ndarray of int64
        Milliseconds, or NAT.
    policy : ndarray of int64
        For each event, which of ``timings`` its session would follow if it were created by it.
    timings : tuple of Timings
        The run policies.
    """

    at: NDArray[np.int64]
    op: NDArray[np.int8]
    chat: NDArray[np.int64]
    external_ids: pa.Array
    turn_duration: NDArray[np.int64]
    expires_at: NDArray[np.int64]
    policy: NDArray[np.int64]
    timings: tuple[Timings, ...]


@dataclass(frozen=True)
class EngineResult:
    """The outcome of a replay.

    Attributes
    ----------
    status_code, is_cached, start_kind, waited, session, run : ndarray
        One entry an event: the HTTP status, whether an accepted start was cached, the place in
        :data:`KINDS`, the wait in milliseconds, the row of the session and the row of the run.
    error : ndarray of int8
        Place in :data:`session_lab.simulator.model.machine.ERRORS`.
    created_by, created_at, updated_at, closed_at, expires_at, current_run : ndarray
        One entry a session, in order of creation: the event that created it, instants, and the row
        of the last claimed run.
    owner, number, reason, status, triggered_at, ended_at, end_cause, turns, resumes, active, \
idle, suspended : ndarray
        One entry a run, by session, then in order of trigger; ``status`` is its place in
        :data:`session_lab.simulator.model.run_rules.STATUSES`.
    queued, run_queued : ndarray of int64, or None
        Under limits alone: for each event the part of its wait in which the runs of its session
        waited for slots, in milliseconds, and for each run how long it did so in all.
    slots : SlotUse or None
        Under limits alone, where a run had to wait: when slots were asked for, given and returned.

    Rows, numbers and counts are as wide as an engine needs them.
    """

    status_code: NDArray[np.int16]
    error: NDArray[np.int8]
    is_cached: NDArray[np.int8]
    start_kind: NDArray[np.int8]
    waited: NDArray[np.int64]
    session: NDArray[np.integer]
    run: NDArray[np.integer]
    created_by: NDArray[np.integer]
    created_at: NDArray[np.int64]
    updated_at: NDArray[np.int64]
    closed_at: NDArray[np.int64]
    expires_at: NDArray[np.int64]
    current_run: NDArray[np.integer]
    owner: NDArray[np.integer]
    number: NDArray[np.integer]
    reason: NDArray[np.int8]
    status: NDArray[np.int8]
    triggered_at: NDArray[np.int64]
    ended_at: NDArray[np.int64]
    end_cause: NDArray[np.int8]
    turns: NDArray[np.integer]
    resumes: NDArray[np.integer]
    active: NDArray[np.int64]
    idle: NDArray[np.int64]
    suspended: NDArray[np.int64]
    queued: NDArray[np.int64] | None = None
    run_queued: NDArray[np.int64] | None = None
    slots: SlotUse | None = None
