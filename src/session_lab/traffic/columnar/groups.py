"""What comes of groups of sessions that lie one behind the other, in one play."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.traffic.columnar.compiling import compiled
from session_lab.traffic.columnar.kernel import RUN_FIELDS, play_sessions
from session_lab.traffic.columnar.layout import VERDICTS, Answers, SessionColumns
from session_lab.traffic.columnar.sums import OutcomeSums
from session_lab.traffic.engine.engine_result import REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook
    from session_lab.traffic.columnar.run_row import Run

__all__ = ["GroupSums", "add_up_groups"]

_TOTALS = VERDICTS + len(REASONS)
_N_COUNTS = _TOTALS + 6


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
