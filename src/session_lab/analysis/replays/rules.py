"""Rules by which one of many policies is chosen, for one sample of traffic or for many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Rule"]

_NEARLY = 0.02
_ALIKE = 1e-9
"""Costs that differ by less, relatively, are the same."""


@dataclass(frozen=True)
class Rule:
    """How to choose among policies.

    Attributes
    ----------
    kind : {"at_most", "budget", "waited_second", "knee"}
        The cheapest policy whose wait is within a limit; the one that waits least within a budget;
        the one with the smallest sum of cost and waited time, at a price of a waited second; or the
        one with the smallest sum of wait and cost, each scaled to its range on the front.
    number : float
        The limit, the budget or the price; of no meaning for the knee.

    Examples
    --------
    >>> wait, cost = np.array([[9.0, 4.0, 5.0, 1.0]]), np.array([[1.0, 2.0, 3.0, 8.0]])
    >>> Rule("at_most", 4.5).choose(wait, cost, 10 * wait).tolist()
    [1]
    >>> Rule("budget", 9.0).choose(wait, cost, 10 * wait).tolist()
    [3]
    >>> Rule("knee").choose(wait, cost, 10 * wait).tolist()
    [1]
    """

    kind: str
    number: float = np.nan

    def choose(
        self,
        wait: NDArray[np.float64],
        cost: NDArray[np.float64],
        waited: NDArray[np.float64],
    ) -> NDArray[np.int64]:
        """Return the column of the best policy of each sample.

        Where none is within the limit it is the one that comes nearest. Of policies that are alike
        the one is taken that is better in the other number, and then the first.

        Parameters
        ----------
        wait, cost, waited : ndarray of float64, shape (samples, policies)
            What waiting is measured by, what the policy costs, and seconds waited in all; NaN for a
            policy that is not to be considered.
        """
        if self.kind == "at_most":
            return _least(np.where(wait <= self.number, cost, np.inf), wait, nearest=wait)
        if self.kind == "budget":
            within = cost <= self.number * (1 + _ALIKE)
            return _least(np.where(within, wait, np.inf), cost, nearest=cost)
        if self.kind == "waited_second":
            return _least(cost + self.number * waited, wait, nearest=cost)
        sums = [_scaled(waits) + _scaled(costs) for waits, costs in _on_fronts(wait, cost)]
        return _least(np.array(sums), cost, nearest=cost)

    def nearly(
        self,
        wait: NDArray[np.float64],
        cost: NDArray[np.float64],
        waited: NDArray[np.float64],
        *,
        policy: int,
    ) -> NDArray[np.bool_]:
        """Return in which samples a policy is as good as the best but for one part in fifty.

        It is within the limit, if there is one that any policy is within. Arguments are those of
        :meth:`choose`.
        """
        best = np.arange(len(wait)), self.choose(wait, cost, waited)
        if self.kind == "knee":
            sums = np.array([_scaled(w) + _scaled(c) for w, c in zip(wait, cost, strict=True)])
            return sums[:, policy] <= sums[best] + _NEARLY
        if self.kind == "waited_second":
            sums = cost + self.number * waited
            return sums[:, policy] <= sums[best] * (1 + _NEARLY)
        limited, weighed = (wait, cost) if self.kind == "at_most" else (cost, wait)
        within = limited <= self.number * (1 + _ALIKE)
        # Where none is within, those that come as near are as good.
        within |= ~within.any(axis=1, keepdims=True) & (
            limited <= limited[best][:, None] + abs(limited[best])[:, None] * _NEARLY
        )
        return within[:, policy] & (weighed[:, policy] <= weighed[best] * (1 + _NEARLY))

    def is_met(self, wait: float, cost: float) -> bool:
        """Check whether a policy is within the limit or the budget, if there is one."""
        if self.kind == "at_most":
            return bool(wait <= self.number)
        return bool(cost <= self.number * (1 + _ALIKE)) if self.kind == "budget" else True


def _least(
    first: NDArray[np.float64], second: NDArray[np.float64], *, nearest: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the place of the smallest value of each row; of several the one smaller in the second."""
    first = np.where(np.isnan(first), np.inf, first)
    nowhere = np.isinf(first).all(axis=1)
    first[nowhere] = np.where(np.isnan(nearest), np.inf, nearest)[nowhere]
    lowest = first.min(axis=1, keepdims=True)
    alike = first <= lowest * (1 + _ALIKE)
    found: NDArray[np.int64] = np.where(alike & ~np.isnan(second), second, np.inf).argmin(axis=1)
    return found


def _on_fronts(
    wait: NDArray[np.float64], cost: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield wait and cost of each sample, NaN for what another policy beats."""
    for waits, costs in zip(wait, cost, strict=True):
        no_worse = (waits <= waits[:, None]) & (costs <= costs[:, None])
        better = (waits < waits[:, None]) | (costs < costs[:, None])
        beaten = (no_worse & better).any(axis=1)
        yield np.where(beaten, np.nan, waits), np.where(beaten, np.nan, costs)


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, span = np.nanmin(values), np.ptp(values[~np.isnan(values)])
    return (values - low) / span if span else values * 0
