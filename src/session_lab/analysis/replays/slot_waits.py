"""What a limit on executing runs does: slots that are held, the line for them, and the waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.replays.concurrency import mean_over, spans_of
from session_lab.analysis.results import Result
from session_lab.frames import NAT, to_instants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.engine.slots import SlotUse

__all__ = ["QUANTILES", "SlotWaits", "nearest_rank", "slot_waits"]

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
"""The quantiles of waits for slots that are shown."""


@dataclass(frozen=True, repr=False, eq=False)
class SlotWaits(Result):
    """Slots and the line for them over time, and how long turns waited in it.

    Attributes
    ----------
    limit : int
        How many runs may hold a slot at once, of the tasks that there are.
    time : ndarray of int64, shape (m,)
        The instants at which a number changes, in milliseconds since 1970.
    executing, in_line : ndarray of int64, shape (m,)
        Runs that hold a slot, and runs that wait for one, from that instant until the next.
    queued : ndarray of int64, shape (n,)
        For each served turn how long runs of its session waited for slots, in milliseconds, in
        order of length.
    last_event_at : int
        When the last event came.
    until : int or None
        The horizon, in milliseconds since 1970.
    never_bursts : bool
        Whether the environment may burst beyond its base, and its one task may not.
    """

    limit: int
    time: NDArray[np.int64]
    executing: NDArray[np.int64]
    in_line: NDArray[np.int64]
    queued: NDArray[np.int64]
    last_event_at: int
    until: int | None = None
    never_bursts: bool = False

    title: ClassVar[str] = "Slots and the line for them"
    formula: ClassVar[str] = (
        "a run holds a slot from when it is dequeued until it is suspended or has ended; those woken "
        "go before those triggered later; quantiles by nearest rank over served turns"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """How the numbers are to be taken."""
        notes = []
        if self.never_bursts:
            notes.append("a single task never profits from the burst: the base is its limit")
        if not self.drained:
            notes.append(
                "the line had not drained when the last event came: such waits grow with the "
                "length of the log and mean nothing as numbers"
            )
        if self.waited_share:
            notes.append(
                "open loop (assumption): nobody leaves, retries or writes later because of a wait"
            )
            notes.append(
                "queued turns are served back to back, so a lower limit lowers billed time: never "
                "rank limits by cost without the wait"
            )
        return tuple(notes)

    @property
    def peak(self) -> int:
        """The most runs that hold a slot at one time."""
        return int(self.executing.max(initial=0))

    @property
    def mean(self) -> float:
        """Runs that hold a slot, averaged from the first change to the horizon or the last."""
        return mean_over(spans_of(self.time, self.until), self.executing)

    @property
    def at_limit(self) -> timedelta:
        """For how long every slot was held."""
        held = spans_of(self.time, self.until)[self.executing >= self.limit]
        return timedelta(milliseconds=int(held.sum()))

    @property
    def waited_share(self) -> float:
        """The share of served turns that waited for a slot; 0 without any."""
        return float((self.queued > 0).mean()) if len(self.queued) else 0.0

    @property
    def longest_line(self) -> int:
        """The most runs in line at one time."""
        return int(self.in_line.max(initial=0))

    @property
    def drained(self) -> bool:
        """Whether nobody was in line when the last event had come."""
        place = int(np.searchsorted(self.time, self.last_event_at, side="right")) - 1
        return place < 0 or not self.in_line[place]

    def quantile(self, q: float) -> timedelta:
        """Return a quantile of what served turns waited for slots (nearest rank)."""
        return timedelta(milliseconds=nearest_rank(self.queued, q))

    def to_frame(self) -> pd.DataFrame:
        """Return ``time`` (``datetime64[ms, UTC]``), ``executing`` and ``in_line``."""
        steps = {"executing": self.executing, "in_line": self.in_line}
        return pd.DataFrame({"time": to_instants(self.time), **steps})

    def summary(self) -> pd.DataFrame:
        """Return one row of all numbers.

        Columns are ``limit, peak, mean, at_limit, waited_share``, then ``queued_mean``,
        ``queued_p50``, ``queued_p95``, ``queued_p99`` and ``queued_max``, and ``longest_line`` and
        ``drained``.
        """
        mean = round(float(self.queued.mean())) if len(self.queued) else 0
        row: dict[str, Any] = {
            "limit": self.limit,
            "peak": self.peak,
            "mean": self.mean,
            "at_limit": self.at_limit,
            "waited_share": self.waited_share,
            "queued_mean": timedelta(milliseconds=mean),
            **{f"queued_{name}": self.quantile(q) for name, q in QUANTILES.items()},
            "longest_line": self.longest_line,
            "drained": self.drained,
        }
        return pd.DataFrame([row])

    def overview(self) -> pd.DataFrame:
        """Return the summary: there are too many steps to read."""
        return self.summary()


def nearest_rank(ordered: NDArray[np.int64], q: float) -> int:
    """Return a quantile of ordered numbers that is one of them; 0 without any."""
    return int(ordered[max(0, int(np.ceil(q * len(ordered))) - 1)]) if len(ordered) else 0


def slot_waits(
    use: SlotUse,
    queued: NDArray[np.int64],
    *,
    limit: int,
    last_event_at: int,
    until: int | None = None,
    never_bursts: bool = False,
) -> SlotWaits:
    """Count slots that are held and runs in line over time.

    Parameters
    ----------
    use : SlotUse
        When slots were asked for, given and returned.
    queued : ndarray of int64
        For each operation how long it waited for slots, in milliseconds; NAT where none was served.
    limit, last_event_at, until, never_bursts
        As in :class:`SlotWaits`.
    """
    time = np.unique(np.concatenate(use))
    asked, given, left, returned = (
        np.bincount(np.searchsorted(time, at), minlength=len(time)) for at in use
    )
    held, waiting = (given - returned).astype(np.int64), (asked - given - left).astype(np.int64)
    changed = (held != 0) | (waiting != 0)
    return SlotWaits(
        limit=limit,
        time=time[changed],
        executing=held.cumsum()[changed],
        in_line=waiting.cumsum()[changed],
        queued=np.sort(queued[queued != NAT]),
        last_event_at=last_event_at,
        until=until,
        never_bursts=never_bursts,
    )
