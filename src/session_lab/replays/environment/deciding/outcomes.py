"""What policies come to, chat by chat: the numbers that samples of chats are weighed by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.replays.environment.fitting.samples import STUDENT, block_draws
from session_lab.replays.parallel import in_order
from session_lab.simulator import Platform, RandomStream, RunPolicy
from session_lab.traffic.engine.engine_frames import to_log
from session_lab.traffic.engine.engine_result import KINDS, OPS
from session_lab.traffic.engine.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.simulator import Timings
    from session_lab.traffic.columnar import GroupedLog

__all__ = ["MEASURES", "QUANTILES", "Chats", "Outcome", "Policies", "with_settings"]

Floats = Any
"""An array of float64."""
Policies = RunPolicy | dict[str, RunPolicy]

_BLOCKS = 2_000
"""Of more chats than these, so many groups are drawn instead of single ones."""
_CELLS = 4_000_000
"""How many weights of turns are held at a time."""
_HALF = 0.5
"""Between whole numbers, as counts are."""
_BY_EVENT = ("at", "op", "chat", "turn_duration", "expires_at", "policy")
_COLD = [KINDS.index(kind) for kind in ("initial", "continuation", "upgrade")]
_START = OPS.index("start")
_RESUMED = KINDS.index("resumed")
QUANTILES = {"wait_p50": 0.5, "wait_p95": 0.95, "wait_p99": 0.99}
MEASURES = ("wait_mean", *QUANTILES, "cold_starts", "resumed")


class Outcome(NamedTuple):
    """What came of a policy; times in seconds.

    Attributes
    ----------
    wait, billed, runs, waited : ndarray of float64, shape (samples,)
        In each sample of chats: what waiting is measured by, billed time, runs, and the sum of all
        waits. Where a quantile has a limit, what stands for the wait is by what share of the turns
        more than allowed wait longer: it is within the limit where that is not above zero.
    measures : dict of str to ndarray of float64, shape (samples,)
        The wait by every measure that was asked for.
    refused : int
        Events answered with an error, in the whole.
    """

    wait: Floats
    billed: Floats
    runs: Floats
    waited: Floats
    measures: dict[str, Floats]
    refused: int


class _Play(NamedTuple):
    """One policy on one platform, and what is asked of it."""

    timings: tuple[Timings, ...]
    expiry: int | None
    wait: str
    limit: float | None
    weights: Floats
    told: Sequence[str]


@dataclass(frozen=True, eq=False)
class Chats:
    """The chats of some events, grouped once, to be played under any policy.

    Attributes
    ----------
    log : GroupedLog
        Their events.
    block : ndarray of int64, shape (sessions,)
        Which block each session belongs to: its own, or one of many where there are very many.
    blocks : int
        How many there are.
    """

    log: GroupedLog
    block: NDArray[np.int64]
    blocks: int

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self.block)

    @classmethod
    def of(cls, events: pd.DataFrame, policy: Policies, *, seed: int) -> Chats:
        """Group events; of a mapping of policies only the task identifiers count."""
        # It loads numba.
        from session_lab.traffic.columnar import GroupedLog  # noqa: PLC0415

        ready = prepare(events, horizon=None)
        log = to_log(ready.events, policy, Platform(), seed=seed, chats=ready.chats)
        # Chat by chat they are read one behind the other in every play.
        order = np.argsort(log.chat, kind="stable")
        log = log._replace(**{name: getattr(log, name)[order] for name in _BY_EVENT})
        # A chat has a session once it has a start.
        n = len(np.unique(log.chat[log.op == _START]))
        places = np.argsort(RandomStream(seed, "blocks").uniforms(n), kind="stable")
        blocks = min(n, _BLOCKS)
        block = np.empty(n, dtype=np.int64)
        block[places] = np.arange(n) % max(blocks, 1)
        return cls(GroupedLog.of(log), block, blocks)

    def resamples(self, n: int, *, seed: int) -> Floats:
        """Draw samples of the chats, with replacement: how often each block was drawn.

        Each has three blocks fewer, see :func:`block_draws`.
        """
        return block_draws(self.blocks, n, seed, "chats", spared=STUDENT)

    @property
    def whole(self) -> Floats:
        """The one sample that has every chat once."""
        return np.ones((1, self.blocks))

    def play(
        self,
        policies: Sequence[tuple[Policies, int | None]],
        platform: Platform,
        wait: str,
        limit: float | None,
        weights: Floats,
        *,
        seed: int,
        tells_all: Sequence[int] = (),
        told: Sequence[str] = MEASURES,
        progress: Callable[[int], object],
    ) -> list[Outcome]:
        """Play policies, each with an expiry or None for the recorded one, side by side.

        Parameters
        ----------
        policies : sequence of (policy, expiry)
            What is to be played.
        platform : Platform
            What the environment does.
        wait : str
            What waiting is measured by: one of :data:`MEASURES`.
        limit : float or None
            A limit of a quantile, in seconds.
        weights : ndarray of float64, shape (samples, blocks)
            How often each sample has each block of chats.
        seed : int
            What crashes and random times draw on.
        tells_all : sequence of int
            The places of those of which more is to be known than ``wait``.
        told : sequence of str
            By which measures the wait of these is told.
        progress : callable
            Told of each that was played.
        """
        plays = [
            _Play(
                tuple(one.timings(platform, seed) for one in _each(policy)),
                expiry,
                wait,
                limit,
                weights,
                told if place in tells_all else (),
            )
            for place, (policy, expiry) in enumerate(policies)
        ]
        return in_order(_played, self, plays, progress=progress)


def _each(policy: Policies) -> list[RunPolicy]:
    return [policy] if isinstance(policy, RunPolicy) else list(policy.values())


def with_settings(policy: Policies, settings: Mapping[str, Any]) -> Policies:
    """Return a policy, or that of each task, with other values of some fields."""
    if isinstance(policy, RunPolicy):
        return replace(policy, **settings)
    return {task: replace(one, **settings) for task, one in policy.items()}


def _played(chats: Chats, play: _Play) -> Outcome:
    log = chats.log if play.expiry is None else chats.log.expiring(play.expiry)
    result = log.play(play.timings, workers=1)
    block, n, weights = chats.block, chats.blocks, play.weights
    served = np.flatnonzero(result.start_kind >= 0)
    of_turn = block[result.session[served]]
    waits = result.waited[served] / 1000
    turns = np.bincount(of_turn, minlength=n)
    sums = [
        np.bincount(block[result.owner], (result.active + result.idle) / 1000, n),
        np.bincount(block[result.owner], minlength=n),
        np.bincount(of_turn, waits, n),
    ]
    billed, runs, waited = (weights @ each for each in sums)
    n_turns = weights @ turns
    turned = _Turns(waits, of_turn, result.start_kind[served], weights, n_turns, waited)
    return Outcome(
        turned.answer(play.wait, play.limit),
        billed,
        runs,
        waited,
        {name: turned.measure(name) for name in play.told},
        int((result.status_code >= 400).sum()),
    )


class _Turns(NamedTuple):
    """The served turns of a play, and the samples."""

    waits: Floats
    block: NDArray[np.int64]
    kind: NDArray[np.int8]
    weights: Floats
    number: Floats
    waited: Floats

    def answer(self, wait: str, limit: float | None) -> Floats:
        if limit is None:
            return self.measure(wait)
        over = self._count(self.waits > limit)
        allowed = self.number - np.ceil(QUANTILES[wait] * self.number)
        return _ratio(over - allowed, self.number)

    def measure(self, name: str) -> Floats:
        if name == "wait_mean":
            return _ratio(self.waited, self.number)
        if name in QUANTILES:
            return _quantiles(self.waits, self.block, self.weights, self.number, QUANTILES[name])
        kinds = _COLD if name == "cold_starts" else [_RESUMED]
        return _ratio(self._count(np.isin(self.kind, kinds)), self.number)

    def _count(self, chosen: NDArray[np.bool_]) -> Floats:
        return self.weights @ np.bincount(self.block[chosen], minlength=self.weights.shape[1])


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)


def _quantiles(
    values: Floats, block: NDArray[np.int64], weights: Floats, number: Floats, q: float
) -> Floats:
    """Return a quantile in each sample (nearest rank): a value that occurs in it; else NaN.

    Values lie in blocks, of which each sample has some so many times, and ``number`` values in all.
    Only the largest are looked at, unless a sample needs more of them, and none of the smallest:
    most waits are alike.
    """
    found = np.full(len(weights), np.nan)
    found[number > 0] = least = values.min(initial=np.inf)
    block, values = block[values > least], values[values > least]
    # How many of a sample's values, from the largest on, it takes to come to the quantile.
    wanted = number - np.maximum(np.ceil(q * number), 1) + 1
    some = len(values) if q < 0.5 else min(len(values), int(3 * (1 - q) * len(values)) + 200)
    known = np.flatnonzero(number > 0)
    for most in dict.fromkeys((some, len(values))):
        if not len(known) or not most:
            break
        largest = np.argpartition(values, len(values) - most)[len(values) - most :]
        largest = largest[np.argsort(-values[largest], kind="stable")]
        at_once, left = max(1, _CELLS // most), []
        for begin in range(0, len(known), at_once):
            rows = known[begin : begin + at_once]
            seen = np.cumsum(weights[rows][:, block[largest]], axis=1)
            reached = seen[:, -1] >= wanted[rows] - _HALF
            place = (seen < wanted[rows, None] - _HALF).sum(axis=1)
            found[rows[reached]] = values[largest[place[reached]]]
            left.append(rows[~reached])
        known = np.concatenate(left)
    return found
