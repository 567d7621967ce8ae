"""Sweeps: one log under every policy of a grid."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from session_lab.analysis import churn
from session_lab.analysis.replays.recommend import best_cost, pareto_front
from session_lab.errors import DataError
from session_lab.frames import RUNS, check_kind, empty
from session_lab.frames.files.sources import Source
from session_lab.mistyped import answer_mistyped
from session_lab.replays.assumptions import silent_messages, zeros_assumed
from session_lab.replays.grid import (
    EXPIRY,
    LIMIT,
    Grid,
    checked_assumptions,
    checked_choices,
    label,
    lay_out,
)
from session_lab.replays.parallel import as_done, in_order
from session_lab.replays.replay import checked_platform
from session_lab.replays.sweep_rows import (
    Point,
    measure,
    measures,
    outcome_of,
    play_limited,
    priced_columns,
    row_of,
    under_limits,
)
from session_lab.simulator import Platform, RunPolicy
from session_lab.timing import to_horizon
from session_lab.traffic.engine.engine_frames import tasks_of, to_log
from session_lab.traffic.engine.prepare import prepare
from session_lab.traffic.shards import shards_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from session_lab.analysis.churn.prices import PriceList
    from session_lab.frames.files.sources import Place
    from session_lab.replays.sweep_rows import Job
    from session_lab.timing import Instant
    from session_lab.traffic.columnar import GroupedLog, Outcome, SweptLog
    from session_lab.traffic.coupled import LimitedOutcome

    _Played = GroupedLog | SweptLog

__all__ = ["GroupedSweep", "sweep"]

_PLAYED = ("at", "op", "external_id", "turn_duration", "expires_at")
_RANKING = (
    "a lower limit lowers billed time, since queued turns are served back to back: never rank limits "
    "by cost without the wait; what a plan costs is not in the cost"
)
OPEN_LOOP = (
    "under a limit nobody leaves, retries or writes later because of a wait (assumption)",
    _RANKING,
)
"""What is assumed under limits, and how not to read them."""
AS_GIVEN = ""
"""The assumption of the rows that are on the platform as it was given."""


@answer_mistyped
def sweep(
    events: pd.DataFrame | Place,
    grid: Grid,
    *,
    policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
    platform: Platform | None = None,
    sensitivity: Grid | None = None,
    seed: int = 0,
    until: Instant | None = None,
    prices: Mapping[str, float] | PriceList | None = None,
    per_run: float | None = None,
    scheduler: Any = None,  # noqa: ANN401 (dask is optional, and its client has no types)
    progress: bool = False,
) -> pd.DataFrame:
    """Replay traffic under every policy of a grid, and say for each what waiting costs.

    Events are brought in order and grouped by session once; then the policies are played side by
    side. Each row says what ``sl.replay`` would say of its policy.

    Parameters
    ----------
    events : DataFrame, path or URL
        An events frame, in any order; or a folder of Parquet shards, each with all events of its
        sessions, as ``sl.traffic.shard`` leaves them, of which only some are in memory at a time.
    grid : mapping of str to list
        Values to try for fields of :class:`RunPolicy`, as in ``{"idle_timeout": ["5s", "30s"]}``.
        ``expiry`` replaces every ``expires_at``: how long after its first start a session expires,
        or None for never. ``concurrency_limit`` is how many runs may execute at once, or None for
        no limit; see ``limits`` of ``sl.replay``.
    policy : RunPolicy or mapping of str to RunPolicy, optional
        What holds for all other fields, or one policy for each task identifier.
    platform : Platform, optional
        What the environment does to runs; ``Platform()`` by default.
    sensitivity : mapping of str to list, optional
        Other values for fields of the platform, as in ``{"boot_time": ["1s", "10s"]}``: the grid is
        played again under each of them, one changed at a time. ``sl.recommend`` never recommends
        them, but shows whether its choice depends on them.
    seed : int
        What crashes and random times draw on.
    until : str or datetime, optional
        The horizon, as in ``sl.replay``.
    prices : mapping of str to float or PriceList, optional
        Price of a billed second on machine presets, as in ``Replay.cost``.
    per_run : float, optional
        Price of a run, where there are prices.
    scheduler : dask.distributed.Client, optional
        Play on its workers instead of threads; the frame is the same to the bit, also when workers
        die meanwhile.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    DataFrame
        One row for each policy, the last field of the grid changing fastest. After the fields come

        - ``assumption``, with ``sensitivity``: which assumption differs, as text; empty where none
          does, in the rows that come first;
        - ``turns``: how many were served; ``wait_mean``, ``wait_p50``, ``wait_p95``, ``wait_p99``:
          how long they waited (nearest rank; missing where none was served);
        - ``cold_starts``, ``resumed``: the share of them that triggered a run (start kinds initial,
          continuation and upgrade), and that woke a suspended one;
        - ``runs``, and ``refused``: events answered with an error;
        - ``billed`` (active and idle time), ``idle`` and ``suspended`` time of all runs;
        - with ``concurrency_limit``: ``peak_executing``; ``waited_for_slot``, the share of turns that
          did; ``queued_p95``, ``queued_p99``: how long they did; and ``drained``, whether nobody was
          in line when the last event had come: where it is not so, waits grow with the length of
          the log and mean nothing as numbers, and the policy is not on the front;
        - ``price_MACHINE`` for each machine preset with a price;
        - ``front``: whether no other policy under the same assumption is as good in p95 of the
          wait, cost (the first price, else billed time) and refusals, and better in one of them.

        ``attrs["assumptions"]`` lists what is zero only because nothing else was said.

    Raises
    ------
    DataError
        The frame is not an events frame, or the grid names an unknown field or an assumption, has
        no value for one or a value out of range; the error names them.

    See Also
    --------
    session_lab.recommend : Choose one of the policies by a rule that is stated.

    Examples
    --------
    >>> import pandas as pd
    >>> import session_lab as sl
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00:00Z", "2026-01-01T09:02:00Z"]),
    ...     "op": ["start", "message"],
    ...     "external_id": ["chat-1", "chat-1"],
    ... })
    >>> platform = sl.Platform(resume_time="1s")
    >>> frame = sl.sweep(events, {"idle_timeout": ["30s", "5m"]}, platform=platform)
    >>> frame[["idle_timeout", "wait_p95", "billed", "front"]]
         idle_timeout        wait_p95          billed  front
    0 0 days 00:00:30 0 days 00:00:01 0 days 00:01:00   True
    1 0 days 00:05:00 0 days 00:00:00 0 days 00:07:00   True
    """
    if isinstance(events, pd.DataFrame):
        swept: GroupedSweep | ShardedSweep = GroupedSweep(events, policy, seed=seed, until=until)
    else:
        swept = ShardedSweep(events, policy, seed=seed, until=until)
    return swept.sweep(
        grid,
        policy=policy,
        platform=platform,
        sensitivity=sensitivity,
        prices=prices,
        per_run=per_run,
        scheduler=scheduler,
        progress=progress,
    )


class _Sweep(ABC):
    """The frame of a sweep, however the policies are played."""

    def __init__(self, seed: int, until: Instant | None) -> None:
        self._seed = seed
        self._horizon = to_horizon(until)

    def sweep(
        self,
        grid: Grid,
        *,
        policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
        platform: Platform | None = None,
        sensitivity: Grid | None = None,
        prices: Mapping[str, float] | PriceList | None = None,
        per_run: float | None = None,
        scheduler: Any = None,  # noqa: ANN401 (dask is optional, and its client has no types)
        progress: bool = False,
    ) -> pd.DataFrame:
        """Return what :func:`session_lab.sweep` returns; arguments are those of the same names."""
        choices, varied = checked_choices(grid, couples=True), checked_assumptions(sensitivity)
        policy = RunPolicy() if policy is None else policy
        platform = checked_platform(platform)
        priced = None if prices is None else churn.cost(empty(RUNS), prices, per_run=per_run)
        policies = [policy] if isinstance(policy, RunPolicy) else list(policy.values())
        combinations = list(itertools.product(*choices.values()))
        platforms = {AS_GIVEN: platform} | {
            label(name, value): replace(platform, **{name: value})
            for name, values in varied.items()
            for value in values
        }
        points = [
            self._point(policies, one, dict(zip(choices, each, strict=True)))
            for one in platforms.values()
            for each in combinations
        ]
        limited = LIMIT in choices
        measured, silence = self._played(
            points, limited=limited, scheduler=scheduler, progress=progress
        )
        settings, n = lay_out(choices, combinations * len(platforms)), len(combinations)
        if varied:
            assumed = np.repeat(list(platforms), n)
            settings["assumption"] = pd.array(assumed, dtype="string[pyarrow]")
        frame = pd.concat([settings, measures(measured)], axis="columns")
        if priced is not None:
            frame = frame.assign(**priced_columns(frame, priced))
        frame["front"] = np.concatenate(
            [
                pareto_front(part, "wait_p95", best_cost(frame), "refused")
                for part in (frame.iloc[row : row + n] for row in range(0, len(frame), n))
            ]
        )
        notes = zeros_assumed(platform, *silence)
        frame.attrs["assumptions"] = [*notes, *(OPEN_LOOP if limited else ())]
        return frame

    @abstractmethod
    def _played(
        self,
        points: list[Point],
        *,
        limited: bool,
        scheduler: Any,  # noqa: ANN401
        progress: bool,
    ) -> tuple[list[dict[str, float]], tuple[int, int]]:
        """Play each policy; return their rows, and what ``silent_messages`` counts."""

    def _point(
        self, policies: list[RunPolicy], platform: Platform, settings: dict[str, Any]
    ) -> Point:
        expiry, limit = settings.pop(EXPIRY, None), settings.pop(LIMIT, None)
        timings = tuple(
            replace(policy, **settings).timings(platform, self._seed) for policy in policies
        )
        return Point(timings, expiry, self._horizon, limit)


class GroupedSweep(_Sweep):
    """A log that is grouped by session once, to be swept as often as one likes.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order.
    policy : RunPolicy or mapping of str to RunPolicy, optional
        Of a mapping, the task identifiers whose policies the sweeps will give, in that order.
    seed : int
        What crashes and random times draw on.
    until : str or datetime, optional
        The horizon, as in ``sl.replay``.

    Raises
    ------
    DataError
        The frame is not an events frame.
    """

    def __init__(
        self,
        events: pd.DataFrame,
        policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
        *,
        seed: int = 0,
        until: Instant | None = None,
    ) -> None:
        # It loads numba.
        from session_lab.traffic.columnar import GroupedLog  # noqa: PLC0415

        super().__init__(seed, until)
        check_kind(events, "events")
        policy = RunPolicy() if policy is None else policy
        # Columns that change nothing in a row of numbers need not be checked and copied.
        played = [*_PLAYED, *([] if isinstance(policy, RunPolicy) else ["task_identifier"])]
        columns = events.columns.isin(played)
        ready = prepare(events.loc[:, columns], horizon=self._horizon)
        log = to_log(ready.events, policy, Platform(), seed=seed, chats=ready.chats)
        self._log, self._silent = GroupedLog.of(log), silent_messages(ready.events)

    def _played(
        self,
        points: list[Point],
        *,
        limited: bool,
        scheduler: Any,  # noqa: ANN401
        progress: bool,
    ) -> tuple[list[dict[str, float]], tuple[int, int]]:
        with _bar(len(points), "policies", progress) as bar:

            def play(log: _Played, job: Job, items: list[Point]) -> list[dict[str, float]]:
                return in_order(job, log, items, scheduler=scheduler, progress=bar.update)

            if limited:
                rows = under_limits(partial(play, self._log), points)
            else:
                rows = play(self._swept, measure, points)
        return rows, self._silent

    @property
    def session_of_events(self) -> NDArray[np.integer]:
        """The session of each event, in order of time, by its number; -1 where it has none."""
        return self._log.session

    @cached_property
    def _swept(self) -> SweptLog:
        from session_lab.traffic.columnar import SweptLog  # noqa: PLC0415  it loads numba

        return SweptLog(self._log)

    def play_under(
        self,
        limit: int | None,
        *,
        policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
        platform: Platform | None = None,
    ) -> LimitedOutcome:
        """Return what comes of the log under one policy, where so many runs may execute at once."""
        policy = RunPolicy() if policy is None else policy
        policies = [policy] if isinstance(policy, RunPolicy) else list(policy.values())
        point = self._point(policies, checked_platform(platform), {LIMIT: limit})
        return play_limited(self._log, point)


class ShardedSweep(_Sweep):
    """A log in Parquet shards, each with all events of its sessions, to be swept shard by shard.

    No more shards are in memory at a time than are played side by side, and each is read once,
    whatever the number of policies. The rows are those of the whole log in memory, to the bit.

    Parameters
    ----------
    folder : path or URL
        Where the shards lie, as ``sl.traffic.write_shards`` and ``sl.traffic.shard`` leave them.
    policy : RunPolicy or mapping of str to RunPolicy, optional
        Of a mapping, the task identifiers whose policies the sweeps will give, in that order.
    seed : int
        What crashes and random times draw on.
    until : str or datetime, optional
        The horizon, as in ``sl.replay``.

    Raises
    ------
    DataError
        There is no shard, or one cannot be read or differs from the others.
    """

    def __init__(
        self,
        folder: Place,
        policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
        *,
        seed: int = 0,
        until: Instant | None = None,
    ) -> None:
        super().__init__(seed, until)
        self._tasks = tasks_of(RunPolicy() if policy is None else policy)
        self._folder, self._shards = Source(folder).name, shards_of(folder)

    def _played(
        self,
        points: list[Point],
        *,
        limited: bool,
        scheduler: Any,  # noqa: ANN401
        progress: bool,
    ) -> tuple[list[dict[str, float]], tuple[int, int]]:
        if limited:
            message = (
                "a limit couples the sessions of all shards; read the log whole, with "
                "sl.traffic.read, to sweep over limits"
            )
            raise DataError(message, column=LIMIT)
        # It loads numba.
        from session_lab.traffic.played_shards import refuse_split_shards  # noqa: PLC0415

        sums: list[Outcome] = []
        silent = messages = 0
        told, shared = {}, (points, self._tasks, len(self._shards))
        with _bar(len(self._shards), "shards", progress) as bar:
            for number, played in as_done(_play_shard, shared, self._shards, scheduler=scheduler):
                outcomes, counts, told[number] = played
                for place, more in enumerate(outcomes[: len(sums)]):
                    sums[place] += more
                sums = sums or outcomes
                silent, messages = silent + counts[0], messages + counts[1]
                bar.update()
        refuse_split_shards(told, self._shards, self._folder, until=points[0].until)
        return [row_of(outcome) for outcome in sums], (silent, messages)


def _play_shard(
    shared: tuple[list[Point], list[str], int], shard: Source
) -> tuple[list[Outcome], tuple[int, int], int | NDArray[np.uint64]]:
    """Read a shard, and play it under each policy; with what comes of it go its counts and ids."""
    from session_lab.traffic.columnar import SweptLog  # noqa: PLC0415  it loads numba
    from session_lab.traffic.played_shards import read_shard, told_apart  # noqa: PLC0415  so does it

    points, tasks, shards = shared
    read = read_shard(shard, tasks=tasks, until=points[0].until)
    log, counts, told = SweptLog(read.log), (read.silent, read.messages), told_apart(read, shards)
    del read  # Its columns, in order of time, would lie in memory beside those by session.
    return [outcome_of(log, point) for point in points], counts, told


def _bar(total: int, unit: str, progress: bool) -> Any:  # noqa: ANN401, FBT001  tqdm has no types
    return tqdm(total=total, unit=f" {unit}", desc="sweep", delay=1, disable=not progress)
