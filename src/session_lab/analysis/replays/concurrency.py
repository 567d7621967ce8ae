"""How many runs are alive, and how many hold a slot, at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.observation import warn_of_doubles
from session_lab.analysis.replays.slots import SlotChanges
from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import NAT, milliseconds, to_instants
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.timing import Instant

__all__ = ["Concurrency", "concurrency", "mean_over", "spans_of"]


@dataclass(frozen=True, repr=False, eq=False)
class Concurrency(Result):
    """Runs alive, and runs that execute, over time, as step functions.

    Attributes
    ----------
    time : ndarray of int64, shape (m,)
        The instants at which a number changes, in milliseconds since 1970.
    alive : ndarray of int64, shape (m,)
        Runs alive from that instant until the next.
    until : int or None
        The horizon up to which runs were looked at, in milliseconds since 1970; None where they
        were until their ends.
    executing : ndarray of int64, shape (m,), or None
        Runs that hold a concurrency slot; None where it is not known when runs were suspended.
    limit : int or None
        How many runs may execute at once, if someone asked.
    """

    time: NDArray[np.int64]
    alive: NDArray[np.int64]
    until: int | None = None
    executing: NDArray[np.int64] | None = None
    limit: int | None = None

    title: ClassVar[str] = "Runs over time"
    formula: ClassVar[str] = (
        "alive(t) = runs with triggered_at <= t < ended_at; a suspended run is alive, but it does "
        "not execute: a run holds a slot from its trigger until it is suspended, and from each "
        "turn that wakes it on"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """How the peak stands to the limit, where there is one."""
        if self.executing is None or self.limit is None:
            return ()
        if self.peak_executing <= self.limit:
            return (
                f"at most {self.peak_executing:,} of the {self.limit:,} slots are held at once",
            )
        above = f"{self.share_above(self.limit):.2%} of the time"
        told = f"more runs would execute than the limit of {self.limit:,} allows {above}"
        return (f"{told}: some would wait for a slot; a replay with limits= plays that",)

    @property
    def peak(self) -> int:
        """The most runs alive at one time."""
        return int(self.alive.max(initial=0))

    @property
    def peak_at(self) -> pd.Timestamp | None:
        """The first instant at which the peak was reached; None without runs."""
        return self._first_peak(self.alive)

    @property
    def mean(self) -> float:
        """Runs alive, averaged from the first change to the horizon, or without one to the last."""
        return self._mean(self.alive)

    @property
    def peak_executing(self) -> int:
        """The most runs that hold a slot at one time.

        Raises
        ------
        DataError
            It is not known when runs were suspended.
        """
        return int(self._held().max(initial=0))

    @property
    def peak_executing_at(self) -> pd.Timestamp | None:
        """The first instant at which that peak was reached; None without runs."""
        return self._first_peak(self._held())

    @property
    def mean_executing(self) -> float:
        """Runs that hold a slot, averaged over the same time as :attr:`mean`."""
        return self._mean(self._held())

    def share_above(self, limit: int) -> float:
        """Return the share of the time in which more runs hold a slot than a limit allows."""
        return self._mean((self._held() > limit).astype(np.int64))

    def _held(self) -> NDArray[np.int64]:
        if self.executing is None:
            message = "a runs frame alone does not tell when its runs were suspended"
            raise DataError(message, source="runs", column="executing")
        return self.executing

    def _first_peak(self, numbers: NDArray[np.int64]) -> pd.Timestamp | None:
        if not len(self.time):
            return None
        return pd.Timestamp(int(self.time[numbers.argmax()]), unit="ms", tz="UTC")

    def _mean(self, numbers: NDArray[np.int64]) -> float:
        return mean_over(spans_of(self.time, self.until), numbers)

    def to_frame(self) -> pd.DataFrame:
        """Return ``time`` (``datetime64[ms, UTC]``), ``alive`` and, if known, ``executing``."""
        frame = pd.DataFrame({"time": to_instants(self.time), "alive": self.alive})
        return frame if self.executing is None else frame.assign(executing=self.executing)

    def overview(self) -> pd.DataFrame:
        """Return peak, its instant and the mean of each number: there are too many steps to read."""
        rows = [{"runs": "alive", "peak": self.peak, "peak_at": self.peak_at, "mean": self.mean}]
        if self.executing is not None:
            peak, mean = self.peak_executing, self.mean_executing
            held = {"runs": "executing", "peak": peak, "peak_at": self.peak_executing_at}
            rows.append({**held, "mean": mean})
        return pd.DataFrame(rows)


def concurrency(
    runs: pd.DataFrame,
    *,
    slots: SlotChanges | None = None,
    until: Instant | None = None,
    limit: int | None = None,
) -> Concurrency:
    """Count the runs alive over time, and those that execute.

    Parameters
    ----------
    runs : DataFrame
        A runs frame; a run without an end stays alive.
    slots : SlotChanges, optional
        When slots are taken and given back; see
        :func:`session_lab.analysis.replays.slots.slot_changes`.
    until : str or datetime, optional
        The horizon up to which the runs were looked at.
    limit : int, optional
        How many runs may execute at once, to be shown beside the peak.

    Returns
    -------
    Concurrency
        The step functions, their peaks and their means.

    Warns
    -----
    DataWarning
        Rows stand for a run that another row stands for.
    """
    warn_of_doubles(runs, "run_id", source="runs")
    ended = milliseconds(runs["ended_at"])
    lives = SlotChanges(milliseconds(runs["triggered_at"]), ended[ended != NAT])
    time = np.unique(np.concatenate([*lives, *(slots or ())]))
    alive = _net(time, lives)
    held = None if slots is None else _net(time, slots)
    changed = (alive != 0) if held is None else (alive != 0) | (held != 0)
    return Concurrency(
        time[changed],
        alive.cumsum()[changed],
        None if until is None else to_instant(until, name="until"),
        None if held is None else held.cumsum()[changed],
        limit,
    )


def spans_of(time: NDArray[np.int64], until: int | None) -> NDArray[np.int64]:
    """Return how long each step of a step function lasts: the last one up to a horizon, or 0."""
    last = time[-1:] if until is None else np.array([until])
    return np.diff(np.concatenate([time, np.maximum(last, time[-1:])]))


def mean_over(spans: NDArray[np.int64], numbers: NDArray[np.int64]) -> float:
    """Return the mean of a step function over time; 0 where it lasts no time."""
    total = int(spans.sum())
    return float((numbers * spans).sum() / total) if total else 0.0


def _net(time: NDArray[np.int64], changes: SlotChanges) -> NDArray[np.int64]:
    """Return by how much a number changes at each instant."""
    up, down = (np.bincount(np.searchsorted(time, at), minlength=len(time)) for at in changes)
    return (up - down).astype(np.int64)
