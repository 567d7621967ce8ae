"""The outcome of a replay in numbers: what comparisons of policies are made from."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from session_lab.simulator.model.machine import ERRORS
from session_lab.traffic.columnar.compiling import compiled
from session_lab.traffic.columnar.kernel import RUN_FIELDS, play_sessions
from session_lab.traffic.columnar.layout import (
    ANSWER_OPS,
    VERDICTS,
    Answers,
    SessionColumns,
    verdict_table,
)
from session_lab.traffic.columnar.sums import EXACT, OutcomeSums, bin_ends
from session_lab.traffic.engine.engine_result import CAUSES, COLD, KINDS, NONE, REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.simulator import Profile
    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook
    from session_lab.traffic.columnar.run_row import Run

__all__ = ["GroupSums", "Outcome", "add_up", "add_up_groups", "chunks_of", "processors"]

_CHUNK = 1 << 16
_TOTALS = VERDICTS + len(REASONS)
_N_COUNTS = _TOTALS + 6


@dataclass(frozen=True)
class Outcome:
    """What came of a log under a policy, added up.

    Outcomes of shards of a log add up to that of the whole: ``one + other``. Times are
    milliseconds.

    Attributes
    ----------
    events, sessions : int
        What was played and what it created.
    profile : Profile
        The state of the API that answered.
    long_waits : ndarray of int64 or None
        The waits that are too long to be counted one by one, by session, then in order of arrival;
        None where they were only counted in bins, as those of shards are.
    """

    events: int
    sessions: int
    profile: Profile
    tally: OutcomeSums = field(repr=False)
    long_waits: NDArray[np.int64] | None = field(default=None, repr=False)

    @property
    def turns(self) -> int:
        """How many turns began."""
        return int(self.tally.totals[0])

    @property
    def resumes(self) -> int:
        """How many turns woke a suspended run."""
        return int(self.tally.totals[1])

    @property
    def active(self) -> int:
        """Time spent in turns."""
        return int(self.tally.totals[2])

    @property
    def idle(self) -> int:
        """Time awake with nothing to do."""
        return int(self.tally.totals[3])

    @property
    def billed(self) -> int:
        """Active and idle time; boot and resume time is not billed (assumption)."""
        return self.active + self.idle

    @property
    def suspended(self) -> int:
        """Time suspended, which is not billed."""
        return int(self.tally.totals[4])

    @property
    def runs(self) -> int:
        """How many runs were triggered."""
        return int(self.tally.reasons.sum())

    @property
    def reasons(self) -> dict[str, int]:
        """Runs by why they were triggered."""
        return dict(zip(REASONS, self.tally.reasons.tolist(), strict=True))

    @property
    def end_causes(self) -> dict[str, int]:
        """Runs by why they ended."""
        return dict(zip(CAUSES, self.tally.end_causes.tolist(), strict=True))

    @property
    def start_kinds(self) -> dict[str, int]:
        """Served turns by how they started."""
        by_kind = self.tally.verdicts.reshape(-1, 8).sum(axis=0)
        return dict(zip(KINDS, by_kind[1:-1].tolist(), strict=True))

    @property
    def cold_starts(self) -> int:
        """Served turns that triggered a run."""
        return sum(self.start_kinds[kind] for kind in COLD)

    @property
    def refused(self) -> int:
        """Events answered with an error."""
        return sum(n for answer, n in self.answers.items() if answer.split()[1] >= "400")

    @property
    def answers(self) -> dict[str, int]:
        """Events by operation and answer, as in ``"message 404 Resource not found"``."""
        counts: dict[str, int] = {}
        table = verdict_table(self.profile)
        statuses, errors = table.status_code[::8].tolist(), table.error[::8].tolist()
        by_answer = self.tally.verdicts.reshape(-1, 8).sum(axis=1).tolist()
        for op, status, error, n in zip(ANSWER_OPS, statuses, errors, by_answer, strict=True):
            if n:
                counts[f"{op} {status}" + ("" if error == NONE else f" {ERRORS[error]}")] = n
        return counts

    @property
    def mean_wait(self) -> float:
        """The mean wait of served turns; 0 without any."""
        served = int(self.tally.waits.sum())
        return int(self.tally.totals[5]) / served if served else 0.0

    def wait(self, q: float) -> int:
        """Return a quantile of the waits of served turns (nearest rank); 0 without any.

        It is a wait that occurred. Where long waits were only counted it is exact up to a minute,
        and above that it is up to one part in a thousand too long.
        """
        counts = self.tally.waits.cumsum()
        if not counts[-1]:
            return 0
        rank = max(0, int(np.ceil(q * counts[-1])) - 1)
        place = int(np.searchsorted(counts, rank, side="right"))
        if place < EXACT:
            return place
        if self.long_waits is None:
            return int(bin_ends()[place])
        rank -= int(counts[EXACT - 1])
        return int(np.partition(self.long_waits, rank)[rank])

    def longer_waits(self, limit: int) -> int:
        """Count the served turns that waited longer than so many milliseconds."""
        if limit < EXACT or self.long_waits is None:
            return int(self.tally.waits[np.searchsorted(bin_ends(), limit, side="right") :].sum())
        return int((self.long_waits > limit).sum())

    def __add__(self, other: Outcome) -> Outcome:
        """Add the outcome of another part of the log; its sessions must be others."""
        both = replace(self, tally=OutcomeSums(*map(np.copy, self.tally)))
        both += other
        return both

    def __iadd__(self, other: Outcome) -> Self:
        """Do the same in the memory of this one, which changes with what is returned."""
        self.tally.add(other.tally)
        parts = [part for part in (self.long_waits, other.long_waits) if part is not None]
        return replace(
            self,
            events=self.events + other.events,
            sessions=self.sessions + other.sessions,
            long_waits=np.concatenate(parts) if len(parts) == 2 else None,
        )


def add_up(
    columns: Columns,
    book: Rulebook,
    *,
    workers: int | None,
    keep_waits: bool,
) -> tuple[OutcomeSums, NDArray[np.int64] | None]:
    """Play all sessions, and return their sums and, if they are to be kept, the longer waits.

    The waits stand by session, then in order of arrival. ``workers`` is how many threads share the work, None for one for each
    processor; what is returned does not depend on it.
    """
    chunks = chunks_of(columns.bounds)
    workers = max(1, min(workers or processors(), len(chunks)))
    shares = [
        chunks[len(chunks) * w // workers : len(chunks) * (w + 1) // workers]
        for w in range(workers)
    ]
    sessions, no_runs = SessionColumns.empty(0), np.empty((0, 0), np.int64)
    no_waits = np.empty(0, np.int64)

    def add_share(share: list[tuple[int, int]]) -> tuple[OutcomeSums, list[NDArray[np.int64]]]:
        sums, waits, run = OutcomeSums.empty(), [], np.empty(RUN_FIELDS, np.int64)
        for first, last in share:
            size = int(columns.bounds[last] - columns.bounds[first]) if keep_waits else 0
            answers = Answers.empty(size)
            _, n_long = play_sessions(
                first, last, columns, book, answers, sessions, no_runs, sums, run, None, EXACT
            )
            waits.append(answers.waited[:n_long].copy())
        return sums, waits

    with ThreadPoolExecutor(workers) as pool:
        (sums, waits), *others = pool.map(add_share, shares)
    for more, longer in others:
        sums.add(more)
        waits += longer
    return sums, np.concatenate([*waits, no_waits]) if keep_waits else None


class GroupSums(NamedTuple):
    """What came of each group of sessions, added up; times in milliseconds.

    Attributes
    ----------
    kinds : ndarray of int64, shape (groups, kinds)
        Served turns by how they started.
    runs, billed, waited : ndarray of int64, shape (groups,)
        Runs, their active and idle time, and the sum of all waits.
    waits : ndarray of int64
        The waits that were asked for, by group.
    group : ndarray of int32
        The group of each of these.
    """

    kinds: NDArray[np.int64]
    runs: NDArray[np.int64]
    billed: NDArray[np.int64]
    waited: NDArray[np.int64]
    waits: NDArray[np.int64]
    group: NDArray[np.int32]


def add_up_groups(
    columns: Columns, book: Rulebook, edges: NDArray[np.int64], waits_from: int
) -> GroupSums:
    """Play all sessions, and add up what comes of each group.

    Parameters
    ----------
    columns, book
        What is played; sessions lie one behind the other.
    edges : ndarray of int64, shape (groups + 1,)
        The sessions of group ``g`` are those from ``edges[g]`` to before ``edges[g + 1]``.
    waits_from : int
        The waits that are so long or longer are listed, in milliseconds.
    """
    waits = np.empty(len(columns.at), np.int64)
    n_waits, counts = np.zeros(len(edges), np.int64), np.zeros((len(edges), _N_COUNTS), np.int64)
    run = np.empty(RUN_FIELDS, np.int64)
    nothing = Answers.empty(0), SessionColumns.empty(0), np.empty((0, 0), np.int64)
    _play_groups(
        edges, columns, book, *nothing, OutcomeSums.empty(), run, waits_from, waits, n_waits, counts
    )
    counts = np.diff(counts, axis=0)
    totals = counts[:, _TOTALS:]
    return GroupSums(
        counts[:, :VERDICTS].reshape(len(counts), -1, 8).sum(axis=1)[:, 1:-1],
        counts[:, VERDICTS:_TOTALS].sum(axis=1),
        totals[:, 2] + totals[:, 3],
        totals[:, 5],
        waits[: n_waits[-1]].copy(),
        np.repeat(np.arange(len(counts), dtype=np.int32), np.diff(n_waits)),
    )


@compiled
def _play_groups(  # noqa: PLR0917
    edges: NDArray[np.int64],
    columns: Columns,
    book: Rulebook,
    answers: Answers,
    sessions: SessionColumns,
    runs: NDArray[np.int64],
    sums: OutcomeSums,
    run: Run,
    waits_from: Int64,
    waits: NDArray[np.int64],
    n_waits: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Play one group after the other; what is counted up to the end of each stands behind it."""
    for group in range(len(edges) - 1):
        before = n_waits[group]
        listed = Answers(answers.verdict, waits[before:], answers.number)
        _, n = play_sessions(
            edges[group],
            edges[group + 1],
            columns,
            book,
            listed,
            sessions,
            runs,
            sums,
            run,
            None,
            waits_from,
        )
        n_waits[group + 1] = before + n
        for place in range(VERDICTS):
            counts[group + 1, place] = sums.verdicts[place]
        for place in range(len(sums.reasons)):
            counts[group + 1, VERDICTS + place] = sums.reasons[place]
        for place in range(len(sums.totals)):
            counts[group + 1, _TOTALS + place] = sums.totals[place]


def chunks_of(bounds: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut the sessions into ranges of about as many events each."""
    cuts = np.searchsorted(bounds, np.arange(0, bounds[-1], _CHUNK), side="left")
    edges = np.unique([*cuts.tolist(), len(bounds) - 1]).tolist()
    return list(itertools.pairwise(edges))


def processors() -> int:
    """Return how many processors there are."""
    return os.cpu_count() or 1
