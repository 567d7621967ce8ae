"""When to ask what: the timing of a live replay, without a clock and without a network.

:func:`schedule` places recorded events on a line of milliseconds from the beginning, and
:class:`Dispatch` says, whenever it is told the time, which of them to ask next.
"""

from __future__ import annotations

import heapq
import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames import NAT, milliseconds
from session_lab.timing import LONGEST_DURATION, Duration, duration_text, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "LOOPS",
    "NOBODY",
    "Dispatch",
    "Loop",
    "Schedule",
    "at_once",
    "is_above_zero",
    "schedule",
]

Loop = Literal["open", "closed"]
"""Whether requests keep to the recorded times, or wait for answers as people do."""

LOOPS: tuple[Loop, ...] = ("open", "closed")

NOBODY = -1
"""Stands for no event before, or none after, among those of a chat."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """Events on a line of time that begins with the first of them.

    Attributes
    ----------
    offset : ndarray of int64, shape (n,)
        When each event is due, in milliseconds from the beginning; not decreasing.
    previous, following : ndarray of int64, shape (n,)
        The events of the same chat before and after each; ``NOBODY`` where there is none.
    expires_in : ndarray of int64, shape (n,)
        How long after an event its own expiry lies, which may be before it; NAT without one.
    loop : {"open", "closed"}
        In the open loop an event is due at its offset. In the closed loop only the first event of a
        chat is; each other one is due as long after the answer to the one before as it lies after
        that one here.
    speed : float
        How many times faster than recorded.
    n_capped, capped : int
        How many quiet times were cut short, and by how many recorded milliseconds in all.
    """

    offset: NDArray[np.int64]
    previous: NDArray[np.int64]
    following: NDArray[np.int64]
    expires_in: NDArray[np.int64]
    loop: Loop
    speed: float
    n_capped: int
    capped: int

    @property
    def duration(self) -> int:
        """From the first event to the last, in milliseconds."""
        return int(self.offset[-1]) if len(self.offset) else 0

    def __repr__(self) -> str:
        """Show how many events there are, how long they take, and what was cut."""
        cut = f", {self.n_capped:,} gaps cut by {duration_text(self.capped)}"
        return (
            f"Schedule({len(self.offset):,} events, {self.loop} loop, speed={self.speed:g}, "
            f"{duration_text(self.duration)}{cut if self.n_capped else ''})"
        )


def schedule(
    events: pd.DataFrame,
    *,
    loop: Loop = "open",
    speed: float = 1.0,
    longest_gap: Duration | None = None,
) -> Schedule:
    """Place events on a line of time.

    A recorded instant t lies at ``(t - first - cut(t)) / speed``, rounded down, where ``cut(t)`` is
    what was taken out of the quiet times before t. Expiries are moved along with the events, so
    that a chat expires between the same two events as it did.

    Parameters
    ----------
    events : DataFrame
        A checked events frame in order of time.
    loop : {"open", "closed"}
        Whether events keep to their times or wait for answers.
    speed : float
        How many times faster than recorded.
    longest_gap : str or timedelta, optional
        Quiet times between an event and the next one of any chat are cut to this, as recorded.

    Raises
    ------
    DataError
        The loop is unknown, the speed is not a positive number, or the schedule would take more
        than a century.

    Examples
    --------
    >>> times = ["2026-01-01T09:00:00Z", "2026-01-01T09:01:00Z", "2026-01-01T12:00:00Z"]
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(times), "op": ["start", "message", "message"], "external_id": "a",
    ... })
    >>> schedule(events, speed=2, longest_gap="10m").offset.tolist()
    [0, 30000, 330000]
    """
    if loop not in LOOPS:
        raise DataError(f"{loop!r} is not a loop; the loops are {', '.join(LOOPS)}", column="loop")
    if not is_above_zero(speed):
        raise DataError(f"{speed!r} is not a speed; give a number above 0", column="speed")
    at = milliseconds(events["at"])
    gaps = np.diff(at)
    kept = gaps if longest_gap is None else np.minimum(gaps, _cap(longest_gap))
    line = np.concatenate([np.zeros(min(len(at), 1), np.int64), np.cumsum(kept)])
    if len(line) and line[-1] > LONGEST_DURATION * speed:
        raise DataError("the replay would take more than a century; raise speed", column="speed")
    offset = _scaled(line, speed)
    previous = _previous(events["external_id"])
    following = np.full(len(at), NOBODY, dtype=np.int64)
    following[previous[previous != NOBODY]] = np.flatnonzero(previous != NOBODY)
    return Schedule(
        offset=offset,
        previous=previous,
        following=following,
        expires_in=_expiries(events, at, line, offset, speed),
        loop=loop,
        speed=speed,
        n_capped=int((kept < gaps).sum()),
        capped=int((gaps - kept).sum()),
    )


def is_above_zero(value: object) -> bool:
    """Return whether this is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    return 0 < float(value) < math.inf


def at_once(n: int) -> Schedule:
    """Make a schedule of events of as many chats, all due at the beginning."""
    nobody = np.full(n, NOBODY, dtype=np.int64)
    return Schedule(
        offset=np.zeros(n, dtype=np.int64),
        previous=nobody,
        following=nobody,
        expires_in=np.full(n, NAT, dtype=np.int64),
        loop="open",
        speed=1.0,
        n_capped=0,
        capped=0,
    )


def _cap(longest_gap: Duration) -> int:
    return to_milliseconds(longest_gap, name="longest_gap")


def _scaled(line: NDArray[np.int64], speed: float) -> NDArray[np.int64]:
    return line if speed == 1 else np.floor(line / speed).astype(np.int64)


def _previous(external_id: pd.Series) -> NDArray[np.int64]:
    """Find the event before each in its own chat."""
    rows = pd.Series(np.arange(len(external_id)))
    before = rows.groupby(pd.factorize(external_id)[0]).shift(1, fill_value=NOBODY)
    return before.to_numpy(dtype=np.int64)


def _expiries(
    events: pd.DataFrame,
    at: NDArray[np.int64],
    line: NDArray[np.int64],
    offset: NDArray[np.int64],
    speed: float,
) -> NDArray[np.int64]:
    """Compute how long after each event its expiry lies on the line; NAT without one."""
    expires_in = np.full(len(at), NAT, dtype=np.int64)
    expires_at = milliseconds(events["expires_at"]) if "expires_at" in events else expires_in
    rows = np.flatnonzero(expires_at != NAT)
    if len(rows):
        expires_at = expires_at[rows]
        # Counted from the last event before it, or else from the first one. Neither a cut nor
        # rounding may take it over the next event.
        base = np.maximum(np.searchsorted(at, expires_at, side="right") - 1, 0)
        place = _scaled(line[base] + expires_at - at[base], speed)
        before_next = np.append(offset[1:] - 1, np.iinfo(np.int64).max)[base]
        place = np.minimum(place, np.maximum(before_next, offset[base]))
        expires_in[rows] = place - offset[rows]
    return expires_in


class Dispatch:
    """Decide what to ask next, given the time and the answers so far.

    A chat's requests never overtake each other: none is asked before the one before it has been
    answered, in the open loop too, where it is late then. Those that are ready are taken in the
    order in which they were due, ties in the order of the events.

    Parameters
    ----------
    plan : Schedule
        The events.
    origin : int
        The instant of offset 0, in milliseconds since 1970.
    concurrency : int
        The most requests without an answer at a time.
    rate : float, optional
        The most requests a second; they are spaced evenly.
    rows : iterable of int, optional
        The events to ask, all by default. The others count as answered long ago.

    Examples
    --------
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00:00Z", "2026-01-01T09:01:00Z"]),
    ...     "op": ["start", "message"], "external_id": "a",
    ... })
    >>> dispatch = Dispatch(schedule(events), origin=0, concurrency=1)
    >>> dispatch.take(now=0), dispatch.take(now=0)
    (0, None)
    >>> dispatch.answered(0, now=250)
    >>> dispatch.wake_at(), dispatch.take(now=60_000)
    (60000, 1)
    """

    def __init__(
        self,
        plan: Schedule,
        *,
        origin: int,
        concurrency: int,
        rate: float | None = None,
        rows: Iterable[int] | None = None,
    ) -> None:
        self._plan = plan
        self._origin = origin
        self._concurrency = concurrency
        self._spacing = 0.0 if rate is None else 1000 / rate
        self._free_at = 0.0
        wanted = range(len(plan.offset)) if rows is None else rows
        self._left = set(wanted)
        self._under_way: set[int] = set()
        self.due_at = origin + plan.offset
        self._ready = [
            (int(self.due_at[row]), row)
            for row in self._left
            if int(plan.previous[row]) not in self._left
        ]
        heapq.heapify(self._ready)

    @property
    def is_done(self) -> bool:
        """Whether every event has been asked and answered."""
        return not self._left

    @property
    def n_under_way(self) -> int:
        """Requests without an answer."""
        return len(self._under_way)

    def wake_at(self) -> int | None:
        """Return when the next request may go out; None: not before an answer has come."""
        if not self._ready or len(self._under_way) >= self._concurrency:
            return None
        return max(self._ready[0][0], math.ceil(self._free_at))

    def take(self, now: int) -> int | None:
        """Return the event to ask now, and remove it; None where there is none yet."""
        wake_at = self.wake_at()
        if wake_at is None or wake_at > now:
            return None
        _, row = heapq.heappop(self._ready)
        self._under_way.add(row)
        # The slots of a rate are counted on from each other, or rounding to whole milliseconds
        # would add up.
        is_on_time = now < self._free_at + 1
        self._free_at = (self._free_at if is_on_time else now) + self._spacing
        return row

    def answered(self, row: int, now: int) -> None:
        """Record that an event has been answered."""
        self._under_way.remove(row)
        self._left.remove(row)
        following = int(self._plan.following[row])
        if following == NOBODY:
            return
        if self._plan.loop == "closed":
            self.due_at[following] = now + self._plan.offset[following] - self._plan.offset[row]
        heapq.heappush(self._ready, (int(self.due_at[following]), following))
