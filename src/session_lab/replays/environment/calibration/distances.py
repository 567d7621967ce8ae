"""How far two distributions of waits lie apart, with intervals over sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.replays.environment.fitting.samples import block_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["QUANTILES", "Distances", "distances"]

Integers = Any

QUANTILES = {"wait_p50": 0.5, "wait_p90": 0.9, "wait_p95": 0.95, "wait_p99": 0.99}
_BINS = 1_024
_RESAMPLES = 500


class Distances(NamedTuple):
    """Quantiles of two distributions, and two distances between them.

    Attributes
    ----------
    quantiles : dict of str to tuple of float
        First, second, difference, and the ends of its interval, in milliseconds.
    kolmogorov_smirnov : float
        The largest difference of the shares up to any time.
    by_chance : float
        How large that would be, in 95 of 100 cases, if the second were a sample of the first.
    wasserstein : float
        The mean distance between equal quantiles, in milliseconds.
    """

    quantiles: dict[str, tuple[float, float, float, float, float]]
    kolmogorov_smirnov: float
    by_chance: float
    wasserstein: float


def distances(
    first: tuple[Integers, Integers],
    second: tuple[Integers, Integers],
    *,
    n: int,
    seed: int,
    level: float,
) -> Distances | None:
    """Compare two samples of times.

    Parameters
    ----------
    first, second : tuple of ndarray of int64
        Times in milliseconds, and the block of sessions that each belongs to.
    n : int
        How many blocks there are.
    seed : int
        What the resamples depend on.
    level : float
        Of the intervals.

    Returns
    -------
    Distances or None
        None where one of them is empty.
    """
    if not len(first[0]) or not len(second[0]):
        return None
    both = np.sort(np.concatenate([first[0], second[0]]))
    # Shares up to each of some times of both samples; ties stand together.
    places = np.unique(np.linspace(0, len(both) - 1, min(len(both), _BINS)).astype(int))
    grid = np.unique(both[places])
    counts = [_counts(times, block, grid, n) for times, block in (first, second)]
    drawn = block_draws(n, _RESAMPLES, seed, "calibration")
    resampled = [_shares(drawn, each) for each in counts]
    outside = [(1 - level) / 2, (1 + level) / 2]
    quantiles: dict[str, tuple[float, float, float, float, float]] = {}
    for name, p in QUANTILES.items():
        # Estimates are of all times; only the resamples are read off the grid.
        one, other = (
            float(np.quantile(times, p, method="inverted_cdf")) for times, _ in (first, second)
        )
        found = [grid[(share < p - 1e-12).sum(axis=1)] for share in resampled]
        low, high = np.quantile(found[1] - found[0], outside)
        quantiles[name] = one, other, other - one, float(low), float(high)
    # The distances, too, are of all times.
    shares = [
        np.searchsorted(np.sort(times), both, "right") / len(times) for times, _ in (first, second)
    ]
    gap = np.abs(shares[1] - shares[0])
    again = block_draws(n, _RESAMPLES, seed, "calibration-chance")
    by_chance = np.abs(_shares(again, counts[0]) - resampled[0]).max(axis=1)
    return Distances(
        quantiles,
        float(gap.max()),
        float(np.quantile(by_chance, 0.95)),
        float((gap[:-1] * np.diff(both)).sum()),
    )


def _counts(times: Integers, block: Integers, grid: Integers, n: int) -> NDArray[np.float64]:
    place = np.searchsorted(grid, times)
    cells = np.bincount(block * len(grid) + place, minlength=n * len(grid))
    return cells.reshape(n, len(grid)).astype(np.float64)


def _shares(drawn: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.cumsum(drawn @ counts, axis=1)
    total = np.maximum(sums[:, -1:], 1.0)
    shares: NDArray[np.float64] = np.where(sums[:, -1:] > 0, sums / total, 1.0)
    return shares
