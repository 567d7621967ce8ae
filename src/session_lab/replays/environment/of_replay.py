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
    durations,
    instants,
    milliseconds,
    to_instants,
)
from session_lab.frames.build import TEXT_DTYPE
from session_lab.replays.environment.recording import RecordedFrames
from session_lab.simulator import RunPolicy
from session_lab.simulator.model.settings.prices import (
    CENTS_PER_RUN,
    DEFAULT_MACHINE,
    compute_cents,
)
from session_lab.simulator.model.versions import version_at
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from session_lab.replays.replay import Replay
    from session_lab.simulator import Timings

    Int64s = NDArray[np.int64]

__all__ = ["frames_of_replay"]

_OWN_RUN = ("initial", "continuation", "upgrade", "queued")
_NO_WAIT = ("crash", "max_duration", "max_turns")


class _Served(NamedTuple):
    """Turns that began, by run and in order: rows of operations, sessions, runs; milliseconds."""

    operation: Int64s
    session: Int64s
    run: Int64s
    number: Int64s
    arrived: Int64s
    started: Int64s
    ended: Int64s


def frames_of_replay(replay: Replay, events: pd.DataFrame) -> RecordedFrames:
    """Return the frames of a recording of a replay's world.

    Raises
    ------
    DataError
        The events are not those of the replay.
    """
    events = _played(replay, events)
    policies = _policies(replay)
    turns = _served(replay, events, policies)
    ended = instants(replay.runs, "ended_at", source="runs", required=False)
    return RecordedFrames(
        replay.sessions,
        _runs(replay, turns, policies),
        _turns(replay, turns),
        _waits(replay, turns, policies, ended),
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


def _policies(replay: Replay) -> tuple[Int64s, list[Timings]]:
    """Return for each session which of some timings it follows."""
    if isinstance(replay.policy, RunPolicy):
        which = np.zeros(len(replay.sessions), dtype=np.int64)
        return which, [replay.policy.timings(replay.platform, replay.seed)]
    tasks = replay.sessions["task_identifier"].astype(object)
    which = pd.Index(list(replay.policy)).get_indexer(pd.Index(tasks)).astype(np.int64)
    policies = replay.policy.values()
    return which, [policy.timings(replay.platform, replay.seed) for policy in policies]


def _served(
    replay: Replay, events: pd.DataFrame, policies: tuple[Int64s, list[Timings]]
) -> _Served:
    operations, runs = replay.operations, replay.runs
    which, timings = policies
    session = pd.Index(replay.sessions["session_id"]).get_indexer(
        pd.Index(operations["session_id"])
    )
    given = _optional(events, "turn_duration")
    op, status = operations["op"].astype(object), operations["status_code"]
    accepted = ((op == "message") & (status == 200)) | ((op == "start") & (status == 201))
    accepted &= (op == "message") | (given != NAT)
    asked = np.flatnonzero(accepted.to_numpy(dtype=bool))
    asked = asked[np.argsort(milliseconds(operations["at"])[asked], kind="stable")]
    before = _counts(session[asked])
    duration = given[asked]
    names = operations["external_id"].to_numpy(dtype=object)
    for place in np.flatnonzero(duration == NAT):
        row = asked[place]
        rules = timings[which[session[row]]]
        duration[place] = rules.duration(names[row], int(before[place]))
    begun = operations["start_kind"].notna().to_numpy()[asked]
    asked, duration = asked[begun], duration[begun]
    run = pd.Index(runs["run_id"]).get_indexer(pd.Index(operations["run_id"].iloc[asked]))
    order = np.argsort(run, kind="stable")
    asked, duration, run = asked[order], duration[order], run[order]
    arrived = milliseconds(operations["at"])[asked]
    started = arrived + milliseconds(operations["waited"])[asked]
    caps = np.array([rules.max_duration for rules in timings], dtype=np.int64)
    served = _capped(duration, run, caps[which[session[asked]]])
    return _Served(
        asked,
        session[asked],
        run.astype(np.int64),
        _counts(run) + 1,
        arrived,
        started,
        started + served,
    )


def _counts(groups: NDArray[np.integer]) -> Int64s:
    """Return for each row how many rows of its group came before it."""
    return pd.Series(groups).groupby(groups).cumcount().to_numpy().astype(np.int64)


def _capped(duration: Int64s, run: Int64s, cap: Int64s) -> Int64s:
    """Cut turns, which lie run by run, where the active time of their run reaches its cap."""
    total = pd.Series(duration).groupby(run).cumsum().to_numpy().astype(np.int64)
    served: Int64s = np.minimum(total, cap) - np.minimum(total - duration, cap)
    return served


def _horizon(replay: Replay) -> int:
    return to_instant(str(replay.runs.attrs["observed_at"]))


def _turns(replay: Replay, turns: _Served) -> pd.DataFrame:
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


def _started(replay: Replay, turns: _Served, policies: tuple[Int64s, list[Timings]]) -> Int64s:
    """Return when each run was ready: the start of its own first turn, else its drawn boot."""
    runs, (which, timings) = replay.runs, policies
    started = np.full(len(runs), NAT)
    kinds = replay.operations["start_kind"].astype(object).to_numpy()[turns.operation]
    own = (turns.number == 1) & np.isin(kinds, _OWN_RUN)
    started[turns.run[own]] = turns.started[own]
    session = pd.Index(replay.sessions["session_id"]).get_indexer(pd.Index(runs["session_id"]))
    triggered = milliseconds(runs["triggered_at"])
    n_turns = runs["turns"].to_numpy(dtype=np.int64)
    number = _counts(session)
    names = replay.sessions["external_id"].to_numpy(dtype=object)
    for row in np.flatnonzero(started == NAT):
        first = row - number[row]
        earlier = n_turns[first:row]
        settled = int(np.flatnonzero(earlier)[-1]) + 1 if earlier.any() else 0
        rules = timings[which[session[row]]]
        boot = rules.boot(names[session[row]], int(earlier.sum()), int(number[row]) - settled)
        started[row] = triggered[row] + boot
    ended = instants(runs, "ended_at", source="runs", required=False)
    # What ended before it was ready never executed.
    started[(ended != NAT) & (ended < started)] = NAT
    return started


def _runs(replay: Replay, turns: _Served, policies: tuple[Int64s, list[Timings]]) -> pd.DataFrame:
    runs = replay.runs.copy()
    runs.attrs = dict(replay.runs.attrs)
    started = _started(replay, turns, policies)
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


def _waits(
    replay: Replay, turns: _Served, policies: tuple[Int64s, list[Timings]], run_ended: Int64s
) -> pd.DataFrame:
    """Return the waits: one before the first turn of some runs, one behind most turns."""
    runs, horizon = replay.runs, _horizon(replay)
    which, timings = policies
    idle = np.array([rules.idle_timeout for rules in timings], dtype=np.int64)
    preload = np.array([rules.preload()[0] for rules in timings], dtype=np.int64)
    session = pd.Index(replay.sessions["session_id"]).get_indexer(pd.Index(runs["session_id"]))
    cause = runs["end_cause"].astype(object).to_numpy()
    reason = runs["reason"].astype(object).to_numpy()
    is_last = np.append(turns.run[1:] != turns.run[:-1], True)[: len(turns.run)]
    next_arrived = np.append(turns.arrived[1:], NAT)[: len(turns.run)]
    next_started = np.append(turns.started[1:], NAT)[: len(turns.run)]
    end = run_ended[turns.run]
    ends_there = is_last & (end == turns.ended) & np.isin(cause[turns.run], _NO_WAIT)
    follows = np.where(is_last, ~ends_there, next_arrived >= turns.ended)
    follows &= turns.ended <= horizon
    started = _started(replay, turns, policies)
    n_turns = runs["turns"].to_numpy(dtype=np.int64)
    first_turn = np.full(len(runs), NAT)
    is_first = turns.number == 1
    first_turn[turns.run[is_first]] = turns.started[is_first]
    waited_first = np.full(len(runs), fill_value=False)
    kinds = replay.operations["start_kind"].astype(object).to_numpy()[turns.operation]
    waited_first[turns.run[is_first & np.isin(kinds, ("warm", "resumed"))]] = True
    has_begun = (started != NAT) & (started <= horizon)
    waited_first = (waited_first | (n_turns == 0)) & has_begun
    empty = np.flatnonzero(waited_first)
    is_preload = reason[empty] == "initial"
    quiet = np.where(is_preload, preload[which[session[empty]]], idle[which[session[empty]]])
    run = np.concatenate([empty, turns.run[follows]])
    number = np.concatenate([np.zeros(len(empty), np.int64), turns.number[follows]])
    began = np.concatenate([started[empty], turns.ended[follows]])
    over = np.where(is_last, end, next_started)
    over = np.concatenate(
        [np.where(n_turns[empty] > 0, first_turn[empty], run_ended[empty]), over[follows]]
    )
    quiet = np.concatenate([quiet, idle[which[turns.session[follows]]]])
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


def _optional(events: pd.DataFrame, name: str) -> Int64s:
    if name not in events:
        return np.full(len(events), NAT)
    return durations(events, name, source="events").copy()


def _observed(frame: pd.DataFrame, replay: Replay) -> pd.DataFrame:
    frame.attrs["observed_at"] = replay.runs.attrs["observed_at"]
    return frame
