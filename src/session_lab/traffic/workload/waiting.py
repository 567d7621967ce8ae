"""How long people think, told from a log that ends while some still do.

What nothing came after may be over, or its next message lies beyond the end of the log. So a think
is one of up to three kinds: two log-normal ones, and one that never ends. Those that were seen to
end count by their density, the others by the probability of waiting longer than they were watched
(right censoring); the likelihood is climbed by expectation maximisation, with the moments of a
truncated normal distribution for those that were not seen to end. What a recorder cut at a longest
value was not seen to end either, but does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.simulator.model.randomness import exponential, logarithm

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Waiting", "fit_waiting", "longest_cut"]

_GRID = 0.02
_FEWEST_CUT = 5
_MANY_TIMES = 5
_LEAST_SPREAD = 0.05
_STEPS = 500
_ROOT_2PI = math.sqrt(2 * math.pi)


class Waiting(NamedTuple):
    """What thinks are like.

    Attributes
    ----------
    centres, spreads : tuple of float
        Mean and standard deviation of the logarithm of milliseconds, of one kind or of two, the
        shorter first.
    long_share : float
        The share of the longer kind among those that end.
    never_share : float
        The share of turns that nothing comes after.
    """

    centres: tuple[float, ...]
    spreads: tuple[float, ...]
    long_share: float
    never_share: float


def longest_cut(spans: NDArray[np.int64]) -> int | None:
    """Find the value at which spans were cut: the longest, if far too many are exactly that long.

    Far too many are at least five, five times as many as of any other value in the upper half. A
    clock of large steps, or a log of a few fixed values, does not look like that.

    Examples
    --------
    >>> longest_cut(np.array([*range(100, 140), *[3_600_000] * 6]))
    3600000
    >>> longest_cut(np.array([1_000, 60_000] * 20)) is None
    True
    """
    if not len(spans):
        return None
    values, counts = np.unique(spans, return_counts=True)
    top, others = int(counts[-1]), counts[:-1][values[:-1] >= np.median(spans)]
    is_heap = top >= max(_FEWEST_CUT, _MANY_TIMES * int(others.max(initial=0)))
    return int(values[-1]) if is_heap and 2 * top < len(spans) else None


def fit_waiting(
    ended: NDArray[np.int64], waits: NDArray[np.int64], *, never: float | None = None
) -> Waiting:
    """Fit what thinks are like.

    Parameters
    ----------
    ended : array of int
        Thinks that were seen to end, in milliseconds, above zero. Those that :func:`longest_cut`
        finds are longer than they look.
    waits : array of int
        How long others had lasted when the log ended.
    never : float, optional
        How many of those never end, where that is known otherwise.

    Returns
    -------
    Waiting
        Of two kinds where that is worth three more numbers by the Bayesian information criterion,
        and the longer kind is the rarer one.
    """
    bound = longest_cut(ended)
    cut = ended[ended == bound]
    x, x_counts = _counted(ended[ended != bound])
    open_ends, closed_ends = _counted(waits), _counted(cut)
    c, c_counts = (np.concatenate(pair) for pair in zip(open_ends, closed_ends, strict=True))
    # What was cut did end, so it is none of those that never do.
    may_never = np.repeat([1.0, 0.0], [len(open_ends[0]), len(closed_ends[0])])
    n = float(x_counts.sum() + c_counts.sum())
    mean = float(x @ x_counts / x_counts.sum())
    spread = max(math.sqrt(float((x - mean) ** 2 @ x_counts / x_counts.sum())), _LEAST_SPREAD)
    low, high = np.quantile(np.repeat(x, x_counts.astype(int)), [0.3, 0.95])
    begin = 0.8 * float(may_never @ c_counts) / n if never is None else never / n
    fixed = never is not None
    seen = _Seen(x, x_counts, c, c_counts, may_never)
    one, alone = _climb(seen, ([mean], [spread], [1.0], begin), fix_never=fixed)
    both = [low, high], [spread, spread], [0.8, 0.2], begin
    two, together = _climb(seen, both, fix_never=fixed)
    if together - alone <= 1.5 * math.log(n) or two.long_share > 0.5:
        return one
    return two


def _counted(spans: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logarithms on a fine grid, and how many there are of each."""
    places = np.rint(logarithm(np.maximum(spans, 1).astype(np.float64)) / _GRID)
    values, counts = np.unique(places, return_counts=True)
    return values * _GRID, counts.astype(np.float64)


class _Seen(NamedTuple):
    """Logarithms that were seen to end, and how many; those that were not, and whether they may never."""

    x: NDArray[np.float64]
    x_counts: NDArray[np.float64]
    c: NDArray[np.float64]
    c_counts: NDArray[np.float64]
    may_never: NDArray[np.float64]


def _climb(
    seen: _Seen,
    begin: tuple[list[float], list[float], list[float], float],
    *,
    fix_never: bool,
) -> tuple[Waiting, float]:
    x, x_counts, c, c_counts, may_never = seen
    centres, spreads, shares = (np.array(values, dtype=np.float64) for values in begin[:3])
    over, likelihood = begin[3], -np.inf
    n = float(x_counts.sum() + c_counts.sum())
    for _ in range(_STEPS):
        z = (x[:, np.newaxis] - centres) / spreads
        dense = (1 - over) * shares * exponential(np.maximum(-0.5 * z * z, -700.0))
        dense = np.maximum(dense / (spreads * _ROOT_2PI), 1e-300)
        z = (c[:, np.newaxis] - centres) / spreads
        survives = _survival(z)
        beyond = (1 - over) * shares * survives
        total = np.maximum(dense.sum(axis=1), 1e-300)
        total_beyond = np.maximum(beyond.sum(axis=1) + over * may_never, 1e-300)
        before = likelihood
        likelihood = float(x_counts @ logarithm(total) + c_counts @ logarithm(total_beyond))
        w = dense / total[:, np.newaxis] * x_counts[:, np.newaxis]
        v = beyond / total_beyond[:, np.newaxis] * c_counts[:, np.newaxis]
        hazard = exponential(np.maximum(-0.5 * z * z, -700.0)) / _ROOT_2PI / survives
        mass = np.maximum(w.sum(axis=0) + v.sum(axis=0), 1e-12)
        expected = centres + spreads * hazard
        squared = centres**2 + spreads**2 + spreads * (c[:, np.newaxis] + centres) * hazard
        first = ((w * x[:, np.newaxis]).sum(axis=0) + (v * expected).sum(axis=0)) / mass
        second = ((w * x[:, np.newaxis] ** 2).sum(axis=0) + (v * squared).sum(axis=0)) / mass
        shares, centres = mass / mass.sum(), first
        spreads = np.maximum(np.sqrt(np.maximum(second - first**2, 0.0)), _LEAST_SPREAD)
        if not fix_never:
            over = min(max(float((over * may_never / total_beyond) @ c_counts) / n, 1e-9), 1 - 1e-9)
        if likelihood - before < 1e-7 * n:
            break
    order = np.argsort(centres)
    long_share = float(shares[order[-1]]) if len(order) > 1 else 0.0
    found = Waiting(
        tuple(centres[order].tolist()), tuple(spreads[order].tolist()), long_share, over
    )
    return found, likelihood


def _survival(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that a standard normal number is greater.

    By the rational approximation 7.1.26 of Abramowitz and Stegun, Handbook of Mathematical
    Functions (1964), which is off by 1.5e-7 at most; far out, where that is much, by the first terms
    of the continued fraction of Mills' ratio.
    """
    a = np.abs(z)
    t = 1.0 / (1.0 + 0.3275911 * a / math.sqrt(2))
    bell = exponential(np.maximum(-0.5 * a * a, -700.0))
    polynomial = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    tail = np.where(
        a < 3.0,
        0.5 * polynomial * bell,
        bell / _ROOT_2PI / (a + 1 / (a + 2 / (a + 3 / (a + 4 / (a + 1))))),
    )
    return np.maximum(np.where(z < 0, 1.0 - tail, tail), 1e-300)
