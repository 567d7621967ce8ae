"""Quantiles of the normal distribution, tails of chi-square, and transformed intervals."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from session_lab.errors import DataError
from session_lab.numbers import check_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Band", "Transform", "chi2_tail", "log_band", "probability_band", "z_value"]

Transform = Literal["log-log", "log", "plain"]
"""The scale on which an interval of a probability is symmetric."""

Band = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Lower and upper ends, point by point."""


def z_value(level: float) -> float:
    """Return the z for a two-sided interval of a level.

    Raises
    ------
    DataError
        The level does not lie between 0 and 1.

    Examples
    --------
    >>> round(z_value(0.95), 6)
    1.959964
    """
    check_level(level)
    return NormalDist().inv_cdf((1 + level) / 2)


def probability_band(
    estimate: NDArray[np.float64],
    error: NDArray[np.float64],
    level: float,
    transform: Transform = "log-log",
) -> Band:
    """Bound probabilities ``p`` with a standard error.

    By the delta method, the normal interval of ``log(-log p)``: ``p ** exp(-+ z error / (p log
    p))``; of ``log p``: ``p exp(-+ z error / p)``; or of ``p`` itself: ``p -+ z error``. The last
    two are cut to what is possible (Kalbfleisch and Prentice 2002, section 1.4). Where the estimate
    is exactly 0 or 1 its error says nothing, so both bounds are missing (NaN), as in R.

    Raises
    ------
    DataError
        There is no such transform, or the level does not lie between 0 and 1.
    """
    z, edge = z_value(level), (estimate <= 0) | (estimate >= 1)
    if transform not in get_args(Transform):
        known = ", ".join(map(repr, get_args(Transform)))
        raise DataError(f"{transform!r} is not one of {known}", column="interval")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if transform == "log-log":
            log_p = np.log(estimate)
            # log_p < 0, so the factor above one, which pulls p towards 0, gives the lower bound.
            factor = np.exp(-z * error / (estimate * log_p))
            lower, upper = np.exp(log_p * factor), np.exp(log_p / factor)
        elif transform == "log":
            factor = np.exp(z * error / estimate)
            lower, upper = estimate / factor, np.minimum(estimate * factor, 1.0)
        else:
            lower = np.maximum(estimate - z * error, 0.0)
            upper = np.minimum(estimate + z * error, 1.0)
    lower[edge] = upper[edge] = np.nan
    return lower, upper


def log_band(estimate: NDArray[np.float64], error: NDArray[np.float64], level: float) -> Band:
    """Bound rates ``h`` by ``h exp(-+ z error / h)``, and a rate of 0 by 0 on both sides."""
    z = z_value(level)
    positive = estimate > 0
    relative = np.divide(error, estimate, out=np.zeros_like(estimate), where=positive)
    factor = np.exp(z * relative)
    return estimate / factor, estimate * factor


def chi2_tail(statistic: float, df: int) -> float:
    """Return the probability that chi-square with ``df`` degrees of freedom exceeds a value.

    By the recurrence ``Q(a + 1, y) = Q(a, y) + y**a exp(-y) / gamma(a + 1)`` of the incomplete
    gamma function with ``y = statistic / 2``, from ``Q(1/2, y) = erfc(sqrt(y))`` and
    ``Q(1, y) = exp(-y)``.

    Examples
    --------
    >>> round(chi2_tail(3.841459, 1), 6)
    0.05
    """
    y = statistic / 2
    if y == 0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(y))) if df % 2 else (1.0, math.exp(-y))
    while a < df / 2:
        tail += math.exp(a * math.log(y) - y - math.lgamma(a + 1))
        a += 1
    return tail
