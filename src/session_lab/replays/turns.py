"""The turns of a replay: when each was served, and when the runs behind them held a slot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.analysis.replays.slots import RunSpans, ServedTurns, SlotChanges, slot_changes
from session_lab.frames import NAT, TURNS, Coded, build, in_one_piece, milliseconds
from session_lab.simulator import RunPolicy, profile_named
from session_lab.timing import to_instant
from session_lab.traffic.engine.engine_result import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.replays.replay import Replay
    from session_lab.simulator import Timings

__all__ = ["Played", "Served"]

_RESUMED = KINDS.index("resumed")
_COMPILED_FROM = 20_000
"""How many draws it takes before it is worth loading numba for them."""


class _DrawnBy(NamedTuple):
    """What times are drawn by: the row of the session, and the counts of turns and runs."""

    session: NDArray[np.int64]
    accepted: NDArray[np.int64]
    triggered: NDArray[np.int64]


class Played(NamedTuple):
    """What an engine made of some events, as far as their turns need it; times in milliseconds.

    Attributes
    ----------
    arrived_at, kind, waited, run : ndarray
        One entry an event: when it came, and of the turn that it asked for the place in ``KINDS``
        (below 0 without one), the wait, and the row of the run.
    turn_duration : ndarray of int64, or None
        How long the turn of each lasts, NAT where it does not say; None where none does.
    session, is_initial, triggered_at, ended_at, suspended : ndarray
        One entry a run, by session, then in order of trigger.
    ids : Series of str, or ndarray of uint64
        The external id of each session, or its hash.
    timings : list of Timings
        The policies as numbers.
    policy : ndarray of int64
        Which of them each session follows.
    until : int or None
        The horizon.
    """

    arrived_at: NDArray[np.int64]
    kind: NDArray[np.integer]
    waited: NDArray[np.int64]
    run: NDArray[np.int64]
    turn_duration: NDArray[np.int64] | None
    session: NDArray[np.int64]
    is_initial: NDArray[np.bool_]
    triggered_at: NDArray[np.int64]
    ended_at: NDArray[np.int64]
    suspended: NDArray[np.int64]
    ids: pd.Series | NDArray[np.uint64]
    timings: list[Timings]
    policy: NDArray[np.int64]
    until: int | None = None

    @classmethod
    def of(cls, replay: Replay) -> Played:
        """Return the arrays of a replay."""
        operations, runs = replay.operations, replay.runs
        kind = np.asarray(operations["start_kind"].cat.codes)
        run = np.full(len(operations), -1)
        rows = np.flatnonzero(kind >= 0)
        run[rows] = _places(operations["run_id"].iloc[rows], runs["run_id"])
        timings, policy = _timings_of(replay)
        return cls(
            milliseconds(operations["at"]),
            kind,
            milliseconds(operations["waited"]),
            run,
            replay.turn_durations,
            _places(runs["session_id"], replay.sessions["session_id"]),
            (runs["reason"] == "initial").to_numpy(),
            milliseconds(runs["triggered_at"]),
            milliseconds(runs["ended_at"]),
            milliseconds(runs["suspended"]),
            replay.sessions["external_id"],
            timings,
            policy,
            None if replay.until is None else to_instant(replay.until),
        )


class Served:
    """The served turns of a replay as arrays, in order of arrival.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        The operation that asked for each.
    run, session : ndarray of int64, shape (n,)
        The rows of its run and of its session.
    kind : ndarray of int, shape (n,)
        How it started, as a place in ``KINDS``.
    arrived_at, started_at, ended_at : ndarray of int64, shape (n,)
        Instants in milliseconds; ends may lie after the horizon.
    session_of_run : ndarray of int64, shape (m,)
        The row of each run's session.
    timings : list of Timings
        The policies as numbers.
    policy_of_run : ndarray of int64, shape (m,)
        Which of them each run follows.
    """

    def __init__(self, played: Played) -> None:
        self._played = played
        rows = np.flatnonzero(played.kind >= 0)
        at = played.arrived_at[rows]
        if (np.diff(at) < 0).any():
            order = np.argsort(at, kind="stable")
            rows, at = rows[order], at[order]
        self.rows, self.kind, self.arrived_at = rows, played.kind[rows].astype(np.int64), at
        self.started_at = at + played.waited[rows]
        self.run = played.run[rows]
        self.session_of_run = played.session
        self.session = self.session_of_run[self.run]
        self.timings = played.timings
        self.policy_of_run = played.policy[self.session_of_run]
        ended = played.ended_at[self.run]
        # Only the cap on active time cuts a turn, and then the run ends with it.
        self.ended_at = self.started_at + self._durations()
        cut = (ended != NAT) & (self.ended_at > ended)
        self.ended_at[cut] = ended[cut]

    def number(self) -> NDArray[np.int64]:
        """Return the number of each turn in its run, from 1 on."""
        return _counted(self.run) + 1

    def first_idle(self) -> NDArray[np.int64]:
        """Return for each run how long it stays awake before its first turn."""
        preloads = np.array([one.preload()[0] for one in self.timings])[self.policy_of_run]
        return np.where(self._played.is_initial, preloads, self.idle())

    def idle(self) -> NDArray[np.int64]:
        """Return for each run how long it stays awake after a turn."""
        return np.array([one.idle_timeout for one in self.timings])[self.policy_of_run]

    def frame(self, operations: pd.DataFrame) -> pd.DataFrame:
        """Return a turns frame, made with the operations: one row a served turn, as it arrived."""
        chosen = operations.iloc[self.rows]
        kinds = chosen["start_kind"].cat
        data = {
            "session_id": chosen["session_id"],
            "external_id": chosen["external_id"],
            "run_id": chosen["run_id"],
            "number": self.number(),
            "arrived_at": self.arrived_at,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "start_kind": Coded(np.asarray(kinds.codes), list(kinds.categories)),
            "waited": self.started_at - self.arrived_at,
        }
        return build(TURNS, data, n=len(chosen))

    def slots(self) -> SlotChanges:
        """Find when the runs took and gave back their slots."""
        runs = self._played
        turns = ServedTurns(self.run, self.arrived_at, self.ended_at, self.kind == _RESUMED)
        first = np.full(len(runs.session), len(self.rows))
        np.minimum.at(first, self.run, np.arange(len(self.rows)))
        # When a run was ready counts where its first turn woke it, or where it served none.
        asked = np.flatnonzero(np.append(turns.woke, True)[first])
        ready_at = runs.triggered_at.copy()
        ready_at[asked] = self.ready_at(asked)
        spans = RunSpans(
            triggered_at=runs.triggered_at,
            ready_at=ready_at,
            ended_at=runs.ended_at,
            suspended=runs.suspended,
            first_idle=self.first_idle(),
            idle=self.idle(),
        )
        return slot_changes(turns, spans, until=runs.until)

    def ready_at(self, asked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when some runs, given by their rows, were ready, or would have been."""
        triggered_at = self._played.triggered_at[asked]
        time = self.timings[0].boot_time
        if isinstance(time, int):
            return triggered_at + time
        session = self.session_of_run
        n_turns = np.bincount(self.run, minlength=len(session))
        # Runs lie by session, then in order of trigger.
        begin = np.searchsorted(session, session)
        before = np.concatenate([[0], n_turns.cumsum()])
        accepted = (before[:-1] - before[begin])[asked]
        rows = np.arange(len(session))
        last = np.maximum.accumulate(np.where(n_turns > 0, rows, -1))
        settled = np.maximum(np.concatenate([[-1], last[:-1]]) + 1, begin)
        triggered = (rows - settled)[asked]
        return triggered_at + self._drawn("boots", _DrawnBy(session[asked], accepted, triggered))

    def _durations(self) -> NDArray[np.int64]:
        durations = np.full(len(self.rows), NAT)
        if self._played.turn_duration is not None:
            durations = self._played.turn_duration[self.rows]
        silent = np.flatnonzero(durations == NAT)
        time = self.timings[0].turn_duration
        if isinstance(time, int):
            durations[silent] = time
            return durations
        accepted = _counted(self.session)[silent]
        drawn_by = _DrawnBy(self.session[silent], accepted, 0 * accepted)
        durations[silent] = self._drawn("durations", drawn_by)
        return durations

    def _drawn(self, stream: str, drawn_by: _DrawnBy) -> NDArray[np.int64]:
        """Draw times again: they belong to session, turn and run, so they are the engines'."""
        ids, timings = self._played.ids, self.timings[0]
        session, accepted, triggered = drawn_by
        if not isinstance(ids, pd.Series) or len(session) >= _COMPILED_FROM:
            return _draw_compiled(timings, stream, ids, drawn_by)
        draw = timings.boot if stream == "boots" else lambda *by: timings.duration(*by[:2])
        each = zip(ids.iloc[session], accepted.tolist(), triggered.tolist(), strict=True)
        return np.array([draw(*one) for one in each], dtype=np.int64)


def _draw_compiled(
    timings: Timings, stream: str, ids: pd.Series | NDArray[np.uint64], drawn_by: _DrawnBy
) -> NDArray[np.int64]:
    # They load numba.
    from session_lab.traffic.columnar.draws import SessionIds, draw_all  # noqa: PLC0415
    from session_lab.traffic.columnar.layout import STREAMS, rulebook  # noqa: PLC0415

    times = rulebook([timings], profile_named("2026-10"), None).times
    if isinstance(ids, pd.Series):
        texts = in_one_piece(pa.array(ids, pa.large_string()))
        hashes = SessionIds(drawn_by.session, texts).hashes
    else:
        hashes = ids[drawn_by.session]
    place = STREAMS.index(stream)
    return draw_all(getattr(times, stream), times.keys, place, hashes, *drawn_by[1:])


def _places(names: pd.Series, among: pd.Series) -> NDArray[np.int64]:
    """Return the row of each name in another column, where no name stands twice."""
    known = in_one_piece(pa.array(among, pa.large_string()))
    wanted = in_one_piece(pa.array(names, pa.large_string()))
    found = pc.call_function("index_in", [wanted], pc.SetLookupOptions(value_set=known))
    return np.asarray(found.cast(pa.int64()))


def _counted(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the entries of each group from 0 on, in their order."""
    order = np.argsort(groups, kind="stable")
    grouped = groups[order]
    begin = np.flatnonzero(np.diff(grouped, prepend=-1) != 0)
    sizes = np.diff(np.append(begin, len(groups)))
    number = np.empty(len(groups), np.int64)
    number[order] = np.arange(len(groups)) - np.repeat(begin, sizes)
    return number


def _timings_of(replay: Replay) -> tuple[list[Timings], NDArray[np.int64]]:
    """Return the policies as numbers, and which of them each session follows."""
    policy, platform, seed = replay.policy, replay.platform, replay.seed
    if isinstance(policy, RunPolicy):
        return [policy.timings(platform, seed)], np.zeros(len(replay.sessions), np.int64)
    timings = [one.timings(platform, seed) for one in policy.values()]
    tasks = pd.Index(replay.sessions["task_identifier"].astype(object))
    return timings, pd.Index(list(policy)).get_indexer(tasks).astype(np.int64)
