"""A log grouped by session: prepared once, played under as many policies as one likes."""

from __future__ import annotations

import copy
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from session_lab.errors import DataError
from session_lab.simulator import profile_named
from session_lab.traffic.columnar.draws import hash_integers, hash_texts
from session_lab.traffic.columnar.grouping import add_missing, find_sessions, group
from session_lab.traffic.columnar.kernel import HELD_FROM, play_sessions
from session_lab.traffic.columnar.layout import (
    Answers,
    Columns,
    RunColumns,
    SessionColumns,
    rulebook,
)
from session_lab.traffic.columnar.outcome import Outcome
from session_lab.traffic.columnar.sums import EXACT, OutcomeSums, add_answers, add_runs
from session_lab.traffic.columnar.unpack import RunsSoFar, tell
from session_lab.traffic.engine.engine_result import NAT, EngineResult, Log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.layout import Demand, Rulebook

__all__ = ["GroupedLog"]

_CHUNK = 1 << 16
_IN_PLACE, _PACKED = False, True
_MOST_EVENTS = 2**31 - 1
PROFILE = profile_named("2026-10")


class GroupedLog:
    """Events grouped by session, ready to be played under any policy.

    Grouping depends on no policy, so a sweep groups once and plays often. A grouped log does not
    change: threads may play it side by side, and the outcome does not depend on how many workers
    share the work.

    Parameters
    ----------
    at : ndarray of int64
        Milliseconds since 1970, not decreasing.
    op : ndarray of int8
        Place in :data:`session_lab.traffic.engine.engine_result.OPS`.
    chat : ndarray of int32 or int64
        Which external id, as a whole number from 0 on, best without large gaps: memory is taken
        for the largest.
    turn_duration, expires_at : ndarray of int64, optional
        Milliseconds, or NAT.
    policy : ndarray of int64, optional
        For each event, which of the policies its session follows if it is created by it; the first
        by default.
    external_ids : Arrow array of large_string, or ndarray of int64, optional
        The external ids by their number, which random numbers are drawn by. Whole numbers stand for their
        decimal digits; so does the number of a chat itself where none are given.

    Raises
    ------
    DataError
        There are more events than 32 bits can number.

    Examples
    --------
    >>> from session_lab import RunPolicy
    >>> at, chat = np.array([0, 20_000, 400_000]), np.array([0, 0, 0])
    >>> log = GroupedLog(at, np.array([0, 1, 1], np.int8), chat)
    >>> for idle_timeout in ("10s", "1m"):
    ...     outcome = log.outcome([RunPolicy(idle_timeout=idle_timeout).timings()])
    ...     print(outcome.billed, outcome.start_kinds["warm"], outcome.wait(0.95))
    30000 0 0
    140000 1 0
    """

    def __init__(
        self,
        at: NDArray[np.int64],
        op: NDArray[np.int8],
        chat: NDArray[np.integer],
        *,
        turn_duration: NDArray[np.int64] | None = None,
        expires_at: NDArray[np.int64] | None = None,
        policy: NDArray[np.int64] | None = None,
        external_ids: pa.Array | NDArray[np.int64] | None = None,
    ) -> None:
        if len(at) > _MOST_EVENTS:
            message = f"{len(at):,} events are more than one log can number; play them in shards"
            raise DataError(message, source="events")
        none = np.empty(0, dtype=np.int64)
        self._session = np.empty(len(at), dtype=np.int32)
        n_chats = int(chat.max(initial=-1)) + 1
        self._created_by = find_sessions(chat, op, n_chats, self._session)
        bounds, order = group(self._session, len(self._created_by))
        self._columns = Columns(
            bounds=bounds,
            order=order,
            at=at,
            op=op,
            turn_duration=none if turn_duration is None else turn_duration,
            expires_at=(
                np.full(len(bounds) - 1, NAT)
                if expires_at is None
                else expires_at[self._created_by]
            ),
            policy=none if policy is None else policy[self._created_by],
            hashes=np.empty(0, dtype=np.uint64),
        )
        # Of a session, not of each event: a log may be sent to other processes.
        self._chat, self._external_ids = chat[self._created_by], external_ids

    @classmethod
    def of(cls, log: Log) -> GroupedLog:
        """Group a log."""
        return cls(
            log.at,
            log.op,
            log.chat,
            turn_duration=log.turn_duration,
            expires_at=log.expires_at,
            policy=log.policy,
            external_ids=log.external_ids,
        )

    def expiring(self, after: int) -> GroupedLog:
        """Return the log with sessions that expire so many ms after they begin; NAT for never.

        It shares all else with this one.
        """
        created_at = self._columns.at[self._created_by]
        expires_at = np.full_like(created_at, NAT) if after == NAT else created_at + after
        other = copy.copy(self)
        vars(other)["_columns"] = self._columns._replace(expires_at=expires_at)
        return other

    def play(
        self,
        policies: Sequence[Timings],
        *,
        profile: Profile = PROFILE,
        until: int | None = None,
        workers: int | None = None,
        progress: Callable[[int], object] | None = None,
        once: bool = False,
        demand: Demand | None = None,
    ) -> EngineResult:
        """Play under policies, and tell of every event, session and run.

        Beyond its input it takes at most 64 bytes a session, 64 a run and, if it is played once, 24
        an event; else four more.

        Parameters
        ----------
        policies : sequence of Timings
            As many as ``policy`` counts; all of one platform and seed.
        profile : Profile
            The state of the API to follow.
        until : int, optional
            The instant at which to look at what became of the events, none of which is later; by
            default the end of every run.
        workers : int, optional
            How many threads share the work; by default one for each processor.
        progress : callable, optional
            Told now and then how many further events were played.
        once : bool
            Whether this is the last time that the log is played: what only a further play would
            need is let go of, and the log is void.
        demand : Demand, optional
            What the slots that runs hold are added to.

        Returns
        -------
        EngineResult
            The same as the readable engine's.
        """
        columns, book = self.prepared(policies, profile, until)
        workers = workers or _processors()
        made = self._played(columns, book, workers, progress, demand)
        session, created_by = self._session, self._created_by
        at, op, expires_at = columns.at, columns.op, columns.expires_at
        if once:
            vars(self).clear()
            del columns
        return tell(
            *made,
            at=at,
            op=op,
            session=session,
            created_by=created_by,
            expires_at=expires_at,
            profile=profile,
            workers=workers,
        )

    def _played(
        self,
        columns: Columns,
        book: Rulebook,
        workers: int,
        progress: Callable[[int], object] | None,
        demand: Demand | None,
    ) -> tuple[Answers, SessionColumns, RunColumns]:
        answers = Answers.empty(len(columns.at))
        sessions = SessionColumns.empty(len(self._created_by))
        chunks, told = self._chunks(), RunsSoFar()
        # Room that a chunk has used is in the processor's cache, so the next one takes it over.
        spare: list[tuple[NDArray[np.int64], Demand | None]] = []

        def new_room() -> tuple[NDArray[np.int64], Demand | None]:
            own = None
            if demand is not None:
                own = demand._replace(changes=np.zeros_like(demand.changes))
            return self._room_for_runs(chunks, book), own

        def play_chunk(chunk: tuple[int, int]) -> RunColumns:
            runs, own = room = spare.pop() if spare else new_room()
            rows = play_sessions(
                *chunk, columns, book, answers, _IN_PLACE, sessions, runs, _a_run(), own
            )
            part = RunColumns.of(runs[:rows])
            spare.append(room)
            return part

        with ThreadPoolExecutor(workers) as pool:
            for (first, last), part in zip(chunks, pool.map(play_chunk, chunks), strict=True):
                told.add(part)
                if progress is not None:
                    progress(int(columns.bounds[last] - columns.bounds[first]))
        for _, own in spare:
            if demand is not None and own is not None:
                np.add(demand.changes, own.changes, out=demand.changes)
        return answers, sessions, told.columns()

    def outcome(
        self,
        policies: Sequence[Timings],
        *,
        profile: Profile = PROFILE,
        until: int | None = None,
        workers: int | None = 1,
        keep_waits: bool = True,
    ) -> Outcome:
        """Play under policies, and add up what comes of it.

        It takes about as long as :meth:`play` and, beyond long waits, memory for the sessions alone.

        Parameters
        ----------
        policies : sequence of Timings
            As many as ``policy`` counts; all of one platform and seed.
        profile : Profile
            The state of the API to follow.
        until : int, optional
            The instant at which to look, as in :meth:`play`.
        workers : int, optional
            How many threads share the work; None for one for each processor.
        keep_waits : bool
            Whether to keep the waits of more than a minute, or only to count them.

        Returns
        -------
        Outcome
            The same for any number of workers.
        """
        columns, book = self.prepared(policies, profile, until)
        sessions = SessionColumns.empty(len(self._created_by))

        def play_chunks(
            chunks: list[tuple[int, int]],
        ) -> tuple[OutcomeSums, list[NDArray[np.int64]]]:
            tally = OutcomeSums.empty()
            waits: list[NDArray[np.int64]] = []
            sizes = [int(columns.bounds[last] - columns.bounds[first]) for first, last in chunks]
            answers = Answers.empty(max(sizes))
            runs = self._room_for_runs(chunks, book)
            for chunk, size in zip(chunks, sizes, strict=True):
                rows = play_sessions(
                    *chunk, columns, book, answers, _PACKED, sessions, runs, _a_run(), None
                )
                add_answers(tally, answers, size)
                add_runs(tally, runs, rows)
                if keep_waits:
                    waited = answers.waited[:size]
                    waits.append(waited[waited >= EXACT])
            return tally, waits

        chunks = self._chunks()
        workers = min(workers or _processors(), len(chunks))
        shares = [
            chunks[len(chunks) * w // workers : len(chunks) * (w + 1) // workers]
            for w in range(workers)
        ]
        tally = OutcomeSums.empty()
        waits: list[NDArray[np.int64]] = []
        with ThreadPoolExecutor(workers or 1) as pool:
            for part, more in pool.map(play_chunks, shares):
                tally.add(part)
                waits += more
        add_missing(tally, columns.op, self._session)
        kept = np.concatenate([np.empty(0, np.int64), *waits]) if keep_waits else None
        return Outcome(len(columns.at), len(self._created_by), profile, tally, kept)

    @property
    def session(self) -> NDArray[np.int32]:
        """The session of each event, or NONE where there is none yet."""
        return self._session

    @property
    def created_by(self) -> NDArray[np.int32]:
        """The event that creates each session."""
        return self._created_by

    @property
    def span(self) -> tuple[int, int]:
        """The instants of the first event and of the last; 0 without any."""
        at = self._columns.at
        return (int(at[0]), int(at[-1])) if len(at) else (0, 0)

    def prepared(
        self, policies: Sequence[Timings], profile: Profile, until: int | None
    ) -> tuple[Columns, Rulebook]:
        """Encode policies as arrays, and hash the external ids if something is drawn."""
        columns, book = self._columns, rulebook(policies, profile, until)
        if book.crash_rate or any(map(len, book.times[3:6])):
            columns = columns._replace(hashes=self._hashes)
        return columns, book

    @cached_property
    def _hashes(self) -> NDArray[np.uint64]:
        """What is drawn by, for each session."""
        chats = self._chat.astype(np.int64)
        if self._external_ids is None:
            return hash_integers(chats)
        if isinstance(self._external_ids, np.ndarray):
            return hash_integers(self._external_ids[chats])
        _, offsets, letters = self._external_ids.buffers()
        starts = np.frombuffer(offsets, dtype=np.int64)[self._external_ids.offset :]
        return hash_texts(starts, np.frombuffer(letters or b"", dtype=np.uint8), chats)

    def _chunks(self) -> list[tuple[int, int]]:
        """Cut the sessions into ranges of about as many events each."""
        bounds = self._columns.bounds
        cuts = np.searchsorted(bounds, np.arange(0, bounds[-1], _CHUNK), side="left")
        edges = np.unique([*cuts.tolist(), len(bounds) - 1]).tolist()
        return list(itertools.pairwise(edges))

    def _room_for_runs(self, chunks: list[tuple[int, int]], book: Rulebook) -> NDArray[np.int64]:
        """Make room for the runs of any of the chunks; what is never written costs no memory."""
        bounds = self._columns.bounds
        most = max(int(bounds[last] - bounds[first]) for first, last in chunks)
        # A turn triggers a run at most, and one more where it meets a deploy.
        return np.empty((most * (2 if len(book.deploys) else 1), len(RunColumns._fields)), np.int64)


def _a_run() -> NDArray[np.int64]:
    return np.empty(HELD_FROM + 1, np.int64)


def _processors() -> int:
    return os.cpu_count() or 1
