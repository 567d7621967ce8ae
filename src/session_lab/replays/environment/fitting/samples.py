"""Times that differ from one to the next: their distribution, with intervals over sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.simulator import Distribution, RandomStream
from session_lab.simulator.model.run_rules import LONGEST_DRAW
from session_lab.timing import duration_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LEAST_SESSIONS",
    "STUDENT",
    "Estimate",
    "Sample",
    "block_draws",
    "normals",
    "share_bound",
    "share_of",
]

Integers = Any

LEAST_SESSIONS = 12
"""From fewer sessions no interval of a mean can be told: a tenth of all may be of a kind unseen."""
_BLOCKS = 2_000
"""Where there are more sessions, whole blocks of them are drawn instead of single ones."""
_RESAMPLES = 999
_KNOTS = 1_024
_MANY_EVENTS = 50
STUDENT = 3
"""So many blocks fewer give resamples that vary as Student's distribution does."""
_SPARE = 0.01
_EXACT = 5_000
"""Up to so many observations ranks are those of the binomial distribution, not of the normal."""


class Estimate(NamedTuple):
    """A number with its interval; what the data do not reach is None."""

    value: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, eq=False)
class Sample:
    """Durations, some of which had not ended when they were last seen.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Milliseconds; of those that were not over, until when they were seen.
    is_over : ndarray of bool, shape (n,)
        Whether they were over.
    session : ndarray of int64, shape (n,)
        The session of each, as a small number: what sessions have in common is not counted twice.
    negative : int
        How many ended before they began, as where clocks differ; they count as no time.
    """

    times: Integers
    is_over: NDArray[np.bool_]
    session: Integers
    negative: int = 0

    @classmethod
    def of(cls, times: Integers, is_over: NDArray[np.bool_], session: Integers) -> Sample:
        """Sort durations; those that were over come before others of the same length."""
        kept = np.clip(times, 0, LONGEST_DRAW)
        order = np.lexsort((~is_over, kept))
        negative = int((np.asarray(times) < 0).sum())
        return cls(kept[order], is_over[order], session[order], negative)

    @property
    def observations(self) -> int:
        """How many were seen to their end."""
        return int(self.is_over.sum())

    @property
    def censored(self) -> int:
        """How many were not."""
        return len(self.times) - self.observations

    @cached_property
    def sessions(self) -> int:
        """How many sessions those that were over come from."""
        return int(np.count_nonzero(np.bincount(self.session[self.is_over])))

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """The steps of the Kaplan-Meier curve, which add up to 1.

        What is left of the curve after the last observation is put upon that (Efron 1967).
        """
        return _steps(self.is_over.astype(np.float64), np.ones(len(self.times)))

    @cached_property
    def unseen(self) -> float:
        """What is left of the curve after the last observation: so many last longer than that."""
        return float(self.weights[~self.is_over].sum())

    def mean(self, *, seed: int, level: float) -> Estimate:
        """Estimate the mean, with an interval by the bootstrap-t over sessions.

        Of each resample of sessions the studentized difference is taken, with the standard error of
        a ratio of sums over sessions (Efron and Tibshirani 1993, chapter 12), so that skew is
        allowed for; resamples of few sessions show too little of it, so an end is never nearer
        than Student's. Where more than a hundredth was not seen to its end, there is only a lower
        bound.
        """
        value = float((self.weights * self.times).sum() / self.weights.sum())
        steps = np.diff(self.times, prepend=0)
        # The area under the curve from each time on.
        curve = np.concatenate([[1.0], 1 - np.cumsum(self.weights)[:-1]])
        after = np.cumsum((steps * curve)[::-1])[::-1] - steps * curve
        sums = self._blocks(self._influence(after))
        mean, error = _ratio(_powers(sums).sum(axis=0), len(sums))
        if not error > value * 1e-9:  # All are alike, but for errors of rounding.
            alike = float(round(value))
            return Estimate(alike, alike, alike)
        drawn = block_draws(len(sums), _RESAMPLES, seed, "fit")
        means, errors = _ratio(drawn @ _powers(sums), len(sums))
        usable = errors > 0
        t = (means[usable] - mean) / errors[usable]
        low, high = np.quantile(t, [(1 - level) / 2, (1 + level) / 2])
        student = _student(level, len(sums) - 1)
        low, high = min(float(low), -student), max(float(high), student)
        lower = max(value - high * float(error), float(self.times[0]))
        if self.unseen > _SPARE:
            return Estimate(None, lower, None)
        return Estimate(value, lower, value - low * float(error))

    def quantile(self, p: float, *, level: float) -> Estimate:
        """Estimate a quantile, with an interval between two of the observations.

        Their ranks are those that a binomial number of observations below the quantile lies
        between; where times were not seen to their end, or those of a session are alike, it is
        that of fewer observations, as many as give the share below its standard error over
        sessions (Korn and Graubard 1998).
        """
        share = np.cumsum(self.weights)
        kept = self.weights > 0
        value = float(_interpolated(p, self.times[kept], self.weights[kept]))
        place = int(np.searchsorted(self.times, value, "right"))
        found = float(share[place - 1]) if place else 0.0
        below = np.where(np.arange(len(share)) < place, 1 - found, 0.0)
        sums = self._blocks(self._influence(below))
        _, error = _ratio(_powers(sums).sum(axis=0), len(sums))
        n, blocks = len(self.times), len(sums)
        spread = float(error) ** 2 * (blocks - 1) / blocks
        effective = n / max(n * spread / max(found * (1 - found), 1e-12), 1.0)
        outside = (1 - level) / 2
        low, high = _rank(p, effective, outside), _rank(1 - p, effective, outside)
        # Where the data reach but one end, all of the error is put there.
        reach = 1 - self.unseen
        if high is not None and (effective + 1 - high) / effective > reach:
            high = None
        low = _rank(p, effective, 2 * outside) if high is None else low
        if low is None:
            high = _rank(1 - p, effective, 2 * outside)
        lower = None if low is None else self._at(share, low, effective)
        upper = None if high is None else self._at(share, effective + 1 - high, effective)
        return Estimate(value if p <= reach else None, lower, upper)

    def distribution(self) -> Distribution | str:
        """Return the distribution as a platform takes it: one duration where all are alike."""
        return self._made(self.times, self.weights)

    def _made(self, values: Integers, weights: NDArray[np.float64]) -> Distribution | str:
        kept = weights > 0
        values = values[kept]
        if values[0] == values[-1]:
            return duration_text(int(values[0]))
        grid = np.linspace(0, 1, _KNOTS + 1)
        table = _interpolated(grid, values, weights[kept])
        return Distribution.of(np.rint(table).astype("timedelta64[ms]"))

    def resamples(self, n: int, *, seed: int, name: str) -> list[Distribution | str]:
        """Return the distributions of ``n`` resamples of the sessions.

        Of more than 1,024 observations, neighbours are taken together. Each has three sessions
        fewer, see :func:`block_draws`.
        """
        codes, size = self._codes, len(self.times)
        blocks = int(codes.max(initial=-1)) + 1
        bins = np.arange(size) * min(size, _KNOTS) // max(size, 1)
        first = np.flatnonzero(np.diff(bins, prepend=-1))
        last = np.append(first[1:], size) - 1
        cells, shape = codes * len(first) + bins, (blocks, len(first))
        over = np.bincount(cells[self.is_over], minlength=blocks * len(first)).reshape(shape)
        all_ = np.bincount(cells, minlength=blocks * len(first)).reshape(shape)
        drawn = block_draws(blocks, n, seed, name, spared=STUDENT)
        return [
            self._made(self.times[last], _steps(gone, times))
            for gone, times in zip(drawn @ over, drawn @ all_, strict=True)
        ]

    def _at(self, share: NDArray[np.float64], rank: float, n: float) -> float:
        """Return the time at a rank from 1 to ``n``, or between two of them."""
        ranks = np.clip([math.floor(rank), math.floor(rank) + 1], 1, n)
        places = np.searchsorted(share, ranks / n * (1 - 1e-12))
        low, high = self.times[np.minimum(places, len(self.times) - 1)]
        return float(low + (high - low) * (rank - math.floor(rank)))

    def _influence(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by how much each observation, taken ``n`` times, moves what is estimated.

        ``gain`` is what is lost if the curve falls to nothing at a time: the area behind it for
        the mean, the curve's height for its value at a later time. Each is a derivative by the
        weight of an observation; without censoring it is the difference from the mean.
        """
        n = len(self.times)
        at_risk = np.arange(n, 0, -1)
        ends = np.where(self.is_over, gain / at_risk, 0.0)
        passed = np.cumsum(ends[:-1] / np.arange(n - 1, 0, -1))
        moved: NDArray[np.float64] = n * (np.concatenate([[0.0], passed]) - ends)
        return moved

    def _blocks(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add values and observations up by session, or by block of sessions; (blocks, 2)."""
        codes = self._codes
        n = int(codes.max(initial=-1)) + 1
        counts = np.bincount(codes, minlength=n)
        sums = np.bincount(codes, weights=values, minlength=n)
        return np.column_stack([sums, counts]).astype(np.float64)

    @cached_property
    def _codes(self) -> Integers:
        rank = np.cumsum(np.bincount(self.session) > 0)
        codes = rank[self.session] - 1
        n = int(rank[-1])
        if n <= _BLOCKS:
            return codes
        mixed = np.argsort(RandomStream(0, "fit-blocks").uniforms(n), kind="stable") % _BLOCKS
        return mixed[codes]


def share_of(events: int, trials: int, level: float) -> Estimate:
    """Estimate a share, with its mid-p interval (Lancaster 1961; Agresti and Gottard 2005).

    It holds the truth about as often as it says, also where events are rare; from 50 events on it
    is the score interval of Wilson (1927), which is the same by then.

    Examples
    --------
    >>> [round(number, 4) for number in share_of(2, 100, 0.95)]
    [0.02, 0.0034, 0.0645]
    """
    outside = (1 - level) / 2
    lower = share_bound(events, trials, outside) if events else 0.0
    upper = share_bound(events, trials, 1 - outside) if events < trials else 1.0
    return Estimate(events / trials, lower, upper)


def share_bound(events: int, trials: int, level: float) -> float:
    """Return the share below which the truth lies at a level, by the confidence distribution."""
    if min(events, trials - events) >= _MANY_EVENTS:
        z, share, n = NormalDist().inv_cdf(level), events / trials, trials
        reach = math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return min(max((share + z * z / (2 * n) + z * reach) / (1 + z * z / n), 0.0), 1.0)
    if events * 2 > trials:
        return 1 - share_bound(trials - events, trials, 1 - level)
    k = np.arange(1, events + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log((trials - k + 1) / k))])
    k = np.arange(events + 1)
    low, high = 0.0, 1.0
    middle = 0.5
    for _ in range(60):
        middle = (low + high) / 2
        chance = np.exp(ways + k * math.log(middle) + (trials - k) * math.log1p(-middle))
        # As rare as this or rarer, what occurred counting half.
        low, high = (middle, high) if chance.sum() - chance[-1] / 2 > 1 - level else (low, middle)
    return middle


def _steps(over: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the steps of the curve at durations, of which so many were over and seen."""
    at_risk = np.cumsum(times[::-1])[::-1]
    gone = np.divide(over, at_risk, out=np.zeros(len(times)), where=at_risk > 0)
    curve = np.cumprod(1 - gone)
    steps = np.concatenate([[1.0], curve[:-1]]) * gone
    seen = np.flatnonzero(times > 0)
    steps[seen[-1]] += max(1 - steps.sum(), 0.0)
    return steps


def _interpolated(p: Any, times: Integers, weights: NDArray[np.float64]) -> Any:  # noqa: ANN401
    """Return quantiles by linear interpolation between times of different weight.

    Without censoring the i-th of n stands at ``(i - 1) / (n - 1)``; a time of several times the
    least weight stands for as many equal ones.
    """
    least = weights[weights > 0].min()
    reached = np.cumsum(weights)
    places = np.column_stack([reached - weights, reached - least]) / max(1 - least, 1e-12)
    return np.interp(p, np.maximum.accumulate(places.ravel()), np.repeat(times, 2))


def _powers(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = sums.T
    return np.column_stack([first, second, first * first, first * second, second * second])


def _ratio(totals: Any, n: int) -> tuple[Any, Any]:  # noqa: ANN401  a row of sums, or several
    """Return a ratio of sums over ``n`` blocks and its standard error, by linearization."""
    a, b, aa, ab, bb = np.moveaxis(np.asarray(totals), -1, 0)
    ratio = a / b
    squares = np.maximum(aa - 2 * ratio * ab + ratio * ratio * bb, 0.0)
    return ratio, np.sqrt(squares * n / max(n - 1, 1)) / b


def block_draws(
    n: int, resamples: int, seed: int, name: str, *, spared: int = 0
) -> NDArray[np.float64]:
    """Draw how often each of ``n`` blocks is in each resample, shape (resamples, n).

    So many blocks fewer than there are may be drawn. The mean of ``m`` draws varies by ``(n - 1) /
    n / m`` times the variance between blocks, and what ``n`` blocks say of a mean, which is
    Student's distribution, by ``(n - 1) / (n - 3) / n`` times it: with three fewer both are one.
    """
    stream, size = RandomStream(seed, name), max(n - spared, 1)
    drawn = (stream.uniforms(resamples * size) * n).astype(np.int64).reshape(resamples, size)
    drawn += np.arange(resamples)[:, None] * n
    counts = np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n)
    return counts.astype(np.float64)


def normals(n: int, seed: int, name: str) -> NDArray[np.float64]:
    """Draw standard normal numbers; shape (n,)."""
    places = np.maximum(RandomStream(seed, name).uniforms(n), 1e-12).tolist()
    return np.array([NormalDist().inv_cdf(place) for place in places], dtype=np.float64)


def _student(level: float, df: int) -> float:
    """Return the quantile of Student's distribution (Abramowitz and Stegun 1964, 26.7.5)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / df + second / df**2 + third / df**3


def _rank(p: float, n: float, outside: float) -> float | None:
    """Return the rank, from 1, of a lower bound of a quantile; None where no rank is low enough.

    It lies above the quantile with probability ``outside``, by interpolation between the two whole
    ranks whose probabilities are nearest to that.
    """
    n = max(round(n), 1)
    if n > _EXACT:
        rank = n * p + 0.5 - NormalDist().inv_cdf(1 - outside) * math.sqrt(n * p * (1 - p))
        return rank if rank >= 1 else None
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    k = np.arange(n + 1)
    chance = np.exp(logs[n] - logs - logs[::-1] + k * math.log(p) + (n - k) * math.log1p(-p))
    # Of fewer observations below the quantile than a rank, that rank lies above it.
    above = np.cumsum(chance)
    rank = int(np.searchsorted(above, outside, side="right"))
    if rank < 1:
        return None
    if rank >= n:
        return float(n)
    before, after = above[rank - 1], above[rank]
    return float(rank + (outside - before) / (after - before))
