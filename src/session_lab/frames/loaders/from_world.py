"""Frames of a simulated world as it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.frames.build import NAT, build
from session_lab.frames.lifetime_columns import derive_lifetimes
from session_lab.frames.loaders.observation import observe
from session_lab.frames.schema import RUNS, SESSIONS, Kind
from session_lab.wire.run.run_status import CURRENT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.simulator import World

__all__ = ["runs_of", "sessions_of"]


def sessions_of(world: World) -> pd.DataFrame:
    """Make the sessions frame of a world, observed now, in order of creation.

    Examples
    --------
    >>> from session_lab.simulator import World
    >>> world = World()
    >>> _ = world.start("chat-1", tags=["vip"])
    >>> sessions_of(world)[["external_id", "status", "end_cause"]]
      external_id  status end_cause
    0      chat-1  ACTIVE      open
    """
    rows = world.sessions
    current = [world.current_run(row.session_id, environment=row.environment) for row in rows]
    data = {
        column.name: _stored(column.kind, [getattr(row, column.name) for row in rows])
        for column in SESSIONS.columns
        if column.wire is not None and column.name != "current_run_id"
    }
    data["current_run_id"] = [None if run is None else run.run_id for run in current]
    times = (data["created_at"], data["closed_at"], data["expires_at"])
    data |= derive_lifetimes(*times, world.now)
    return observe(build(SESSIONS, data, n=len(rows)), world.now)


def runs_of(world: World) -> pd.DataFrame:
    """Make the runs frame of a world, observed now, by session, then in order of trigger.

    Runs have the API's current names of statuses. One that lost its claim of the session keeps
    the reason it was triggered for. Why a run ended is missing where its end was forced and its
    status does not tell.

    Examples
    --------
    >>> from session_lab.simulator import World
    >>> world = World()
    >>> _ = world.start("chat-1")
    >>> runs_of(world)[["reason", "status", "end_cause"]]
        reason  status end_cause
    0  initial  QUEUED      open
    """
    records = world.runs
    runs = [record.run for record in records]
    data = {
        "run_id": [record.run_id for record in records],
        "session_id": [record.payload["sessionId"] for record in records],
        "reason": [run.reason for run in runs],
        "status": [CURRENT_STATUSES.get(run.status, run.status) for run in runs],
        "triggered_at": _instants(run.triggered_at for run in runs),
        "ended_at": _instants(run.ended_at for run in runs),
        "end_cause": [run.end_cause or None for run in runs],
        "turns": [run.turns for run in runs],
        "resumes": [run.resumes for run in runs],
        "active": _instants(run.active for run in runs),
        "idle": _instants(run.idle for run in runs),
        "suspended": _instants(run.suspended for run in runs),
    }
    return observe(build(RUNS, data, n=len(runs)), world.now)


def _stored(kind: Kind, values: list[Any]) -> Any:  # noqa: ANN401  what build() takes
    if kind is Kind.INSTANT:
        return _instants(values)
    return [_json(value) for value in values] if kind is Kind.JSON else values


def _instants(values: Iterable[int | None]) -> NDArray[np.int64]:
    return np.array([NAT if value is None else value for value in values], dtype=np.int64)


def _json(metadata: Mapping[str, Any] | None) -> str | None:
    return None if metadata is None else json.dumps(metadata, ensure_ascii=False)
