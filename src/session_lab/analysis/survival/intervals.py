"""Quantiles of the normal distribution, tails of chi-square, and transformed intervals."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Band", "chi2_tail", "log_band", "log_log_band", "z_value"]

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
    if not 0 < level < 1:
        message = f"{level!r} is not a level between 0 and 1; 0.95 is usual"
        raise DataError(message, column="level")
    return NormalDist().inv_cdf((1 + level) / 2)


def log_log_band(estimate: NDArray[np.float64], error: NDArray[np.float64], level: float) -> Band:
    """Bound probabilities ``p`` by ``p ** exp(-+ z error / (p log p))``.

    This is the normal interval of ``log(-log p)`` by the delta method, where ``error`` is the
    standard error of ``p``; it stays within 0 and 1. Where the estimate is exactly 0 or 1 the
    transform has no value and both bounds are the estimate.
    """
    edge = (estimate <= 0) | (estimate >= 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.log(estimate)
        # log_p < 0, so the factor above one, which pulls p towards 0, gives the lower bound.
        factor = np.exp(-z_value(level) * error / (estimate * log_p))
        lower, upper = np.exp(log_p * factor), np.exp(log_p / factor)
    lower[edge] = upper[edge] = estimate[edge]
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
