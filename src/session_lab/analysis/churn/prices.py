"""Dated price lists: what was published, and what a team's own rows tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import pandas as pd

from session_lab.analysis.display import money
from session_lab.analysis.engines import pandas_frame
from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import NAT, column_of, durations
from session_lab.mistyped import answer_mistyped
from session_lab.simulator.model.settings.concurrency import PLANS
from session_lab.wire.limits import MACHINES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame

__all__ = [
    "Plan",
    "PriceList",
    "billed_time",
    "charged_cents",
    "charged_dollars",
    "check_price",
    "checked_prices",
    "prices",
]


@dataclass(frozen=True)
class Plan:
    """What a plan costs a month, and what it includes.

    Attributes
    ----------
    name : str
        Its name.
    monthly : float
        What a month costs, used or not, in dollars.
    included : float
        Use that is included in that, in dollars.
    limits : mapping of str to int
        How many runs may execute at once, by environment, as ``ConcurrencyLimits.plan`` has them.
    log_days : int
        For how many days logs, and so the traces of runs, are kept.

    Examples
    --------
    >>> hobby = prices("2026-05").plans["hobby"]
    >>> hobby.bill(4.0), hobby.bill(25.0), hobby.limits["production"]
    (10.0, 25.0, 50)
    """

    name: str
    monthly: float
    included: float
    limits: Mapping[str, int]
    log_days: int

    def bill(self, use: float) -> float:
        """Return what a month costs with so many dollars of use."""
        return self.monthly + max(use - self.included, 0.0)


@dataclass(frozen=True, repr=False)
class PriceList(Result):
    """Prices in dollars, and where each of them comes from.

    Attributes
    ----------
    as_of : str
        The month in which they were published.
    source : str
        Where they were published.
    per_second : mapping of str to float
        Price of a billed second, for the machine presets whose price is known.
    per_run : float
        Price of a run.
    told_by : mapping of str to str
        Where the price of each preset comes from.
    plans : mapping of str to Plan
        The plans.
    """

    as_of: str
    source: str
    per_second: Mapping[str, float]
    per_run: float
    told_by: Mapping[str, str]
    plans: Mapping[str, Plan]

    title: ClassVar[str] = "Prices in dollars"
    formula: ClassVar[str] = "cost = billed seconds x price per second + runs x price per run"

    @property
    def notes(self) -> tuple[str, ...]:
        """How much a run costs, where the list comes from, and what it does not know."""
        lacking = [machine for machine in MACHINES if machine not in self.per_second]
        notes = [
            f"{money(self.per_run, '$')} a run; published prices of {self.as_of}: {self.source}"
        ]
        if lacking:
            listed = ", ".join(lacking)
            notes.append(
                f"not known: {listed}; .from_runs(runs) takes them from what the platform charged "
                "for your own runs, .but(...) from you"
            )
        return tuple(notes)

    def to_frame(self) -> pd.DataFrame:
        """Return ``machine, price_per_second, price_per_hour, told_by``, cheapest first."""
        known = [machine for machine in MACHINES if machine in self.per_second]
        per_second = np.array([self.per_second[machine] for machine in known], dtype=np.float64)
        return pd.DataFrame(
            {
                "machine": known,
                "price_per_second": per_second,
                "price_per_hour": per_second * 3600,
                "told_by": [self.told_by[machine] for machine in known],
            }
        )

    def but(
        self, per_second: Mapping[str, float] | None = None, *, per_run: float | None = None
    ) -> PriceList:
        """Return the list with other prices in the place of some.

        Raises
        ------
        DataError
            A machine preset is unknown, or a price is below zero.
        """
        found = checked_prices(per_second, "per_second")
        return self._with(found, self.per_run if per_run is None else per_run, "given")

    def from_runs(self, runs: AnyFrame) -> PriceList:
        """Return the list with the prices that the platform charged for some runs.

        The price of a second on a machine is what its runs cost (``cost_in_cents``) by how long
        they were billed, over all runs of which machine, cost and billed time are known; that of a
        run is the median of ``base_cost_in_cents``.

        Raises
        ------
        DataError
            A column of the frame does not hold what it should.
        """
        runs = pandas_frame(runs, "runs")
        charged, base = (
            charged_cents(runs, name) for name in ("cost_in_cents", "base_cost_in_cents")
        )
        billed, found = billed_time(runs), {}
        if "machine" in runs:
            machine = column_of(runs, "machine", source="runs").astype(object).to_numpy()
            known = (billed > 0) & ~np.isnan(charged)
            for name in MACHINES:
                rows = known & (machine == name)
                if rows.any():
                    found[name] = float(charged[rows].sum() / 100 / (billed[rows].sum() / 1000))
        base = base[~np.isnan(base)]
        per_run = float(np.median(base)) / 100 if len(base) else self.per_run
        return self._with(found, per_run, "your runs")

    def _with(self, found: Mapping[str, float], per_run: float, told_by: str) -> PriceList:
        check_price(per_run, "per_run")
        return replace(
            self,
            per_second=MappingProxyType({**self.per_second, **found}),
            per_run=per_run,
            told_by=MappingProxyType({**self.told_by, **dict.fromkeys(found, told_by)}),
        )


def _plan(name: str, monthly: float, log_days: int) -> Plan:
    # A plan includes as much use as it costs, but for the free one.
    return Plan(name, monthly, monthly or 5.0, PLANS[name], log_days)


_PLANS = (_plan("free", 0.0, 1), _plan("hobby", 10.0, 7), _plan("pro", 50.0, 30))
_ENDS = {"micro": 0.0000169, "large-2x": 0.00068}
_LISTS: Final = {
    # Third parties recorded a range from the smallest preset to the largest, and nothing of those
    # between; the relative weights in the docs do not fit these two ends. Limits: docs of SDK 4.8.3.
    "2026-05": PriceList(
        as_of="2026-05",
        source="trigger.dev/pricing, as third parties recorded it that month",
        per_second=MappingProxyType(_ENDS),
        per_run=0.000025,
        told_by=MappingProxyType(dict.fromkeys(_ENDS, "published")),
        plans=MappingProxyType({plan.name: plan for plan in _PLANS}),
    )
}


@answer_mistyped
def prices(
    as_of: str = "2026-05",
    *,
    runs: AnyFrame | None = None,
    per_second: Mapping[str, float] | None = None,
    per_run: float | None = None,
) -> PriceList:
    """Return a dated list of the platform's published prices, plans and limits.

    Of the machine presets only the cheapest and the dearest have a published price that was
    recorded; the others are taken from what the platform charged for runs of yours, or from you.

    Parameters
    ----------
    as_of : {"2026-05"}
        The month of the list.
    runs : DataFrame, optional
        Runs of yours, whose own prices replace those of the list; see
        :meth:`PriceList.from_runs`.
    per_second : mapping of str to float, optional
        Prices of a second in dollars, which replace all others.
    per_run : float, optional
        Price of a run in dollars.

    Raises
    ------
    DataError
        There is no list of that month, a machine preset is unknown, or a price is below zero.

    Examples
    --------
    >>> listed = prices("2026-05", per_second={"small-1x": 0.00004})
    >>> {machine: f"{price:.7f}" for machine, price in listed.per_second.items()}
    {'micro': '0.0000169', 'large-2x': '0.0006800', 'small-1x': '0.0000400'}
    >>> listed.plans["pro"].included
    50.0
    """
    if not isinstance(as_of, str) or as_of not in _LISTS:
        message = f"there is no list of {as_of!r}; there are {', '.join(_LISTS)}"
        raise DataError(message, column="as_of")
    found = _LISTS[as_of]
    if runs is not None:
        found = found.from_runs(runs)
    return found.but(per_second, per_run=per_run)


def checked_prices(given: object, name: str) -> dict[str, float]:
    """Return prices of a second by machine preset, none where nothing is given.

    Raises
    ------
    DataError
        They are not a mapping, a preset is unknown, or a price is below zero.
    """
    if given is not None and not isinstance(given, Mapping):
        message = f'{given!r} is not a mapping such as {{"small-1x": 0.00004}}'
        raise DataError(message, column=name)
    for machine, price in (given or {}).items():
        if machine not in MACHINES:
            message = f"{machine!r} is not a machine preset; they are {', '.join(MACHINES)}"
            raise DataError(message, column="prices")
        check_price(price, machine)
    return dict(given or {})


def billed_time(runs: pd.DataFrame) -> NDArray[np.int64]:
    """Return for how many milliseconds each run is billed; NAT where that is not known.

    It is ``billed`` where that is known, else the sum of ``active`` and ``idle``.

    Raises
    ------
    DataError
        A column is missing, or does not hold durations.
    """
    billed = np.full(len(runs), NAT)
    if "billed" in runs:
        billed = durations(runs, "billed", source="runs").copy()
    active, idle = (durations(runs, name, source="runs") for name in ("active", "idle"))
    told = (billed == NAT) & (active != NAT) & (idle != NAT)
    billed[told] = active[told] + idle[told]
    return billed


def charged_cents(runs: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return what the platform says that each run cost, in cents; NaN where it does not say."""
    if name not in runs:
        return np.full(len(runs), np.nan)
    column = column_of(runs, name, source="runs")
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        message = f"the column holds {column.dtype} where numbers are expected"
        raise DataError(message, source="runs", column=name) from None


def charged_dollars(runs: pd.DataFrame) -> tuple[float | None, int]:
    """Return what the platform charged, in dollars, and of how many runs a part is not told."""
    parts = [charged_cents(runs, name) for name in ("cost_in_cents", "base_cost_in_cents")]
    lacking = np.isnan(parts)
    if lacking.all():
        return None, len(runs)
    return float(np.nansum(parts)) / 100, int(lacking.any(axis=0).sum())


def check_price(price: object, name: str) -> None:
    """Refuse a price below zero, or what is not a number.

    Raises
    ------
    DataError
        The error names what it is the price of.
    """
    if not (isinstance(price, Real) and 0 <= float(price) < math.inf):
        raise DataError(f"the price {price!r} of {name} is not zero or more", column="prices")
