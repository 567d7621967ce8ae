"""What recording a replayed world would give: its turns and waits from its operations and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames import (
    NAT,
    RUNS,
    TURNS,
    WAITS,
    Coded,
    build,
    check_events,
    milliseconds,
    to_instants,
)
from session_lab.frames.build import TEXT_DTYPE
from session_lab.replays.environment.recording import RecordedFrames
from session_lab.replays.turns import Played, Served
from session_lab.simulator.model.settings.prices import (
    CENTS_PER_RUN,
    DEFAULT_MACHINE,
    compute_cents,
)
from session_lab.simulator.model.versions import version_at
from session_lab.timing import instant_text, to_instant
from session_lab.traffic.engine.engine_result import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from session_lab.replays.replay import Replay

    Int64s = NDArray[np.int64]

__all__ = ["frames_of_replay"]

_OWN_RUN = [KINDS.index(kind) for kind in ("initial", "continuation", "upgrade", "queued")]
_NO_WAIT = ("crash", "max_duration", "max_turns")


class _Turns(NamedTuple):
    """Served turns by run and in order: rows of operations, sessions, runs; milliseconds."""

    operation: Int64s
    session: Int64s
    run: Int64s
    number: Int64s
    arrived: Int64s
    started: Int64s
    ended: Int64s
    kind: Int64s


def frames_of_replay(replay: Replay, events: pd.DataFrame) -> RecordedFrames:
    """Return the frames of a recording of a replay's world.

    Raises
    ------
    DataError
        The events are not those of the replay.
    """
    events = _played(replay, events)
    served = Served(Played.of(replay))
    turns = _by_run(served)
    started = _started(replay, served, turns)
    return RecordedFrames(
        replay.sessions,
        _runs(replay, started),
        _turns(replay, turns),
        _waits(replay, served, turns, started),
        events,
    )


def _played(replay: Replay, events: pd.DataFrame) -> pd.DataFrame:
    events = check_events(events)
    if replay.until is not None:
        last = to_instant(replay.until)
        events = events[milliseconds(events["at"]) <= last]
    events = events.reset_index(drop=True)
    operations = replay.operations
    same = len(events) == len(operations) and bool(
        (milliseconds(events["at"]) == milliseconds(operations["at"])).all()
    )
    if not same:
        message = "these are not the events that were replayed, in the same order"
        raise DataError(message, source="events")
    return events


def _by_run(served: Served) -> _Turns:
    order = np.argsort(served.run, kind="stable")
    columns = (
        served.rows,
        served.session,
        served.run,
        served.number(),
        served.arrived_at,
        served.started_at,
        served.ended_at,
        served.kind,
    )
    return _Turns(*(column[order] for column in columns))


def _horizon(replay: Replay) -> int:
    return to_instant(str(replay.runs.attrs["observed_at"]))


def _turns(replay: Replay, turns: _Turns) -> pd.DataFrame:
    operations, horizon = replay.operations, _horizon(replay)
    is_over = turns.ended <= horizon
    order = np.lexsort((turns.arrived, turns.session))
    rows = turns.operation[order]
    rules = Coded(np.where(is_over, 0, -1)[order], ["trace"])
    data = {
        "session_id": operations["session_id"].iloc[rows].array,
        "external_id": operations["external_id"].iloc[rows].array,
        "run_id": operations["run_id"].iloc[rows].array,
        "number": turns.number[order],
        "arrived_at": turns.arrived[order],
        "started_at": turns.started[order],
        "ended_at": np.where(is_over, turns.ended, NAT)[order],
        "ended_at_rule": rules,
        "start_kind": operations["start_kind"].iloc[rows].astype(object).array,
        "waited": (turns.started - turns.arrived)[order],
    }
    return _observed(build(TURNS, data, n=len(rows)), replay)


def _started(replay: Replay, served: Served, turns: _Turns) -> Int64s:
    """Return when each run was ready: the start of its own first turn, else its drawn boot."""
    runs = replay.runs
    started = np.full(len(runs), NAT)
    own = (turns.number == 1) & np.isin(turns.kind, _OWN_RUN)
    started[turns.run[own]] = turns.started[own]
    asked = np.flatnonzero(started == NAT)
    started[asked] = served.ready_at(asked)
    ended = milliseconds(runs["ended_at"])
    # What ended before it was ready never executed.
    started[(ended != NAT) & (ended < started)] = NAT
    return started


def _runs(replay: Replay, started: Int64s) -> pd.DataFrame:
    runs = replay.runs.copy()
    runs.attrs = dict(replay.runs.attrs)
    runs["started_at"] = to_instants(np.where(started <= _horizon(replay), started, NAT))
    billed = milliseconds(runs["active"]) + milliseconds(runs["idle"])
    runs["billed"] = billed.view("timedelta64[ms]")
    cents = [compute_cents(each, DEFAULT_MACHINE) for each in billed.tolist()]
    runs["cost_in_cents"] = pd.array(cents, dtype="Float64")
    runs["base_cost_in_cents"] = pd.array(np.full(len(runs), CENTS_PER_RUN), dtype="Float64")
    tasks = replay.sessions.set_index("session_id")["task_identifier"]
    runs["task_identifier"] = _category(runs["session_id"].map(tasks))
    runs["machine"] = _category([DEFAULT_MACHINE] * len(runs))
    deploys = [instant_text(to_instant(at)) for at in replay.platform.deploys]
    versions = [version_at(deploys, at) for at in milliseconds(runs["triggered_at"]).tolist()]
    runs["version"] = _category(versions)
    return runs[[column.name for column in RUNS.columns if column.name in runs]]


def _category(values: Iterable[str | None]) -> pd.Series:
    text = pd.Series(list(values), dtype=TEXT_DTYPE)
    return text.astype(pd.CategoricalDtype(pd.Index(text.dropna().unique())))


def _waits(replay: Replay, served: Served, turns: _Turns, started: Int64s) -> pd.DataFrame:
    """Return the waits: one before the first turn of some runs, one behind most turns."""
    runs, horizon = replay.runs, _horizon(replay)
    run_ended = milliseconds(runs["ended_at"])
    cause = runs["end_cause"].astype(object).to_numpy()
    is_last = np.append(turns.run[1:] != turns.run[:-1], True)[: len(turns.run)]
    next_arrived = np.append(turns.arrived[1:], NAT)[: len(turns.run)]
    next_started = np.append(turns.started[1:], NAT)[: len(turns.run)]
    end = run_ended[turns.run]
    ends_there = is_last & (end == turns.ended) & np.isin(cause[turns.run], _NO_WAIT)
    follows = np.where(is_last, ~ends_there, next_arrived >= turns.ended)
    follows &= turns.ended <= horizon
    n_turns = runs["turns"].to_numpy(dtype=np.int64)
    first_turn = np.full(len(runs), NAT)
    is_first = turns.number == 1
    first_turn[turns.run[is_first]] = turns.started[is_first]
    waited_first = np.full(len(runs), fill_value=False)
    waited_first[turns.run[is_first & ~np.isin(turns.kind, _OWN_RUN)]] = True
    has_begun = (started != NAT) & (started <= horizon)
    waited_first = (waited_first | (n_turns == 0)) & has_begun
    empty = np.flatnonzero(waited_first)
    run = np.concatenate([empty, turns.run[follows]])
    number = np.concatenate([np.zeros(len(empty), np.int64), turns.number[follows]])
    began = np.concatenate([started[empty], turns.ended[follows]])
    over = np.where(is_last, end, next_started)
    over = np.concatenate(
        [np.where(n_turns[empty] > 0, first_turn[empty], run_ended[empty]), over[follows]]
    )
    quiet = np.concatenate([served.first_idle()[empty], served.idle()[turns.run[follows]]])
    asleep = began + quiet
    until = np.where(over == NAT, horizon, over)
    slept = (asleep < until) | ((over == NAT) & (asleep <= until))
    order = np.lexsort((number, run))
    data = {
        "session_id": runs["session_id"].iloc[run].array,
        "run_id": runs["run_id"].iloc[run].array,
        "number": number,
        "started_at": began,
        "suspended_at": np.where(slept, asleep, NAT),
        "ended_at": over,
    }
    data = {name: values[order] for name, values in data.items()}
    return _observed(build(WAITS, data, n=len(run)), replay)


def _observed(frame: pd.DataFrame, replay: Replay) -> pd.DataFrame:
    frame.attrs["observed_at"] = replay.runs.attrs["observed_at"]
    return frame
