"""From what the kernel wrote to what an engine hands back."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.traffic.columnar.grouping import finish, write_columns
from session_lab.traffic.columnar.layout import ExpandedAnswers, RunColumns, verdict_table
from session_lab.traffic.engine.engine_result import NONE, EngineResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.simulator import Profile
    from session_lab.traffic.columnar.layout import Answers, SessionColumns

__all__ = ["RunsSoFar", "tell", "to_columns"]

_SPARE = 16
"""Columns grow by one part in so many: rarely, and without much room that is never used."""


def to_columns(rows: NDArray[np.int64]) -> RunColumns:
    """Return runs, as the kernel writes them, as columns."""
    columns = RunColumns.empty(len(rows))
    write_columns(rows, columns)
    return columns


class RunsSoFar:
    """Columns of runs that grow part by part, so that no two copies of all runs are in memory."""

    def __init__(self) -> None:
        self._columns = RunColumns.empty(0)
        self._n = 0

    def add(self, part: RunColumns, share: float = 1.0) -> None:
        """Put further runs behind those that are there, which are about a share of all."""
        n = self._n + len(part.owner)
        if n > len(self._columns.owner):
            expected = int(n / share)
            self._resize(expected + expected // _SPARE)
        columns: tuple[NDArray[Any], ...] = self._columns
        for column, more in zip(columns, part, strict=True):
            column[self._n : n] = more
        self._n = n

    def columns(self) -> RunColumns:
        """Return all runs; none can be added any more."""
        self._resize(self._n)
        return self._columns

    def _resize(self, n: int) -> None:
        if not self._n:
            # Unlike what is added to columns, this is not written before there is something to say.
            self._columns = RunColumns.empty(n)
            return
        for column in self._columns:
            # Nobody else holds the columns yet.
            column.resize(n, refcheck=False)


def tell(
    answers: Answers,
    sessions: SessionColumns,
    runs: RunColumns,
    *,
    at: NDArray[np.int64],
    op: NDArray[np.int8],
    session: NDArray[np.int32],
    created_by: NDArray[np.int32],
    expires_at: NDArray[np.int64],
    profile: Profile,
    workers: int,
) -> EngineResult:
    """Expand result codes into columns.

    Parameters
    ----------
    answers, sessions, runs
        What the kernel wrote; ``answers`` is used up.
    at, op, session : ndarray
        The events, and the session of each.
    created_by, expires_at : ndarray
        The sessions.
    profile : Profile
        The state of the API.
    workers : int
        How many threads share the work.
    """
    n, n_runs = len(op), sessions.n_runs
    behind = n_runs.cumsum(dtype=np.int64)
    told, table = ExpandedAnswers.empty(n), verdict_table(profile)

    def tell_part(edges: tuple[int, int]) -> None:
        finish(*edges, op, session, behind, n_runs, answers, table, told)

    with ThreadPoolExecutor(workers) as pool:
        edges = [n * w // workers for w in range(workers + 1)]
        list(pool.map(tell_part, itertools.pairwise(edges)))
    current_run = np.full(len(n_runs), NONE, np.int32)
    np.subtract(behind, 1, out=current_run, where=n_runs > 0, casting="unsafe")
    return EngineResult(
        **told._asdict(),
        waited=answers.waited,
        session=session,
        run=answers.number,
        created_by=created_by,
        created_at=at[created_by],
        updated_at=sessions.updated_at,
        closed_at=sessions.closed_at,
        expires_at=expires_at,
        current_run=current_run,
        **runs._asdict(),
    )
