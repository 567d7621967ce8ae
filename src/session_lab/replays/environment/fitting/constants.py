"""What a team has set once: a number that every observation bounds, and when it was changed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from session_lab.simulator.model.run_rules import FOR_EVER

__all__ = ["SPARE", "Bounds", "Constant", "constants"]

Integers = Any

SPARE = 0.01
"""So many of the observations may contradict a value that is not thought to have changed."""
_PLACES = 64
"""At so many places a change is looked for at first; the best one is then refined."""
_SEARCHED = 20_000
_LEAST = 3
"""So many observations are needed on either side of a change."""
_NARROW = 0.1
"""A value that is only bounded is told where its bounds lie this close, relative to the upper."""
_SECOND = 1_000


class Bounds(NamedTuple):
    """What single observations say of a constant, in order of time.

    Attributes
    ----------
    at : ndarray of int64, shape (n,)
        When that of which it says something was triggered.
    lower, upper : ndarray of int64, shape (n,)
        It is not less, and not more; equal where it was measured, and FOR_EVER where it is only
        known to be at least something.
    """

    at: Integers
    lower: Integers
    upper: Integers

    @classmethod
    def of(cls, *parts: tuple[Integers, Integers, Integers]) -> Bounds:
        """Join ``at, lower, upper`` of several kinds of observation, and sort them."""
        at, lower, upper = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(at, kind="stable")
        return cls(at[order], lower[order], upper[order])

    def part(self, rows: Any) -> Bounds:  # noqa: ANN401  a slice or a mask
        """Return some of the observations."""
        return Bounds(*(column[rows] for column in self))

    @property
    def is_measured(self) -> Any:  # noqa: ANN401  an array of bool
        """Which observations are measurements."""
        return self.lower == self.upper

    def widened(self, by: int) -> Bounds:
        """Allow for errors of measurement."""
        is_open = self.upper == FOR_EVER
        upper = np.where(is_open, FOR_EVER, self.upper + by)
        return Bounds(self.at, self.lower - by, upper)


class Constant(NamedTuple):
    """One value that held for a while.

    Attributes
    ----------
    since : int or None
        When the first run was triggered for which it held after a change; None for the first.
    value : float or None
        None where the observations do not identify it.
    lower, upper : int or None
        What they allow; None where they set no bound.
    observations : int
        How many there were.
    measured : int
        How many of them were measurements.
    contradicting : int
        How many do not allow the value.
    """

    since: int | None
    value: float | None
    lower: int | None
    upper: int | None
    observations: int
    measured: int
    contradicting: int


def constants(bounds: Bounds, *, grain: int = _SECOND) -> list[Constant]:
    """Find the value that most observations allow, or several where it was changed.

    A constant of a team is not estimated with an error of sampling: each observation bounds it, and
    what all allow together is the interval. Measurements differ a little where clocks do, so they
    are allowed three times the median difference between one and the next.

    Parameters
    ----------
    bounds : Bounds
        The observations, in order of time.
    grain : int
        Values are usually whole multiples of it; one is preferred where the interval holds one.
    """
    if not len(bounds.at):
        return []
    jitter = _jitter(bounds)
    found: list[Constant] = []
    for begin, end in _periods(bounds.widened(jitter), 0):
        since = int(bounds.at[begin]) if begin else None
        found.append(_constant(bounds.part(slice(begin, end)), since, jitter, grain))
    return found


def _constant(bounds: Bounds, since: int | None, jitter: int, grain: int) -> Constant:
    wide = bounds.widened(jitter)
    low, high, allowing = _best(wide)
    n, measured = len(bounds.at), bounds.is_measured
    inside = bounds.lower[
        measured & (bounds.lower >= low - jitter) & (bounds.lower <= high + jitter)
    ]
    value: float | None = None
    if len(inside):
        least, middle, most = np.quantile(inside, [0.025, 0.5, 0.975], method="nearest").tolist()
        low, high = int(least) - jitter, int(most) + jitter
        value = _round(int(middle), low, high, grain)
    elif high < FOR_EVER and low > 0 and high - low <= _NARROW * high:
        value = _round((low + high) // 2, low, high, grain)
    return Constant(
        since,
        value,
        lower=max(low, 0) or None,
        upper=None if high == FOR_EVER else high,
        observations=n,
        measured=int(measured.sum()),
        contradicting=n - allowing,
    )


def _round(value: int, low: int, high: int, grain: int) -> float:
    whole = (value + grain // 2) // grain * grain
    return float(whole if low <= whole <= high else value)


def _jitter(bounds: Bounds) -> int:
    values = bounds.lower[bounds.is_measured]
    if len(values) < _LEAST:
        return 0
    typical = 3 * float(np.median(np.abs(np.diff(values))))
    return int(min(np.ceil(typical), _NARROW * float(np.median(values))))


def _best(bounds: Bounds) -> tuple[int, int, int]:
    """Return the stretch of values that most observations allow, and how many do."""
    starts, ends = np.unique(bounds.lower, return_counts=True), _counted(bounds.upper)
    points = np.concatenate([starts[0], ends[0] + 1])
    steps = np.concatenate([starts[1], -ends[1]])
    order = np.argsort(points, kind="stable")
    points, allowing = points[order], np.cumsum(steps[order])
    # Of the steps at one point only the last is a height.
    is_last = np.append(points[1:] != points[:-1], True)
    points, allowing = points[is_last], allowing[is_last]
    place = int(allowing.argmax())
    high = int(points[place + 1]) - 1 if place + 1 < len(points) else FOR_EVER
    return int(points[place]), high, int(allowing[place])


def _counted(upper: Integers) -> tuple[Integers, Integers]:
    return np.unique(upper[upper < FOR_EVER], return_counts=True)


def _periods(bounds: Bounds, begin: int, depth: int = 3) -> list[tuple[int, int]]:
    """Return where the observations that one value explains begin and end."""
    n = len(bounds.at)
    whole = [(begin, begin + n)]
    contradicting = n - _best(bounds)[2]
    if contradicting <= max(_LEAST - 1, SPARE * n) or n < 2 * _LEAST or not depth:
        return whole
    at = _change(bounds)
    if at is None:
        return whole
    parts = bounds.part(slice(None, at)), bounds.part(slice(at, None))
    left = sum(len(part.at) - _best(part)[2] for part in parts)
    if left > contradicting / 2 or any((part.upper < FOR_EVER).sum() < _LEAST for part in parts):
        return whole
    before, after = parts
    return _periods(before, begin, depth - 1) + _periods(after, begin + at, depth - 1)


def _change(bounds: Bounds) -> int | None:
    """Return the row from which on another value explains the observations best."""
    n = len(bounds.at)
    step = max(1, n // _SEARCHED)
    some = bounds.part(slice(None, None, step))
    places = np.unique(np.linspace(_LEAST, len(some.at) - _LEAST, _PLACES).astype(int))
    candidates = [
        (-first[2] - second[2], first[0], second[0])
        for first, second in (
            (_best(some.part(slice(None, place))), _best(some.part(slice(place, None))))
            for place in places
        )
    ]
    _, before, after = min(candidates)
    # The first observation that rules the first value out, once the second is allowed more often.
    allows = [(bounds.lower <= value) & (value <= bounds.upper) for value in (before, after)]
    gain = np.cumsum(allows[0].astype(int) - allows[1].astype(int))
    at = n - int(gain[::-1].argmax())
    # Runs triggered at one instant are of one policy.
    at = int(np.searchsorted(bounds.at, bounds.at[min(at, n - 1)]))
    return at if 0 < at < n else None
