"""How well a live replay kept to its times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.results import Result
from session_lab.frames import NAT, milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Lateness", "lateness"]

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, repr=False, eq=False)
class Lateness(Result):
    """How late requests went out, and how long their answers took.

    Attributes
    ----------
    since : ndarray of int64, shape (n,)
        When each request was due, in milliseconds from the first, in order.
    late : ndarray of int64, shape (n,)
        How long after that it went out, in milliseconds.
    answer : ndarray of int64, shape (n,)
        How long after that its answer came.
    first_chunk, complete : ndarray of int64
        How long after they were sent the first chunk of an answer came and turns were complete, of
        the turns of which that was seen.
    """

    since: NDArray[np.int64]
    late: NDArray[np.int64]
    answer: NDArray[np.int64]
    first_chunk: NDArray[np.int64]
    complete: NDArray[np.int64]

    title: ClassVar[str] = "Lateness of a live replay"
    formula: ClassVar[str] = (
        "late = sent - due; answer = answered by the API - sent; first chunk and complete, of turns "
        "that were followed = seen on out - sent; quantiles by nearest rank"
    )

    def summary(self) -> dict[str, dict[str, int]]:
        """Return the mean (rounded) and quantiles of each, in milliseconds."""
        told = {"late": self.late, "answer": self.answer}
        seen = {"first chunk": self.first_chunk, "complete": self.complete}
        told |= {name: spans for name, spans in seen.items() if len(spans)}
        return {name: _quantiles(np.sort(spans)) for name, spans in told.items()}

    def to_frame(self) -> pd.DataFrame:
        """Return ``measure, mean, p50, p90, p95, p99, max``, as durations."""
        rows = self.summary()
        columns: dict[str, object] = {"measure": list(rows)}
        for name in ("mean", *_QUANTILES):
            values = [numbers.get(name, NAT) for numbers in rows.values()]
            columns[name] = np.array(values, dtype="m8[ms]")
        return pd.DataFrame(columns)


def lateness(operations: pd.DataFrame) -> Lateness:
    """Measure how well a live replay kept to its times.

    Parameters
    ----------
    operations : DataFrame
        The operations of a live replay, which have ``due_at``, ``sent_at``, ``answered_at``,
        ``first_chunk_at`` and ``completed_at``.
    """
    due_at, sent_at, answered_at = (
        milliseconds(operations[name]) for name in ("due_at", "sent_at", "answered_at")
    )
    seen = [milliseconds(operations[name]) for name in ("first_chunk_at", "completed_at")]
    first_chunk, complete = (at[at != NAT] - sent_at[at != NAT] for at in seen)
    order = np.argsort(due_at, kind="stable")
    since = due_at[order]
    return Lateness(
        since=since - since[:1],
        late=(sent_at - due_at)[order],
        answer=(answered_at - sent_at)[order],
        first_chunk=first_chunk,
        complete=complete,
    )


def _quantiles(ordered: NDArray[np.int64]) -> dict[str, int]:
    if not len(ordered):
        return {}
    ranks = {name: int(np.ceil(q * len(ordered))) - 1 for name, q in _QUANTILES.items()}
    found = {name: int(ordered[rank]) for name, rank in ranks.items()}
    return {"mean": round(float(ordered.mean())), **found}
