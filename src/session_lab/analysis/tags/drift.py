"""How the use of tags changes over time."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.counts import grouped
from session_lab.analysis.observation import check_sessions
from session_lab.analysis.periods import Periodic, period_length
from session_lab.analysis.results import Result
from session_lab.analysis.tags.concentration import jensen_shannon
from session_lab.errors import DataError, DataWarning, StatisticalWarning
from session_lab.frames import NAT, milliseconds, to_instants
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.numbers import is_integer
from session_lab.timing import duration_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.analysis.tags.codes import TagCodes

__all__ = ["Drift", "drift", "follow"]

_FEW = 20
_MONDAY_MS = 4 * 86_400_000
"""Periods are counted from Monday, 1970-01-05."""
_MOST_CELLS = 20_000_000


@dataclass(frozen=True, repr=False, eq=False)
class Drift(Result):
    """Shares of tags, period by period.

    Attributes
    ----------
    periods : ndarray of int64
        Where each period begins, in milliseconds since 1970; those without a session are left out.
    sessions : ndarray of int64
        All sessions of each period.
    uses : ndarray of int64
        The uses of all tags in each period.
    names : tuple of str
        The most frequent tags, the most frequent first.
    counts : ndarray of int64, shape (periods, tags)
        The sessions of a period with a tag.
    distances : tuple of float or None
        The Jensen-Shannon distance of each period's uses of tags, of all and not just the most
        frequent, from those of the period before; None for the first, and where one has no tag.
    length : int
        The length of a period in milliseconds.
    left_out : int
        Less frequent tags, which the distances know and the shares do not show.
    """

    periods: NDArray[np.int64]
    sessions: NDArray[np.int64]
    uses: NDArray[np.int64]
    names: tuple[str, ...]
    counts: NDArray[np.int64]
    distances: tuple[float | None, ...]
    length: int
    left_out: int

    title: ClassVar[str] = "Tags over time"
    formula: ClassVar[str] = (
        "share = sessions of the period with the tag / all sessions of the period; distance = "
        "Jensen-Shannon (base 2, from 0 to 1) between shares of uses in consecutive periods"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """How time is cut, and what is not shown."""
        rest = f"; {self.left_out:,} less frequent tags are not shown" if self.left_out else ""
        return (
            (
                f"periods of {duration_text(self.length)} in UTC, counted from a Monday; those without "
                f"a session are left out{rest}"
            ),
            "small periods lie apart by chance alone, the more so the more tags there are",
        )

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the sessions of each period, those with each tag; shape (periods, tags)."""
        return self.counts / self.sessions[:, None]

    def to_frame(self) -> pd.DataFrame:
        """Return ``period, tag, sessions, share``, a row for each period and tag."""
        k, n = len(self.names), len(self.periods)
        return pd.DataFrame(
            {
                "period": to_instants(np.repeat(self.periods, k)),
                "tag": pd.array(list(self.names) * n, dtype=TEXT_DTYPE),
                "sessions": self.counts.ravel(),
                "share": self.shares.ravel(),
            }
        )

    def summary(self) -> pd.DataFrame:
        """Return ``period, sessions, uses, distance``, a row for each period."""
        return pd.DataFrame(
            {
                "period": to_instants(self.periods),
                "sessions": self.sessions,
                "uses": self.uses,
                "distance": pd.array(self.distances, dtype="Float64"),
            }
        )


@answer_mistyped
def drift(frame: AnyFrame, freq: Periodic = "1d", *, at: str = "created_at", top: int = 8) -> Drift:
    """Follow the shares of tags over time.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table or relation
        A sessions frame of any engine.
    freq : str or timedelta
        The length of a period, such as ``"1d"`` or ``"1w"`` (``"D"`` and ``"W"`` mean the same). Days begin at midnight UTC and weeks
        on Mondays.
    at : str
        The column of times that says which period a session belongs to.
    top : int
        How many tags to show, the most frequent first.

    Raises
    ------
    DataError
        A column is missing or cannot be counted, or ``top`` is less than 1.

    Warns
    -----
    DataWarning
        Sessions without a time were left out, or rows stand for a session that another row stands
        for.
    StatisticalWarning
        Some periods have fewer than 20 uses of tags.

    Examples
    --------
    >>> created = pd.to_datetime(["2026-01-05T09:00Z", "2026-01-05T10:00Z", "2026-01-06T09:00Z"])
    >>> frame = pd.DataFrame({"created_at": created, "tags": [["a"], ["b"], ["a"]]})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", StatisticalWarning)
    ...     drift(frame, "1d").to_frame()
                         period tag  sessions  share
    0 2026-01-05 00:00:00+00:00   a         1    0.5
    1 2026-01-05 00:00:00+00:00   b         1    0.5
    2 2026-01-06 00:00:00+00:00   a         1    1.0
    3 2026-01-06 00:00:00+00:00   b         0    0.0
    """
    if not isinstance(at, str):
        raise DataError(f"{at!r} is not the name of a column", column="at")
    if not is_integer(top) or top < 1:
        raise DataError(f"{top!r} tags show nothing; give a number from 1", column="top")
    check_sessions(frame)
    length = period_length(freq)
    every = {at: timedelta(milliseconds=length)}
    totals = grouped(frame, [at], every=every)
    table = grouped(frame, [at, "tags"], every=every, explode="tags")
    _warn_of_undated(int(totals.loc[totals[at].isna(), "n"].sum()), at)
    totals = totals[totals[at].notna()]
    used = table[table[at].notna() & table["tags"].notna()]
    periods = milliseconds(totals[at])
    rows = np.searchsorted(periods, milliseconds(used[at]))
    places, tags = pd.factorize(used["tags"], sort=True)
    cells = _Cells(rows, places, used["n"].to_numpy(), tuple(tags))
    return _followed(periods, totals["n"].to_numpy(), cells, length, top)


def follow(
    codes: TagCodes, at: NDArray[np.int64], rows: NDArray[np.bool_], freq: Periodic, top: int
) -> Drift | None:
    """Follow prepared tags: what :func:`drift` does with some rows.

    Parameters
    ----------
    codes : TagCodes
        The tags of all sessions.
    at : ndarray of int64
        The instants of the same sessions, in milliseconds since 1970; NAT is missing.
    rows : ndarray of bool
        The sessions to follow.
    freq, top
        As of :func:`drift`.

    Returns
    -------
    Drift or None
        None where there are so many periods and tags that a table of all of them has no place.
    """
    length = period_length(freq)
    dated = rows & (at != NAT)
    if not dated.any() or not codes.names:
        return None
    low, high = ((int(edge(at[dated])) - _MONDAY_MS) // length for edge in (np.min, np.max))
    if (high - low + 1) * len(codes.names) > _MOST_CELLS:
        return None
    bins = np.where(dated, (at - _MONDAY_MS) // length - low, -1)
    sessions = np.bincount(bins + 1, minlength=high - low + 2)[1:]
    present = np.flatnonzero(sessions)
    _warn_of_undated(int(rows.sum() - dated.sum()), "created_at")
    table = codes.crossed(bins, high - low + 1).T[present]
    used = np.flatnonzero(table.any(axis=0))
    table = table[:, used]
    period, tag = np.nonzero(table)
    return _followed(
        (present + low) * length + _MONDAY_MS,
        sessions[present],
        _Cells(period, tag, table[period, tag], tuple(codes.names[place] for place in used)),
        length,
        top,
    )


class _Cells(NamedTuple):
    """Where tags were used: period by period, and in the order of the tags."""

    periods: NDArray[np.int64]
    tags: NDArray[np.int64]
    n: NDArray[np.int64]
    names: tuple[str, ...]


def _followed(
    periods: NDArray[np.int64],
    sessions: NDArray[np.int64],
    cells: _Cells,
    length: int,
    top: int,
) -> Drift:
    rows, places, n, tags = cells
    uses = _sums(rows, n, len(periods))
    frequent = np.argsort(-_sums(places, n, len(tags)), kind="stable")[:top]
    shown = np.full(len(tags), -1, dtype=np.int64)
    shown[frequent] = np.arange(len(frequent))
    counts = np.zeros((len(periods), len(frequent)), dtype=np.int64)
    is_shown = shown[places] >= 0
    counts[rows[is_shown], shown[places[is_shown]]] = n[is_shown]
    _warn_of_few(uses)
    return Drift(
        periods,
        sessions,
        uses,
        tuple(tags[place] for place in frequent),
        counts,
        _distances(cells, len(periods), len(tags)),
        length,
        len(tags) - len(frequent),
    )


def _warn_of_undated(undated: int, at: str) -> None:
    if undated:
        message = f"{undated:,} sessions without {at} belong to no period and were left out"
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def _sums(places: NDArray[np.int64], n: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, places, n)
    return sums


def _distances(cells: _Cells, n_periods: int, n_tags: int) -> tuple[float | None, ...]:
    """Compare each period with the one before, over the tags that either has."""
    bounds = np.searchsorted(cells.periods, np.arange(n_periods + 1))
    parts = [slice(start, end) for start, end in pairwise(bounds)]
    distances: list[float | None] = [None] * min(1, n_periods)
    one, other = (np.zeros(n_tags, dtype=np.int64) for _ in range(2))
    for before, after in pairwise(parts):
        one[cells.tags[before]] = cells.n[before]
        other[cells.tags[after]] = cells.n[after]
        either = np.flatnonzero(one + other)
        distances.append(jensen_shannon(one[either], other[either]))
        one[either], other[either] = 0, 0
    return tuple(distances)


def _warn_of_few(uses: NDArray[np.int64]) -> None:
    few = int((uses < _FEW).sum())
    if few:
        message = (
            f"{few:,} of {len(uses):,} periods have fewer than {_FEW} uses of tags; their shares "
            "and distances are mostly chance, so take longer periods"
        )
        warnings.warn(message, StatisticalWarning, stacklevel=level_of_caller())
