"""Worlds of sessions whose hazards are known, played by the simulator's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from session_lab.analysis.survival.tables.session_durations import CAUSES
from session_lab.errors import DataError
from session_lab.frames import EVENTS, NAT, build
from session_lab.replays.replay import replay
from session_lab.simulator.model.randomness import RandomStream
from session_lab.timing import LONGEST_DURATION, to_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from session_lab.replays.truth.distributions import Law
    from session_lab.timing import Duration

__all__ = ["KnownWorld"]

_START = to_instant("2026-01-01T00:00:00Z")
_PIECES = 1 << 14
"""Into how many pieces an age is cut to integrate up to it."""
_BATCH = 100
"""Worlds that are played in one replay."""


@dataclass(frozen=True, kw_only=True)
class KnownWorld:
    """Sessions that are closed and expire by known laws, observed at one instant.

    Sessions start at instants uniform in a window that ends with the observation, so what is still
    open then is censored at an even age. Each draws independently after which age it is closed and
    after which it expires.

    Parameters
    ----------
    closes : Law
        The age at which a session is closed.
    expires : Law, optional
        The age at which it expires; by default none does.
    n : int
        Sessions.
    window : str or timedelta
        From the first possible start to the observation.
    open_from : str or timedelta, optional
        Left truncation: only what was still open so long after the first possible start, or
        started later, is seen. :attr:`since` is then the ``entry`` of the analyses.

    Examples
    --------
    >>> from session_lab.replays.truth import Constant
    >>> world = KnownWorld(closes=Constant("2h"), expires=Constant("4h"), n=3)
    >>> world.sessions(seed=1)[["status", "end_cause"]]
       status end_cause
    0  CLOSED   expired
    1  CLOSED    closed
    2  CLOSED   expired
    >>> world.survival(["0s", "1h"]).round(4).tolist()
    [1.0, 0.4724]
    """

    closes: Law
    expires: Law | None = None
    n: int = 400
    window: Duration = "12h"
    open_from: Duration | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.n < 1:
            raise DataError(f"a world of {self.n} sessions has none; give at least 1", column="n")
        if to_milliseconds(self.window, name="window") == 0:
            raise DataError("a window of 0 holds no time", column="window")
        if self.open_from is not None and not (
            to_milliseconds(self.open_from, name="open_from") < to_milliseconds(self.window)
        ):
            message = f"{self.open_from!r} does not lie within the window of {self.window!r}"
            raise DataError(message, column="open_from")

    @property
    def observed_at(self) -> pd.Timestamp:
        """When the sessions are observed."""
        return _timestamp(_START + to_milliseconds(self.window))

    @property
    def since(self) -> pd.Timestamp | None:
        """From when on the sessions were under observation; None from the start."""
        if self.open_from is None:
            return None
        return _timestamp(_START + to_milliseconds(self.open_from))

    def events(self, seed: int = 0) -> pd.DataFrame:
        """Return what happens, as events for :func:`session_lab.replay`."""
        return self._events(seed, range(1))

    def sessions(self, seed: int = 0) -> pd.DataFrame:
        """Play the events, and return the sessions as they are observed."""
        return self._seen(replay(self.events(seed), until=self.observed_at).sessions)

    def repeated(self, times: int, seed: int = 0) -> Iterator[pd.DataFrame]:
        """Yield the sessions of as many worlds, each with draws of its own.

        The first is the world of :meth:`sessions`, under other identifiers. Sessions do not meet,
        so worlds are played many at a time, in one replay.
        """
        for first in range(0, times, _BATCH):
            numbers = range(first, min(first + _BATCH, times))
            events = self._events(seed, numbers)
            rows = replay(events, until=self.observed_at, engine="columnar").sessions
            world = rows["external_id"].str.partition("/")[0].astype(np.int64).to_numpy()
            for number in numbers:
                yield self._seen(rows[world == number].reset_index(drop=True))

    def survival(self, ages: Sequence[Duration]) -> NDArray[np.float64]:
        """Return the true share of sessions that are neither closed nor expired at each age."""
        return self._open(_milliseconds(ages))

    def incidence(self, ages: Sequence[Duration], cause: str) -> NDArray[np.float64]:
        """Return the true share of sessions closed, or expired, by each age.

        It is the integral of the closes' density over the share not yet expired, by the midpoint
        rule in 16,384 pieces.
        """
        if cause not in CAUSES:
            raise DataError(f"{cause!r} is not a cause; they are {', '.join(CAUSES)}")
        times = _milliseconds(ages)
        closed = np.array([self._closed_by(time) for time in times])
        # A rounding error must not become a share below 0.
        expired = np.maximum(1 - self._open(times) - closed, 0.0)
        return closed if cause == CAUSES[0] else expired

    def quantile(self, p: float) -> pd.Timedelta:
        """Return the true age by which a share ``p`` has ended, to the millisecond."""
        if not 0 < p < 1:
            raise DataError(f"{p!r} is not a share between 0 and 1", column="p")
        low, high = 0, 1
        while self._open(np.array([float(high)]))[0] > 1 - p:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            is_later = self._open(np.array([float(middle)]))[0] > 1 - p
            low, high = (middle, high) if is_later else (low, middle)
        return pd.Timedelta(high, "ms")

    def _open(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        closing = self.closes.survival(times)
        return closing if self.expires is None else closing * self.expires.survival(times)

    def _closed_by(self, time: float) -> float:
        edges = np.linspace(0, time, _PIECES + 1)
        ends = -np.diff(self.closes.survival(edges))
        if self.expires is None:
            return float(ends.sum())
        return float(ends @ self.expires.survival((edges[1:] + edges[:-1]) / 2))

    def _events(self, seed: int, numbers: range) -> pd.DataFrame:
        drawn = [self._drawn(RandomStream(seed, f"known-world/{number}")) for number in numbers]
        created, closed, expires = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        ids = [f"{number}/{chat}" for number in numbers for chat in range(self.n)]
        n = len(ids)
        at = np.concatenate([created, closed])
        order = np.argsort(at, kind="stable")
        data: dict[str, Any] = {
            "at": at[order],
            "op": np.repeat(["start", "close"], n)[order].tolist(),
            "external_id": np.array(ids * 2, dtype=object)[order].tolist(),
            "expires_at": np.concatenate([expires, np.full(n, NAT)])[order],
        }
        return build(EVENTS, data, n=2 * n)

    def _drawn(self, stream: RandomStream) -> tuple[NDArray[np.int64], ...]:
        """Draw when each session starts, is closed and expires."""
        window = to_milliseconds(self.window)
        created = _START + (stream.uniforms(self.n) * window).astype(np.int64)
        closed = created + _whole(self.closes.draw(stream, self.n))
        if self.expires is None:
            return created, closed, np.full(self.n, NAT)
        return created, closed, created + _whole(self.expires.draw(stream, self.n))

    def _seen(self, rows: pd.DataFrame) -> pd.DataFrame:
        if self.since is None:
            return rows
        seen = rows[rows["ended_at"].isna() | (rows["ended_at"] > self.since)]
        return seen.reset_index(drop=True)


def _whole(drawn: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round ages up, so that an end lies after its start; what lasts longest fits into a date."""
    return np.ceil(np.minimum(drawn, LONGEST_DURATION)).astype(np.int64)


def _milliseconds(ages: Sequence[Duration]) -> NDArray[np.float64]:
    return np.array([to_milliseconds(age, name="ages") for age in ages], dtype=np.float64)


def _timestamp(milliseconds: int) -> pd.Timestamp:
    return pd.Timestamp(milliseconds, unit="ms", tz="UTC")
