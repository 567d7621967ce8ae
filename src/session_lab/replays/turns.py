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
from session_lab.traffic.engine.engine_result import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from session_lab.simulator import Platform, Timings
    from session_lab.traffic.engine.engine_frames import Frames

__all__ = ["Played", "slots_of", "turns_of"]

_RESUMED = KINDS.index("resumed")
_COMPILED_FROM = 20_000
"""How many draws it takes before it is worth loading numba for them."""


class Played(NamedTuple):
    """What a replay made of its events, and what it was played with.

    Attributes
    ----------
    frames : Frames
        Operations, sessions and runs.
    durations : ndarray of int64 or None
        For each operation how long its event says that its turn lasts, in milliseconds; NAT where
        it does not say, None where none says.
    policy : RunPolicy or mapping of str to RunPolicy
        What the team chose.
    platform : Platform
        What the environment did.
    seed : int
        What random times draw on.
    until : int or None
        The horizon, in milliseconds since 1970.
    """

    frames: Frames
    durations: NDArray[np.int64] | None
    policy: RunPolicy | Mapping[str, RunPolicy]
    platform: Platform
    seed: int
    until: int | None


class _DrawnBy(NamedTuple):
    """What times are drawn by: the row of the session, and the counts of turns and runs."""

    session: NDArray[np.int64]
    accepted: NDArray[np.int64]
    triggered: NDArray[np.int64]


def turns_of(played: Played) -> pd.DataFrame:
    """Return a turns frame: one row a served turn, in order of arrival."""
    operations = played.frames.operations
    served = _Served(played)
    chosen = operations.iloc[served.rows]
    kinds = chosen["start_kind"].cat
    data = {
        "session_id": chosen["session_id"],
        "external_id": chosen["external_id"],
        "run_id": chosen["run_id"],
        "number": _counted(served.run) + 1,
        "arrived_at": served.arrived_at,
        "started_at": served.started_at,
        "ended_at": served.ended_at,
        "start_kind": Coded(np.asarray(kinds.codes), list(kinds.categories)),
        "waited": served.started_at - served.arrived_at,
    }
    return build(TURNS, data, n=len(chosen))


def slots_of(played: Played) -> SlotChanges:
    """Find when the runs of a replay took and gave back their slots."""
    served = _Served(played)
    runs = played.frames.runs
    turns = ServedTurns(served.run, served.arrived_at, served.ended_at, served.kind == _RESUMED)
    timings, which = served.timings, served.policy_of_run
    preloads = np.array([one.preload()[0] for one in timings])[which]
    idle = np.array([one.idle_timeout for one in timings])[which]
    spans = RunSpans(
        triggered_at=milliseconds(runs["triggered_at"]),
        ready_at=served.ready_at(turns),
        ended_at=milliseconds(runs["ended_at"]),
        suspended=milliseconds(runs["suspended"]),
        first_idle=np.where(runs["reason"] == "initial", preloads, idle),
        idle=idle,
    )
    return slot_changes(turns, spans, until=played.until)


class _Served:
    """The served turns of a replay as arrays, in order of arrival."""

    def __init__(self, played: Played) -> None:
        operations, sessions, runs = played.frames
        self._played = played
        kind = np.asarray(operations["start_kind"].cat.codes)
        rows = np.flatnonzero(kind >= 0)
        at = milliseconds(operations["at"])[rows]
        if (np.diff(at) < 0).any():
            order = np.argsort(at, kind="stable")
            rows, at = rows[order], at[order]
        self.rows, self.kind, self.arrived_at = rows, kind[rows], at
        self.started_at = at + milliseconds(operations["waited"])[rows]
        self.run = _places(operations["run_id"].iloc[rows], runs["run_id"])
        self.session_of_run = _places(runs["session_id"], sessions["session_id"])
        self.timings, which = _timings_of(played, sessions)
        self.policy_of_run = which[self.session_of_run]
        ended = milliseconds(runs["ended_at"])[self.run]
        # Only the cap on active time cuts a turn, and then the run ends with it.
        self.ended_at = self.started_at + self._durations()
        cut = (ended != NAT) & (self.ended_at > ended)
        self.ended_at[cut] = ended[cut]

    def _durations(self) -> NDArray[np.int64]:
        durations = np.full(len(self.rows), NAT)
        if self._played.durations is not None:
            durations = self._played.durations[self.rows]
        silent = np.flatnonzero(durations == NAT)
        time = self.timings[0].turn_duration
        if isinstance(time, int):
            durations[silent] = time
            return durations
        session = self.session_of_run[self.run]
        accepted = _counted(session)[silent]
        drawn_by = _DrawnBy(session[silent], accepted, 0 * accepted)
        durations[silent] = self._drawn("durations", drawn_by)
        return durations

    def ready_at(self, turns: ServedTurns) -> NDArray[np.int64]:
        """Return when runs were ready, where their first turn woke them or they served none."""
        runs = self._played.frames.runs
        triggered_at = milliseconds(runs["triggered_at"])
        time = self.timings[0].boot_time
        if isinstance(time, int):
            return triggered_at + time
        n_turns = np.bincount(turns.run, minlength=len(runs))
        first = np.full(len(runs), len(self.rows))
        np.minimum.at(first, turns.run, np.arange(len(self.rows)))
        woken = np.append(turns.woke, True)[first]
        asked = np.flatnonzero(woken)
        session = self.session_of_run
        # Runs lie by session, then in order of trigger.
        begin = np.searchsorted(session, session)
        before = np.concatenate([[0], n_turns.cumsum()])
        accepted = (before[:-1] - before[begin])[asked]
        rows = np.arange(len(runs))
        last = np.maximum.accumulate(np.where(n_turns > 0, rows, -1))
        settled = np.maximum(np.concatenate([[-1], last[:-1]]) + 1, begin)
        triggered = (rows - settled)[asked]
        ready = triggered_at.copy()
        ready[asked] += self._drawn("boots", _DrawnBy(session[asked], accepted, triggered))
        return ready

    def _drawn(self, stream: str, drawn_by: _DrawnBy) -> NDArray[np.int64]:
        """Draw times again: they belong to session, turn and run, so they are the engines'."""
        external_ids, timings = self._played.frames.sessions["external_id"], self.timings[0]
        session, accepted, triggered = drawn_by
        if len(session) >= _COMPILED_FROM:
            return _draw_compiled(timings, stream, external_ids, drawn_by)
        draw = timings.boot if stream == "boots" else lambda *by: timings.duration(*by[:2])
        each = zip(external_ids.iloc[session], accepted.tolist(), triggered.tolist(), strict=True)
        return np.array([draw(*one) for one in each], dtype=np.int64)


def _draw_compiled(
    timings: Timings, stream: str, external_ids: pd.Series, drawn_by: _DrawnBy
) -> NDArray[np.int64]:
    # They load numba.
    from session_lab.traffic.columnar.draws import draw_all, hash_texts  # noqa: PLC0415
    from session_lab.traffic.columnar.layout import STREAMS, rulebook  # noqa: PLC0415

    times = rulebook([timings], profile_named("2026-10"), None).times
    texts = in_one_piece(pa.array(external_ids, pa.large_string()))
    _, offsets, letters = texts.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[texts.offset :]
    hashes = hash_texts(starts, np.frombuffer(letters or b"", dtype=np.uint8), drawn_by.session)
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


def _timings_of(played: Played, sessions: pd.DataFrame) -> tuple[list[Timings], NDArray[np.int64]]:
    """Return the policies as numbers, and which of them each session follows."""
    policy = played.policy
    if isinstance(policy, RunPolicy):
        return [policy.timings(played.platform, played.seed)], np.zeros(len(sessions), np.int64)
    timings = [one.timings(played.platform, played.seed) for one in policy.values()]
    which = pd.Index(list(policy)).get_indexer(pd.Index(sessions["task_identifier"].astype(object)))
    return timings, which.astype(np.int64)
