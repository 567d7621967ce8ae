"""The kernel: sessions played over columns, one session after the other.

Sessions do not touch each other, so their order is free: all events of one are played before the
next begins. What is known of its run then stays in registers, where an engine that follows the
clock fetches it from memory with every event; and shards of sessions can be played side by side.

The rules are those of :mod:`session_lab.simulator.model.machine`, which is the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.simulator.model.run_rules import DEAD
from session_lab.traffic.columnar.compiling import compiled, inlined
from session_lab.traffic.columnar.draws import crashes, draw
from session_lab.traffic.columnar.layout import ANSWERS, STREAMS, Int64, RunColumns
from session_lab.traffic.columnar.run_row import (
    ENDED_AT,
    FREE_AT,
    NUMBER,
    TRIGGERED_AT,
    Rules,
    Run,
    close,
    forget,
    is_live,
    last_busy,
    latest_deploy,
    receive,
    serve,
    trigger,
    write,
)
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE, OPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import (
        Answers,
        Columns,
        Rulebook,
        SessionColumns,
        Times,
    )

__all__ = ["play_sessions"]

DrawnBy = tuple[Any, Any, Any]
"""What random numbers are drawn by: the hash of the external id, how many turns of the session were
accepted before, and how many runs it had had when the last of them was."""

_NAT, _NONE = np.int64(NAT), np.int64(NONE)
_NO_HASH = np.uint64(0)
_START, _MESSAGE, _CLOSE = map(OPS.index, ("start", "message", "close"))
_INITIAL, _CONTINUATION, _UPGRADED, _RESUMED = map(
    KINDS.index, ("initial", "continuation", "upgrade", "resumed")
)
_BOOTS, _RESUMES, _DURATIONS = map(STREAMS.index, ("boots", "resumes", "durations"))
_UPGRADE, _SESSION_CLOSED = map(CAUSES.index, ("upgrade", "session_closed"))
_CREATED, _CACHED, _START_CLOSED, _START_EXPIRED = map(
    ANSWERS.index, ("created", "cached", "start closed", "start expired")
)
_ACCEPTED, _APPEND_CLOSED, _APPEND_EXPIRED = map(
    ANSWERS.index, ("accepted", "append closed", "append expired")
)
_TRIGGERED_COLUMN = RunColumns._fields.index("triggered_at")
_CLOSE_OK, _RETRIEVED = map(ANSWERS.index, ("close", "retrieve"))


@compiled
def play_sessions(  # noqa: PLR0915, PLR0917  a call of a part that writes so much would copy it
    first: int,
    last: int,
    columns: Columns,
    book: Rulebook,
    answers: Answers,
    packed: bool,  # noqa: FBT001
    sessions: SessionColumns,
    runs: NDArray[np.int64],
    run: Run,
) -> int:
    """Play the sessions from ``first`` up to ``last``, and return how many runs they show.

    An answer is written at the place of its event or, if ``packed``, behind the one before it. Runs
    are written from row 0 on, with the columns of :class:`RunColumns`. ``run`` is room for the run at
    hand.
    """
    # Arrays are taken out of their tuples once: each time counts a reference up and down.
    bounds, order, ats, ops, turn_durations, expiries, policies, hashes = columns
    timings, times, crash_rate, deploys, until, refused_start_rewrites = book
    verdicts, waits, numbers = answers
    updates, closed, n_runs = sessions
    begin = bounds[first]
    rows = 0
    for session in range(first, last):
        rows_before = rows
        policy = policies[session] if len(policies) else 0
        rules = _rules(timings, policy)
        hashed = hashes[session] if len(hashes) else _NO_HASH
        expires_at = expiries[session]
        updated_at, closed_at, accepted, settled = _NAT, _NAT, np.int64(0), np.int64(0)
        forget(run)
        for place in range(bounds[session], bounds[session + 1]):
            event = np.int64(order[place])
            at, op = ats[event], ops[event]
            is_expired = expires_at != _NAT and expires_at < at
            is_new = updated_at == _NAT
            answer = _answer(op, is_new, closed_at != _NAT, is_expired)
            kind, start, number = _NONE, _NAT, _NONE
            if _touches(answer, is_new, refused_start_rewrites):
                updated_at = at
            if answer == _CLOSE_OK and closed_at == _NAT:
                updated_at, closed_at = at, at
                _close(run, at, rules)
            drawn_by = hashed, accepted, settled
            turn = _turn(answer, turn_durations, event, drawn_by, times)
            if turn != _NAT:
                rows, kind, start = _find_run(
                    run,
                    at,
                    answer == _CREATED,
                    rules,
                    deploys,
                    drawn_by,
                    times,
                    runs,
                    rows,
                    session,
                    until,
                )
                is_crash = crash_rate > 0 and crashes(times.keys, hashed, accepted, crash_rate)
                serve(run, at, start, turn, rules, kind == _RESUMED, is_crash, until)
                accepted += 1
                number = run[NUMBER]
                settled = number + 1
                if start > until:
                    # By the horizon it has not begun, though a start still names its run.
                    kind, start = _NONE, _NAT
                    number = number if answer == _CREATED else _NONE
            elif answer in (_CREATED, _CACHED):
                if not is_live(run, at, rules):
                    rows = write(runs, rows, session, run, rules, until)
                    boot = _boot_time(run, drawn_by, times)
                    trigger(run, _INITIAL if is_new else _CONTINUATION, at, boot)
                number = run[NUMBER]
            into = place - begin if packed else event
            verdicts[into] = answer * 8 + kind + 1
            waits[into] = _NAT if start == _NAT else start - at
            numbers[into] = number
        rows = write(runs, rows, session, run, rules, until)
        # The claim of a run writes the session's row too.
        claimed_at = runs[rows - 1, _TRIGGERED_COLUMN] if rows > rows_before else _NAT
        updates[session] = max(updated_at, claimed_at)
        closed[session] = closed_at
        n_runs[session] = rows - rows_before
    return rows


@inlined
def _rules(timings: NDArray[np.int64], policy: int) -> Rules:
    """Return the rules of a policy."""
    return Rules(
        timings[policy, 0],
        timings[policy, 1],
        timings[policy, 2],
        timings[policy, 3],
        timings[policy, 4],
        timings[policy, 5],
        timings[policy, 6],
        timings[policy, 7],
    )


@inlined
def _boot_time(run: Run, drawn_by: DrawnBy, times: Times) -> Int64:
    """Return how long the next run of a session boots."""
    if len(times.boots) == 0:
        return times.boot_time
    hashed, accepted, settled = drawn_by
    triggered = run[NUMBER] + 1 - settled
    return draw(times.boots, times.keys, _BOOTS, hashed, accepted, triggered)


@inlined
def _resume_time(run: Run, drawn_by: DrawnBy, times: Times) -> Int64:
    """Return how long it takes to wake a run."""
    if len(times.resumes) == 0:
        return times.resume_time
    hashed, accepted, settled = drawn_by
    triggered = run[NUMBER] + 1 - settled
    return draw(times.resumes, times.keys, _RESUMES, hashed, accepted, triggered)


@inlined
def _turn(
    answer: int, durations: NDArray[np.int64], event: Int64, drawn_by: DrawnBy, times: Times
) -> Int64:
    """Return how long the turn lasts that an event asks for; NAT when it asks for none."""
    if answer not in (_CREATED, _ACCEPTED):
        return _NAT
    duration = durations[event] if len(durations) else _NAT
    if duration != _NAT or answer == _CREATED:
        return duration
    if len(times.durations) == 0:
        return times.turn_duration
    hashed, accepted, _ = drawn_by
    return draw(times.durations, times.keys, _DURATIONS, hashed, accepted, 0)


@inlined
def _answer(op: int, is_new: bool, is_closed: bool, is_expired: bool) -> int:  # noqa: FBT001
    """Return the answer to an event on a session; closed wins over expired."""
    if op == _MESSAGE:
        if is_closed:
            return _APPEND_CLOSED
        return _APPEND_EXPIRED if is_expired else _ACCEPTED
    if op == _START:
        if is_closed:
            return _START_CLOSED
        if is_expired:
            return _START_EXPIRED
        return _CREATED if is_new else _CACHED
    return _CLOSE_OK if op == _CLOSE else _RETRIEVED


@inlined
def _touches(answer: int, is_new: bool, refused_start_rewrites: bool) -> bool:  # noqa: FBT001
    """Check whether a start writes the session's row."""
    if answer in (_START_CLOSED, _START_EXPIRED):
        return is_new or refused_start_rewrites
    return answer in (_CREATED, _CACHED)


@inlined
def _close(run: Run, at: Int64, rules: Rules) -> None:
    """End the newest run when it has served what it accepted, unless its end is fixed."""
    if run[ENDED_AT] < 0 and is_live(run, at, rules):
        close(run, at, max(last_busy(run), at), _SESSION_CLOSED, rules)


@inlined
def _find_run(  # noqa: PLR0917
    run: Run,
    at: Int64,
    is_new: bool,  # noqa: FBT001
    rules: Rules,
    deploys: NDArray[np.int64],
    drawn_by: DrawnBy,
    times: Times,
    runs: NDArray[np.int64],
    rows: int,
    session: int,
    until: Int64,
) -> tuple[int, Int64, Int64]:
    """Make the run the one that serves a turn, triggering what is needed.

    Returns the next free row behind the runs that it took over from, the kind of the turn and its
    start.
    """
    kind = receive(run, at, rules)
    fixed_end = run[ENDED_AT]
    if kind == DEAD:
        rows = write(runs, rows, session, run, rules, until)
        kind = _INITIAL if is_new else _CONTINUATION
        trigger(run, kind, at, _boot_time(run, drawn_by, times))
        start = run[FREE_AT]
    elif fixed_end >= 0:
        # Its places are taken: the turn waits for the run that follows it.
        rows = write(runs, rows, session, run, rules, until)
        trigger(run, _CONTINUATION, fixed_end, _boot_time(run, drawn_by, times))
        start = run[FREE_AT]
    elif kind == _RESUMED:
        start = at + _resume_time(run, drawn_by, times)
    else:
        start = max(at, run[FREE_AT])
    deployed_at = _NAT
    if rules.hands_over:
        deployed_at = latest_deploy(deploys, start)
    if deployed_at > run[TRIGGERED_AT]:
        ended_at = max(last_busy(run), at, deployed_at)
        close(run, at, ended_at, _UPGRADE, rules)
        rows = write(runs, rows, session, run, rules, until)
        kind = _UPGRADED
        trigger(run, kind, ended_at, _boot_time(run, drawn_by, times))
        start = run[FREE_AT]
    return rows, np.int64(kind), start
