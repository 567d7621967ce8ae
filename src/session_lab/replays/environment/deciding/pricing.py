"""The price of a billed second and of a run, as a recording or its reader tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.analysis.churn.prices import PriceList, billed_time, prices
from session_lab.analysis.display import money
from session_lab.errors import DataError
from session_lab.frames import NAT, column_of
from session_lab.replays.environment.caveat import Caveat

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["Pricing", "pricing_of"]


class Pricing(NamedTuple):
    """What a billed second and a run cost.

    Attributes
    ----------
    per_second, per_run : float
        In dollars; where no price is known a billed second counts as one in 3,600, so that costs are
        hours.
    is_known : bool
        Whether a price is known.
    caveats : tuple of Caveat
        Where it comes from.
    """

    per_second: float
    per_run: float
    is_known: bool
    caveats: tuple[Caveat, ...]

    @property
    def unit(self) -> str:
        """What costs are counted in."""
        return "dollars" if self.is_known else "billed hours"


def pricing_of(runs: pd.DataFrame, given: PriceList | Mapping[str, float] | None) -> Pricing:
    """Weigh the prices of machine presets by the billed time of recorded runs on each.

    Parameters
    ----------
    runs : DataFrame
        The recorded runs.
    given : PriceList or mapping of str to float, optional
        Dollars for a billed second; by default what the platform charged for these runs.

    Raises
    ------
    DataError
        The runs use a machine without a price, or there are several prices and no run tells its
        machine.
    """
    if isinstance(given, PriceList):
        per_second, per_run = dict(given.per_second), given.per_run
    else:
        listed = prices(runs=runs, per_second=given)
        per_run = listed.per_run
        wanted = "your runs" if given is None else "given"
        per_second = {m: p for m, p in listed.per_second.items() if listed.told_by[m] == wanted}
    if not per_second:
        note = "no price is known, as no run tells its machine, cost and billed time: costs are"
        told = Caveat("price", f"{note} billed hours")
        return Pricing(1 / 3600, 0.0, is_known=False, caveats=(told,))
    weights = _billed_by_machine(runs)
    if not weights and len(per_second) == 1:
        weights = dict.fromkeys(per_second, 1.0)
    lacking = [machine for machine in weights if machine not in per_second]
    if lacking or not weights:
        what = f"no price for {', '.join(lacking)}" if lacking else "no run tells its machine"
        message = f"{what}: give one price, or one for each machine of the recorded runs"
        raise DataError(message, source="runs", column="prices")
    total = sum(weights.values())
    mean = sum(per_second[machine] * weight for machine, weight in weights.items()) / total
    source = "what the platform charged for these runs" if given is None else "as given"
    mix = ", ".join(f"{machine} {weight / total:.0%}" for machine, weight in weights.items())
    hour, run = money(mean * 3600, "$"), money(per_run, "$")
    note = f"{hour} for a billed hour ({mix} of the billed time) and {run} for a run: {source}"
    return Pricing(mean, per_run, is_known=True, caveats=(Caveat("price", note),))


def _billed_by_machine(runs: pd.DataFrame) -> dict[str, float]:
    if "machine" not in runs:
        return {}
    machine = column_of(runs, "machine", source="runs").astype(object)
    billed = billed_time(runs)
    known = machine.notna().to_numpy() & (billed != NAT) & (billed > 0)
    sums = {
        str(name): float(billed[known & (machine == name).to_numpy()].sum())
        for name in machine[known].unique()
    }
    return dict(sorted(sums.items(), key=lambda entry: -entry[1]))
