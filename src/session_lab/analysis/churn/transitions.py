"""From the end of a run to the reason of the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import id_codes, label_codes
from session_lab.analysis.churn.order.successors import previous_runs
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import warn_of_doubles
from session_lab.analysis.results import Result
from session_lab.frames import instants
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["LAST", "Transitions", "transitions"]

LAST = "no next run"
"""The last column: runs that no other follows in the frame."""


@dataclass(frozen=True, repr=False, eq=False)
class Transitions(Result):
    """How runs end, and why the next run of the same session was triggered.

    Attributes
    ----------
    end_causes : tuple of str
        The rows: ``end_cause`` of a run.
    reasons : tuple of str
        The columns: ``reason`` of the next run of its session, and at last ``no next run``.
    counts : ndarray of int64, shape (rows, columns)
        Runs.
    """

    end_causes: tuple[str, ...]
    reasons: tuple[str, ...]
    counts: NDArray[np.int64]

    title: ClassVar[str] = "From the end of a run to the reason of the next"
    formula: ClassVar[str] = "share = runs with this end and next reason / all runs with this end"

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each next reason among the runs of a row."""
        shares: NDArray[np.float64] = self.counts / self.counts.sum(axis=1, keepdims=True)
        return shares

    def matrix(self) -> pd.DataFrame:
        """Return the counts as a matrix, ``end_cause`` down and next reason across."""
        return pd.DataFrame(
            self.counts,
            index=pd.Index(self.end_causes, name="end_cause"),
            columns=pd.Index(self.reasons, name="next_reason"),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``end_cause, next_reason, runs, share`` of the pairs that occur."""
        row, column = np.nonzero(self.counts)
        return pd.DataFrame(
            {
                "end_cause": [self.end_causes[place] for place in row],
                "next_reason": [self.reasons[place] for place in column],
                "runs": self.counts[row, column],
                "share": self.shares[row, column],
            }
        )

    def summary(self) -> pd.Series:
        """Return the runs, those that another follows, and their share."""
        runs = int(self.counts.sum())
        followed = int(self.counts[:, :-1].sum())
        return pd.Series(
            {"runs": runs, "followed": followed, "share": followed / max(1, runs)},
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def transitions(runs: AnyFrame) -> Transitions:
    """Count why a run ended against why the next run of its session was triggered.

    Parameters
    ----------
    runs : DataFrame, LazyFrame, Table or relation
        A runs frame of any engine, in any order. Each run with a session counts once.

    Returns
    -------
    Transitions
        The matrix, with shares by row.

    Raises
    ------
    DataError
        A column is missing, or a trigger has no time.

    Examples
    --------
    >>> runs = pd.DataFrame({
    ...     "session_id": ["s1", "s1"],
    ...     "triggered_at": pd.to_datetime(["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"]),
    ...     "reason": ["initial", "continuation"],
    ...     "end_cause": ["turn_timeout", "open"],
    ... })
    >>> transitions(runs).to_frame()
          end_cause   next_reason  runs  share
    0          open   no next run     1    1.0
    1  turn_timeout  continuation     1    1.0
    """
    runs = pandas_frame(runs, "runs")
    warn_of_doubles(runs, "run_id", source="runs")
    owner = id_codes(runs, "session_id", source="runs")
    has_session = owner.present(source="runs", column="session_id")
    triggered = instants(runs, "triggered_at", source="runs")
    cause = label_codes(runs, "end_cause", source="runs")
    reason = label_codes(runs, "reason", source="runs")
    before, after = previous_runs(owner.codes, triggered)
    n_columns = len(reason.names) + 1
    following = np.full(len(runs), n_columns - 1)
    following[before] = reason.codes[after]
    cells = (cause.codes * n_columns + following)[has_session]
    counts = np.bincount(cells, minlength=len(cause.names) * n_columns)
    counts = counts.reshape(len(cause.names), n_columns).astype(np.int64)
    (rows,) = np.nonzero(counts.sum(axis=1))
    (columns,) = np.nonzero(counts[:, :-1].sum(axis=0))
    return Transitions(
        end_causes=tuple(cause.names[rows]),
        reasons=(*reason.names[columns], LAST),
        counts=counts[rows][:, np.append(columns, n_columns - 1)],
    )
