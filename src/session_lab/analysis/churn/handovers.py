"""Hand-overs as polls of ``currentRunId`` tell them: between two looks, at some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.order.codes import Codes, id_codes
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import instants, to_instants
from session_lab.mistyped import answer_mistyped
from session_lab.timing import Duration, duration_text, to_milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = ["Handovers", "handovers"]


@dataclass(frozen=True, repr=False, eq=False)
class Handovers(Result):
    """Changes of run that polls saw, each with the interval in which it happened.

    Attributes
    ----------
    session_id, from_run, to_run : ndarray of object
        The session, the run last seen before the change, and the one first seen after it.
    after, by : ndarray of int64
        When the old run was last seen and the new one first, in milliseconds since 1970: the
        change happened after the one and not later than the other.
    polls : int
        The polls that showed a run.
    shortest_run : int or None
        The least time, in milliseconds, that a run is current, if the caller stated one.
    """

    session_id: NDArray[np.object_]
    from_run: NDArray[np.object_]
    to_run: NDArray[np.object_]
    after: NDArray[np.int64]
    by: NDArray[np.int64]
    polls: int
    shortest_run: int | None

    title: ClassVar[str] = "Hand-overs between polls"
    formula: ClassVar[str] = (
        "each lies in (old run last seen, new run first seen]: at least one hand-over there"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What polls cannot tell."""
        if self.shortest_run is None:
            return ("runs that came and went between two polls are not seen: no upper bound",)
        shortest = duration_text(self.shortest_run)
        return (f"at_most: ceil(width / {shortest}), as a run is current for {shortest} or longer",)

    @property
    def at_most(self) -> NDArray[np.int64] | None:
        """The most hand-overs that each interval can hide; None where nothing bounds them."""
        if self.shortest_run is None:
            return None
        most: NDArray[np.int64] = np.maximum(-(-(self.by - self.after) // self.shortest_run), 1)
        return most

    def to_frame(self) -> pd.DataFrame:
        """Return ``session_id, from_run, to_run, after, by, width, at_least, at_most``."""
        n, most = len(self.by), self.at_most
        return pd.DataFrame(
            {
                "session_id": self.session_id,
                "from_run": self.from_run,
                "to_run": self.to_run,
                "after": to_instants(self.after),
                "by": to_instants(self.by),
                "width": (self.by - self.after).view("timedelta64[ms]"),
                "at_least": np.ones(n, dtype=np.int64),
                "at_most": pd.array([pd.NA] * n if most is None else most, dtype="Int64"),
            }
        )

    def cumulative(self) -> pd.DataFrame:
        """Return ``time, at_least, at_most``: how many of the changes seen had happened by then.

        At least those whose new run had been seen by then, at most those whose old run had been
        seen for the last time before. Each change counts once.
        """
        time = np.unique(np.concatenate([self.after, self.by]))
        return pd.DataFrame(
            {
                "time": to_instants(time),
                "at_least": np.searchsorted(np.sort(self.by), time, side="right"),
                "at_most": np.searchsorted(np.sort(self.after), time, side="left"),
            }
        )

    def summary(self) -> pd.Series:
        """Return polls, sessions that changed runs, bounds on hand-overs, widths in milliseconds.

        ``at_most`` is there if a shortest run was stated; ``median_width`` is the lower median.
        """
        widths, most = np.sort(self.by - self.after), self.at_most
        return pd.Series(
            {
                "polls": self.polls,
                "sessions": len(set(self.session_id)),
                "at_least": len(widths),
                **({} if most is None else {"at_most": int(most.sum())}),
                **({"median_width": int(widths[(len(widths) - 1) // 2])} if len(widths) else {}),
            },
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def handovers(polls: AnyFrame, *, shortest_run: Duration | None = None) -> Handovers:
    """Find the intervals in which sessions changed runs, from polls of their current run.

    Parameters
    ----------
    polls : DataFrame, LazyFrame, Table or relation
        A frame of any engine with ``session_id``, ``current_run_id`` and ``polled_at``, in any order; polls of the same
        instant are taken in the order of rows. A poll without a run says nothing about hand-overs
        and is left out.
    shortest_run : str or timedelta, optional
        The least time that a run is current, as in ``"10s"``. It bounds how many hand-overs can
        hide between two polls.

    Returns
    -------
    Handovers
        Each change seen, and its interval.

    Raises
    ------
    DataError
        A column is missing or of the wrong kind, a poll has no time, or a run comes back after
        another one, which no session does.

    Examples
    --------
    >>> polls = pd.DataFrame({
    ...     "session_id": ["s1", "s1", "s1"],
    ...     "current_run_id": ["r1", "r1", "r2"],
    ...     "polled_at": pd.to_datetime(
    ...         ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]
    ...     ),
    ... })
    >>> handovers(polls).to_frame()[["from_run", "to_run", "width"]]
      from_run to_run           width
    0       r1     r2 0 days 00:01:00
    >>> handovers(polls, shortest_run="25s").summary()["at_most"]
    3
    """
    shortest = None if shortest_run is None else to_milliseconds(shortest_run, name="shortest_run")
    if shortest == 0:
        raise DataError("a run is current for some time; leave it out", column="shortest_run")
    polls = pandas_frame(polls, "polls")
    owner = id_codes(polls, "session_id", source="polls")
    run = id_codes(polls, "current_run_id", source="polls")
    polled = instants(polls, "polled_at", source="polls")
    shown = owner.present(source="polls", column="session_id") & (run.codes >= 0)
    order = np.lexsort((polled, owner.codes))
    order = order[shown[order]]
    old, new = order[:-1], order[1:]
    same_session = owner.codes[old] == owner.codes[new]
    changed = run.codes[old] != run.codes[new]
    _refuse_returns(order, np.append(True, changed | ~same_session)[: len(order)], owner, run)
    old, new = old[same_session & changed], new[same_session & changed]
    return Handovers(
        session_id=_texts(owner, new),
        from_run=_texts(run, old),
        to_run=_texts(run, new),
        after=polled[old],
        by=polled[new],
        polls=len(order),
        shortest_run=shortest,
    )


def _texts(values: Codes, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    texts: NDArray[np.object_] = values.names.to_numpy(dtype=object)[values.codes[rows]]
    return texts


def _refuse_returns(
    order: NDArray[np.int64], begins: NDArray[np.bool_], owner: Codes, run: Codes
) -> None:
    """Refuse polls in which a run is current, then another, then the first again."""
    rows = order[begins]
    stretch = owner.codes[rows].astype(np.int64) * max(1, len(run.names)) + run.codes[rows]
    again = pd.Series(stretch).duplicated().to_numpy()
    if again.any():
        row = int(rows[again.argmax()])
        name = run.names[run.codes[row]]
        message = f"the run {name!r} is current again after another; are the times right?"
        raise DataError(message, source="polls", row=row, column="current_run_id")
