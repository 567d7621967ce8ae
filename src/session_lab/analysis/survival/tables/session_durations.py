"""The lives of sessions, as a sessions frame tells them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from session_lab.analysis.observation import warn_of_doubles
from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, column_of, durations, instants
from session_lab.frames.columns import holds_durations
from session_lab.mistyped import level_of_caller
from session_lab.timing import duration_text, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.timing import Duration, Instant

__all__ = ["CAUSES", "Expiry", "SessionDurations", "censored_note", "lives_of"]

CAUSES = ("closed", "expired")
"""What ends a session: outcomes 1 and 2; outcome 0 is a session that is still open."""

Expiry = Literal["competes", "censors"]
"""How an analysis takes expiry, which is known in advance."""

_SOURCE = "sessions"


@dataclass(frozen=True)
class SessionDurations:
    """One row per session under observation.

    Attributes
    ----------
    rows : ndarray of int
        Where in the frame each one stands.
    durations : ndarray of timedelta64[ms]
        Lifetime until the end, or until observed.
    outcome : ndarray of int64
        0 open, then the places of :data:`CAUSES` from 1.
    entry : ndarray of timedelta64[ms] or None
        Age at which it came under observation.
    assumptions : tuple of str
        What was assumed so far.
    """

    rows: NDArray[np.intp]
    durations: NDArray[np.timedelta64]
    outcome: NDArray[np.int64]
    entry: NDArray[np.timedelta64] | None
    assumptions: tuple[str, ...]

    def take(self, places: NDArray[Any]) -> SessionDurations:
        """Return some of the lives: a mask or places."""
        entry = None if self.entry is None else self.entry[places]
        picked = (self.rows[places], self.durations[places], self.outcome[places], entry)
        return SessionDurations(*picked, self.assumptions)

    def ends(self, expiry: Expiry) -> NDArray[np.bool_]:
        """Return which sessions ended, where expiry is one of the ends or censors.

        Raises
        ------
        DataError
            ``expiry`` is neither.
        """
        if expiry not in get_args(Expiry):
            message = f'{expiry!r} is neither "competes" nor "censors"'
            raise DataError(message, column="expiry")
        return self.outcome > 0 if expiry == "competes" else self.outcome == 1


def lives_of(
    df: pd.DataFrame,
    *,
    entry: str | Instant | None = None,
    resolution: Duration | None = None,
) -> SessionDurations:
    """Read the lives out of a sessions frame.

    Raises
    ------
    DataError
        A column is missing or of the wrong kind, or a lifetime is missing or negative.

    Warns
    -----
    DataWarning
        Sessions that ended before their entry were left out; or rows stand for a session that
        another row stands for.
    """
    warn_of_doubles(df, "session_id", source=_SOURCE)
    lifetimes = _durations(df, "lifetime")
    outcome = _outcomes(df)
    late, assumptions = (None, ()) if entry is None else _entries(df, entry)
    still_open = int((outcome == 0).sum())
    if still_open:
        assumptions = (censored_note(still_open), *assumptions)
    if resolution is not None:
        step = to_milliseconds(resolution, name="resolution")
        if not step:
            message = "a resolution of 0 holds no time; leave it out for milliseconds"
            raise DataError(message, column="resolution")
        lifetimes = -(-lifetimes // step) * step
        late = None if late is None else late // step * step
        assumptions = (
            *assumptions,
            f"lifetimes are rounded up to multiples of {duration_text(step)}",
        )
    lives = SessionDurations(
        rows=np.arange(len(df)),
        durations=lifetimes.view("timedelta64[ms]"),
        outcome=outcome,
        entry=None if late is None else late.view("timedelta64[ms]"),
        assumptions=assumptions,
    )
    return lives if late is None else _without_unseen(lives, lifetimes, late)


def censored_note(still_open: int) -> str:
    """Describe how open sessions count."""
    return f"open sessions, censored at the age they had reached: {still_open:,}"


def _without_unseen(
    lives: SessionDurations, durations: NDArray[np.int64], late: NDArray[np.int64]
) -> SessionDurations:
    unseen = (late >= durations) & (late > 0)
    if not unseen.any():
        return lives
    problem = (
        "sessions left out, because they ended at or before the age of their entry: "
        f"{int(unseen.sum()):,}; late entry is for those that were still open then"
    )
    warnings.warn(problem, DataWarning, stacklevel=level_of_caller())
    return lives.take(~unseen)


def _outcomes(df: pd.DataFrame) -> NDArray[np.int64]:
    given = column_of(df, "end_cause", source=_SOURCE)
    known = pd.Index(["open", *CAUSES])
    if isinstance(given.dtype, pd.CategoricalDtype):
        places = known.get_indexer(given.cat.categories.astype(object))
        codes = np.append(places, -1)[given.cat.codes.to_numpy()]
    else:
        codes = known.get_indexer(pd.Index(given.astype(object)))
    wrong = codes < 0
    if wrong.any():
        row = int(wrong.argmax())
        message = f"{given.iloc[row]!r} is not one of open, {', '.join(CAUSES)}"
        raise DataError(message, source=_SOURCE, row=row, column="end_cause")
    return codes.astype(np.int64)


def _entries(df: pd.DataFrame, entry: str | Instant) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return ages at entry, from a column of durations or instants or from one instant."""
    if isinstance(entry, str) and entry in df.columns:
        note = f"late entry: sessions are at risk after {entry}"
        if holds_durations(df[entry]):
            return _durations(df, entry), (note,)
        return np.maximum(_instants(df, entry) - _instants(df, "created_at"), 0), (note,)
    since = to_instant(entry, name="entry")
    note = f"late entry: sessions are at risk after {instant_text(since)}"
    return np.maximum(since - _instants(df, "created_at"), 0), (note,)


def _durations(df: pd.DataFrame, name: str) -> NDArray[np.int64]:
    return _complete(durations(df, name, source=_SOURCE), name, lowest=0)


def _instants(df: pd.DataFrame, name: str) -> NDArray[np.int64]:
    return _complete(instants(df, name, source=_SOURCE, required=False), name, lowest=NAT + 1)


def _complete(values: NDArray[np.int64], name: str, *, lowest: int) -> NDArray[np.int64]:
    wrong = values < lowest
    if wrong.any():
        row = int(wrong.argmax())
        missing = values[row] == NAT
        message = (
            "is missing; leave such rows out"
            if missing
            else f"{values[row]} ms is negative; was the frame observed before it was created?"
        )
        raise DataError(message, source=_SOURCE, row=row, column=name)
    return values
