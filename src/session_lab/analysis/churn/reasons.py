"""Why runs were triggered, why they ended, and how turns started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import label_codes
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import warn_of_doubles
from session_lab.analysis.results import Result
from session_lab.frames import NAT, column_of, durations
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.analysis.engines import AnyFrame

__all__ = ["Reasons", "StartKinds", "reasons", "start_kinds"]


@dataclass(frozen=True, repr=False)
class Reasons(Result):
    """Runs by why they were triggered, and by why they ended.

    Attributes
    ----------
    reasons, end_causes : mapping of str to int
        Runs by each; what is missing is ``unknown``.
    """

    reasons: Mapping[str, int]
    end_causes: Mapping[str, int]

    title: ClassVar[str] = "Why runs are triggered, and why they end"
    formula: ClassVar[str] = "share = runs with this value / all runs, a run without end too"

    def to_frame(self) -> pd.DataFrame:
        """Return ``of, value, runs, share``: of ``reason``, then of ``end_cause``."""
        rows = [
            (of, value, runs, runs / sum(counts.values()))
            for of, counts in (("reason", self.reasons), ("end_cause", self.end_causes))
            for value, runs in counts.items()
        ]
        return pd.DataFrame(rows, columns=["of", "value", "runs", "share"])

    def summary(self) -> pd.Series:
        """Return the runs, those that took over (any reason but ``initial``), and their share."""
        runs = sum(self.reasons.values())
        handovers = runs - self.reasons.get("initial", 0) - self.reasons.get("unknown", 0)
        return pd.Series(
            {"runs": runs, "handovers": handovers, "share": handovers / max(1, runs)},
            name=self.title,
            dtype=object,
        )


@dataclass(frozen=True, repr=False)
class StartKinds(Result):
    """Served turns by how they started, and how long they waited.

    Attributes
    ----------
    turns : mapping of str to int
        Served turns by kind.
    waited : mapping of str to int
        The milliseconds that the turns of each kind waited, together.
    """

    turns: Mapping[str, int]
    waited: Mapping[str, int]

    title: ClassVar[str] = "How turns started"
    formula: ClassVar[str] = (
        "share = turns of the kind / served turns; mean_wait = their waits / their number"
    )

    def to_frame(self) -> pd.DataFrame:
        """Return ``start_kind, turns, share, mean_wait`` (``timedelta64[ms]``, rounded)."""
        total = sum(self.turns.values())
        means = [round(self.waited[kind] / turns) for kind, turns in self.turns.items()]
        return pd.DataFrame(
            {
                "start_kind": list(self.turns),
                "turns": np.array(list(self.turns.values()), dtype=np.int64),
                "share": [turns / total for turns in self.turns.values()],
                "mean_wait": np.array(means, dtype=np.int64).view("timedelta64[ms]"),
            }
        )

    def summary(self) -> pd.Series:
        """Return the served turns, and the share that found a run awake with nothing to do."""
        turns = sum(self.turns.values())
        return pd.Series(
            {"turns": turns, "share_warm": self.turns.get("warm", 0) / max(1, turns)},
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def reasons(runs: AnyFrame) -> Reasons:
    """Count runs by why they were triggered, and by why they ended.

    Parameters
    ----------
    runs : DataFrame, LazyFrame, Table or relation
        A runs frame of any engine.

    Returns
    -------
    Reasons
        Counts and shares of ``reason`` and ``end_cause``.

    Raises
    ------
    DataError
        A column is missing.

    Examples
    --------
    >>> runs = pd.DataFrame({
    ...     "reason": ["initial", "continuation", "continuation"],
    ...     "end_cause": ["turn_timeout", "turn_timeout", "open"],
    ... })
    >>> reasons(runs).end_causes
    {'open': 1, 'turn_timeout': 2}
    """
    runs = pandas_frame(runs, "runs")
    warn_of_doubles(runs, "run_id", source="runs")
    return Reasons(_counts(runs, "reason"), _counts(runs, "end_cause"))


@answer_mistyped
def start_kinds(operations: AnyFrame) -> StartKinds:
    """Count served turns by how they started.

    Parameters
    ----------
    operations : DataFrame, LazyFrame, Table or relation
        An operations frame of any engine; rows without a ``start_kind`` served no turn.

    Returns
    -------
    StartKinds
        Counts, shares and mean waits.

    Raises
    ------
    DataError
        A column is missing, or ``waited`` holds no durations.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> sl.churn.start_kinds(sl.replay(events).operations).to_frame()[["start_kind", "turns"]]
         start_kind  turns
    0       initial    347
    1  continuation     52
    2          warm    620
    3       resumed    656
    """
    operations = pandas_frame(operations, "operations")
    served = operations[column_of(operations, "start_kind", source="operations").notna()]
    kinds = label_codes(served, "start_kind", source="operations")
    waited = durations(served, "waited", source="operations")
    known = np.where(waited == NAT, 0, waited)
    n = len(kinds.names)
    turns = np.bincount(kinds.codes, minlength=n)
    total = np.zeros(n, dtype=np.int64)
    np.add.at(total, kinds.codes, known)
    return StartKinds(
        turns=dict(zip(kinds.names, turns.tolist(), strict=True)),
        waited=dict(zip(kinds.names, total.tolist(), strict=True)),
    )


def _counts(runs: pd.DataFrame, column: str) -> dict[str, int]:
    values = label_codes(runs, column, source="runs")
    counts = np.bincount(values.codes, minlength=len(values.names))
    return dict(zip(values.names, counts.tolist(), strict=True))
