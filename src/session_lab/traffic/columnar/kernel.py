"""The kernel: sessions played over columns, one session after the other.

Sessions do not touch each other, so their order is free: all events of one are played before the
next begins. What is known of its run then stays in registers, where an engine that follows the
clock fetches it from memory with every event; and shards of sessions can be played side by side.

The rules are those of :mod:`session_lab.simulator.model.machine`, which is the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.simulator.model.run_rules import DEAD
from session_lab.traffic.columnar.compiling import compiled, inlined, prefetch
from session_lab.traffic.columnar.draws import crashes
from session_lab.traffic.columnar.layout import Int64, RunColumns
from session_lab.traffic.columnar.run_row import (
    ENDED_AT,
    FREE_AT,
    N_FIELDS,
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
    suspended_at,
    trigger,
    write,
)
from session_lab.traffic.columnar.session_rules import (
    CACHED,
    CLOSE_OK,
    CREATED,
    DrawnBy,
    answer_to,
    boot_time,
    resume_time,
    rules_of,
    touches,
    turn_of,
)
from session_lab.traffic.columnar.sums import add_answer
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import (
        Answers,
        Columns,
        Demand,
        Rulebook,
        SessionColumns,
        Times,
    )
    from session_lab.traffic.columnar.sums import OutcomeSums

__all__ = ["RUN_FIELDS", "play_sessions"]

_HELD_FROM = N_FIELDS
RUN_FIELDS = N_FIELDS + 1
"""Behind the fields of a run stands since when it holds its slot."""

_AHEAD = 16
"""What an event needs is fetched from memory when so many others come before it."""

_NAT, _NONE = np.int64(NAT), np.int64(NONE)
_NO_HASH = np.uint64(0)
_INITIAL, _CONTINUATION, _UPGRADED, _RESUMED = map(
    KINDS.index, ("initial", "continuation", "upgrade", "resumed")
)
_UPGRADE, _SESSION_CLOSED = map(CAUSES.index, ("upgrade", "session_closed"))
_TRIGGERED_COLUMN = RunColumns._fields.index("triggered_at")


@compiled
def play_sessions(  # noqa: PLR0917  a call of a part that writes so much would copy it
    first: int,
    last: int,
    columns: Columns,
    book: Rulebook,
    answers: Answers,
    sessions: SessionColumns,
    runs: NDArray[np.int64],
    sums: OutcomeSums | None,
    run: Run,
    demand: Demand | None,
    long_from: int,
) -> tuple[int, int]:
    """Play the sessions from ``first`` up to ``last``.

    Runs are written from row 0 on, with the columns of :class:`RunColumns`. With ``sums`` what
    comes of them is only added up, and of the answers the waits of ``long_from`` milliseconds or
    more are written, one after the other, as long as there is room: numba compiles a kernel for
    each. ``run`` is room for the run at hand. Where there is a demand, the slots that runs hold are
    added to it.

    Returns
    -------
    rows, n_long : int
        How many runs were written, or else how many waits.
    """
    # Arrays are taken out of their tuples once: each time counts a reference up and down.
    bounds, _, ats, ops, turn_durations, expiries, policies, hashes = columns
    timings, times, crash_rate, deploys, until, refused_start_rewrites = book
    updates, closed, n_runs = sessions
    rows, n_long = 0, 0
    for session in range(first, last):
        rows_before = rows
        policy = policies[session] if len(policies) else 0
        rules = rules_of(timings, policy)
        hashed = hashes[session] if len(hashes) else _NO_HASH
        expires_at = expiries[session]
        updated_at, closed_at, accepted, settled = _NAT, _NAT, np.int64(0), np.int64(0)
        forget(run)
        for place in range(bounds[session], bounds[session + 1]):
            event = _event_at(columns, answers, sums, place)
            at, op = ats[event], ops[event]
            is_expired = expires_at != _NAT and expires_at < at
            is_new = updated_at == _NAT
            answer = answer_to(op, is_new, closed_at != _NAT, is_expired)
            kind, start, number = _NONE, _NAT, _NONE
            if touches(answer, is_new, refused_start_rewrites):
                updated_at = at
            if answer == CLOSE_OK and closed_at == _NAT:
                updated_at, closed_at = at, at
                _close(run, at, rules)
            drawn_by = hashed, accepted, settled
            turn = turn_of(answer, turn_durations, event, drawn_by, times)
            if turn != _NAT:
                rows, kind, start = _find_run(
                    run,
                    at,
                    answer == CREATED,
                    rules,
                    deploys,
                    drawn_by,
                    times,
                    runs,
                    rows,
                    session,
                    until,
                    sums,
                    demand,
                )
                is_crash = crash_rate > 0 and crashes(times.keys, hashed, accepted, crash_rate)
                serve(run, at, start, turn, rules, kind == _RESUMED, is_crash, until)
                accepted += 1
                number = run[NUMBER]
                settled = number + 1
                if start > until:
                    # By the horizon it has not begun, though a start still names its run.
                    kind, start = _NONE, _NAT
                    number = number if answer == CREATED else _NONE
            elif answer in (CREATED, CACHED):
                if not is_live(run, at, rules):
                    rows = _write(demand, runs, rows, session, run, rules, until, sums)
                    boot = boot_time(run, drawn_by, times)
                    _trigger(demand, run, _INITIAL if is_new else _CONTINUATION, at, boot)
                number = run[NUMBER]
            verdict, waited = answer * 8 + kind + 1, _NAT if start == _NAT else start - at
            n_long = _tell(answers, event, verdict, waited, number, sums, n_long, long_from)
        rows = _write(demand, runs, rows, session, run, rules, until, sums)
        if sums is None:
            # The claim of a run writes the session's row too.
            claimed_at = runs[rows - 1, _TRIGGERED_COLUMN] if rows > rows_before else _NAT
            updates[session] = max(updated_at, claimed_at)
            closed[session] = closed_at
            n_runs[session] = rows - rows_before
    return rows, n_long


@inlined
def _event_at(
    columns: Columns, answers: Answers, sums: OutcomeSums | None, place: Int64
) -> np.uint64:
    """Return the event at a place of its session.

    What a later event needs, and where its answer will stand, begins to be fetched from memory.
    """
    order = columns.order
    # An index without a sign is not looked at for one that counts from the end.
    if len(order) == 0:
        return np.uint64(place)
    later = np.uint64(order[np.uint64(min(place + _AHEAD, len(order) - 1))])
    prefetch(columns.at, later)
    prefetch(columns.op, later)
    if len(columns.turn_duration):
        prefetch(columns.turn_duration, later)
    if sums is None:
        prefetch(answers.verdict, later)
        prefetch(answers.waited, later)
        prefetch(answers.number, later)
    return np.uint64(order[np.uint64(place)])


@inlined
def _tell(  # noqa: PLR0917
    answers: Answers,
    event: np.uint64,
    verdict: Int64,
    waited: Int64,
    number: Int64,
    sums: OutcomeSums | None,
    n_long: int,
    long_from: int,
) -> int:
    """Write an answer, or add it up; return how many waits are kept beside the sums."""
    verdicts, waits, numbers = answers
    if sums is not None:
        return add_answer(sums, verdict, waited, waits, n_long, long_from)
    verdicts[event] = verdict
    waits[event] = waited
    numbers[event] = number
    return n_long


@inlined
def _trigger(demand: Demand | None, run: Run, reason: int, at: Int64, boot_time: Int64) -> None:
    """Trigger the next run of the session, which takes a slot."""
    trigger(run, reason, at, boot_time)
    if demand is not None:
        run[_HELD_FROM] = at


@inlined
def _write(  # noqa: PLR0917
    demand: Demand | None,
    runs: NDArray[np.int64],
    row: int,
    session: int,
    run: Run,
    rules: Rules,
    until: Int64,
    sums: OutcomeSums | None,
) -> int:
    """Write a run, which changes no more, and count the last slot that it held."""
    if demand is not None and run[NUMBER] >= 0:
        given_back = suspended_at(run, rules)
        # One that was woken merely to hand over holds its slot until it ends.
        if run[ENDED_AT] >= 0 and (run[ENDED_AT] < given_back or run[_HELD_FROM] >= given_back):
            given_back = run[ENDED_AT]
        _count(demand, session, run[_HELD_FROM], given_back)
    return write(runs, row, session, run, rules, until, sums)


@inlined
def _count(demand: Demand, session: int, taken: Int64, given_back: Int64) -> None:
    """Count a slot in the stretches of time in which it is held."""
    changes, tasks, first, shift = demand
    task, last = tasks[session], changes.shape[1] - 2
    changes[task, min((taken - first) >> shift, last)] += 1
    changes[task, min((given_back - first) >> shift, last) + 1] -= 1


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
    sums: OutcomeSums | None,
    demand: Demand | None,
) -> tuple[int, Int64, Int64]:
    """Make the run the one that serves a turn, triggering what is needed.

    Returns the next free row behind the runs that it took over from, the kind of the turn and its
    start.
    """
    kind = receive(run, at, rules)
    fixed_end = run[ENDED_AT]
    if kind == DEAD:
        rows = _write(demand, runs, rows, session, run, rules, until, sums)
        kind = _INITIAL if is_new else _CONTINUATION
        _trigger(demand, run, kind, at, boot_time(run, drawn_by, times))
        start = run[FREE_AT]
    elif fixed_end >= 0:
        # Its places are taken: the turn waits for the run that follows it.
        rows = _write(demand, runs, rows, session, run, rules, until, sums)
        _trigger(demand, run, _CONTINUATION, fixed_end, boot_time(run, drawn_by, times))
        start = run[FREE_AT]
    elif kind == _RESUMED:
        start = at + resume_time(run, drawn_by, times)
        if demand is not None:
            _count(demand, session, run[_HELD_FROM], suspended_at(run, rules))
            run[_HELD_FROM] = at
    else:
        start = max(at, run[FREE_AT])
    deployed_at = _NAT
    if rules.hands_over:
        deployed_at = latest_deploy(deploys, start)
    if deployed_at > run[TRIGGERED_AT]:
        ended_at = max(last_busy(run), at, deployed_at)
        close(run, at, ended_at, _UPGRADE, rules)
        rows = _write(demand, runs, rows, session, run, rules, until, sums)
        kind = _UPGRADED
        _trigger(demand, run, kind, ended_at, boot_time(run, drawn_by, times))
        start = run[FREE_AT]
    return rows, np.int64(kind), start
