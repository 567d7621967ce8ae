"""Everything that is known of a session, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from session_lab.frames import NAT, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from session_lab.replays.environment.evidence.arrivals import Arrival
    from session_lab.replays.environment.evidence.pieces import Facts
    from session_lab.replays.environment.evidence.spans import TraceFacts

__all__ = ["Chat", "KnownRun", "chats_of"]


class KnownRun(NamedTuple):
    """What is known of a run; times in milliseconds since 1970, ``billed`` in milliseconds.

    ``trace`` is None where there is none. What came after the observation is left out.
    """

    row: int
    run_id: str
    triggered_at: int
    started_at: int | None
    ended_at: int | None
    status: str
    version: str | None
    billed: int | None
    trace: TraceFacts | None


class Chat(NamedTuple):
    """What is known of a session; ``carries`` says whether its start brought a turn, if known."""

    row: int
    session_id: str
    name: str
    task: str
    created_at: int
    closed_at: int | None
    expires_at: int | None
    runs: list[KnownRun]
    arrivals: list[Arrival]
    carries: bool | None


def chats_of(
    facts: Facts, sessions: pd.DataFrame, runs: pd.DataFrame, observed_at: int
) -> Iterator[Chat]:
    """Iterate over the sessions of a frame, each with its runs and with what came on ``in``."""
    owned: dict[str, list[KnownRun]] = {}
    for run, owner in zip(_runs(facts, runs, observed_at), runs["session_id"], strict=True):
        owned.setdefault(owner, []).append(run)
    columns = zip(
        sessions["session_id"].tolist(),
        sessions["external_id"].astype(object).tolist(),
        sessions["task_identifier"].astype(object).tolist(),
        *(_times(sessions, name) for name in ("created_at", "closed_at", "expires_at")),
        strict=True,
    )
    for row, (id_, external_id, task, created_at, closed_at, expires_at) in enumerate(columns):
        own = owned.get(id_, [])
        arrivals = [one for one in facts.arrivals.get(id_, ()) if one.at <= observed_at]
        yield Chat(
            row,
            id_,
            id_ if pd.isna(external_id) else external_id,
            task,
            created_at or 0,
            closed_at if closed_at is None or closed_at <= observed_at else None,
            expires_at,
            own,
            arrivals,
            _carries(facts.payloads, own),
        )


def _carries(payloads: Mapping[str, dict[str, object]], runs: list[KnownRun]) -> bool | None:
    told = payloads.get(runs[0].run_id) if runs else None
    carries = None if told is None else told.get("carries")
    return carries if isinstance(carries, bool) else None


def _runs(facts: Facts, runs: pd.DataFrame, observed_at: int) -> Iterator[KnownRun]:
    columns = zip(
        runs["run_id"].tolist(),
        *(_times(runs, name) for name in ("triggered_at", "started_at", "ended_at")),
        runs["status"].astype(object).tolist(),
        _texts(runs, "version"),
        _times(runs, "billed"),
        strict=True,
    )
    for row, (id_, triggered, started, ended, status, version, billed) in enumerate(columns):
        trace = facts.traces.get(id_)
        clipped = None if trace is None else _clipped(trace, observed_at)
        yield KnownRun(row, id_, triggered or 0, started, ended, status, version, billed, clipped)


def _clipped(trace: TraceFacts, at: int) -> TraceFacts:
    """Leave out of a trace what came after an instant."""
    return trace._replace(
        turns=[
            turn._replace(ended_at=_until(turn.ended_at, at))
            for turn in trace.turns
            if turn.started_at <= at
        ],
        waits=[
            wait._replace(
                suspended_at=_until(wait.suspended_at, at), ended_at=_until(wait.ended_at, at)
            )
            for wait in trace.waits
            if wait.started_at <= at
        ],
    )


def _until(instant: int | None, at: int) -> int | None:
    return None if instant is None or instant > at else instant


def _texts(frame: pd.DataFrame, name: str) -> list[str | None]:
    if name not in frame:
        return [None] * len(frame)
    return [None if pd.isna(value) else value for value in frame[name].astype(object)]


def _times(frame: pd.DataFrame, name: str) -> list[int | None]:
    """Return a column of instants or durations as milliseconds, or None where it says nothing."""
    if name not in frame:
        return [None] * len(frame)
    return [None if value == NAT else value for value in milliseconds(frame[name]).tolist()]
