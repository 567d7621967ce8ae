"""The rules of sessions as pure functions: ``(session, what is asked, now) -> (session, reply)``.

A session is in one of four states for an external id: it does not exist, it is *open*, it is
*expired* (``expires_at`` lies strictly before now), or it is *closed*. Closed wins over expired,
both are final, and nothing deletes a session, so an external id is spent for good. The rules are
those of the open-source server (``apps/webapp/app/services/realtime/sessions.server.ts`` and
``sessionRunManager.server.ts``).

At most one run of a session is alive at any time; a start or a message that finds none triggers
one. How runs live and die is the matter of :mod:`session_lab.simulator.runs`.

In every function ``at`` is now, in milliseconds since 1970, never before an earlier request to the
session, and ``timings`` is the run policy; None leaves runs alive until they are ended from
outside, and serves no turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator import runs as run_model
from session_lab.simulator.runs import Run

if TYPE_CHECKING:
    from session_lab.simulator.policy import Timings
    from session_lab.simulator.profiles import Profile

__all__ = [
    "ERRORS",
    "Reply",
    "Row",
    "Session",
    "Step",
    "close",
    "is_expired",
    "message",
    "retrieve",
    "start",
]


class Row(NamedTuple):
    """What is stored of a session.

    ``touched_at`` is the last moment a request wrote the row; the claim of a run writes it too, at
    the run's trigger.
    """

    external_id: str
    created_at: int
    touched_at: int
    type: str | None = None
    task_identifier: str | None = None
    tags: tuple[str, ...] = ()
    expires_at: int | None = None
    closed_at: int | None = None
    closed_reason: str | None = None


class Session(NamedTuple):
    """A session: its row, its current run, and how many turns and runs it has had so far."""

    row: Row
    run: Run | None = None
    accepted: int = 0
    n_runs: int = 0


class Reply(NamedTuple):
    """What the API answers, and what became of the turn.

    Attributes
    ----------
    status_code : int
        The HTTP status.
    error : str or None
        The message of a refusal, in the API's own words.
    is_cached : bool or None
        Whether an accepted start found the session; None on all else.
    run : int or None
        Number of the run that serves the turn, or the newest run on an accepted start.
    start_kind : str or None
        How the turn starts: the reason of the run it triggered, or queued, warm or resumed.
    start : int or None
        When the turn starts.
    """

    status_code: int
    error: str | None = None
    is_cached: bool | None = None
    run: int | None = None
    start_kind: str | None = None
    start: int | None = None


class Step(NamedTuple):
    """The session after a request, the reply, and the runs that a newer run took over from."""

    session: Session | None
    reply: Reply
    superseded: tuple[Run, ...] = ()


ERRORS = (
    "Session is closed; use a different externalId to create a new session",
    "Session is expired; use a different externalId to create a new session",
    "Resource not found",
    "Cannot append to a closed session",
    "Cannot append to an expired session",
    "Session not found",
    "Not found",
)
"""Every message a refusal can carry."""

_START_CLOSED = Reply(409, ERRORS[0])
_START_EXPIRED = Reply(409, ERRORS[1])
_APPEND_MISSING = Reply(404, ERRORS[2])
_APPEND_CLOSED = ERRORS[3]
_APPEND_EXPIRED = Reply(400, ERRORS[4])
_CLOSE_MISSING = Reply(404, ERRORS[5])
_RETRIEVE_MISSING = Reply(404, ERRORS[6])
_OK = Reply(200)


def is_expired(row: Row, at: int) -> bool:
    """Tell whether a session is past its expiry; at the very instant it is still open."""
    return row.expires_at is not None and row.expires_at < at


def start(
    session: Session | None,
    request: Row,
    turn_duration: int | None,
    at: int,
    timings: Timings | None,
    profile: Profile,
) -> Step:
    """Create the session, or fetch it and make sure that a run lives.

    Parameters
    ----------
    session : Session or None
        The session of the external id, where there is one.
    request : Row
        The row to insert where there is none.
    turn_duration : int or None
        The length of the first turn, which a start that creates the session carries; None only
        boots a run.
    """
    if session is None:
        return _create(request, turn_duration, at, timings)
    row = session.row
    refusal = _START_CLOSED if row.closed_at is not None else None
    if refusal is None and is_expired(row, at):
        refusal = _START_EXPIRED
    if refusal is None or profile.refused_start_rewrites:
        session = session._replace(row=row._replace(touched_at=at))
    if refusal is not None:
        return Step(session, refusal)
    return _ensure_run(session, Reply(200, None, is_cached=True), at, timings)


def message(
    session: Session | None,
    turn_duration: int | None,
    at: int,
    timings: Timings | None,
    profile: Profile,
) -> Step:
    """Send a message, which asks for a turn; None lasts the policy's default."""
    if session is None:
        return Step(None, _APPEND_MISSING)
    if session.row.closed_at is not None:
        return Step(session, Reply(profile.append_to_closed, _APPEND_CLOSED))
    if is_expired(session.row, at):
        return Step(session, _APPEND_EXPIRED)
    if timings is None:
        return _ensure_run(session, _OK, at, timings)
    if turn_duration is None:
        turn_duration = timings.turn_duration
    return _take_turn(session, turn_duration, at, "continuation", timings)


def close(session: Session | None, reason: str | None, at: int, timings: Timings | None) -> Step:
    """Close the session for good; its newest run ends when it has served what it accepted."""
    if session is None:
        return Step(None, _CLOSE_MISSING)
    if session.row.closed_at is not None:
        return Step(session, _OK)
    row = session.row._replace(closed_at=at, closed_reason=reason, touched_at=at)
    run = session.run
    if (
        run is not None
        and timings is not None
        and run.ended_at is None
        and run_model.is_live(run, at, timings)
    ):
        ended_at = max(run_model.last_busy(run), at)
        run = run_model.close(run, at, ended_at, "session_closed", timings)
    return Step(session._replace(row=row, run=run), _OK)


def retrieve(session: Session | None) -> Step:
    """Read the session, in whatever state it is."""
    return Step(session, _RETRIEVE_MISSING if session is None else _OK)


def _create(row: Row, turn_duration: int | None, at: int, timings: Timings | None) -> Step:
    if is_expired(row, at):
        return Step(Session(row), _START_EXPIRED)
    if timings is None or turn_duration is None:
        run = run_model.trigger(0, "initial", at, timings)
        return Step(Session(row, run, n_runs=1), Reply(201, None, is_cached=False, run=0))
    served = _take_turn(Session(row), turn_duration, at, "initial", timings)
    return served._replace(reply=served.reply._replace(status_code=201, is_cached=False))


def _ensure_run(session: Session, reply: Reply, at: int, timings: Timings | None) -> Step:
    """Make sure that a run lives, and name it in the reply."""
    run, number = session.run, session.n_runs
    if run is not None and run_model.is_live(run, at, timings):
        return Step(session, reply._replace(run=run.number))
    superseded = () if run is None else (run_model.settle(run, timings),)
    run = run_model.trigger(number, "continuation", at, timings)
    session = session._replace(run=run, n_runs=number + 1)
    return Step(session, reply._replace(run=number), superseded)


def _take_turn(session: Session, duration: int, at: int, reason: str, timings: Timings) -> Step:
    """Find the run that serves a turn, triggering what is needed, and let it accept the turn."""
    row, run, accepted, n_runs = session
    superseded: tuple[Run, ...] = ()
    if run is None or not run_model.is_live(run, at, timings):
        superseded = () if run is None else (run_model.settle(run, timings),)
        run = run_model.trigger(n_runs, reason, at, timings)
        kind, start = reason, run.ready_at
    elif run.ended_at is not None:
        # Its places are taken: the turn waits for the run that follows it.
        superseded = (run,)
        run = run_model.trigger(n_runs, "continuation", run.ended_at, timings)
        kind, start = "queued", run.ready_at
    else:
        kind, start = run_model.receive(run, at, timings)
    deployed_at = timings.latest_deploy(start)
    if deployed_at > run.triggered_at:
        ended_at = max(run_model.last_busy(run), at, deployed_at)
        superseded = (*superseded, run_model.close(run, at, ended_at, "upgrade", timings))
        run = run_model.trigger(max(n_runs, run.number + 1), "upgrade", ended_at, timings)
        kind, start = "upgrade", run.ready_at
    crashes = timings.crashes(row.external_id, accepted)
    run = run_model.serve(run, at, start, duration, kind == "resumed", crashes, timings)
    return Step(
        Session(row, run, accepted + 1, max(n_runs, run.number + 1)),
        Reply(200, None, None, run.number, kind, start),
        superseded,
    )
