"""Whether the JSON of a snapshot is that of a world: every value has its kind, and they agree."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from session_lab.errors import DataError
from session_lab.simulator.model.machine import SessionState
from session_lab.simulator.model.records import Record
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS
from session_lab.simulator.model.trigger_faults import TRIGGER_FAULTS
from session_lab.simulator.model.waitpoints import Waitpoint
from session_lab.simulator.world.explain import explain
from session_lab.simulator.world.journal import Entry
from session_lab.simulator.world.state import RunRecord
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from session_lab.simulator.world.state import State

__all__ = ["check_document", "check_state"]

Check = Callable[[object], bool]

_REASONS = {"initial", "continuation", "upgrade", "manual"}
_STATUS_CODES = range(100, 600)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _integer(value: object) -> bool:
    return type(value) is int and abs(value) < 2**63


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _boolean(value: object) -> bool:
    return isinstance(value, bool)


def _json_text(value: object) -> bool:
    try:
        return isinstance(value, str) and json.loads(value) is not ...
    except (ValueError, RecursionError):
        return False


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _anything(_: object) -> bool:
    return True


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _one_of(*allowed: str) -> Check:
    return lambda value: isinstance(value, str) and value in allowed


def _array(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _tuple(*checks: Check) -> Check:
    def fits(value: object) -> bool:
        if not isinstance(value, list) or len(value) != len(checks):
            return False
        return all(check(item) for check, item in zip(checks, value, strict=True))

    return fits


def _config(value: object) -> bool:
    """Check a trigger config as far as the world looks into it."""
    if not isinstance(value, dict) or not isinstance(value.get("basePayload", {}), dict):
        return False
    limits = (value.get(name) for name in ("idleTimeoutInSeconds", "maxDuration"))
    given = {name: item for name, item in value.items() if item is not None}
    return _options(given) and all(limit is None or _count(limit) for limit in limits)


def _options(value: object) -> bool:
    """Check what a run was triggered with."""
    if not isinstance(value, dict):
        return False
    queue, version = value.get("queue"), value.get("lockToVersion")
    return (
        _or_null(_text)(value.get("machine"))
        and _array(_text)(value.get("tags", []))
        and (queue is None or _text(queue) or (_object(queue) and _text(queue.get("name"))))
        and (version is None or _text(version))
    )


def _overrides(value: object) -> bool:
    known = {"idle_timeout", "max_duration"}
    return isinstance(value, dict) and value.keys() <= known and all(map(_count, value.values()))


def _base64(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(base64.b64decode(value, validate=True) or not value)
    except ValueError:
        return False


_STREAM_KEY = (_text, _text, _one_of("in", "out"), _text)
_ROW = _tuple(
    _or_null(_text),
    *(_integer, _integer),
    *(_or_null(_text), _or_null(_text)),
    _array(_text),
    *(_or_null(_integer), _or_null(_integer)),
    _or_null(_text),
    *(_or_null(_object), _or_null(_config)),
    *(_text, _text),
)
_RUN = _tuple(
    _count,
    _one_of(*_REASONS),
    *(_integer, _integer, _integer),
    *(_count, _count, _count, _count, _count),
    _array(_tuple(_integer, _integer, _boolean)),
    _or_null(_integer),
    _one_of(*END_CAUSES, ""),
    _text,
)
_REPLY = _tuple(
    lambda value: type(value) is int and value in _STATUS_CODES,
    _or_null(_text),
    _or_null(_boolean),
    _or_null(_count),
    _or_null(_one_of(*START_KINDS)),
    _or_null(_integer),
    _or_null(_boolean),
    _or_null(_count),
)
_KINDS: dict[type[NamedTuple], Check] = {
    SessionState: _tuple(_ROW, _or_null(_RUN), _count, _count, _count),
    RunRecord: _tuple(
        _text,
        _count,
        _RUN,
        _or_null(_one_of(*_REASONS)),
        _or_null(_text),
        *(_object, _options, _overrides),
    ),
    Record: _tuple(_count, _integer, _text, _array(_tuple(_text, _text))),
    Waitpoint: _tuple(
        *(_text, _text),
        _tuple(*_STREAM_KEY),
        *(_integer, _or_null(_integer)),
        _array(_text),
        *(_or_null(_text), _or_null(_integer), _or_null(_integer), _or_null(_text)),
    ),
    Entry: _tuple(
        *(_count, _integer, _text, _text, _text),
        _array(_tuple(_text, _anything)),
        _REPLY,
        *(_or_null(_text), _or_null(_text)),
        _or_null(_ROW),
        _array(_tuple(_text, _text, _integer, _text)),
    ),
}
_DOCUMENT: dict[str, Check] = {
    "seed": lambda value: type(value) is int,
    "now": _integer,
    "policy": _or_null(_object),
    "platform": _or_null(_object),
    "profile": _text,
    "trigger_fault": _or_null(_one_of(*TRIGGER_FAULTS)),
    "rank": _count,
    "sessions": _array(_KINDS[SessionState]),
    "runs": _array(_KINDS[RunRecord]),
    "streams": lambda value: isinstance(value, list) and all(map(_stream, value)),
    "waitpoints": _array(_KINDS[Waitpoint]),
    "chat_snapshots": _array(_tuple(_text, _integer, _text, _base64)),
    "agent": _or_null(_object),
    "answers": _array(
        _tuple(
            *(_count, _integer, _count),
            _array(_tuple(_count, _json_text)),
            *(_text, _boolean, _boolean),
        )
    ),
    "journal": _array(_KINDS[Entry]),
}


def _stream(value: object) -> bool:
    claims = _array(_tuple(_text, _integer))
    stream = _tuple(*_STREAM_KEY, _array(_KINDS[Record]), claims, *(_count, _count, _text))
    if not (isinstance(value, list) and stream(value)):
        return False
    records, first = value[4], value[7]
    return all(record[0] == seq for seq, record in enumerate(records, first))


def check_document(document: object) -> None:
    """Check that the JSON of a snapshot has the parts of one.

    Raises
    ------
    DataError
        A part is missing or of another kind; the error says which.
    """
    if not isinstance(document, dict):
        raise _refusal("it is not a JSON object")
    for name, fits in _DOCUMENT.items():
        if name not in document:
            raise _refusal(f"it has no {name}")
        if not fits(document[name]):
            raise _refusal(f"{_place(name, document[name])} is not what a snapshot has there")


def _place(name: str, value: object) -> str:
    """Name the part that is wrong, by its number where it is one of many."""
    one = {"sessions": SessionState, "runs": RunRecord, "journal": Entry}.get(name)
    if one is None or not isinstance(value, list):
        return name
    return f"{name}[{next(n for n, item in enumerate(value) if not _KINDS[one](item))}]"


def check_state(state: State, now: int, *, has_policy: bool) -> None:
    """Check that the parts of a state agree with each other.

    Raises
    ------
    DataError
        They do not; the error says where.
    """
    if len(state.session_ids) < len(state.sessions):
        raise _refusal("an id stands for two sessions")
    if len(state.external_ids) < sum(s.row.external_id is not None for s in state.sessions):
        raise _refusal("an external id stands for two sessions")
    _check_sessions(state, now)
    _check_runs(state)
    _check_kept(state)
    _check_journal(state, now, has_policy=has_policy)


def _check_sessions(state: State, now: int) -> None:
    newest = state.sessions[0].row.created_at if state.sessions else now
    for number, session in enumerate(state.sessions):
        row, run = session.row, session.run
        if not row.session_id.startswith(RESERVED_ID_PREFIX) or not newest <= row.created_at <= now:
            raise _refusal(f"sessions[{number}] is out of place")
        newest = row.created_at
        if session.n_settled > session.n_runs or session.n_runs > len(state.runs):
            raise _refusal(f"sessions[{number}] has not the runs that it counts")
        stored = None if run is None else state.runs.get((number, run.number))
        if run is not None and (stored is None or stored.run != run):
            raise _refusal(f"sessions[{number}] has another run than is listed")
    counted = {(number, n) for number, s in enumerate(state.sessions) for n in range(s.n_runs)}
    if counted != state.runs.keys():
        raise _refusal("the sessions have not the runs that are listed")


def _check_runs(state: State) -> None:
    if len(state.run_ids) < len(state.runs):
        raise _refusal("an id stands for two runs")
    for record in state.runs.values():
        if record.payload.get("sessionId") != state.sessions[record.ordinal].row.session_id:
            raise _refusal(f"the run {record.run_id} names another session")
        if not (record.run.end_cause or record.run.status):
            raise _refusal(f"the run {record.run_id} has neither a status nor a cause of its end")


def _check_kept(state: State) -> None:
    for session_id in state.chat_snapshots:
        if session_id not in state.session_ids:
            raise _refusal("the snapshot of a chat is of no session that is there")
    for waitpoint in state.waitpoints.values():
        if waitpoint.run_id not in state.run_ids:
            raise _refusal(f"{waitpoint.waitpoint_id} is waited on by no run that is there")
        if (waitpoint.completed_at is None) is not (waitpoint.output is None):
            raise _refusal(f"{waitpoint.waitpoint_id} is half complete")


def _check_journal(state: State, now: int, *, has_policy: bool) -> None:
    for number, entry in enumerate(state.journal):
        if entry.seq != number or entry.at > now:
            raise _refusal(f"journal[{number}] is out of place")
        if entry.session_id is not None and entry.session_id not in state.session_ids:
            raise _refusal(f"journal[{number}] names a session that is not there")
        if entry.run_id is not None and entry.run_id not in state.run_ids:
            raise _refusal(f"journal[{number}] names a run that is not there")
        if entry.reply.start is not None and not (has_policy and _has_a_turn(entry, state)):
            raise _refusal(f"journal[{number}] has not a turn that could be served")
        if not _can_be_explained(entry):
            raise _refusal(f"journal[{number}] is not an answer to what was asked")
    for seq in state.answers:
        if seq >= len(state.journal) or state.journal[seq].reply.start is None:
            raise _refusal(f"an agent answers journal[{seq}], which asks for no turn")


def _has_a_turn(entry: Entry, state: State) -> bool:
    """Check that a turn is the session's, and lasts as long as it can."""
    if entry.session_id is None or entry.run_id is None:
        return False
    ordinal, _ = state.run_ids[entry.run_id]
    turn = dict(entry.asked).get("turn_duration", 0)
    return ordinal == state.session_ids[entry.session_id] and _count(turn)


def _can_be_explained(entry: Entry) -> bool:
    try:
        explain(entry)
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    return True


def _refusal(message: str) -> DataError:
    return DataError(f"this is not a snapshot of a world: {message}", source="snapshot")
