"""What policies come to, in the whole and in samples of chats."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.replays.environment.deciding.sampling import (
    QUANTILES,
    BlockPlay,
    Play,
    in_blocks,
    quantiles,
)
from session_lab.simulator import RunPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from session_lab.replays.chats import Chats, Part, Policies
    from session_lab.replays.environment.deciding.sampling import BlockSums
    from session_lab.simulator import Platform
    from session_lab.traffic import columnar
    from session_lab.traffic.columnar import SweptLog

__all__ = [
    "MEASURES",
    "Asked",
    "Outcome",
    "halves",
    "in_samples",
    "in_the_whole",
    "picked",
    "plays_of",
    "whole",
    "with_settings",
]

Floats = Any
"""An array of float64."""

_REACH, _WIDER = 8.0, 8.0
"""So many standard errors away quantiles of samples are looked for, and so many times as far then."""
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


class Asked(NamedTuple):
    """What is asked of an outcome.

    Attributes
    ----------
    wait : str
        What waiting is measured by: one of :data:`MEASURES`.
    limit : float or None
        A limit of a quantile, in seconds.
    told : sequence of str
        By which measures the wait is told as well.
    """

    wait: str
    limit: float | None
    told: Sequence[str] = ()

    @property
    def most(self) -> int:
        """The limit in milliseconds; where there is none, one that no wait exceeds."""
        return np.iinfo(np.int64).max if self.limit is None else round(self.limit * 1000)

    @property
    def quantiles(self) -> list[str]:
        """The quantiles that have to be found."""
        names = {*self.told, *([self.wait] if self.limit is None else [])}
        return [name for name in QUANTILES if name in names]


def with_settings(policy: Policies, settings: Mapping[str, Any]) -> Policies:
    """Return a policy, or that of each task, with other values of some fields."""
    if isinstance(policy, RunPolicy):
        return replace(policy, **settings)
    return {task: replace(one, **settings) for task, one in policy.items()}


def plays_of(
    policies: Sequence[tuple[Policies, int | None]], platform: Platform, seed: int
) -> list[Play]:
    """Encode policies, each with an expiry, as numbers."""
    return [
        Play(
            tuple(
                one.timings(platform, seed)
                for one in ([policy] if isinstance(policy, RunPolicy) else policy.values())
            ),
            expiry,
        )
        for policy, expiry in policies
    ]


def in_the_whole(outcome: columnar.Outcome, asked: Asked) -> Outcome:
    """Return what was asked of a policy as the only sample: every chat once."""
    number = int(outcome.tally.waits.sum())

    def share(part: float) -> Floats:
        return np.array([part / number if number else np.nan])

    def measure(name: str) -> Floats:
        if name == "wait_mean":
            return share(int(outcome.tally.totals[5]) / 1000)
        if name in QUANTILES:
            return np.array([outcome.wait(QUANTILES[name]) / 1000 if number else np.nan])
        return share(
            outcome.cold_starts if name == "cold_starts" else outcome.start_kinds["resumed"]
        )

    if asked.limit is None:
        wait = measure(asked.wait)
    else:
        allowed = number - np.ceil(QUANTILES[asked.wait] * number)
        wait = share(outcome.longer_waits(asked.most) - allowed)
    return Outcome(
        wait,
        np.array([outcome.billed / 1000]),
        np.array([float(outcome.runs)]),
        np.array([int(outcome.tally.totals[5]) / 1000]),
        {name: measure(name) for name in asked.told},
        outcome.refused,
    )


def in_samples(
    chats: Chats,
    plays: Sequence[Play],
    asked: Sequence[Asked],
    wholes: Sequence[columnar.Outcome],
    weights: Floats,
    *,
    progress: Callable[[float], object],
) -> list[Outcome]:
    """Play policies, and return what was asked of each in samples of the chats.

    Parameters
    ----------
    chats : Chats
        Of which blocks are drawn.
    plays : sequence of Play
        The policies.
    asked : sequence of Asked
        What is asked of each.
    wholes : sequence of Outcome
        What came of each in the whole: quantiles of samples are looked for around its own, and
        farther away if one is not found there.
    weights : ndarray of float64, shape (samples, blocks)
        How often each sample has each block.
    progress : callable
        Told of how many plays were done.
    """
    found: dict[int, Outcome] = {}
    reach = _REACH
    while len(found) < len(plays):
        left = [place for place in range(len(plays)) if place not in found]
        sampled = [
            BlockPlay(
                plays[place], asked[place].most, _windows(chats, wholes[place], asked[place], reach)
            )
            for place in left
        ]
        for place, (sums,) in zip(
            left,
            chats.add_up([partial(_blocks, one) for one in sampled], progress=progress),
            strict=True,
        ):
            outcome = _weighed(sums, asked[place], weights, wholes[place].refused)
            if outcome is not None:
                found[place] = outcome
        reach *= _WIDER
    return [found[place] for place in range(len(plays))]


def _windows(
    chats: Chats, whole: columnar.Outcome, asked: Asked, reach: float
) -> list[tuple[int, int]]:
    """Return between which waits the quantiles of samples are looked for.

    So many standard errors away, those of a share among as many chats.
    """
    windows = []
    for name in asked.quantiles:
        q = QUANTILES[name]
        away = reach * (q * (1 - q) / chats.sessions) ** 0.5
        windows.append((whole.wait(max(q - away, 0.0)), whole.wait(min(q + away, 1.0))))
    return windows


def _weighed(sums: BlockSums, asked: Asked, weights: Floats, refused: int) -> Outcome | None:
    """Return what was asked in each sample; None where a quantile is not in its window."""
    billed, runs, waited, turns, over, cold, resumed = (weights @ each for each in sums.counts)
    waits = {}
    for name, cut in zip(asked.quantiles, sums.cuts, strict=True):
        found = quantiles(cut, weights, turns, QUANTILES[name])
        if found is None:
            return None
        waits[name] = found / 1000
    waits |= {
        "wait_mean": _ratio(waited / 1000, turns),
        "cold_starts": _ratio(cold, turns),
        "resumed": _ratio(resumed, turns),
    }
    if asked.limit is None:
        wait = waits[asked.wait]
    else:
        wait = _ratio(over - (turns - np.ceil(QUANTILES[asked.wait] * turns)), turns)
    told = {name: waits[name] for name in asked.told}
    return Outcome(wait, billed / 1000, runs, waited / 1000, told, refused)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)


def whole(play: Play, part: Part) -> tuple[columnar.Outcome]:
    """Play a policy on some chats."""
    return (play.on(part.swept).outcome(play.timings),)


def halves(play: Play, part: Part) -> tuple[columnar.Outcome, columnar.Outcome]:
    """Play a policy on some chats: those of the earlier half of all, and those of the later."""
    earlier, later = (play.on(half).outcome(play.timings) for half in part.halves)
    return earlier, later


def picked(n: int, part: Part) -> tuple[list[SweptLog]]:
    """Return some chats: those that are among so many of all, by chance."""
    return ([part.swept.arranged(np.flatnonzero(part.place < n))],)


def _blocks(sampled: BlockPlay, part: Part) -> tuple[BlockSums]:
    return (in_blocks(part, sampled),)
