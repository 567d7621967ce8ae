"""How unevenly tags are used, in four numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Concentration", "concentration", "jensen_shannon"]


class Concentration(NamedTuple):
    """How unevenly uses are spread over tags.

    Attributes
    ----------
    entropy : float
        Shannon's, in nats: ``-sum p log p``.
    effective : float
        ``exp(entropy)``: how many equally frequent tags would have this entropy (Hill number of
        order 1).
    inverse_simpson : float
        ``1 / sum p^2``: the same of order 2, which frequent tags decide.
    gini : float
        Gini's coefficient of the counts, 0 where all are equal, ``1 - 1/k`` where one of k has all.
    """

    entropy: float
    effective: float
    inverse_simpson: float
    gini: float


@answer_mistyped
def concentration(counts: ArrayLike) -> Concentration | None:
    """Measure how unevenly counts are spread; None where there is nothing to spread.

    Examples
    --------
    >>> concentration([5, 5, 5, 5])
    Concentration(entropy=1.386..., effective=4.0, inverse_simpson=4.0, gini=0.0)
    """
    n = np.sort(_counts(counts))
    n = n[n > 0]
    if not len(n):
        return None
    p = n / n.sum()
    entropy = _entropy(p)
    ranks = np.arange(1, len(n) + 1)
    gini = float(((2 * ranks - len(n) - 1) * p).sum() / len(n))
    return Concentration(entropy, float(np.exp(entropy)), float(1 / (p**2).sum()), gini)


@answer_mistyped
def jensen_shannon(one: ArrayLike, other: ArrayLike) -> float | None:
    """Measure how far two tables of counts over the same tags lie apart.

    The Jensen-Shannon distance: the square root of ``H((p + q) / 2) - (H(p) + H(q)) / 2`` with
    entropies to base 2, so that it lies between 0 (the same shares) and 1 (no tag in common).

    Returns
    -------
    float or None
        None where one of them has nothing counted.

    Raises
    ------
    DataError
        These are not numbers, or not equally many.

    Examples
    --------
    >>> jensen_shannon([3, 1], [30, 10]), jensen_shannon([1, 0], [0, 1])
    (0.0, 1.0)
    """
    p, q = _counts(one), _counts(other)
    if len(p) != len(q):
        message = f"counts of the same tags are equally many, not {len(p)} and {len(q)}"
        raise DataError(message, column="counts")
    if not (p.sum() and q.sum()):
        return None
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    # Divergences from the middle, not differences of entropies, lose no digits where p is near q.
    divergence = (_divergence(p, middle) + _divergence(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence) / np.log(2)))


def _counts(counts: ArrayLike) -> NDArray[np.float64]:
    """Return counts as numbers in a row."""
    try:
        row = np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"these are not counts: {error}", column="counts") from error
    if row.ndim != 1:
        raise DataError("counts are a row of numbers, one for each tag", column="counts")
    return row


def _entropy(p: NDArray[np.float64]) -> float:
    return float(max(0.0, -(p * np.log(p)).sum()))


def _divergence(p: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / middle[there])).sum())
