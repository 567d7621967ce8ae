"""The chats of a log, in memory or in shards, to be played under many policies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames.files.sources import Source
from session_lab.replays.parallel import as_done
from session_lab.simulator import Platform, RandomStream, RunPolicy
from session_lab.traffic.engine.engine_frames import tasks_of, to_log
from session_lab.traffic.engine.prepare import prepare
from session_lab.traffic.shards import shards_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Place
    from session_lab.traffic.columnar import GroupedLog, SweptLog

    Job = Callable[["Part"], tuple[Any, ...]]
    """What is done on a part; what it makes of all of them is added up, place by place."""

__all__ = ["Chats", "Part", "Policies"]

Policies = RunPolicy | dict[str, RunPolicy]

_BLOCKS = 2_000
"""Of more chats than these, so many groups are drawn instead of single ones."""


class Part:
    """Some chats in memory.

    Attributes
    ----------
    log : GroupedLog
        Their events.
    place : ndarray of int32, shape (sessions,)
        The place of each session among those of all parts, in an order of chance.
    blocks : int
        How many blocks all sessions are dealt out to.
    middle : float
        When half of all sessions had been created.
    """

    def __init__(
        self, log: GroupedLog, place: NDArray[np.int32], blocks: int, middle: float
    ) -> None:
        self.log, self.place, self.blocks, self.middle = log, place, blocks, middle

    @cached_property
    def swept(self) -> SweptLog:
        """The log, to be added up."""
        from session_lab.traffic.columnar import SweptLog  # noqa: PLC0415  it loads numba

        return SweptLog(self.log)

    @cached_property
    def halves(self) -> tuple[SweptLog, SweptLog]:
        """The sessions of the earlier half of all, and those of the later."""
        return self.swept.split(self.swept.created_at < self.middle)

    @cached_property
    def in_blocks(self) -> tuple[SweptLog, NDArray[np.int64]]:
        """The log block by block, and where each block of sessions begins, and the last ends.

        A session is a block by itself, or one of many where there are very many.
        """
        block = self.place % self.blocks
        edges = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=self.blocks))])
        return self.swept.arranged(np.argsort(block, kind="stable")), edges


class _Swept(Part):
    """Some chats of which only the sums of all are asked."""

    def __init__(self, swept: SweptLog) -> None:
        vars(self)["swept"] = swept


class _Listed(NamedTuple):
    """The sessions of a part: what they are drawn by, and when they were created."""

    hashes: NDArray[np.uint64]
    created_at: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Chats:
    """The chats of a log, to be played under any policy, part by part.

    The parts of a log in memory are there at any time, and policies are played side by side; shards
    are read anew for every pass, as many at a time as there are processors. What is kept of a shard
    are four bytes a chat. What comes of a part is whole numbers, so that the sums are the same
    however a log is dealt out.

    Attributes
    ----------
    parts : sequence of Part or Source
        Each with all events of its sessions.
    places : sequence of ndarray of int32
        For each part, the places of its sessions among all, in an order of chance.
    created : tuple of int
        When the first session was created, and the last, in milliseconds since 1970.
    middle : float
        When half of the sessions had been.
    halves : tuple of int
        How many are earlier than that, and how many are not.
    seals : sequence of int
        What each part is known again by.
    tasks : sequence of str
        The tasks that have a policy each; none where one policy is all tasks'.
    scheduler : dask.distributed.Client, optional
        Play on its workers instead of threads.
    """

    parts: Sequence[Part | Source]
    places: Sequence[NDArray[np.int32]]
    created: tuple[int, int]
    middle: float
    halves: tuple[int, int]
    seals: Sequence[int] = ()
    tasks: Sequence[str] = ()
    scheduler: Any = None

    @classmethod
    def of(
        cls,
        events: pd.DataFrame | Place,
        policy: Policies,
        *,
        seed: int,
        scheduler: Any = None,  # noqa: ANN401 (dask is optional, and its client has no types)
    ) -> Chats:
        """Group the events of a frame, or look through shards; of several policies the tasks count.

        Raises
        ------
        DataError
            The frame is not an events frame; or there is no shard, one cannot be used, or two have
            events of one session.
        """
        if isinstance(events, pd.DataFrame):
            log = _grouped(events, policy, seed)
            chats = cls._listed([_Listed(log.ids.hashes, log.created_at)], seed)
            part = Part(log, chats.places[0], chats.blocks, chats.middle)
            return replace(chats, parts=[part], scheduler=scheduler)
        # It loads numba.
        from session_lab.traffic.played_shards import refuse_split_shards  # noqa: PLC0415

        shards, listed, told = shards_of(events), {}, {}
        for place, found in as_done(_list, len(shards), shards, scheduler=scheduler):
            listed[place], told[place] = found
        refuse_split_shards(told, shards, Source(events).name)
        chats = cls._listed([listed.pop(place) for place in range(len(shards))], seed)
        return replace(chats, parts=shards, tasks=tasks_of(policy), scheduler=scheduler)

    @classmethod
    def _listed(cls, listed: list[_Listed], seed: int) -> Chats:
        """Place the sessions of parts that are yet to be named."""
        from session_lab.traffic.columnar.draws import scattered  # noqa: PLC0415  it loads numba

        seals = [_seal(each.hashes) for each in listed]
        edges = np.cumsum([len(each.hashes) for each in listed])[:-1]
        created = np.concatenate([each.created_at for each in listed])
        hashes = np.concatenate([each.hashes for each in listed])
        listed.clear()
        middle = float(np.median(created)) if len(created) else 0.0
        earlier = int((created < middle).sum())
        ends = (int(created.min()), int(created.max())) if len(created) else (0, 0)
        halves = earlier, len(created) - earlier
        del created
        order = np.argsort(scattered(hashes, int(RandomStream(seed, "blocks").words(1)[0])))
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return cls((), np.split(place, edges), ends, middle, halves, seals)

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return sum(self.halves)

    @property
    def blocks(self) -> int:
        """How many blocks they are drawn in."""
        return max(min(self.sessions, _BLOCKS), 1)

    @property
    def shards(self) -> int:
        """How many parts have to be read for each pass; 0 in memory."""
        return sum(isinstance(part, Source) for part in self.parts)

    def joined(self, logs: Sequence[SweptLog]) -> Chats:
        """Return chats that were picked from the parts, in memory; only their sums can be asked."""
        from session_lab.traffic.columnar import SweptLog  # noqa: PLC0415  it loads numba

        log = SweptLog.joined(logs)
        part = _Swept(log)
        return Chats([part], (), self.created, self.middle, (len(log.created_at), 0))

    def add_up(
        self, jobs: Sequence[Job], *, progress: Callable[[float], object] = lambda _: None
    ) -> list[tuple[Any, ...]]:
        """Do jobs on every part, and add what comes of each job up.

        Parameters
        ----------
        jobs : sequence of callable
            Each takes a part, and returns a tuple of what can be added. A shard is read once for all of
            them; of a part in memory each is done by itself.
        progress : callable, optional
            Told of how many jobs were done.
        """
        every = range(len(jobs))
        together = [tuple(every)] if self.shards else [(which,) for which in every]
        items = [(number, which) for number in range(len(self.parts)) for which in together]
        sums: dict[int, tuple[Any, ...]] = {}
        for item, made in as_done(_do, (jobs, self), items, scheduler=self.scheduler):
            for which, more in zip(items[item][1], made, strict=True):
                sums[which] = (
                    tuple(one + other for one, other in zip(sums[which], more, strict=True))
                    if which in sums
                    else more
                )
                progress(1 / len(self.parts))
        return [sums[which] for which in every]

    def read(self, number: int) -> Part:
        """Return a part, in memory.

        Raises
        ------
        DataError
            The shard cannot be read, or was changed meanwhile.
        """
        part = self.parts[number]
        if isinstance(part, Part):
            return part
        from session_lab.traffic.played_shards import read_shard  # noqa: PLC0415  it loads numba

        log, place = read_shard(part, tasks=list(self.tasks)).log, self.places[number]
        if len(log.created_by) != len(place) or _seal(log.ids.hashes) != self.seals[number]:
            message = "the shard was changed while it was read"
            raise DataError(message, source=part.name)
        return Part(log, place, self.blocks, self.middle)

    def __getstate__(self) -> dict[str, Any]:
        """Return what workers need of it: all but the scheduler."""
        return {**vars(self), "scheduler": None}


def _grouped(events: pd.DataFrame, policy: Policies, seed: int) -> GroupedLog:
    from session_lab.traffic.columnar import GroupedLog  # noqa: PLC0415  it loads numba

    ready = prepare(events, horizon=None)
    return GroupedLog.of(to_log(ready.events, policy, Platform(), seed=seed, chats=ready.chats))


def _list(shards: int, shard: Source) -> tuple[_Listed, int | NDArray[np.uint64]]:
    """Return the sessions of one of so many shards, and what tells its ids from those of others."""
    from session_lab.traffic.played_shards import read_shard, told_apart  # noqa: PLC0415  numba

    read = read_shard(shard)
    log = read.log
    return _Listed(log.ids.hashes, log.created_at), told_apart(read, shards)


def _seal(hashes: NDArray[np.uint64]) -> int:
    """Return a number by which a shard is known again."""
    return int(hashes.sum())


def _do(
    shared: tuple[Sequence[Job], Chats], item: tuple[int, Sequence[int]]
) -> list[tuple[Any, ...]]:
    (jobs, chats), (number, which) = shared, item
    part = chats.read(number)
    return [jobs[place](part) for place in which]
