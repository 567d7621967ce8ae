"""How many runs are alive at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.results import Result
from session_lab.frames import NAT, milliseconds, to_instants
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.timing import Instant

__all__ = ["Concurrency", "concurrency"]


@dataclass(frozen=True, repr=False, eq=False)
class Concurrency(Result):
    """Runs alive over time, as a step function.

    Attributes
    ----------
    time : ndarray of int64, shape (m,)
        The instants at which the number changes, in milliseconds since 1970.
    alive : ndarray of int64, shape (m,)
        Runs alive from that instant until the next.
    until : int or None
        The horizon up to which runs were looked at, in milliseconds since 1970; None where they
        were until their ends.
    """

    time: NDArray[np.int64]
    alive: NDArray[np.int64]
    until: int | None = None

    title: ClassVar[str] = "Runs alive over time"
    formula: ClassVar[str] = (
        "alive(t) = runs with triggered_at <= t < ended_at; a suspended run is alive"
    )

    @property
    def peak(self) -> int:
        """The most runs alive at one time."""
        return int(self.alive.max(initial=0))

    @property
    def peak_at(self) -> pd.Timestamp | None:
        """The first instant at which the peak was reached; None without runs."""
        if not len(self.time):
            return None
        return pd.Timestamp(int(self.time[self.alive.argmax()]), unit="ms", tz="UTC")

    @property
    def mean(self) -> float:
        """Runs alive, averaged from the first change to the horizon, or without one to the last."""
        last = self.time[-1:] if self.until is None else np.array([self.until])
        spans = np.diff(np.concatenate([self.time, np.maximum(last, self.time[-1:])]))
        total = int(spans.sum())
        return float((self.alive * spans).sum() / total) if total else 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return the columns ``time`` (``datetime64[ms, UTC]``) and ``alive``."""
        return pd.DataFrame({"time": to_instants(self.time), "alive": self.alive})

    def overview(self) -> pd.DataFrame:
        """Return one row, ``peak, peak_at, mean``: there are too many steps to read."""
        return pd.DataFrame([{"peak": self.peak, "peak_at": self.peak_at, "mean": self.mean}])


def concurrency(runs: pd.DataFrame, *, until: Instant | None = None) -> Concurrency:
    """Count the runs alive over time.

    Parameters
    ----------
    runs : DataFrame
        A runs frame; a run without an end stays alive.
    until : str or datetime, optional
        The horizon up to which the runs were looked at.

    Returns
    -------
    Concurrency
        The step function, its peak and its mean.
    """
    started, ended = milliseconds(runs["triggered_at"]), milliseconds(runs["ended_at"])
    ended = ended[ended != NAT]
    changes = np.concatenate([started, ended])
    sizes = np.concatenate([np.ones(len(started), np.int64), -np.ones(len(ended), np.int64)])
    time, place = np.unique(changes, return_inverse=True)
    net = np.bincount(place, weights=sizes, minlength=len(time)).astype(np.int64)
    changed = net != 0
    horizon = None if until is None else to_instant(until, name="until")
    return Concurrency(time[changed], net.cumsum()[changed], horizon)
