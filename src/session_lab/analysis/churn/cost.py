"""What runs cost: what the platform charged, and what they would cost at given prices."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.churn.prices import (
    PriceList,
    billed_time,
    charged_dollars,
    check_price,
    checked_prices,
)
from session_lab.analysis.display import money
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.observation import warn_of_doubles
from session_lab.analysis.results import Result
from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, durations
from session_lab.mistyped import answer_mistyped, level_of_caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.analysis.engines import AnyFrame

__all__ = ["CHARGED", "Cost", "cost"]

CHARGED = "as charged"
"""What stands for a machine preset in the row of what the platform charged."""


@dataclass(frozen=True, repr=False)
class Cost(Result):
    """What runs cost: as the platform charged, and for each machine preset with a price.

    Attributes
    ----------
    billed : Timedelta
        Billed time (active and idle) of the runs of which it is known.
    suspended : Timedelta
        Suspended time, which is not billed, of the runs of which it is known.
    runs : int
        The number of runs.
    prices : mapping of str to float
        Price of a second on each machine preset.
    per_run : float
        Price of a run.
    unknown : int
        Of how many runs the billed time is not known.
    charged : float or None
        What the platform charged for the runs of which it says so, in dollars; None where it does
        not say so of any.
    uncharged : int
        Of how many runs it does not say all.
    source : str
        Where the prices come from, if they come from a list.
    """

    billed: pd.Timedelta
    suspended: pd.Timedelta
    runs: int
    prices: Mapping[str, float]
    per_run: float
    unknown: int = 0
    charged: float | None = None
    uncharged: int = 0
    source: str = ""

    title: ClassVar[str] = "Price of the runs"
    formula: ClassVar[str] = (
        "total = billed seconds (active + idle) x price + runs x price per run; as charged: the sum "
        "of cost_in_cents and base_cost_in_cents"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """Where prices come from, and how many runs are missing in which numbers."""
        notes = [self.source] if self.source else []
        if self.unknown:
            least = "what is priced is the least that they cost"
            notes.append(f"{_told(self.unknown, self.runs, 'the billed time')}: {least}")
        if self.charged is not None and self.uncharged:
            least = "what is charged is the least"
            notes.append(f"{_told(self.uncharged, self.runs, 'the charge')}: {least}")
        return tuple(notes)

    def total(self, machine: str) -> float:
        """Return what all runs cost on a machine preset.

        With ``unknown`` runs it is the least that they cost, and NaN where nothing is known of any.
        """
        if self.runs and self.unknown == self.runs:
            return float("nan")
        return self.billed.total_seconds() * self.prices[machine] + self.runs * self.per_run

    def to_frame(self) -> pd.DataFrame:
        """Return ``machine, price_per_second, billed, suspended, runs``, prices and ``unknown``.

        The prices are ``compute``, ``invocations`` and their sum, ``total``; ``unknown`` is how
        many runs they miss. What the platform charged stands first, where it is known.
        """
        machines, n = list(self.prices), len(self.prices)
        seconds = (
            self.billed.total_seconds() if self.unknown < self.runs or not self.runs else np.nan
        )
        frame = pd.DataFrame(
            {
                "machine": machines,
                "price_per_second": [self.prices[machine] for machine in machines],
                "billed": pd.array([self.billed] * n, dtype="timedelta64[ms]"),
                "suspended": pd.array([self.suspended] * n, dtype="timedelta64[ms]"),
                "runs": self.runs,
                "compute": [seconds * self.prices[machine] for machine in machines],
                "invocations": self.runs * self.per_run,
                "total": [self.total(machine) for machine in machines],
                "unknown": self.unknown,
            }
        )
        if self.charged is None:
            return frame
        first = (
            frame.iloc[:0]
            .reindex([0])
            .assign(
                machine=CHARGED,
                billed=self.billed,
                suspended=self.suspended,
                runs=self.runs,
                total=self.charged,
                unknown=self.uncharged,
            )
        )
        kept = {name: dtype for name, dtype in frame.dtypes.items() if name != "machine"}
        return pd.concat([first.astype(kept), frame], ignore_index=True)

    def overview(self) -> pd.DataFrame:
        """Return the table to be read: a total that misses runs says that it is the least."""
        frame = self.to_frame()
        totals = [
            f"{'at least ' * (unknown > 0)}{money(total)}"
            for total, unknown in zip(frame["total"], frame["unknown"], strict=True)
        ]
        known = frame[["machine", "price_per_second", "billed", "runs"]]
        return known.assign(total=totals, unknown_runs=frame["unknown"])


@answer_mistyped
def cost(
    runs: AnyFrame,
    prices: Mapping[str, float] | PriceList | None = None,
    *,
    per_run: float | None = None,
) -> Cost:
    """Price runs by their billed time, and add up what the platform charged.

    Parameters
    ----------
    runs : DataFrame
        A runs frame. The billed time is ``billed``, which pulled runs have, or else ``active`` and
        ``idle``. Runs of which neither is known are counted, with a warning, and left out of the
        billed time: what is told then is the least that all of them cost.
    prices : mapping of str to float or PriceList, optional
        Price of a second of billed time on each machine preset, as in ``{"small-1x": 0.00004}``, in
        any currency, or :func:`session_lab.prices`; without it only what the platform charged
        (``cost_in_cents``, ``base_cost_in_cents``) is told.
    per_run : float, optional
        Price of one run, in the same currency; by default that of the list, or 0.

    Returns
    -------
    Cost
        A row for what was charged, where it is known, and one per preset.

    Raises
    ------
    DataError
        There are neither prices nor charges, a preset is unknown, a price is below zero, or a
        column is missing or holds no durations.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> bill = sl.churn.cost(sl.replay(events).runs, sl.prices("2026-05"))
    >>> round(bill.total("micro"), 4)
    0.9214
    """
    if isinstance(prices, PriceList):
        source, per_second = prices.notes[0], dict(prices.per_second)
        per_run = prices.per_run if per_run is None else per_run
    else:
        source, per_second = "", checked_prices(prices, "prices")
        per_run = 0.0 if per_run is None else per_run
    check_price(per_run, "per_run")
    runs = pandas_frame(runs, "runs")
    warn_of_doubles(runs, "run_id", source="runs")
    billed, (charged, uncharged) = billed_time(runs), charged_dollars(runs)
    if not per_second and (charged is None or prices is not None):
        message = "there is no price, and no run tells what was charged; give one per preset"
        raise DataError(message, column="prices")
    suspended = durations(runs, "suspended", source="runs")
    unknown = int((billed == NAT).sum())
    if unknown and per_second:
        told = _told(unknown, len(runs), "the billed time")
        warnings.warn(
            f"runs: {told}: what is priced is the least that they cost",
            DataWarning,
            stacklevel=level_of_caller(),
        )
    return Cost(
        billed=pd.Timedelta(int(billed[billed != NAT].sum()), unit="ms"),
        suspended=pd.Timedelta(int(suspended[suspended != NAT].sum()), unit="ms"),
        runs=len(runs),
        prices=per_second,
        per_run=per_run,
        unknown=unknown,
        charged=charged,
        uncharged=0 if charged is None else uncharged,
        source=source,
    )


def _told(unknown: int, runs: int, what: str) -> str:
    return f"{what} of {unknown:,} of {runs:,} runs is not known"
