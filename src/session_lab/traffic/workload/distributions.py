"""Random variates with the same bits on every machine.

Each function takes its uniform numbers from a :class:`~session_lab.simulator.RandomStream` and transforms
them with nothing but arithmetic, square roots, and the logarithm and exponential of
:mod:`session_lab.simulator.model.randomness`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.simulator.model.randomness import exponential, logarithm
from session_lab.timing import LONGEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import RandomStream

__all__ = ["geometric", "inverse_normal", "log_normal", "picks", "poisson_arrivals", "zipf"]

_BLOCK = 4096
_PIECE = 16_384
# Zero would be minus infinity as a normal variate; half the smallest step takes its place.
_LEAST = 2.0**-54

# The coefficients of algorithm AS 241, constant terms first: numerator and denominator for the
# centre, for the tails, and for their far ends.
_CENTRE = (
    (
        3.3871328727963666080,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_TAIL = (
    (
        1.42343711074968357734,
        4.63033784615654529590,
        5.76949722146069140550,
        3.64784832476320460504,
        1.27045825245236838258,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187,
        1.67638483018380384940,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_FAR_TAIL = (
    (
        6.65790464350110377720,
        5.46378491116411436990,
        1.78482653991729133580,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def inverse_normal(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the standard normal quantiles of probabilities strictly between 0 and 1.

    Algorithm AS 241, the version for double precision: rational approximations in
    ``0.425**2 - q**2`` for the centre, where q is the distance of the probability from one half,
    and in ``sqrt(-log p)`` for a tail of probability p (M. J. Wichura, "The percentage points of
    the normal distribution", Applied Statistics 37, 1988).

    Examples
    --------
    >>> inverse_normal(np.array([0.025, 0.5, 0.975])).round(6).tolist()
    [-1.959964, 0.0, 1.959964]
    """
    q = probabilities - 0.5
    quantiles = q * _ratio(0.180625 - q * q, _CENTRE)
    outer = np.flatnonzero(np.abs(q) > 0.425)
    tail = np.minimum(probabilities[outer], 1.0 - probabilities[outer])
    root = np.sqrt(-logarithm(tail))
    distance = np.where(root <= 5.0, _ratio(root - 1.6, _TAIL), _ratio(root - 5.0, _FAR_TAIL))
    quantiles[outer] = np.where(q[outer] < 0.0, -distance, distance)
    return quantiles


def _ratio(
    x: NDArray[np.float64], polynomials: tuple[Sequence[float], Sequence[float]]
) -> NDArray[np.float64]:
    numerator, denominator = (_polynomial(x, coefficients) for coefficients in polynomials)
    return numerator / denominator


def _polynomial(x: NDArray[np.float64], coefficients: Sequence[float]) -> NDArray[np.float64]:
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def log_normal(
    stream: RandomStream,
    n: int,
    median: NDArray[np.int64] | int,
    spread: NDArray[np.float64] | float,
) -> NDArray[np.int64]:
    """Draw durations whose logarithm is normal, in whole milliseconds.

    ``median * exp(spread * Z)`` with Z standard normal; the mean is ``median * exp(spread**2 / 2)``.
    A duration beyond a century is cut to a century.

    Parameters
    ----------
    stream : RandomStream
        Gives one number for each duration.
    n : int
        How many.
    median : int or array of int
        Of all, or of each, in milliseconds.
    spread : float or array of float
        The standard deviation of the logarithm, of all or of each.
    """
    durations = np.empty(n, dtype=np.int64)
    # In pieces that stay in the processor's cache.
    for first in range(0, n, _PIECE):
        piece = slice(first, min(first + _PIECE, n))
        uniforms = stream.uniforms(piece.stop - first)
        normal = inverse_normal(np.maximum(uniforms, _LEAST))
        factor = exponential(_piece_of(spread, piece) * normal)
        durations[piece] = np.rint(np.minimum(_piece_of(median, piece) * factor, LONGEST_DURATION))
    return durations


def _piece_of(values: NDArray[Any] | float, piece: slice) -> NDArray[Any] | float:
    return values[piece] if isinstance(values, np.ndarray) else values


def geometric(stream: RandomStream, n: int, mean: float) -> NDArray[np.int64]:
    """Draw whole numbers of 1 or more, each step further with the same probability.

    ``P(K = k) = p * (1 - p)**(k - 1)`` with ``p = 1 / mean``, by inversion:
    ``K = 1 + floor(log(1 - U) / log(1 - p))``.
    """
    log_survival = logarithm(1.0 - stream.uniforms(n))
    if mean == 1:
        return np.ones(n, dtype=np.int64)
    log_further = logarithm(np.array([1.0 - 1.0 / mean]))
    return 1 + np.floor(log_survival / log_further).astype(np.int64)


def poisson_arrivals(stream: RandomStream, mean_gap: float, span: float) -> NDArray[np.float64]:
    """Draw the arrivals of a Poisson process from 0 until before ``span``.

    The gaps are exponential, ``-mean_gap * log(1 - U)``. A longer span begins with the arrivals of
    a shorter one.
    """
    last, blocks = 0.0, [np.empty(0)]
    while last < span:
        gaps = -mean_gap * logarithm(1.0 - stream.uniforms(_BLOCK))
        gaps[0] += last
        blocks.append(np.cumsum(gaps))
        last = float(blocks[-1][-1])
    arrivals = np.concatenate(blocks)
    return arrivals[arrivals < span]


def picks(stream: RandomStream, n: int, percentages: Sequence[int]) -> NDArray[np.int64]:
    """Draw places in a list whose entries have the given percentages, which sum to 100."""
    bounds = np.cumsum(percentages)[:-1]
    return np.searchsorted(bounds, stream.uniforms(n) * 100.0, side="right")


def zipf(stream: RandomStream, n: int, size: int, exponent: float) -> NDArray[np.int64]:
    """Draw ranks from 1 to ``size`` by Zipf's law, ``P(k)`` in proportion to ``k**-exponent``."""
    ranks = np.arange(1, size + 1, dtype=np.float64)
    heights = np.cumsum(exponential(-exponent * logarithm(ranks)))
    drawn = np.searchsorted(heights, stream.uniforms(n) * heights[-1], side="right")
    ranked: NDArray[np.int64] = np.minimum(drawn, size - 1) + 1
    return ranked
