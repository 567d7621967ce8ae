"""Where conflicts come from: what was asked of sessions that had ended, and of ids in use."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import pandas as pd

from session_lab.analysis.conflict_table import (
    CAUSES,
    SINCE,
    check_columns,
    count_refusals,
    statuses,
)
from session_lab.analysis.engines import AnyFrame, pandas_frame
from session_lab.analysis.observation import doubled
from session_lab.analysis.operations_from_journal import from_journal
from session_lab.analysis.results import Result
from session_lab.errors import DataError, DataWarning
from session_lab.frames import instants
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import answer_mistyped, level_of_caller, no_attribute
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from session_lab.simulator.world.journal import Entry
    from session_lab.timing import Duration

__all__ = ["CAUSES", "SINCE", "Conflicts", "from_journal", "summary"]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # To a type checker it would stand for every name.

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name, __all__)


_OUTCOMES = ("created", "cached", "refused", "failed")
_NEEDED = ("at", "op", "external_id", "status_code", "error", "is_cached")


@dataclass(frozen=True, repr=False, eq=False)
class Conflicts(Result):
    """Operations that were refused because of the state of their session.

    Attributes
    ----------
    refusals : DataFrame
        ``op, status_code, cause, since, n``, as :meth:`to_frame` returns it.
    starts : mapping of str to int
        Starts by outcome: created, cached, refused (409) and failed (all else).
    duplicates : mapping of str to int
        The same of starts that came shortly after another start of their id.
    ids : int
        External ids that were started.
    reused : DataFrame
        ``external_id, starts, created, cached, refused, failed`` of ids that were started more
        than once, those started most first.
    operations : int
        All operations.
    in_flight : int
        How close together starts count as duplicates in flight, in milliseconds.
    """

    refusals: pd.DataFrame
    starts: Mapping[str, int]
    duplicates: Mapping[str, int]
    ids: int
    reused: pd.DataFrame
    operations: int
    in_flight: int

    title: ClassVar[str] = "Conflicts"
    formula: ClassVar[str] = (
        "refusals = answers 409, and 400 where the message names a closed or expired session; "
        "since = arrival - end of the session; cached rate = cached starts / accepted starts"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What counts as a duplicate in flight."""
        return (
            (
                f"duplicates in flight: starts of an id at most {duration_text(self.in_flight)} after "
                "the start of it before"
            ),
        )

    @property
    def conflicts(self) -> int:
        """Answers 409."""
        return int(self.refusals.loc[self.refusals["status_code"] == 409, "n"].sum())

    @property
    def cached_rate(self) -> float | None:
        """Cached starts of the accepted ones; None where none was accepted."""
        accepted = self.starts["created"] + self.starts["cached"]
        return self.starts["cached"] / accepted if accepted else None

    def by_cause(self) -> pd.DataFrame:
        """Return ``op, status_code, cause, n, share``, the share being of all refusals."""
        keys = ["op", "status_code", "cause"]
        table = self.refusals.groupby(keys, observed=True)["n"].sum().reset_index()
        return table.assign(share=table["n"] / max(1, int(table["n"].sum())))

    def by_since(self) -> pd.DataFrame:
        """Return a row for each class of time since the end and a column for each cause."""
        table = self.refusals.pivot_table(
            index="since", columns="cause", values="n", aggfunc="sum", observed=True
        )
        table = table.reindex(index=list(SINCE), columns=list(CAUSES))
        return table.fillna(0).astype(np.int64)

    def to_frame(self) -> pd.DataFrame:
        """Return ``op, status_code, cause, since, n``, a row for each combination that occurs."""
        return self.refusals.copy()

    def summary(self) -> pd.Series:
        """Return the counts and rates in one column."""
        causes = self.refusals.groupby("cause", observed=False)["n"].sum()
        return pd.Series(
            {
                "operations": self.operations,
                "conflicts (409)": self.conflicts,
                **{f"refused, {cause}": int(n) for cause, n in causes.items()},
                **{f"starts {outcome}": n for outcome, n in self.starts.items()},
                "cached rate": self.cached_rate,
                "ids": self.ids,
                "ids reused": len(self.reused),
                **{f"duplicates {outcome}": n for outcome, n in self.duplicates.items()},
            },
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def summary(
    operations: AnyFrame | Sequence[Entry] | Iterator[Entry],
    sessions: AnyFrame | None = None,
    *,
    in_flight: Duration = "1s",
) -> Conflicts:
    """Sum up the conflicts of some traffic.

    Parameters
    ----------
    operations : DataFrame, LazyFrame, Table, relation or sequence of Entry
        An operations frame of any engine, as of a replay, or the journal of a simulator.
    sessions : DataFrame, LazyFrame, Table or relation, optional
        The sessions frame of the same traffic, which knows when sessions expired. Without it the
        time of a close is that of the first accepted close, and the time since an expiry is
        unknown.
    in_flight : str or timedelta
        Starts of an id that are no further apart count as duplicates in flight: the reply to the
        first may not have arrived when the second was sent.

    Raises
    ------
    DataError
        A column is missing or of the wrong type.

    Warns
    -----
    DataWarning
        Operations were refused before the sessions frame says that their session ended; or several
        rows tell of the start that made one session.

    Examples
    --------
    >>> import session_lab as sl
    >>> sim = sl.Simulator()
    >>> client = sim.client(max_retries=0)
    >>> new = {"type": "chat", "task_identifier": "a", "trigger_config": {"base_payload": {}}}
    >>> _ = client.sessions.start(external_id="chat-1", **new)
    >>> _ = client.sessions.close("chat-1")
    >>> sim.clock.advance("5s")
    >>> try:
    ...     client.sessions.start(external_id="chat-1", **new)
    ... except sl.SessionClosedError:
    ...     summary(sim.journal).to_frame()
          op  status_code   cause   since  n
    0  start          409  closed  < 10 s  1
    """
    span = to_milliseconds(in_flight, name="in_flight")
    if isinstance(operations, Sequence | Iterator):
        frame = from_journal(cast("Iterator[Entry]", operations))
    else:
        frame = pandas_frame(operations, "operations")
    sessions = None if sessions is None else pandas_frame(sessions, "sessions")
    check_columns(frame, _NEEDED, "operations")
    _warn_of_doubled_starts(frame)
    at = instants(frame, "at", source="operations", required=False)
    starts = _starts(frame, at)
    duplicates = starts[starts["gap"].notna() & (starts["gap"] <= span)]
    return Conflicts(
        count_refusals(frame, at, sessions),
        _outcomes(starts),
        _outcomes(duplicates),
        int(starts["external_id"].nunique()),
        _reused(starts),
        len(frame),
        span,
    )


def _warn_of_doubled_starts(frame: pd.DataFrame) -> None:
    """Warn of sessions that were made twice, as no environment does: their rows were doubled."""
    name = "session_id" if "session_id" in frame else "external_id"
    cached = _flags(frame, missing=True)
    made = (frame["op"] == "start").to_numpy(dtype=bool) & ~cached
    doubles = doubled(frame.loc[made, name])
    if doubles:
        message = (
            f"operations: {doubles:,} rows tell of a start that another row tells of ({name}), so "
            "what was joined or put together stands there twice, and each row counts; keep one of "
            "each"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def _flags(frame: pd.DataFrame, *, missing: bool) -> NDArray[np.bool_]:
    try:
        flags = frame["is_cached"].astype("boolean")
    except (TypeError, ValueError):
        message = f"the column holds {frame['is_cached'].dtype} where flags are expected"
        raise DataError(message, source="operations", column="is_cached") from None
    return flags.to_numpy(dtype=bool, na_value=missing)


def _starts(frame: pd.DataFrame, at: NDArray[np.int64]) -> pd.DataFrame:
    """Return the starts with their outcome, and the gap to the start before of the same id."""
    is_start = (frame["op"] == "start").to_numpy(dtype=bool)
    status = statuses(frame)[is_start]
    cached = _flags(frame, missing=False)[is_start]
    accepted = (status == 200) | (status == 201)
    outcome = np.where(accepted, np.where(cached, 1, 0), np.where(status == 409, 2, 3))
    starts = pd.DataFrame(
        {
            "at": at[is_start],
            "external_id": frame["external_id"].to_numpy(dtype=object)[is_start],
            "outcome": pd.Categorical.from_codes(outcome, categories=pd.Index(_OUTCOMES)),
        }
    ).sort_values("at", kind="stable")
    return starts.assign(gap=starts.groupby("external_id")["at"].diff())


def _outcomes(starts: pd.DataFrame) -> dict[str, int]:
    counts = starts["outcome"].value_counts(sort=False)
    return {outcome: int(counts[outcome]) for outcome in _OUTCOMES}


def _reused(starts: pd.DataFrame) -> pd.DataFrame:
    named = starts[starts["external_id"].notna()]
    table = pd.crosstab(named["external_id"], named["outcome"])
    table = table.reindex(columns=list(_OUTCOMES), fill_value=0)
    table.insert(0, "starts", table.sum(axis=1))
    table = table[table["starts"] > 1].reset_index().rename_axis(columns=None)
    table = table.sort_values(["starts", "external_id"], ascending=[False, True])
    return table.astype({"external_id": TEXT_DTYPE}).reset_index(drop=True)
