"""The cluster bootstrap of ratios: intervals that know that one chat's turns belong together."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.errors import DataError, StatisticalWarning
from session_lab.mistyped import level_of_caller
from session_lab.numbers import check_level
from session_lab.simulator import RandomStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Interval", "paired_ratio_differences"]

_CELLS = 4_000_000
"""How many draws are held at a time."""


class Interval(NamedTuple):
    """Two ratios, their difference, and an interval for it.

    Attributes
    ----------
    first, second, difference : ndarray of float64, shape (k,)
        The ratios, and the second less the first.
    lower, upper : ndarray of float64, shape (k,)
        The ends of the interval for the difference.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    difference: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def paired_ratio_differences(
    sums: NDArray[np.int64], *, seed: int, level: float = 0.95, n_resamples: int = 1000
) -> Interval:
    """Estimate differences of ratios of sums over paired clusters, with bootstrap intervals.

    For measure j, ``R1 = sum_i a1[i, j] / sum_i b1[i, j]`` over the clusters i, R2 likewise, and
    the estimate is ``R2 - R1``. Each resample draws as many clusters as there are, with
    replacement, keeps the pairs together and takes all measures of the same draw; the interval lies
    between the quantiles ``(1 - level) / 2`` and ``(1 + level) / 2`` of the resampled differences
    (percentile interval: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993,
    chapter 13). The sums are whole numbers, so that machines agree on them to the last bit.

    Parameters
    ----------
    sums : ndarray of int64, shape (n, k, 4)
        For each cluster and measure ``a1, b1, a2, b2``.
    seed : int
        What the draws depend on.
    level : float
        The share of the resampled differences that the interval holds, between 0 and 1.
    n_resamples : int
        How many resamples; at least 100.

    Returns
    -------
    Interval
        NaN where a denominator is 0; the ends are NaN where it is 0 in every resample, and with
        fewer than two clusters.

    Examples
    --------
    >>> waits = np.array([[[4, 2, 2, 2]], [[6, 2, 6, 2]], [[8, 2, 4, 2]]])
    >>> found = paired_ratio_differences(waits, seed=0)
    >>> found.difference.tolist(), found.lower.tolist(), found.upper.tolist()
    ([-1.0], [-2.0], [0.0])
    """
    check_level(level)
    if n_resamples < 100:
        raise DataError(
            f"{n_resamples} resamples are too few; take 100 or more", column="n_resamples"
        )
    n, k, _ = sums.shape
    totals = sums.sum(axis=0)
    first, second = _ratios(totals)
    ends = np.full((2, k), np.nan)
    if n > 1:
        resampled = _resample(sums.reshape(n, k * 4), n_resamples, RandomStream(seed, "bootstrap"))
        ratios = _ratios(resampled.reshape(n_resamples, k, 4))
        differences = ratios[1] - ratios[0]
        known = ~np.isnan(differences).all(axis=0)
        shares = [(1 - level) / 2, (1 + level) / 2]
        ends[:, known] = np.nanquantile(differences[:, known], shares, axis=0)
    else:
        message = f"{n} chats give no interval; it takes two or more"
        warnings.warn(message, StatisticalWarning, stacklevel=level_of_caller())
    return Interval(first, second, second - first, ends[0], ends[1])


def _ratios(sums: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    numbers = sums.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = numbers[..., 0] / numbers[..., 1]
        second = numbers[..., 2] / numbers[..., 3]
    return np.where(numbers[..., 1] > 0, first, np.nan), np.where(
        numbers[..., 3] > 0, second, np.nan
    )


def _resample(sums: NDArray[np.int64], n_resamples: int, stream: RandomStream) -> NDArray[np.int64]:
    """Add up the rows of resamples, shape (n_resamples, columns)."""
    n = len(sums)
    at_once = max(1, _CELLS // n)
    parts: list[NDArray[np.int64]] = []
    for begin in range(0, n_resamples, at_once):
        size = min(at_once, n_resamples - begin)
        drawn = (stream.uniforms(size * n) * n).astype(np.int64).reshape(size, n)
        # How often each row was drawn, all resamples of this part in one count.
        drawn += np.arange(size)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        parts.append(counts @ sums)
    return np.concatenate(parts)
