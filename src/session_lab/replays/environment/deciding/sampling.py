"""What policies come to block by block of chats, and the quantiles of samples of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from session_lab.traffic.engine.engine_result import COLD, KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.replays.chats import Part
    from session_lab.simulator import Timings
    from session_lab.traffic.columnar import GroupedLog, SweptLog

    _Log = TypeVar("_Log", GroupedLog, SweptLog)

__all__ = ["QUANTILES", "BlockPlay", "BlockSums", "Cut", "Play", "in_blocks", "quantiles"]

Floats = Any
"""An array of float64."""

QUANTILES = {"wait_p50": 0.5, "wait_p95": 0.95, "wait_p99": 0.99}
_CELLS = 4_000_000
"""How many weights of turns are held at a time."""
_COLD = [KINDS.index(kind) for kind in COLD]
_RESUMED = KINDS.index("resumed")


class Play(NamedTuple):
    """A policy on a platform as numbers; without an expiry it is the recorded one."""

    timings: tuple[Timings, ...]
    expiry: int | None

    def on(self, log: _Log) -> _Log:
        """Return a log as it is to be played."""
        return log if self.expiry is None else log.expiring(self.expiry)


class BlockPlay(NamedTuple):
    """A play of which block by block is told.

    Attributes
    ----------
    play : Play
        What is played.
    most : int
        The wait from which on turns are counted, in milliseconds.
    windows : sequence of (low, high)
        Between which waits quantiles are looked for, in milliseconds.
    """

    play: Play
    most: int
    windows: Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Cut:
    """The turns around a quantile: how many of each block wait longer, and those within.

    Attributes
    ----------
    low, high : int
        The window, in milliseconds.
    counts : ndarray of float64, shape (3, blocks)
        How many turns of each block wait longer than the window, as long as its upper end, and, if
        that is another, as its lower end.
    values, block : ndarray of int64 and of int32
        The waits between both ends, and the block of each.
    """

    low: int
    high: int
    counts: Floats
    values: NDArray[np.int64]
    block: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        window: tuple[int, int],
        waits: NDArray[np.int64],
        block: NDArray[np.int32],
        blocks: int,
    ) -> Cut:
        """Cut the waits of turns that belong to blocks."""
        low, high = window
        masks = waits > high, waits == high, (waits == low) & (low < high)
        counts = np.stack([np.bincount(block[mask], minlength=blocks) for mask in masks])
        within = (waits > low) & (waits < high)
        return cls(low, high, counts.astype(np.float64), waits[within], block[within])

    def __add__(self, other: Cut) -> Cut:
        """Add other turns."""
        return Cut(
            self.low,
            self.high,
            self.counts + other.counts,
            np.concatenate([self.values, other.values]),
            np.concatenate([self.block, other.block]),
        )


@dataclass(frozen=True, eq=False)
class BlockSums:
    """What came of a policy, block by block: whole numbers, so that they add up in any order.

    Attributes
    ----------
    counts : ndarray of float64, shape (7, blocks)
        Billed time, runs, waited time and turns; turns that wait longer than was asked, that
        triggered a run, and that woke one. Times are milliseconds.
    cuts : sequence of Cut
        One for each window.
    """

    counts: Floats
    cuts: Sequence[Cut]

    def __add__(self, other: BlockSums) -> BlockSums:
        """Add what came of other chats."""
        cuts = [one + more for one, more in zip(self.cuts, other.cuts, strict=True)]
        return BlockSums(self.counts + other.counts, cuts)


def in_blocks(part: Part, sampled: BlockPlay) -> BlockSums:
    """Play a policy on some chats, and add up what comes of it block by block."""
    log, edges = part.in_blocks
    made = sampled.play.on(log).by_groups(
        sampled.play.timings,
        edges,
        waits_from=min([sampled.most, *(low for low, _ in sampled.windows)]),
    )
    kinds, n = made.kinds, len(made.runs)
    over = np.bincount(made.group[made.waits > sampled.most], minlength=n)
    cold = kinds[:, _COLD].sum(axis=1)
    counts = [
        *(made.billed, made.runs, made.waited, kinds.sum(axis=1)),
        *(over, cold, kinds[:, _RESUMED]),
    ]
    cuts = [Cut.of(window, made.waits, made.group, n) for window in sampled.windows]
    return BlockSums(np.stack(counts).astype(np.float64), cuts)


def quantiles(cut: Cut, weights: Floats, number: Floats, q: float) -> Floats | None:
    """Return a quantile in each sample (nearest rank): a value that occurs in it, or NaN.

    Parameters
    ----------
    cut : Cut
        The values around it.
    weights : ndarray of float64, shape (samples, blocks)
        How often each sample has each block.
    number : ndarray of float64, shape (samples,)
        How many values each sample has in all.
    q : float
        Which quantile.

    Returns
    -------
    ndarray of float64, shape (samples,), or None
        None where that of a sample lies without the window.
    """
    longer, highest, lowest = (weights @ each for each in cut.counts)
    # Which of the values of the window it is, counted from the largest on.
    rank = number - np.maximum(np.ceil(q * number), 1) + 1 - longer
    found, known = np.full(len(weights), np.nan), number > 0
    found[known & (rank > 0) & (rank <= highest)] = cut.high
    rank -= highest
    order = np.argsort(-cut.values, kind="stable")
    values, block = cut.values[order], cut.block[order]
    rows = np.flatnonzero(known & (rank > 0))
    at_once = max(1, _CELLS // max(len(values), 1))
    for some in (rows[begin : begin + at_once] for begin in range(0, len(rows), at_once)):
        seen = np.cumsum(weights[some][:, block], axis=1)
        place = (seen < rank[some, None]).sum(axis=1)
        inside = place < len(values)
        found[some[inside]] = values[place[inside]]
        rank[some] -= seen[:, -1] if len(values) else 0
    found[known & (rank > 0) & (rank <= lowest)] = cut.low
    return None if np.isnan(found[known]).any() else found
