"""Everything that is known of a session, side by side."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from session_lab.frames import NAT, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from session_lab.replays.environment.evidence.arrivals import Arrival
    from session_lab.replays.environment.evidence.pieces import Facts
    from session_lab.replays.environment.evidence.spans import TraceFacts

__all__ = ["MOST_SKEW", "Chat", "Clocks", "KnownRun", "chats_of"]

MOST_SKEW = 1_000
"""By how many milliseconds instants of different clocks may differ and still be one."""


class Clocks(NamedTuple):
    """By how many milliseconds the clocks of the stream store and the workers are behind."""

    store: int = 0
    worker: int = 0

    @property
    def of_messages(self) -> int:
        """What is added to when messages came; a little is what it takes to write one down."""
        return self.store if abs(self.store) > MOST_SKEW else 0


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
    """What is known of a session.

    ``carries`` says whether its start brought a turn, if known; ``answers`` say what was seen on
    ``out`` by the number of the message; ``moved`` counts arrivals that were put right.
    """

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
    answers: dict[int, list[int | None]]
    moved: int


def chats_of(
    facts: Facts, sessions: pd.DataFrame, runs: pd.DataFrame, observed_at: int, clocks: Clocks
) -> Iterator[Chat]:
    """Iterate over the sessions of a frame, each with its runs and with what came on ``in``."""
    owned: dict[str, list[KnownRun]] = {}
    known = _runs(facts, runs, observed_at, clocks.worker)
    for run, owner in zip(known, runs["session_id"], strict=True):
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
        late = clocks.of_messages
        told = (one._replace(at=one.at + late) for one in facts.arrivals.get(id_, ()))
        raw = [one for one in told if one.at <= observed_at]
        ends = [at for at in (closed_at, expires_at) if at is not None]
        arrivals = _within(raw, created_at or 0, min(ends, default=None))
        if clocks.store:
            arrivals = _at_triggers(arrivals, own)
        answers = {
            event: [None if at is None else at + late for at in times]
            for event, times in facts.answers.get(id_, {}).items()
        }
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
            answers,
            sum(one.at != before.at for one, before in zip(arrivals, raw, strict=True)),
        )


def _within(arrivals: list[Arrival], begin: int, end: int | None) -> list[Arrival]:
    """Put arrivals into the life of their session that came before it or just after it."""
    last = None if end is None else end + MOST_SKEW
    moved = [one._replace(at=max(one.at, begin)) for one in arrivals]
    if end is None or last is None:
        return moved
    return [one._replace(at=end) if end < one.at <= last else one for one in moved]


def _at_triggers(arrivals: list[Arrival], runs: list[KnownRun]) -> list[Arrival]:
    """Put the messages that triggered runs to the instant at which they did.

    The server triggers the run first, and then has the message written down.
    """
    found = list(arrivals)
    for before, run in pairwise(runs):
        near = [
            (abs(run.triggered_at - one.at), place)
            for place, one in enumerate(found)
            if one.is_turn and abs(run.triggered_at - one.at) <= MOST_SKEW
        ]
        if near and before.ended_at is not None and before.ended_at < run.triggered_at:
            place = min(near)[1]
            found[place] = found[place]._replace(at=run.triggered_at)
    return found


def _carries(payloads: Mapping[str, dict[str, object]], runs: list[KnownRun]) -> bool | None:
    told = payloads.get(runs[0].run_id) if runs else None
    carries = None if told is None else told.get("carries")
    return carries if isinstance(carries, bool) else None


def _runs(facts: Facts, runs: pd.DataFrame, observed_at: int, behind: int) -> Iterator[KnownRun]:
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
        clipped = None if trace is None else _clipped(trace.moved(behind), observed_at)
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
