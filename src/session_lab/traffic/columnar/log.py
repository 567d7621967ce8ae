"""A log grouped by session: prepared once, played under as many policies as one likes."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.errors import DataError
from session_lab.simulator import profile_named
from session_lab.traffic.columnar.draws import SessionIds
from session_lab.traffic.columnar.grouping import add_missing, group
from session_lab.traffic.columnar.kernel import RUN_FIELDS, play_sessions
from session_lab.traffic.columnar.layout import (
    Answers,
    Columns,
    RunColumns,
    SessionColumns,
    rulebook,
)
from session_lab.traffic.columnar.outcome import Outcome, add_up, chunks_of, processors
from session_lab.traffic.columnar.unpack import RunsSoFar, tell, to_columns
from session_lab.traffic.engine.engine_result import NAT, EngineResult, Log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.layout import Demand, Rulebook

__all__ = ["PROFILE", "GroupedLog"]

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
        self.session = np.empty(len(at), dtype=np.int32)
        n_chats = int(chat.max(initial=-1)) + 1
        self.created_by, bounds, order = group(chat, op, n_chats, self.session)
        self.columns = Columns(
            bounds=bounds,
            order=order,
            at=at,
            op=op,
            turn_duration=none if turn_duration is None else turn_duration,
            expires_at=(
                np.full(len(bounds) - 1, NAT) if expires_at is None else expires_at[self.created_by]
            ),
            policy=none if policy is None else policy[self.created_by],
            hashes=np.empty(0, dtype=np.uint64),
        )
        self.ids = SessionIds(chat[self.created_by], external_ids)

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

    @property
    def created_at(self) -> NDArray[np.int64]:
        """When each session was created, in milliseconds since 1970."""
        return self.columns.at[self.created_by]

    def expiring(self, after: int) -> GroupedLog:
        """Return the log with sessions that expire so many ms after they begin; NAT for never.

        It shares all else with this one.
        """
        other = copy.copy(self)
        other.columns = self.columns.expiring(self.created_at, after)
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
        workers = workers or processors()
        made = self._played(columns, book, workers, progress, demand)
        session, created_by = self.session, self.created_by
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
        sessions = SessionColumns.empty(len(self.created_by))
        chunks, told = chunks_of(columns.bounds), RunsSoFar()
        # Room that a chunk has used is in the processor's cache, so the next one takes it over.
        spare: list[_Room] = []

        def play_chunk(chunk: tuple[int, int]) -> RunColumns:
            room = spare.pop() if spare else _Room.of(columns, chunks, book, demand)
            rows, _ = play_sessions(
                *chunk, columns, book, answers, sessions, room.runs, None, room.run, room.demand, 0
            )
            made = to_columns(room.runs[:rows])
            spare.append(room)
            return made

        with ThreadPoolExecutor(workers) as pool:
            for (first, last), made in zip(chunks, pool.map(play_chunk, chunks), strict=True):
                told.add(made, columns.bounds[last] / columns.bounds[-1])
                if progress is not None:
                    progress(int(columns.bounds[last] - columns.bounds[first]))
        for room in spare:
            if demand is not None and room.demand is not None:
                np.add(demand.changes, room.demand.changes, out=demand.changes)
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

        It takes less time than :meth:`play` and, beyond long waits, no memory. For many policies
        there is :class:`session_lab.traffic.columnar.SweptLog`.

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
        sums, waits = add_up(columns, book, workers=workers, keep_waits=keep_waits)
        add_missing(sums.verdicts, columns.op, self.session)
        return Outcome(len(columns.at), len(self.created_by), profile, sums, waits)

    @property
    def span(self) -> tuple[int, int]:
        """The instants of the first event and of the last; 0 without any."""
        at = self.columns.at
        return (int(at[0]), int(at[-1])) if len(at) else (0, 0)

    def prepared(
        self, policies: Sequence[Timings], profile: Profile, until: int | None
    ) -> tuple[Columns, Rulebook]:
        """Encode policies as arrays, and hash the external ids if something is drawn."""
        columns, book = self.columns, rulebook(policies, profile, until)
        return self.ids.hashed_for(book, columns), book


class _Room(NamedTuple):
    """What a chunk is played in; what is never written of it costs no memory."""

    runs: NDArray[np.int64]
    run: NDArray[np.int64]
    demand: Demand | None

    @classmethod
    def of(
        cls,
        columns: Columns,
        chunks: list[tuple[int, int]],
        book: Rulebook,
        demand: Demand | None,
    ) -> _Room:
        """Make room for any of the chunks."""
        most = max(int(columns.bounds[last] - columns.bounds[first]) for first, last in chunks)
        # A turn triggers a run at most, and one more where it meets a deploy.
        rows = most * (2 if len(book.deploys) else 1)
        if demand is not None:
            demand = demand._replace(changes=np.zeros_like(demand.changes))
        return cls(
            np.empty((rows, len(RunColumns._fields)), np.int64),
            np.empty(RUN_FIELDS, np.int64),
            demand,
        )
