"""What runs cost: billed and suspended time, and prices by machine preset."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import warn_of_doubles
from session_lab.analysis.results import Result
from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, durations
from session_lab.wire.limits import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.analysis.engines import AnyFrame

__all__ = ["Cost", "cost", "price_list"]

_TIMES = ("active", "idle", "suspended")
_WEIGHTS = dict(zip(MACHINES, (0.25, 1, 2, 2, 4, 8, 16), strict=True))


@dataclass(frozen=True, repr=False)
class Cost(Result):
    """What runs cost, for each machine preset with a price.

    Attributes
    ----------
    billed : Timedelta
        Active and idle time of all runs.
    suspended : Timedelta
        Suspended time of all runs, which is not billed.
    runs : int
        The number of runs.
    prices : mapping of str to float
        Price of a second on each machine preset.
    per_run : float
        Price of a run.
    """

    billed: pd.Timedelta
    suspended: pd.Timedelta
    runs: int
    prices: Mapping[str, float]
    per_run: float

    title: ClassVar[str] = "Price of the runs, by machine"
    formula: ClassVar[str] = "total = billed seconds (active + idle) x price + runs x price per run"

    def total(self, machine: str) -> float:
        """Return what all runs cost on a machine preset."""
        return self.billed.total_seconds() * self.prices[machine] + self.runs * self.per_run

    def to_frame(self) -> pd.DataFrame:
        """Return ``machine, price_per_second, billed, suspended, runs`` and prices.

        The prices are ``compute``, ``invocations`` and their sum, ``total``.
        """
        machines, n = list(self.prices), len(self.prices)
        seconds = self.billed.total_seconds()
        return pd.DataFrame(
            {
                "machine": machines,
                "price_per_second": [self.prices[machine] for machine in machines],
                "billed": pd.array([self.billed] * n, dtype="timedelta64[ms]"),
                "suspended": pd.array([self.suspended] * n, dtype="timedelta64[ms]"),
                "runs": self.runs,
                "compute": [seconds * self.prices[machine] for machine in machines],
                "invocations": self.runs * self.per_run,
                "total": [self.total(machine) for machine in machines],
            }
        )


def cost(runs: AnyFrame, prices: Mapping[str, float], *, per_run: float = 0.0) -> Cost:
    """Price runs by their billed time.

    Parameters
    ----------
    runs : DataFrame
        A runs frame. A run whose times are missing counts as a run without any, with a warning.
    prices : mapping of str to float
        Price of a second of billed time on each machine preset, in any currency, as in
        ``{"small-1x": 0.0000338}``; see :func:`price_list`.
    per_run : float
        Price of one run, in the same currency.

    Returns
    -------
    Cost
        One row per preset.

    Raises
    ------
    DataError
        No prices, an unknown preset, a price below zero, or a column is missing or holds no
        durations.
    """
    if not prices:
        raise DataError("there is no price; give one per machine preset", column="prices")
    for machine, price in (*prices.items(), ("per_run", per_run)):
        if machine not in (*MACHINES, "per_run"):
            message = f"{machine!r} is not a machine preset; they are {', '.join(MACHINES)}"
            raise DataError(message, column="prices")
        _check_price(price, machine)
    runs = pandas_frame(runs, "runs")
    warn_of_doubles(runs, "run_id", source="runs")
    spans = {name: durations(runs, name, source="runs") for name in _TIMES}
    lacking = int(np.logical_or.reduce([span == NAT for span in spans.values()]).sum())
    if lacking:
        message = f"runs: the times of {lacking:,} runs are not known and count as zero"
        warnings.warn(message, DataWarning, stacklevel=2)
    active, idle, suspended = (int(span[span != NAT].sum()) for span in spans.values())
    return Cost(
        billed=pd.Timedelta(active + idle, unit="ms"),
        suspended=pd.Timedelta(suspended, unit="ms"),
        runs=len(runs),
        prices=dict(prices),
        per_run=per_run,
    )


def price_list(small_1x: float) -> dict[str, float]:
    """Derive the price of every machine preset from that of ``small-1x``.

    The platform bills presets by their weight beside ``small-1x``: micro 0.25, small-2x and
    medium-1x 2, medium-2x 4, large-1x 8, large-2x 16 (Trigger.dev docs: Machines; check the current
    price list where the exact figure matters).

    Parameters
    ----------
    small_1x : float
        Price of a second on ``small-1x``, in any currency.

    Returns
    -------
    dict of str to float
        Price of a second on each preset.

    Raises
    ------
    DataError
        The price is below zero, or no number.

    Examples
    --------
    >>> price_list(1.0)["medium-2x"]
    4.0
    """
    _check_price(small_1x, "small-1x")
    return {machine: weight * small_1x for machine, weight in _WEIGHTS.items()}


def _check_price(price: float, machine: str) -> None:
    if not (price >= 0 and math.isfinite(price)):
        raise DataError(f"the price {price!r} of {machine} is not zero or more")
