"""Replaying traffic under a run policy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, overload

import numpy as np
from tqdm import tqdm

from session_lab.analysis import churn
from session_lab.analysis.churn.prices import prices as published
from session_lab.analysis.replays.compare import ReplayComparison, compare
from session_lab.analysis.replays.concurrency import Concurrency, concurrency
from session_lab.analysis.replays.fidelity import Agreement, agreement, recorded_outcomes
from session_lab.analysis.replays.slot_waits import SlotWaits, slot_waits
from session_lab.analysis.replays.slots import SlotChanges
from session_lab.errors import DataError
from session_lab.frames import (
    OPERATIONS,
    RUNS,
    SESSIONS,
    digest,
    milliseconds,
    whole_file,
    write_parquet,
)
from session_lab.frames.files.places import folder_path
from session_lab.mistyped import AnswersMistyped, answer_mistyped
from session_lab.replays.assumptions import silent_messages, zeros_assumed
from session_lab.replays.summary import ReplaySummary, summarise
from session_lab.replays.turns import Played, Served
from session_lab.simulator import ConcurrencyLimits, Platform, RunPolicy, profile_named
from session_lab.simulator.model.randomness import to_seed
from session_lab.timing import LAST_INSTANT, instant_text, to_horizon, to_instant
from session_lab.traffic.engine.engine_frames import Frames, to_frames, to_log, to_slot_limits
from session_lab.traffic.engine.limited_engine import play_limited
from session_lab.traffic.engine.prepare import prepare
from session_lab.traffic.engine.reference_engine import play
from session_lab.traffic.engine.slots import SlotUse

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.analysis.churn.prices import PriceList
    from session_lab.replays.environment.calibration.calibration import Calibration
    from session_lab.replays.environment.recording import Recording
    from session_lab.timing import Instant
    from session_lab.traffic.engine.engine_result import EngineResult, Log
    from session_lab.traffic.engine.slots import SlotLimits

__all__ = ["Replay", "replay"]

ENGINES = ("auto", "reference", "columnar", "coupled")
COLUMNAR_FROM = 100_000
"""How many events it takes before the columnar engine, which loads numba, is worth its start."""
PROFILE = "2026-10"


@dataclass(frozen=True, repr=False, eq=False)
class Replay(AnswersMistyped):
    """What a replay made of its events.

    Attributes
    ----------
    operations : DataFrame
        One row per event, in the order of the input.
    sessions : DataFrame
        One row per session, in order of creation, observed at ``until`` or, without it, when
        the last run had ended.
    runs : DataFrame
        One row per run, by session, then in order of trigger.
    policy : RunPolicy or mapping of str to RunPolicy
        What the team chose.
    platform : Platform
        What the environment did to the runs.
    seed : int
        What identifiers, crashes and random times drew on.
    until : str or None
        The horizon.
    left_out : int
        How many events lay after the horizon and were not played.
    assumptions : tuple of str
        What is zero only because nothing else was said.
    turn_durations : ndarray of int64 or None
        For each operation how long its event says that its turn lasts, in milliseconds, the
        smallest integer where it does not say; None where none says.
    limits : ConcurrencyLimits or None
        How many runs could execute at once.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> platform = sl.Platform(boot_time="3s", resume_time="1s")
    >>> replay = sl.replay(events, sl.RunPolicy(idle_timeout="30s"), platform)
    >>> str(replay.operations["waited"].mean().round("ms"))
    '0 days 00:00:01.094000'
    >>> replay.concurrency().peak_executing
    16
    >>> other = sl.replay(events, sl.RunPolicy(idle_timeout="2m"), platform)
    >>> replay.compare(other).to_frame()[["metric", "first"]].head(2)
                            metric     first
    0         wait per served turn  1.094830
    1  cold starts per served turn  0.238209
    """

    operations: pd.DataFrame
    sessions: pd.DataFrame
    runs: pd.DataFrame
    policy: RunPolicy | Mapping[str, RunPolicy]
    platform: Platform
    seed: int
    until: str | None
    left_out: int = field(default=0)
    assumptions: tuple[str, ...] = ()
    turn_durations: NDArray[np.int64] | None = field(default=None, repr=False)
    limits: ConcurrencyLimits | None = None
    _slot_total: int = field(default=0, repr=False)
    _slot_use: SlotUse | None = field(default=None, repr=False)

    def summary(self, prices: Mapping[str, float] | PriceList | None = None) -> ReplaySummary:
        """Return outcomes, start kinds, waits, runs, billed time, cost and concurrency.

        Parameters
        ----------
        prices : mapping of str to float or PriceList, optional
            What runs are priced by, as :meth:`cost` takes it; the published prices by default,
            which are those of the cheapest and the dearest machine.
        """
        frames = Frames(self.operations, self.sessions, self.runs)
        return summarise(
            frames,
            self.concurrency(),
            self.cost(published() if prices is None else prices),
            slots=None if self.limits is None else self.slots(),
            left_out=self.left_out,
            assumptions=self.assumptions,
        )

    def turns(self) -> pd.DataFrame:
        """Return a turns frame: one row a served turn, in order of arrival."""
        return Served(Played.of(self)).frame(self.operations)

    def concurrency(self, *, limit: int | None = None) -> Concurrency:
        """Return the runs alive, and those that execute, over time.

        Parameters
        ----------
        limit : int, optional
            How many runs may execute at once, to be shown beside the peak: a plan's, as in
            ``sl.prices("2026-05").plans["hobby"].limits["production"]``. By default that of the
            replay, if it had one.
        """
        slots = self._slot_changes()
        if limit is None and self.limits is not None:
            limit = self._slot_total
        return concurrency(self.runs, slots=slots, until=self.until, limit=limit)

    def slots(self) -> SlotWaits:
        """Return the slots that were held, the line for them, and how long turns waited in it.

        Raises
        ------
        DataError
            The replay had no limits.
        """
        if self.limits is None:
            message = (
                "without limits= no run waits for a slot; .concurrency() counts those that execute"
            )
            raise DataError(message, column="limits")
        use = self._slot_use
        if use is None:
            # The limit was not reached: whoever asked for a slot was given one.
            taken, given_back = self._slot_changes()
            use = SlotUse(taken, taken, taken[:0], given_back)
        at = milliseconds(self.operations["at"])
        limit = self._slot_total
        return slot_waits(
            use,
            milliseconds(self.operations["queued"]),
            limit=limit,
            last_event_at=int(at.max(initial=0)),
            until=None if self.until is None else to_instant(self.until),
            never_bursts=limit == self.limits.base < self.limits.total,
        )

    def _slot_changes(self) -> SlotChanges:
        use = self._slot_use
        if use is None:
            return Served(Played.of(self)).slots()
        return SlotChanges(use.given, use.returned)

    def cost(
        self, prices: Mapping[str, float] | PriceList, *, per_run: float | None = None
    ) -> churn.Cost:
        """Price the runs; see :func:`session_lab.analysis.churn.cost`."""
        return churn.cost(self.runs, prices, per_run=per_run)

    def compare(
        self, other: Replay, *, seed: int = 0, level: float = 0.95, n_resamples: int = 1000
    ) -> ReplayComparison:
        """Compare another replay of the same events with this one, event by event.

        See :func:`session_lab.analysis.replays.compare.compare`.
        """
        if not hasattr(other, "operations"):
            message = f"{type(other).__name__} is not a Replay; sl.replay makes one"
            raise DataError(message, column="other")
        ours, theirs = (
            Frames(replay.operations, replay.sessions, replay.runs) for replay in (self, other)
        )
        return compare(ours, theirs, seed=seed, level=level, n_resamples=n_resamples)

    @overload
    def fidelity(self) -> Agreement: ...

    @overload
    def fidelity(self, recording: Recording) -> Calibration: ...

    def fidelity(self, recording: Recording | None = None) -> Agreement | Calibration:
        """Compare what was recorded with what was replayed.

        Parameters
        ----------
        recording : Recording, optional
            What the events were taken from: runs, waits, how turns start and runs end, billed time
            and cost are compared, as :func:`session_lab.calibrate` does. Without it only the
            answers are, where the events carry any, and nothing is said of the rest.

        Returns
        -------
        Calibration or Agreement
            A Calibration with a recording, else an Agreement of answers.

        Raises
        ------
        DataError
            There is no recording and the events carry no ``recorded_status``, or the events are not
            those of the recording.
        """
        if recording is not None:
            from session_lab.replays.environment.calibration.calibrate import (  # noqa: PLC0415
                compared,
            )

            return compared(recording, self, seed=self.seed)
        recorded = recorded_outcomes(self.operations)
        if recorded is None:
            message = (
                "the events carry no recorded outcomes to compare with the replayed ones; "
                "fidelity(recording) compares runs, waits and billed time with a recording"
            )
            raise DataError(message, source="events", column="recorded_status")
        told = (
            "only answers are compared: of runs, waits and billed time this says nothing; "
            "Replay.fidelity(recording) and sl.calibrate compare these"
        )
        return agreement(self.operations, recorded, basis="recorded", caveats=(told,))

    def digest(self) -> str:
        """Return a hash of every value of the three frames; equal replays have equal digests."""
        return digest({OPERATIONS: self.operations, SESSIONS: self.sessions, RUNS: self.runs})

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write the frames as Parquet and the summary as JSON.

        Parameters
        ----------
        directory : path
            Made if it does not exist. Each file is replaced whole or not at all, and
            ``summary.json``, which holds the digest, comes last.

        Returns
        -------
        Path
            The directory.
        """
        folder = folder_path(directory, what="frames")
        for name in ("operations", "sessions", "runs"):
            write_parquet(getattr(self, name), folder / f"{name}.parquet")
        with whole_file(folder / "summary.json") as draft:
            draft.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        return folder

    def to_dict(self) -> dict[str, object]:
        """Return seed, policy, platform, horizon, digest and summary as plain JSON values."""
        policy = self.policy
        if isinstance(policy, RunPolicy):
            shown = policy.to_dict()
        else:
            shown = {task: each.to_dict() for task, each in policy.items()}
        return {
            "seed": self.seed,
            "policy": shown,
            "platform": self.platform.to_dict(),
            **({} if self.limits is None else {"limits": self.limits.to_dict()}),
            "until": self.until,
            "digest": self.digest(),
            **self.summary().to_dict(),
        }

    def __repr__(self) -> str:
        """Show what was replayed, in one line."""
        limited = "" if self.limits is None else f"limits={self.limits.to_dict()!r}, "
        return (
            f"Replay({len(self.operations):,} events, {len(self.sessions):,} sessions, "
            f"{len(self.runs):,} runs, policy={self.policy!r}, platform={self.platform!r}, "
            f"{limited}seed={self.seed})"
        )

    def _repr_html_(self) -> str:
        # Its own line first: what follows depends on the policy and the seed.
        frames = "<p><i>frames: .operations, .sessions, .runs; .summary().plot() draws it</i></p>"
        return f"<p>{escape(repr(self))}</p>{self.summary().to_html()}{frames}"


@answer_mistyped
def replay(
    events: pd.DataFrame,
    policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
    platform: Platform | None = None,
    *,
    limits: ConcurrencyLimits | int | None = None,
    seed: int = 0,
    until: Instant | None = None,
    engine: str = "auto",
    progress: bool = False,
) -> Replay:
    """Replay traffic through a deterministic world of sessions and runs.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order; events of the same instant are taken in the order of rows.
    policy : RunPolicy or mapping of str to RunPolicy, optional
        What the team chooses, or one policy for each task identifier; ``RunPolicy()`` by default.
    platform : Platform, optional
        What the environment does to runs; by default ``Platform()``, where boots, resumes and
        turns take no time.
    limits : ConcurrencyLimits or int, optional
        How many runs may execute at once; a whole number is a base without burst. The others wait
        in line, and ``operations`` and ``runs`` say how long in a column ``queued``. Without limits
        no run waits for a slot. Nobody leaves, retries or writes later because of a wait (assumption),
        so where the line does not drain, waits grow with the length of the log.
    seed : int
        What identifiers, crashes and random times draw on.
    until : str or datetime, optional
        The horizon: later events are left out, and runs are shown as they stand then. By default
        every run plays to its end.
    engine : {"auto", "reference", "columnar", "coupled"}
        Which engine plays; the outcome is the same. ``columnar`` is compiled by numba, which takes
        some seconds in the first process and about one in later ones; then it plays millions of
        events a second. ``auto`` takes it from 100,000 events on. ``coupled`` is compiled too, and
        plays what waits for slots; with limits ``auto`` takes one of the two, by whether the limit
        can be reached at all.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    Replay
        Operations, sessions and runs as frames, and what can be asked of them.

    Raises
    ------
    DataError
        The frame is not an events frame, a value is out of range, a task has no policy, or runs go
        on beyond the year 9999.

    Examples
    --------
    >>> import pandas as pd
    >>> import session_lab as sl
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00:00Z", "2026-01-01T09:02:00Z"]),
    ...     "op": ["start", "message"],
    ...     "external_id": ["chat-1", "chat-1"],
    ...     "turn_duration": pd.to_timedelta(["2s", "3s"]),
    ... })
    >>> policy, platform = sl.RunPolicy(idle_timeout="1m"), sl.Platform(resume_time="1s")
    >>> replay = sl.replay(events, policy, platform)
    >>> replay.operations[["status_code", "start_kind", "waited"]]
       status_code start_kind          waited
    0          201    initial 0 days 00:00:00
    1          200    resumed 0 days 00:00:01
    """
    policy = RunPolicy() if policy is None else policy
    platform = checked_platform(platform)
    limits = None if limits is None else ConcurrencyLimits.of(limits)
    _check_engine(engine, limits)
    seed = to_seed(seed)
    horizon = to_horizon(until)
    ready = prepare(events, horizon=horizon)
    log = to_log(ready.events, policy, platform, seed=seed, chats=ready.chats)
    slots = None if limits is None else to_slot_limits(ready.events, ready.chats, limits)
    played_events = ready.events.reset_index(drop=True)
    with tqdm(
        total=len(log.at), unit=" events", desc="replay", delay=1, disable=not progress
    ) as bar:
        if slots is None:
            played = _play(engine, log, horizon, bar.update)
        else:
            played = _play_limited(engine, log, slots, horizon, bar.update)
    if horizon is None:
        instants = (log.at, played.ended_at)
        horizon_seen = max((int(column.max(initial=0)) for column in instants), default=0)
    else:
        horizon_seen = horizon
    if horizon_seen > LAST_INSTANT:
        message = "runs would go on beyond the year 9999; say with until= how far to look"
        raise DataError(message, source="events")
    frames = to_frames(played, played_events, seed=seed, observed_at=horizon_seen)
    operations, durations = frames.operations, log.turn_duration
    if not ready.were_in_order:
        order = np.argsort(ready.events.index)
        operations, durations = operations.iloc[order].reset_index(drop=True), durations[order]
    return Replay(
        operations=operations,
        sessions=frames.sessions,
        runs=frames.runs,
        policy=policy,
        platform=platform,
        seed=seed,
        until=None if horizon is None else instant_text(horizon),
        left_out=ready.left_out,
        assumptions=zeros_assumed(platform, *silent_messages(played_events)),
        turn_durations=durations if "turn_duration" in played_events else None,
        limits=limits,
        _slot_total=0 if slots is None else slots.total,
        _slot_use=played.slots,
    )


def checked_platform(platform: Platform | None) -> Platform:
    """Return the platform, or the default one.

    Raises
    ------
    DataError
        It is something else.
    """
    given: object = platform
    if given is None:
        return Platform()
    if not isinstance(given, Platform):
        raise DataError(f"{given!r} is not a Platform", column="platform")
    return given


def _check_engine(engine: str, limits: ConcurrencyLimits | None) -> None:
    if engine not in ENGINES:
        message = f"{engine!r} is not an engine; the engines are {', '.join(ENGINES)}"
        raise DataError(message, column="engine")
    if engine == "columnar" and limits is not None:
        message = 'the columnar engine plays sessions apart; for limits take "coupled" or "auto"'
        raise DataError(message, column="engine")
    if engine == "coupled" and limits is None:
        message = 'the coupled engine is for limits=; without them take "columnar" or "auto"'
        raise DataError(message, column="engine")


def _play(
    engine: str, log: Log, until: int | None, progress: Callable[[int], object]
) -> EngineResult:
    if engine == "columnar" or (engine == "auto" and len(log.at) >= COLUMNAR_FROM):
        from session_lab.traffic.columnar import GroupedLog  # noqa: PLC0415

        return GroupedLog.of(log).play(
            log.timings,
            profile=profile_named(PROFILE),
            until=until,
            progress=progress,
            once=True,
        )
    return play(log, profile_named(PROFILE), until=until, progress=progress)


def _play_limited(
    engine: str,
    log: Log,
    limits: SlotLimits,
    until: int | None,
    progress: Callable[[int], object],
) -> EngineResult:
    profile = profile_named(PROFILE)
    if engine == "reference" or (engine == "auto" and len(log.at) < COLUMNAR_FROM):
        return play_limited(log, limits, profile, until=until, progress=progress)
    from session_lab.traffic import coupled  # noqa: PLC0415
    from session_lab.traffic.columnar import GroupedLog  # noqa: PLC0415

    play_them = coupled.play_coupled if engine == "coupled" else coupled.play_apart_or_coupled
    return play_them(
        GroupedLog.of(log), log.timings, limits, profile=profile, until=until, progress=progress
    )
