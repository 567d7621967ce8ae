"""The coupled kernel: all sessions played together in order of time, since their runs share slots.

Its outcome is that of :mod:`session_lab.traffic.engine.limited_engine`, which is the specification.
It advances in small steps (a timer, a slot given, an event), between any two of which it may return to
get more room, and be called again.

What is set off by a slot at its own instant comes before the next slot is given, where the
specification gives all free slots first; the same runs get slots, since a run that gives its slot
back at once makes room for just one more of its task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.simulator.model.run_rules import FOR_EVER, UNFIXED
from session_lab.traffic.columnar.compiling import compiled, inlined
from session_lab.traffic.columnar.draws import crashes
from session_lab.traffic.columnar.run_row import (
    END_CAUSE,
    ENDED_AT,
    FREE_AT,
    NUMBER,
    TRIGGERED_AT,
    boot,
    close,
    end,
    forget,
    gives_back_at,
    is_live,
    last_busy,
    latest_deploy,
    receive,
    serve,
    trigger,
    write,
    write_waiting,
)
from session_lab.traffic.columnar.session_rules import (
    ACCEPTED,
    CACHED,
    CLOSE_OK,
    CREATED,
    answer_to,
    boot_time,
    resume_time,
    rules_of,
    touches,
    turn_of,
)
from session_lab.traffic.coupled.heaps import pop, push
from session_lab.traffic.coupled.state import (
    ASKED_AT,
    AT_LIMIT,
    BUSY,
    CLOSED_AT,
    DECIDED,
    EVENT,
    EXPIRES_AT,
    FULL,
    HEAD,
    HELD,
    HOLDING,
    IN_LINE,
    LONGEST,
    N_ASKED,
    N_FREE,
    N_GIVEN,
    N_LEFT,
    N_RETURNED,
    N_TIMERS,
    NEVER,
    NOW,
    PEAK,
    PENDING,
    PHASE,
    PLACE,
    QUEUED,
    QUEUED_COLUMN,
    RESTING,
    ROWS,
    SESSION,
    SETTLED,
    SLOT_AT,
    TASK,
    TIMER,
    TOTAL,
    UNDRAINED,
    WAITED,
    WAITING,
)
from session_lab.traffic.engine.engine_columns import NEWEST
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import (
        Answers,
        Columns,
        Int64,
        Rulebook,
        SessionColumns,
    )
    from session_lab.traffic.columnar.run_row import Rules
    from session_lab.traffic.coupled.state import Room

__all__ = ["Written", "play_events", "write_rest"]

_NAT, _NONE = np.int64(NAT), np.int64(NONE)
_NO_HASH = np.uint64(0)
_INITIAL, _CONTINUATION, _UPGRADED, _QUEUED, _RESUMED = map(
    KINDS.index, ("initial", "continuation", "upgrade", "queued", "resumed")
)
_UPGRADE, _SESSION_CLOSED = map(CAUSES.index, ("upgrade", "session_closed"))


class Written(NamedTuple):
    """What is written of events and sessions: answers, waits for slots, and how sessions end."""

    answers: Answers
    queued: NDArray[np.int64]
    sessions: SessionColumns


@compiled
def play_events(
    room: Room,
    columns: Columns,
    book: Rulebook,
    written: Written,
    session_of: NDArray[np.int32],
    tasks: NDArray[np.int64],
    last: int,
) -> bool:
    """Play the events before ``last``, and after the last of all also what comes after.

    Returns whether it is done; if not, it wants more room, or a place for the runs it has written.
    """
    clock, ats = room.clock, columns.at
    until, n = book.until, len(ats)
    while True:
        if clock[FULL] or clock[ROWS] + 4 > len(room.runs):
            return False
        now, event = clock[NOW], clock[EVENT]
        if clock[N_TIMERS] and room.timer_at[0] <= now:
            _run_timer(room, columns, book, written)
            continue
        row, turn = _NONE, _NONE
        if clock[IN_LINE] and clock[HELD] < clock[TOTAL]:
            row = _first_in_line(room)
        if row < 0 and event < last and ats[event] == now:
            clock[EVENT] = event + 1
            if session_of[event] < 0:
                continue
            row, turn = _play_event(room, columns, book, written, session_of, tasks, event)
            if row < 0:
                continue
        if row >= 0:
            _serve(room, columns, book, written, row, turn)
            continue
        if event == last < n:
            return True
        if event == n and clock[UNDRAINED] < 0:
            clock[UNDRAINED] = clock[IN_LINE]
        following = ats[event] if event < n else np.int64(FOR_EVER)
        if clock[N_TIMERS]:
            following = min(following, room.timer_at[0])
        is_over = following == FOR_EVER or following > until
        if is_over and until == FOR_EVER:
            return True
        _pass_time(clock, min(following, until))
        if is_over:
            return True


@inlined
def _pass_time(clock: NDArray[np.int64], to: Int64) -> None:
    """Count how long slots were held, and how many were, up to an instant."""
    passed = to - clock[NOW]
    if passed > 0:
        held = clock[HELD]
        clock[PEAK] = max(clock[PEAK], held)
        clock[LONGEST] = max(clock[LONGEST], clock[IN_LINE])
        clock[BUSY] += held * passed
        if held >= clock[TOTAL]:
            clock[AT_LIMIT] += passed
        clock[NOW] = to


@inlined
def _rules_of(book: Rulebook, columns: Columns, session: int) -> Rules:
    return rules_of(book.timings, columns.policy[session] if len(columns.policy) else 0)


@inlined
def _hash_of(columns: Columns, session: int) -> np.uint64:
    return columns.hashes[session] if len(columns.hashes) else _NO_HASH


@inlined
def _run_timer(room: Room, columns: Columns, book: Rulebook, written: Written) -> None:
    """Return the slot of a run that is suspended or has ended; another may follow that."""
    clock = room.clock
    due, row = room.timer_at[0], np.int64(room.timer_row[0])
    pop(room.timer_at, room.timer_row, 0, clock[N_TIMERS])
    clock[N_TIMERS] -= 1
    state = room.states[row]
    if state[PHASE] != HOLDING or state[TIMER] != due:
        return
    session = state[SESSION]
    gives_back = gives_back_at(state, _rules_of(book, columns, session))
    state[TIMER] = NEVER
    if gives_back > due:
        _watch(room, row, gives_back)
        return
    state[PHASE] = RESTING
    clock[HELD] -= 1
    room.held[state[TASK]] -= 1
    if len(room.returned):
        room.returned[clock[N_RETURNED]] = due
        clock[N_RETURNED] += 1
        clock[FULL] |= clock[N_RETURNED] + 4 > len(room.returned)
    if state[PENDING] and state[ENDED_AT] >= 0:
        reason = _UPGRADED if state[END_CAUSE] == _UPGRADE else _CONTINUATION
        _trigger(room, columns, book, written, row, reason, due)
        _join(room, row)
    elif state[PLACE] == columns.bounds[session + 1]:
        _retire(room, columns, book, written, row)


@inlined
def _watch(room: Room, row: Int64, due: Int64) -> None:
    """Set a timer, unless an earlier one will look again."""
    clock, state = room.clock, room.states[row]
    if due < state[TIMER]:
        state[TIMER] = due
        push(room.timer_at, room.timer_row, 0, clock[N_TIMERS], due, row)
        clock[N_TIMERS] += 1
        clock[FULL] |= clock[N_TIMERS] + 4 > len(room.timer_at)


@inlined
def _join(room: Room, row: Int64) -> None:
    """Join the line."""
    clock, state = room.clock, room.states[row]
    task = state[TASK]
    size = room.line_size[task]
    begin = room.line_begin[task]
    push(room.line_at, room.line_session, begin, size, state[TRIGGERED_AT], state[SESSION])
    room.line_size[task] = size + 1
    clock[FULL] |= size + 5 > room.line_room[task]
    clock[IN_LINE] += 1


@inlined
def _first_in_line(room: Room) -> Int64:
    """Remove the first in line whose task has room, and return its row; NONE if there is none."""
    found, first_at, first_session = _NONE, np.int64(0), np.int64(0)
    for task in range(len(room.held)):
        if room.held[task] >= room.of_task[task]:
            continue
        begin = room.line_begin[task]
        while room.line_size[task]:
            row = np.int64(room.row_of[room.line_session[begin]])
            # Those that left the line are still in the heap.
            if row >= 0 and room.states[row, PHASE] == WAITING:
                break
            pop(room.line_at, room.line_session, begin, room.line_size[task])
            room.line_size[task] -= 1
        if room.line_size[task]:
            at, session = room.line_at[begin], np.int64(room.line_session[begin])
            if found < 0 or at < first_at or (at == first_at and session < first_session):
                found, first_at, first_session = np.int64(task), at, session
    if found < 0:
        return _NONE
    row = np.int64(room.row_of[first_session])
    pop(room.line_at, room.line_session, room.line_begin[found], room.line_size[found])
    room.line_size[found] -= 1
    room.clock[IN_LINE] -= 1
    return row


@inlined
def _trigger(  # noqa: PLR0917
    room: Room,
    columns: Columns,
    book: Rulebook,
    written: Written,
    row: Int64,
    reason: Int64,
    at: Int64,
) -> None:
    """Trigger the next run of a session, which asks for a slot."""
    state = room.states[row]
    _write(room, columns, book, written, row)
    trigger(state, reason, at, 0)
    state[SLOT_AT], state[QUEUED] = UNFIXED, 0
    written.sessions.updated_at[state[SESSION]] = at
    _ask(room, row, at)


@inlined
def _ask(room: Room, row: Int64, at: Int64) -> None:
    """Begin to wait for a slot."""
    clock, state = room.clock, room.states[row]
    state[PHASE], state[ASKED_AT] = WAITING, at
    if len(room.asked):
        room.asked[clock[N_ASKED]] = at
        clock[N_ASKED] += 1
        clock[FULL] |= clock[N_ASKED] + 4 > len(room.asked)


@inlined
def _write(room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64) -> None:
    """Write a run that has had its time, unless there is none yet."""
    clock, state = room.clock, room.states[row]
    session, rows = state[SESSION], clock[ROWS]
    rules = _rules_of(book, columns, session)
    clock[ROWS] = write(room.runs, rows, session, state, rules, book.until)
    room.runs[rows, QUEUED_COLUMN] = state[QUEUED]
    written.sessions.n_runs[session] += clock[ROWS] - rows


@inlined
def _retire(room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64) -> None:
    """Write the last run of a session that nothing more happens to, and forget it."""
    _write(room, columns, book, written, row)
    room.row_of[room.states[row, SESSION]] = -1
    room.states[row, SESSION] = -1
    room.free[room.clock[N_FREE]] = row
    room.clock[N_FREE] += 1


@inlined
def _take_slot(room: Room, columns: Columns, book: Rulebook, row: Int64) -> None:
    """Begin to hold a slot: boot, or be woken."""
    clock, state = room.clock, room.states[row]
    now = clock[NOW]
    clock[HELD] += 1
    room.held[state[TASK]] += 1
    if len(room.given):
        room.given[clock[N_GIVEN]] = now
        clock[N_GIVEN] += 1
        clock[FULL] |= clock[N_GIVEN] + 4 > len(room.given)
    waited = now - state[ASKED_AT]
    state[QUEUED] += waited
    state[WAITED] += waited
    state[PHASE], state[TIMER] = HOLDING, NEVER
    if state[SLOT_AT] < 0:
        state[SLOT_AT] = now
        # The run counts among those triggered, unlike when the boot of the next one is drawn.
        drawn_by = _hash_of(columns, state[SESSION]), state[DECIDED], state[SETTLED] + 1
        boot(state, now, boot_time(state, drawn_by, book.times))


@inlined
def _serve(  # noqa: PLR0917
    room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64, event: Int64
) -> None:
    """Serve turns in order of arrival by a run that has a slot, or gets one, until its end is fixed.

    ``event`` is the one turn there is, where that has just arrived, else NONE.
    """
    state = room.states[row]
    if state[PHASE] == WAITING:
        _take_slot(room, columns, book, row)
    rules = _rules_of(book, columns, state[SESSION])
    while state[PENDING] and state[ENDED_AT] < 0:
        if event < 0:
            event = np.int64(columns.order[state[HEAD]])
        if not _decide(room, columns, book, written, row, event):
            break
        state[PENDING] -= 1
        state[HEAD] += 1
        event = _NONE
        _find_next(columns, written, state)
    if state[CLOSED_AT] != _NAT and state[PENDING] == 0 and state[ENDED_AT] < 0:
        close(state, state[CLOSED_AT], state[FREE_AT], _SESSION_CLOSED, rules)
    _watch(room, row, gives_back_at(state, rules))


@inlined
def _find_next(columns: Columns, written: Written, state: NDArray[np.int64]) -> None:
    """Move to the next turn; the starts before it name the run that served the last."""
    verdicts, _, numbers = written.answers
    while state[HEAD] < state[PLACE]:
        event = columns.order[state[HEAD]]
        answer = np.int64(verdicts[event]) >> 3
        if answer == ACCEPTED:
            break
        if answer == CACHED:
            numbers[event] = state[NUMBER]
        state[HEAD] += 1


@inlined
def _decide(  # noqa: PLR0917
    room: Room, columns: Columns, book: Rulebook, written: Written, row: Int64, event: Int64
) -> bool:
    """Serve one turn, or hand it over to a run of a newer version."""
    verdicts, waits, numbers = written.answers
    now, state = room.clock[NOW], room.states[row]
    session = state[SESSION]
    rules = _rules_of(book, columns, session)
    at, verdict = columns.at[event], np.int64(verdicts[event])
    answer, kind = verdict >> 3, (verdict & 7) - 1
    drawn_by = _hash_of(columns, session), state[DECIDED], state[SETTLED]
    if kind == _RESUMED:
        start = now + resume_time(state, drawn_by, book.times)
    else:
        start = max(now, state[FREE_AT])
    if rules.hands_over and kind != _UPGRADED:
        deployed_at = latest_deploy(book.deploys, start)
        if deployed_at > state[SLOT_AT]:
            ended_at = max(last_busy(state), now, deployed_at)
            close(state, at, ended_at, _UPGRADE, rules)
            verdicts[event] = answer * 8 + _UPGRADED + 1
            return False
    turn = turn_of(answer, columns.turn_duration, event, drawn_by, book.times)
    is_crash = book.crash_rate > 0 and crashes(
        book.times.keys, drawn_by[0], state[DECIDED], book.crash_rate
    )
    serve(state, at, start, turn, rules, kind == _RESUMED, is_crash, book.until)
    state[DECIDED] += 1
    state[SETTLED] = state[NUMBER] + 1
    if start > book.until:
        # By the horizon it has not begun, though a start still names its run.
        verdicts[event] = answer * 8
        numbers[event] = state[NUMBER] if answer == CREATED else _NONE
        written.queued[event] = _NAT
    else:
        waits[event], numbers[event] = start - at, state[NUMBER]
        written.queued[event] = state[WAITED] - written.queued[event]
    return True


@inlined
def _play_event(  # noqa: PLR0917
    room: Room,
    columns: Columns,
    book: Rulebook,
    written: Written,
    session_of: NDArray[np.int32],
    tasks: NDArray[np.int64],
    event: Int64,
) -> tuple[Int64, Int64]:
    """Answer an event.

    Returns the row of a run that is to serve, with a slot that it has or that is free, and the event
    of the one turn it has; NONE where there is none.
    """
    clock = room.clock
    verdicts, waits, numbers = written.answers
    at, op, session = columns.at[event], columns.op[event], np.int64(session_of[event])
    row = np.int64(room.row_of[session])
    if row < 0:
        row = _begin(room, columns, written, tasks, session)
    state = room.states[row]
    place = state[PLACE]
    state[PLACE] += 1
    is_new = place == columns.bounds[session]
    is_expired = state[EXPIRES_AT] != _NAT and state[EXPIRES_AT] < at
    answer = np.int64(answer_to(op, is_new, state[CLOSED_AT] != _NAT, is_expired))
    verdicts[event], waits[event], numbers[event] = answer * 8, _NAT, _NONE
    written.queued[event] = _NAT
    if touches(answer, is_new, book.refused_start_rewrites):
        written.sessions.updated_at[session] = at
    has_turn = answer == ACCEPTED or (
        answer == CREATED
        and len(columns.turn_duration) > 0
        and columns.turn_duration[event] != _NAT
    )
    reason, asks, serves = _NONE, False, False
    if answer == CLOSE_OK and state[CLOSED_AT] == _NAT:
        state[CLOSED_AT] = written.sessions.closed_at[session] = at
        written.sessions.updated_at[session] = at
        _close(room, columns, book, row, at)
    elif has_turn or answer in (CREATED, CACHED):
        kind = np.int64(_QUEUED)
        waits_already = state[PHASE] == WAITING
        if not waits_already and state[PENDING] == 0:
            rules = _rules_of(book, columns, session)
            if not is_live(state, at, rules):
                kind = reason = np.int64(_INITIAL if is_new else _CONTINUATION)
            elif has_turn:
                kind = np.int64(receive(state, at, rules))
                asks = kind == _RESUMED
                serves = not asks and state[ENDED_AT] < 0
        if has_turn:
            written.queued[event] = state[WAITED]
            if waits_already:
                written.queued[event] += at - state[ASKED_AT]
            if state[PENDING] == 0:
                state[HEAD] = place
            state[PENDING] += 1
            verdicts[event] = answer * 8 + kind + 1
    if reason != _NONE:
        _trigger(room, columns, book, written, row, reason, at)
    if answer in (CREATED, CACHED):
        numbers[event] = NEWEST if state[PENDING] else state[NUMBER]
    if asks:
        _ask(room, row, at)
    if asks or reason != _NONE:
        task = state[TASK]
        if clock[HELD] >= clock[TOTAL] or room.held[task] >= room.of_task[task]:
            _join(room, row)
            return _NONE, _NONE
        # Nobody whose task has room is in line while a slot is free.
        serves = True
    if serves:
        return row, np.int64(event) if has_turn else _NONE
    if (
        state[PHASE] == RESTING
        and state[PENDING] == 0
        and state[PLACE] == columns.bounds[session + 1]
    ):
        _retire(room, columns, book, written, row)
    return _NONE, _NONE


@inlined
def _begin(
    room: Room,
    columns: Columns,
    written: Written,
    tasks: NDArray[np.int64],
    session: Int64,
) -> Int64:
    """Bring a session into play."""
    clock = room.clock
    clock[N_FREE] -= 1
    clock[FULL] |= clock[N_FREE] < 4
    row = np.int64(room.free[clock[N_FREE]])
    room.row_of[session] = row
    state = room.states[row]
    for field in range(len(state)):
        state[field] = 0
    forget(state)
    state[TIMER] = NEVER
    state[PLACE] = columns.bounds[session]
    state[CLOSED_AT] = _NAT
    state[SESSION] = session
    state[TASK] = tasks[session]
    state[EXPIRES_AT] = columns.expires_at[session]
    written.sessions.updated_at[session] = _NAT
    written.sessions.closed_at[session] = _NAT
    return row


@inlined
def _close(room: Room, columns: Columns, book: Rulebook, row: Int64, at: Int64) -> None:
    """End the newest run when it has served what it accepted, unless its end is fixed.

    One that waits to boot, and was asked for no turn, leaves the line.
    """
    clock, state = room.clock, room.states[row]
    if state[PENDING]:
        return
    if state[PHASE] == WAITING:
        clock[IN_LINE] -= 1
        state[QUEUED] += at - state[ASKED_AT]
        state[PHASE] = RESTING
        end(state, at, _SESSION_CLOSED)
        if len(room.left):
            room.left[clock[N_LEFT]] = at
            clock[N_LEFT] += 1
            clock[FULL] |= clock[N_LEFT] + 4 > len(room.left)
        return
    rules = _rules_of(book, columns, state[SESSION])
    if state[ENDED_AT] < 0 and is_live(state, at, rules):
        close(state, at, max(last_busy(state), at), _SESSION_CLOSED, rules)
        if state[PHASE] == HOLDING:
            _watch(room, row, gives_back_at(state, rules))


@compiled
def write_rest(room: Room, columns: Columns, book: Rulebook, written: Written) -> None:
    """Write the runs of the sessions still at play, as they stand at the horizon.

    There must be room for as many rows.
    """
    verdicts, _, _ = written.answers
    clock = room.clock
    for row in range(len(room.states)):
        state = room.states[row]
        session = state[SESSION]
        if session < 0:
            continue
        if state[PHASE] != WAITING:
            _write(room, columns, book, written, row)
        else:
            rows = clock[ROWS]
            woken_at = _NAT
            if state[SLOT_AT] >= 0:
                woken_at = columns.at[columns.order[state[HEAD]]]
            rules = _rules_of(book, columns, session)
            clock[ROWS] = write_waiting(room.runs, rows, session, state, rules, woken_at)
            room.runs[rows, QUEUED_COLUMN] = state[QUEUED] + book.until - state[ASKED_AT]
            written.sessions.n_runs[session] += 1
        while state[PENDING]:
            event = columns.order[state[HEAD]]
            state[HEAD] += 1
            answer = np.int64(verdicts[event]) >> 3
            if answer == ACCEPTED or (answer == CREATED and verdicts[event] & 7):
                state[PENDING] -= 1
                verdicts[event] = answer * 8
                written.queued[event] = _NAT
