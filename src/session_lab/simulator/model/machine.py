"""The rules of sessions as pure functions: ``(session, what is asked, now) -> (session, reply)``.

A session is in one of four states for an external id: it does not exist, it is *open*, it is
*expired* (``expires_at`` lies strictly before now), or it is *closed*. Closed wins over expired,
both are final, and nothing deletes a session, so an external id is spent for good. The rules are
those of the open-source server (``apps/webapp/app/services/realtime/sessions.server.ts`` and
``sessionRunManager.server.ts``).

At most one run of a session is alive at any time; a start or a message that finds none triggers
one. How runs live and die is the matter of :mod:`session_lab.simulator.model.runs`.

In every function ``at`` is now, in milliseconds since 1970, never before an earlier request to the
session, and ``timings`` is the run policy; None leaves runs alive until they are ended from
outside, and serves no turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.run_payload import time_to_live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.model.runs import Run
    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.model.settings.profiles import Profile

__all__ = [
    "APPEND_MISSING",
    "ERRORS",
    "SWAP_FAILED",
    "Row",
    "SessionState",
    "Step",
    "WorldReply",
    "append_refusal",
    "close",
    "end_and_continue",
    "end_and_continue_refusal",
    "ensure_run",
    "is_expired",
    "leave",
    "message",
    "retrieve",
    "start",
    "update",
    "upsert",
]


class Row(NamedTuple):
    """What is stored of a session.

    ``updated_at`` is the last moment a request wrote the row; the claim of a run writes it too, at
    the run's trigger. JSON values are never changed in place.
    """

    external_id: str | None
    created_at: int
    updated_at: int
    type: str | None = None
    task_identifier: str | None = None
    tags: tuple[str, ...] = ()
    expires_at: int | None = None
    closed_at: int | None = None
    closed_reason: str | None = None
    metadata: dict[str, Any] | None = None
    trigger_config: dict[str, Any] | None = None
    session_id: str = ""
    environment: str = ""


class SessionState(NamedTuple):
    """A session: its row, its current run, and how many turns and runs it has had so far.

    ``n_settled`` is how many runs it had had when its last turn was accepted.
    """

    row: Row
    run: Run | None = None
    accepted: int = 0
    n_runs: int = 0
    n_settled: int = 0


class WorldReply(NamedTuple):
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
    swapped : bool or None
        Whether a hand-over took the session over.
    seq : int or None
        The sequence number of an appended record; None where its part id was a repeat.
    """

    status_code: int
    error: str | None = None
    is_cached: bool | None = None
    run: int | None = None
    start_kind: str | None = None
    start: int | None = None
    swapped: bool | None = None
    seq: int | None = None


class Step(NamedTuple):
    """The session after a request, the reply, and the runs that a newer run took over from."""

    session: SessionState | None
    reply: WorldReply
    superseded: tuple[Run, ...] = ()


ERRORS = (
    "Session is closed; use a different externalId to create a new session",
    "Session is expired; use a different externalId to create a new session",
    "Resource not found",
    "Cannot append to a closed session",
    "Cannot append to an expired session",
    "Session not found",
    "Not found",
    "Cannot end-and-continue a closed session",
    "Cannot end-and-continue an expired session",
    "callingRunId not found in this environment",
    "Failed to swap session run",
    (
        "externalId cannot be changed after creation; close this session and create a new one "
        "with the desired externalId"
    ),
    "Something went wrong",
)
"""Every message a refusal can carry."""

_START_CLOSED = WorldReply(409, ERRORS[0])
_START_EXPIRED = WorldReply(409, ERRORS[1])
APPEND_MISSING = WorldReply(404, ERRORS[2])
_APPEND_CLOSED = ERRORS[3]
_APPEND_EXPIRED = WorldReply(400, ERRORS[4])
_MISSING = WorldReply(404, ERRORS[5])
_RETRIEVE_MISSING = WorldReply(404, ERRORS[6])
_CONTINUE_CLOSED = WorldReply(400, ERRORS[7])
_CONTINUE_EXPIRED = WorldReply(400, ERRORS[8])
_CALLER_MISSING = WorldReply(404, ERRORS[9])
SWAP_FAILED = WorldReply(500, ERRORS[10])
_RENAMED = WorldReply(422, ERRORS[11])
_OK = WorldReply(200)
_CREATED = WorldReply(201, None, is_cached=False)
_CREATED_WITH_RUN = _CREATED._replace(run=0)
_CACHED = WorldReply(200, None, is_cached=True)


def is_expired(row: Row, at: int) -> bool:
    """Return whether a session is past its expiry; at the very instant it is still open."""
    return row.expires_at is not None and row.expires_at < at


def start(
    session: SessionState | None,
    request: Row,
    turn_duration: int | None,
    at: int,
    timings: Timings | None,
    *,
    profile: Profile,
    crashes: bool = False,
    upgrades: bool = False,
) -> Step:
    """Create the session, or fetch it and make sure that a run lives.

    Parameters
    ----------
    session : SessionState or None
        The session of the external id, where there is one.
    request : Row
        The row to insert where there is none.
    turn_duration : int or None
        The length of the first turn, which a start that creates the session carries; None only
        boots a run.
    crashes, upgrades : bool
        Whether the agent dies at the end of the turn, or passes it on to a run of a new version.
    """
    if session is not None or is_expired(request, at):
        step = upsert(session, request, at, profile)
        if step.session is None or step.reply.error is not None:
            return step
        return ensure_run(step.session, step.reply, at, timings)
    session = SessionState(request)
    if timings is None or turn_duration is None:
        run = _trigger(session, "initial", at, timings)
        return Step(SessionState(request, run, 0, 1), _CREATED_WITH_RUN)
    return _take_turn(
        session, turn_duration, at, timings, _CREATED, crashes=crashes, upgrades=upgrades
    )


def upsert(session: SessionState | None, request: Row, at: int, profile: Profile) -> Step:
    """Insert the row or find it, and refuse a session that is closed or expired.

    A new row whose own expiry is past already is refused too, but it stays: its external id is
    spent.
    """
    if session is None:
        refusal = _START_EXPIRED if is_expired(request, at) else None
        return Step(SessionState(request), refusal or _CREATED)
    row = session.row
    refusal = _START_CLOSED if row.closed_at is not None else None
    if refusal is None and is_expired(row, at):
        refusal = _START_EXPIRED
    if refusal is None or profile.refused_start_rewrites:
        row = row._replace(updated_at=at, trigger_config=request.trigger_config)
        session = session._replace(row=row)
    return Step(session, refusal or _CACHED)


def message(
    session: SessionState | None,
    turn_duration: int | None,
    at: int,
    timings: Timings | None,
    *,
    profile: Profile,
    crashes: bool = False,
    upgrades: bool = False,
) -> Step:
    """Send a message, which asks for a turn; None lasts as long as the platform's do."""
    refusal = append_refusal(session, at, profile)
    if session is None or refusal is not None:
        return Step(session, refusal or APPEND_MISSING)
    if timings is None:
        return ensure_run(session, _OK, at, timings)
    if turn_duration is None:
        turn_duration = timings.duration(_name(session.row), session.accepted)
    return _take_turn(session, turn_duration, at, timings, _OK, crashes=crashes, upgrades=upgrades)


def append_refusal(session: SessionState | None, at: int, profile: Profile) -> WorldReply | None:
    """Return why nothing can be appended to a session; None when it can."""
    if session is None:
        return APPEND_MISSING
    if session.row.closed_at is not None:
        return WorldReply(profile.append_to_closed, _APPEND_CLOSED)
    return _APPEND_EXPIRED if is_expired(session.row, at) else None


def close(
    session: SessionState | None, reason: str | None, at: int, timings: Timings | None
) -> Step:
    """Close the session for good; its newest run ends when it has served what it accepted."""
    if session is None:
        return Step(None, _MISSING)
    if session.row.closed_at is not None:
        return Step(session, _OK)
    row = session.row._replace(closed_at=at, closed_reason=reason, updated_at=at)
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


def retrieve(session: SessionState | None) -> Step:
    """Read the session, in whatever state it is."""
    return Step(session, _RETRIEVE_MISSING if session is None else _OK)


def update(session: SessionState | None, changes: Mapping[str, Any], at: int) -> Step:
    """Replace tags and metadata; an external id cannot be changed, only repeated.

    Parameters
    ----------
    changes : mapping
        Those of ``tags``, ``metadata`` and ``external_id`` that were sent; None is a value.
    """
    if session is None:
        return Step(None, _MISSING)
    row = session.row
    if changes.get("external_id", row.external_id) != row.external_id:
        return Step(session, _RENAMED)
    if changes:
        row = row._replace(updated_at=at, **changes)
    return Step(session._replace(row=row), _OK)


def end_and_continue_refusal(
    session: SessionState | None, at: int, *, caller_exists: bool
) -> WorldReply | None:
    """Return why no run can take a session over; None when one can."""
    if session is None:
        return APPEND_MISSING
    if session.row.closed_at is not None:
        return _CONTINUE_CLOSED
    if is_expired(session.row, at):
        return _CONTINUE_EXPIRED
    return None if caller_exists else _CALLER_MISSING


def end_and_continue(
    session: SessionState, reason: str, at: int, timings: Timings | None, *, wins: bool
) -> Step:
    """Trigger a run that takes the session over from its current one.

    It is triggered first and claims the session then. One that does not win is cancelled, and the
    reply names the current run. The platform leaves the old run to end by itself; under a policy
    it ends when it has served what it accepted (an assumption of the model).
    """
    rival = _trigger(session, reason, at, timings)
    n_runs = session.n_runs + 1
    old = session.run
    if not wins:
        lost = rival._replace(ended_at=at, end_cause="cancelled", status="CANCELED")
        session = session._replace(n_runs=n_runs)
        if old is None:
            return Step(session, SWAP_FAILED, (lost,))
        return Step(session, _OK._replace(run=old.number, swapped=False), (lost,))
    if (
        old is not None
        and timings is not None
        and old.ended_at is None
        and run_model.is_live(old, at, timings)
    ):
        old = run_model.close(old, at, max(run_model.last_busy(old), at), "upgrade", timings)
    superseded = () if old is None else (run_model.settle(old, timings),)
    session = session._replace(run=rival, n_runs=n_runs)
    return Step(session, _OK._replace(run=rival.number, swapped=True), superseded)


def ensure_run(session: SessionState, reply: WorldReply, at: int, timings: Timings | None) -> Step:
    """Make sure that a run lives, and name it in the reply."""
    run, number = session.run, session.n_runs
    if run is not None and run_model.is_live(run, at, timings):
        return Step(session, reply._replace(run=run.number))
    superseded = () if run is None else (run_model.settle(run, timings),)
    run = _trigger(session, "continuation", at, timings)
    session = session._replace(run=run, n_runs=number + 1)
    return Step(session, reply._replace(run=number), superseded)


def leave(session: SessionState, at: int, timings: Timings | None) -> Step:
    """End the run of an agent that leaves, when it has served what it accepted, if it is alive."""
    run = session.run
    if (
        run is None
        or timings is None
        or run.ended_at is not None
        or not run_model.is_live(run, at, timings)
    ):
        return Step(session, _OK)
    ended_at = max(run_model.last_busy(run), at)
    run = run_model.close(run, at, ended_at, "session_closed", timings)
    return Step(session._replace(run=run), _OK._replace(run=run.number))


def _take_turn(
    session: SessionState,
    duration: int,
    at: int,
    timings: Timings,
    answer: WorldReply,
    *,
    crashes: bool,
    upgrades: bool,
) -> Step:
    """Find the run that serves a turn, triggering what is needed, and let it accept the turn."""
    row, run, accepted, n_runs, n_settled = session
    name = row.external_id or row.session_id
    superseded: tuple[Run, ...] = ()
    kind = "dead" if run is None else run_model.receive(run, at, timings)
    if run is None or kind == "dead":
        superseded = () if run is None else (run_model.settle(run, timings),)
        kind = "continuation" if answer.is_cached is None else "initial"
        boot = timings.boot(name, accepted, n_runs - n_settled)
        run = run_model.trigger(n_runs, kind, at, boot)
        start, n_runs = run.ready_at, n_runs + 1
    elif run.ended_at is not None:
        # Its places are taken: the turn waits for the run that follows it.
        superseded = (run,)
        boot = timings.boot(name, accepted, n_runs - n_settled)
        run = run_model.trigger(n_runs, "continuation", run.ended_at, boot)
        start, n_runs = run.ready_at, n_runs + 1
    elif kind == "resumed":
        start = at + timings.resume(name, accepted, n_runs - n_settled)
    else:
        start = max(at, run.free_at)
    if timings.deploys or upgrades:
        deployed_at = at if upgrades else timings.latest_deploy(start)
        if deployed_at > run.triggered_at:
            ended_at = max(run_model.last_busy(run), at, deployed_at)
            superseded = (*superseded, run_model.close(run, at, ended_at, "upgrade", timings))
            kind = "upgrade"
            boot = timings.boot(name, accepted, n_runs - n_settled)
            run = run_model.trigger(n_runs, kind, ended_at, boot)
            start, n_runs = run.ready_at, n_runs + 1
    crashes = crashes or (timings.crash_rate > 0 and timings.crashes(name, accepted))
    run = run_model.serve(
        run, at, start, duration, timings, resumed=kind == "resumed", crashes=crashes
    )
    return Step(
        SessionState(row, run, accepted + 1, n_runs, n_runs),
        WorldReply(answer.status_code, None, answer.is_cached, run.number, kind, start),
        superseded,
    )


def _trigger(session: SessionState, reason: str, at: int, timings: Timings | None) -> Run:
    """Trigger the next run of a session.

    Under a policy it starts as soon as it has booted; without one it waits until somebody starts
    it, or until it expires.
    """
    run = run_model.trigger(session.n_runs, reason, at, _boot_time(session, timings))
    if timings is not None:
        return run
    return run_model.expiring(run, time_to_live(session.row.trigger_config))


def _boot_time(session: SessionState, timings: Timings | None) -> int:
    """Return how long the next run of a session boots; without a policy it is ready at once."""
    if timings is None:
        return 0
    triggered = session.n_runs - session.n_settled
    return timings.boot(_name(session.row), session.accepted, triggered)


def _name(row: Row) -> str:
    """Return what the random numbers of a session are drawn by."""
    return row.external_id or row.session_id
