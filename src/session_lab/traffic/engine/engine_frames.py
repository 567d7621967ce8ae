"""From events to an engine's columns, and from its outcome to frames."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames import (
    NAT,
    OPERATIONS,
    RUNS,
    SESSIONS,
    Coded,
    build,
    derive_lifetimes,
    in_one_piece,
    milliseconds,
    observe,
)
from session_lab.simulator import IdScheme, Platform, RunPolicy
from session_lab.simulator.model.machine import ERRORS
from session_lab.simulator.model.run_rules import STATUSES
from session_lab.traffic.engine.engine_result import (
    CAUSES,
    KINDS,
    NONE,
    OPS,
    REASONS,
    EngineResult,
    Log,
)
from session_lab.traffic.engine.slots import SlotLimits
from session_lab.wire.run.run_status import CURRENT_STATUSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.simulator import ConcurrencyLimits

__all__ = [
    "Chats",
    "Frames",
    "policies_of",
    "recorded_columns",
    "tasks_of",
    "to_frames",
    "to_log",
    "to_slot_limits",
]


class Frames(NamedTuple):
    """A replay's outcome: one row per event, per session and per run."""

    operations: pd.DataFrame
    sessions: pd.DataFrame
    runs: pd.DataFrame


class Chats(NamedTuple):
    """The chats of events: the number of each event's, and the external ids by number."""

    number: NDArray[np.int64]
    external_ids: pa.Array

    @classmethod
    def of(cls, events: pd.DataFrame) -> Chats:
        """Give a number to each external id of events, which may not have been checked yet."""
        number, external_ids = pd.factorize(events["external_id"])
        text = pa.array(pd.Series(external_ids).astype("string").array, pa.large_string())
        return cls(number, in_one_piece(text))

    def at(self, rows: slice | NDArray[np.integer]) -> Chats:
        """Return the chats of some of the events."""
        return self._replace(number=self.number[rows])


def to_log(
    events: pd.DataFrame,
    policy: RunPolicy | Mapping[str, RunPolicy],
    platform: Platform,
    *,
    seed: int,
    chats: Chats | None = None,
) -> Log:
    """Turn an events frame, in order of time, into an engine's columns.

    Parameters
    ----------
    events : DataFrame
        An events frame whose times do not decrease; errors name rows by their index.
    policy : RunPolicy or mapping of str to RunPolicy
        One policy for all, or one for each task identifier.
    platform : Platform
        What the environment does to the runs of all.
    seed : int
        What crashes and random times draw on.
    chats : Chats, optional
        Their chats, where they are known already.

    Raises
    ------
    DataError
        The task identifier of a start has no policy.
    """
    chats = Chats.of(events) if chats is None else chats
    names, op, tasks = tasks_of(policy), _op_codes(events), None
    if names and "task_identifier" in events:
        tasks = pa.array(events["task_identifier"])
    policies = [policy] if isinstance(policy, RunPolicy) else list(policy.values())
    missing = np.full(len(events), NAT)

    def optional(name: str) -> NDArray[np.int64]:
        return milliseconds(events[name]) if name in events else missing

    return Log(
        at=milliseconds(events["at"]),
        op=op,
        chat=chats.number,
        external_ids=chats.external_ids,
        turn_duration=optional("turn_duration"),
        expires_at=optional("expires_at"),
        policy=policies_of(tasks, op, names, source="events", rows=events.index),
        timings=tuple(policy.timings(platform, seed) for policy in policies),
    )


def to_slot_limits(events: pd.DataFrame, chats: Chats, limits: ConcurrencyLimits) -> SlotLimits:
    """Turn concurrency limits into numbers, and find the task of each session.

    Parameters
    ----------
    events : DataFrame
        An events frame, in order of time.
    chats : Chats
        Their chats.
    limits : ConcurrencyLimits
        What may execute at once. Sessions whose first start names no task are of one task together.

    Raises
    ------
    DataError
        A task with a limit of its own creates no session.
    """
    starts = np.flatnonzero(_op_codes(events) == OPS.index("start"))
    creators = starts[~pd.Series(chats.number[starts]).duplicated().to_numpy()]
    task = np.zeros(len(events), dtype=np.int64)
    names: list[str | None] = [None]
    if "task_identifier" in events:
        given = events["task_identifier"].iloc[creators].astype(object)
        task[creators], found = pd.factorize(given, use_na_sentinel=False)
        names = [name if isinstance(name, str) else None for name in found]
    for name in limits.per_task:
        if name not in names:
            known = ", ".join(sorted({str(name) for name in names if name})) or "no task"
            message = f"{name!r} has a limit of its own, but the sessions are of {known}"
            raise DataError(message, source="events", column="task_identifier")
    of_task = tuple(limits.of_task(name) for name in names) or (limits.base,)
    return SlotLimits(min(limits.total, sum(of_task)), of_task, task)


def to_frames(played: EngineResult, events: pd.DataFrame, *, seed: int, observed_at: int) -> Frames:
    """Turn an outcome into frames.

    Parameters
    ----------
    played : EngineResult
        What an engine made of the events.
    events : DataFrame
        The events, in order of time.
    seed : int
        What identifiers draw on.
    observed_at : int
        The instant at which the sessions' status is told.
    """
    scheme = IdScheme.from_seed(seed)
    # Most of the work is copying text, for which the interpreter is not needed.
    with ThreadPoolExecutor(2) as pool:
        naming = pool.submit(_session_ids, played, scheme), pool.submit(_run_ids, played, scheme)
        session_ids, run_ids = (names.result() for names in naming)
        served_by = (
            pool.submit(_pick, session_ids, played.session),
            pool.submit(_pick, run_ids, played.run),
        )
        sessions = pool.submit(_sessions, played, events, session_ids, run_ids, observed_at)
        runs = pool.submit(_runs, played, session_ids, run_ids)
        operations = _operations(played, events, *(ids.result() for ids in served_by))
        frames = Frames(operations, sessions.result(), runs.result())
    operations.attrs = dict(frames.sessions.attrs)
    # Without a horizon runs play to their end, after the last event.
    told_until = max(observed_at, int(played.ended_at.max(initial=0)))
    observe(frames.runs, told_until)
    return frames


def recorded_columns(events: pd.DataFrame) -> dict[str, Any]:
    """Pick the outcomes that were recorded with events, as columns of their operations."""
    columns: dict[str, Any] = {}
    if "recorded_status" in events:
        columns["recorded_status"] = events["recorded_status"].array
    if "recorded_is_cached" in events:
        flags = events["recorded_is_cached"]
        columns["recorded_is_cached"] = flags.astype("Int8").fillna(-1).to_numpy(dtype=np.int8)
    return columns


def tasks_of(policy: RunPolicy | Mapping[str, RunPolicy]) -> list[str]:
    """Return the tasks that have a policy each; none where one policy is all tasks'.

    Raises
    ------
    DataError
        It is neither a policy nor a mapping to policies, or the mapping is empty.
    """
    given: object = policy
    if isinstance(given, RunPolicy):
        return []
    if not isinstance(given, Mapping):
        message = f"{policy!r} is neither a RunPolicy nor a mapping of task identifiers to such"
        raise DataError(message, column="policy")
    for name, value in given.items():
        if not isinstance(value, RunPolicy):
            raise DataError(f"{value!r}, given for {name!r}, is not a RunPolicy", column="policy")
    if not given:
        raise DataError("there is no policy in the mapping", column="policy")
    return list(given)


def policies_of(
    tasks: pa.Array | pa.ChunkedArray | None,
    op: NDArray[np.int8],
    names: list[str],
    *,
    source: str,
    rows: pd.Index | range,
) -> NDArray[np.int64]:
    """Map each event to the policy that its session would follow if it were created by it.

    Parameters
    ----------
    tasks : Arrow array of text, or None
        The task identifier of each event.
    op : ndarray of int8
        Their places in ``OPS``.
    names : list of str
        The tasks that have a policy each; none where one policy is all tasks'.
    source : str
        Where the events come from.
    rows : sequence of int
        The row that each of them has there.

    Raises
    ------
    DataError
        The task identifier of a start has no policy.
    """
    which = np.full(len(op), NONE if names else 0, dtype=np.int64)
    if names and tasks is not None:
        given = in_one_piece(tasks).cast(pa.large_string()).dictionary_encode()
        found = pd.Index(names).get_indexer(given.dictionary.to_pylist())
        codes = np.asarray(given.indices.fill_null(NONE))
        which = np.append(found, NONE)[codes]
    lost = (op == OPS.index("start")) & (which == NONE)
    if lost.any():
        place = int(lost.argmax())
        name = None if tasks is None else tasks[place].as_py()
        message = f"no policy for {name!r}; there are policies for {', '.join(map(str, names))}"
        row = int(rows[place])
        raise DataError(message, source=source, row=row, column="task_identifier")
    return np.maximum(which, 0)


def _op_codes(events: pd.DataFrame) -> NDArray[np.int8]:
    return np.asarray(events["op"].cat.codes, dtype=np.int8)


def _session_ids(played: EngineResult, scheme: IdScheme) -> NDArray[np.bytes_]:
    # Sessions come in order of creation, so those of one millisecond follow each other.
    created_at, ordinals = played.created_at, np.arange(len(played.created_at))
    is_first = np.diff(created_at, prepend=-1) != 0
    rank = ordinals - np.maximum.accumulate(np.where(is_first, ordinals, 0))
    return scheme.sessions(ordinals, created_at, rank)


def _run_ids(played: EngineResult, scheme: IdScheme) -> NDArray[np.bytes_]:
    return scheme.runs(played.owner, played.number, played.triggered_at)


def _operations(
    played: EngineResult, events: pd.DataFrame, served_by_session: pa.Array, served_by_run: pa.Array
) -> pd.DataFrame:
    data = {
        "at": milliseconds(events["at"]),
        "op": Coded(_op_codes(events), OPS),
        "external_id": events["external_id"],
        "status_code": played.status_code,
        "error": Coded(played.error, ERRORS),
        "is_cached": played.is_cached,
        "session_id": served_by_session,
        "run_id": served_by_run,
        "start_kind": Coded(played.start_kind, KINDS),
        "waited": played.waited,
        **({} if played.queued is None else {"queued": played.queued}),
        **recorded_columns(events),
    }
    return build(OPERATIONS, data, n=len(events))


def _sessions(
    played: EngineResult,
    events: pd.DataFrame,
    session_ids: NDArray[np.bytes_],
    run_ids: NDArray[np.bytes_],
    observed_at: int,
) -> pd.DataFrame:
    names = ("external_id", "type", "task_identifier", "tags")
    creators = events[[name for name in names if name in events]].iloc[played.created_by]
    data = {
        "session_id": _text(session_ids),
        **creators,
        "current_run_id": _pick(run_ids, played.current_run),
        "created_at": played.created_at,
        "updated_at": played.updated_at,
        "closed_at": played.closed_at,
        "expires_at": played.expires_at,
        **derive_lifetimes(played.created_at, played.closed_at, played.expires_at, observed_at),
    }
    return observe(build(SESSIONS, data, n=len(creators)), observed_at)


def _runs(
    played: EngineResult, session_ids: NDArray[np.bytes_], run_ids: NDArray[np.bytes_]
) -> pd.DataFrame:
    data = {
        "run_id": _text(run_ids),
        "session_id": _pick(session_ids, played.owner),
        "reason": Coded(played.reason, REASONS),
        "status": Coded(played.status, [CURRENT_STATUSES[status] for status in STATUSES]),
        "triggered_at": played.triggered_at,
        "ended_at": played.ended_at,
        "end_cause": Coded(played.end_cause, CAUSES),
        "turns": played.turns,
        "resumes": played.resumes,
        "active": played.active,
        "idle": played.idle,
        "suspended": played.suspended,
        **({} if played.run_queued is None else {"queued": played.run_queued}),
    }
    return build(RUNS, data, n=len(run_ids))


def _text(names: NDArray[np.bytes_]) -> pa.Array:
    return _pick(names, np.arange(len(names)))


def _pick(names: NDArray[np.bytes_], rows: NDArray[np.integer]) -> pa.Array:
    """Return names by row, as text; a negative row has none."""
    width = names.itemsize
    ends = names.view(np.uint8).reshape(len(names), width)[:, -1]
    if not len(names) or not ends.all():
        text = pa.array(names, pa.binary()).cast(pa.large_string())
        return text.take(pa.array(rows, mask=rows < 0))
    # All are of one length, so they are text as they lie.
    offsets = np.arange(0, (len(rows) + 1) * width, width)
    is_there = pa.array(rows >= 0).buffers()[1]
    buffers = pa.py_buffer(offsets), pa.py_buffer(names.take(rows)), is_there
    return pa.LargeStringArray.from_buffers(len(rows), *buffers)
