"""Run churn: what the runs behind sessions do, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.wire.limits import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Cost", "cost"]


@dataclass(frozen=True, repr=False)
class Cost(Result):
    """What runs cost, for each machine preset with a price.

    Attributes
    ----------
    billed : Timedelta
        Active and idle time of all runs.
    runs : int
        The number of runs.
    prices : mapping of str to float
        Price of a second on each machine preset.
    per_run : float
        Price of a run.
    """

    billed: pd.Timedelta
    runs: int
    prices: Mapping[str, float]
    per_run: float

    title: ClassVar[str] = "Price of the runs, by machine"
    formula: ClassVar[str] = "total = billed seconds (active + idle) x price + runs x price per run"
    plotter: ClassVar[str] = "cost"

    def total(self, machine: str) -> float:
        """Return what all runs cost on a machine preset."""
        return self.billed.total_seconds() * self.prices[machine] + self.runs * self.per_run

    def to_frame(self) -> pd.DataFrame:
        """Return ``machine, price_per_second, billed, runs, compute, invocations, total``."""
        machines = list(self.prices)
        seconds = self.billed.total_seconds()
        return pd.DataFrame(
            {
                "machine": machines,
                "price_per_second": [self.prices[machine] for machine in machines],
                "billed": pd.array([self.billed] * len(machines), dtype="timedelta64[ms]"),
                "runs": self.runs,
                "compute": [seconds * self.prices[machine] for machine in machines],
                "invocations": self.runs * self.per_run,
                "total": [self.total(machine) for machine in machines],
            }
        )


def cost(runs: pd.DataFrame, prices: Mapping[str, float], *, per_run: float = 0.0) -> Cost:
    """Price runs by their billed time.

    Parameters
    ----------
    runs : DataFrame
        A runs frame.
    prices : mapping of str to float
        Price of a second of billed time on each machine preset, in any currency, as in
        ``{"small-1x": 0.0000338}``.
    per_run : float
        Price of one run, in the same currency.

    Returns
    -------
    Cost
        One row per preset.

    Raises
    ------
    DataError
        No prices, an unknown preset, or a price below zero.
    """
    if not prices:
        raise DataError("there is no price; give one per machine preset", column="prices")
    for machine, price in (*prices.items(), ("per_run", per_run)):
        if machine not in (*MACHINES, "per_run"):
            message = f"{machine!r} is not a machine preset; they are {', '.join(MACHINES)}"
            raise DataError(message, column="prices")
        if not (price >= 0 and math.isfinite(price)):
            raise DataError(f"the price {price!r} of {machine} is not zero or more")
    billed = runs["active"].sum() + runs["idle"].sum()
    return Cost(pd.Timedelta(billed), len(runs), dict(prices), per_run)
