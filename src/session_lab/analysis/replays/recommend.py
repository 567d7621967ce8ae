"""Choosing from a sweep: the policies that nothing beats, and one of them by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import NAT, milliseconds
from session_lab.mistyped import answer_mistyped, meant
from session_lab.simulator import RunPolicy
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from session_lab.timing import Duration

__all__ = ["Recommendation", "best_cost", "pareto_front", "recommend", "settings_of"]

_NEIGHBOURS = 5
"""How many policies on either side of the chosen one are shown with it."""
_SETTINGS = (*(one.name for one in fields(RunPolicy)), "expiry", "concurrency_limit")


@dataclass(frozen=True, repr=False)
class Recommendation(Result):
    """One policy of a sweep, and why.

    Attributes
    ----------
    policies : DataFrame
        The sweep; its column ``front`` is the front between ``wait`` and ``cost`` among the
        policies that were considered.
    wait, cost : str
        The columns that were weighed against each other.
    chosen : int
        The row of the policy.
    rule : str
        How it was chosen, and what that assumes.
    caveats : tuple of str
        What to bear in mind.
    sensitivity : mapping of str to mapping of str to str
        The settings that would be recommended under each other assumption of the sweep.
    current : int or None
        The row of the policy that holds today, if it was named.
    """

    policies: pd.DataFrame
    wait: str
    cost: str
    chosen: int
    rule: str
    caveats: tuple[str, ...]
    sensitivity: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    current: int | None = None

    title: ClassVar[str] = "Waiting against cost"
    formula: ClassVar[str] = (
        "front: no other policy waits as little for as little cost, and less in one of them"
    )

    @property
    def settings(self) -> Mapping[str, str]:
        """The fields of the grid that make the chosen policy, as text."""
        return settings_of(self.policies, self.chosen)

    @property
    def notes(self) -> tuple[str, ...]:
        """The choice, its rule, and what to bear in mind."""
        chosen = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        n, shown = int(self.policies["front"].sum()), len(self.overview())
        part = () if shown == n else (f"shown: {shown} of the {n:,} policies on the front",)
        today = () if self.current is None else (self._today(self.current),)
        told = f"recommended: {chosen}"
        return (*part, *today, told, self.rule, *self._under(), *self.caveats)

    def _today(self, row: int) -> str:
        """Describe the policy that holds today."""
        held = self.policies.iloc[row]
        settings = ", ".join(f"{name} {v}" for name, v in settings_of(self.policies, row).items())
        numbers = ", ".join(f"{name} {_text(held[name])}" for name in (self.wait, self.cost))
        return f"today: {settings} ({numbers})"

    def _under(self) -> tuple[str, ...]:
        """Describe what depends on the assumptions that were varied."""
        other = {name: one for name, one in self.sensitivity.items() if one != self.settings}
        if self.sensitivity and not other:
            return (f"the same is recommended under {', '.join(self.sensitivity)}",)
        return tuple(
            f"under {name} it would be {', '.join(f'{key} {one[key]}' for key in one)}"
            for name, one in other.items()
        )

    def summary(self) -> pd.Series:
        """Return the row of the chosen policy."""
        return self.policies.iloc[self.chosen]

    @property
    def today(self) -> pd.Series | None:
        """The row of the policy that holds today; None where it was not named."""
        return None if self.current is None else self.policies.iloc[self.current]

    def overview(self) -> pd.DataFrame:
        """Return the chosen policy and its neighbours on the front."""
        front = self.to_frame()
        first = max(int(np.flatnonzero(front["chosen"])[0]) - _NEIGHBOURS, 0)
        return front.iloc[first : first + 2 * _NEIGHBOURS + 1]

    def to_frame(self) -> pd.DataFrame:
        """Return the policies of the front, cheapest first: fields, wait and cost, and the rest.

        ``chosen`` marks the recommended one; the index is that of ``policies``.
        """
        front = self.policies[self.policies["front"]]
        front = front.sort_values([self.cost, self.wait], kind="stable")
        names = [*self.settings, self.wait, self.cost, "runs", "refused"]
        return front[names].assign(chosen=front.index == self.chosen)


@answer_mistyped
def recommend(
    policies: pd.DataFrame,
    *,
    wait: str = "wait_p95",
    cost: str | None = None,
    at_most: Duration | float | None = None,
    most_refused: int | None = None,
    current: Mapping[str, object] | None = None,
) -> Recommendation:
    """Recommend a policy from a sweep.

    With ``at_most`` it is the cheapest policy that waits no longer. Otherwise it is the knee of the
    front: the policy with the smallest sum of wait and cost, each scaled to its range on the front.

    Parameters
    ----------
    policies : DataFrame
        What ``sl.sweep`` returned. Rows under another assumption are not recommended; what they
        would lead to is said beside it.
    wait : str
        What waiting is measured by: ``wait_p50``, ``wait_p95``, ``wait_p99``, ``wait_mean``,
        ``cold_starts`` or ``resumed``.
    cost : str, optional
        ``billed`` or a price; by default the first price, else ``billed``.
    at_most : str, timedelta or float, optional
        The longest wait that will do; of shares, a number.
    most_refused : int, optional
        Only policies with no more refusals are considered; by default those with the fewest, since
        a policy whose sessions expire early waits and costs little by refusing people.
    current : mapping, optional
        Fields of the policy that holds today, as in ``{"idle_timeout": "30s"}``, to be shown beside
        the recommended one; it must be in the sweep.

    Raises
    ------
    DataError
        This is not a frame, a column is missing, no policy served a turn, none has so few refusals,
        or the current one is not in the sweep.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> platform = sl.Platform(boot_time="3s", resume_time="1s")
    >>> policies = sl.sweep(events, {"idle_timeout": ["10s", "30s", "2m"]}, platform=platform)
    >>> dict(sl.recommend(policies, at_most="2s").settings)
    {'idle_timeout': '10 s'}
    """
    given_frame: object = policies
    if not isinstance(given_frame, pd.DataFrame):
        message = f"{type(policies).__name__} is not the frame of policies that sl.sweep returns"
        raise DataError(message, source="policies")
    cost = best_cost(policies) if cost is None else cost
    if "assumption" in policies:
        given, *others = (part for _, part in policies.groupby("assumption", sort=False))
        first, *rest = (
            recommend(
                part.drop(columns="assumption"),
                wait=wait,
                cost=cost,
                at_most=at_most,
                most_refused=most_refused,
                current=current,
            )
            for part in (given, *others)
        )
        names = [str(part["assumption"].iloc[0]) for part in others]
        return replace(
            first,
            sensitivity=dict(zip(names, (one.settings for one in rest), strict=True)),
        )
    policies = policies.reset_index(drop=True)
    waits, costs, refused = (_numbers(policies, name) for name in (wait, cost, "refused"))
    fewest = np.nanmin(refused) if len(refused) else 0
    limit = fewest if most_refused is None else most_refused
    drained = _drained(policies)
    considered = (refused <= limit) & ~np.isnan(waits) & ~np.isnan(costs) & drained
    if not considered.any():
        message = f"no policy served a turn with at most {limit:,.0f} refusals"
        if not drained.any():
            message = "under every limit people were still in line when the last event came"
        raise DataError(message, source="policies", column="refused")
    front = np.zeros(len(policies), dtype=bool)
    front[considered] = pareto_front(policies[considered], wait, cost)
    rows = np.flatnonzero(front)
    rows = rows[np.lexsort((waits[rows], costs[rows]))]
    if at_most is None:
        chosen = int(rows[np.argmin(_scaled(waits[rows]) + _scaled(costs[rows]))])
        rule = (
            f"the knee of the front: the smallest sum of {wait} and {cost}, each scaled to its "
            "range on the front; this assumes that either range weighs as much as the other"
        )
    else:
        chosen, rule = _cheapest(
            rows, waits, wait, cost, at_most, shares=not _is_time(policies, wait)
        )
    caveats = ["neither boot time (fact) nor resume time (assumption) is billed"]
    caveats += policies.attrs.get("assumptions", [])
    if considered.sum() > 1 and np.ptp(waits[considered]) == 0:
        caveats.append(f"{wait} is the same under every policy here, so only {cost} was weighed")
    if undrained := int((~drained).sum()):
        caveats.append(
            f"left out, since the line had not drained when the last event came: {undrained:,}"
        )
    if left_out := int((refused > limit).sum()):
        caveats.append(f"left out for more than {limit:,.0f} refusals: {left_out:,}")
    return Recommendation(
        policies=policies.assign(front=front),
        wait=wait,
        cost=cost,
        chosen=chosen,
        rule=rule,
        caveats=tuple(caveats),
        current=None if current is None else _row_of(policies, current),
    )


def pareto_front(policies: pd.DataFrame, *columns: str) -> NDArray[np.bool_]:
    """Return which rows no other row beats: as small in every column, and smaller in one.

    Rows that are equal in all of them are on the front together; rows with a missing value, and
    those under whose limit the line did not drain, are not on it.

    Examples
    --------
    >>> policies = pd.DataFrame({"wait": [9, 4, 5, 1], "cost": [1, 2, 3, 8]})
    >>> pareto_front(policies, "wait", "cost").tolist()
    [True, True, False, True]
    """
    values = np.column_stack([_numbers(policies, name) for name in columns])
    values[~_drained(policies)] = np.nan
    front: NDArray[np.bool_] = np.zeros(len(values), dtype=bool)
    for row in np.flatnonzero(~np.isnan(values).any(axis=1)):
        beats = (values <= values[row]).all(axis=1) & (values < values[row]).any(axis=1)
        front[row] = not beats.any()
    return front


def _drained(policies: pd.DataFrame) -> NDArray[np.bool_]:
    """Return where waits mean something: nobody was in line when the last event had come."""
    if "drained" not in policies:
        return np.ones(len(policies), dtype=bool)
    return policies["drained"].to_numpy(dtype=bool)


def settings_of(policies: pd.DataFrame, row: int) -> dict[str, str]:
    """Return the fields of the grid that make a policy of a sweep, as text."""
    return {name: _text(policies[name].iloc[row]) for name in _SETTINGS if name in policies}


def _row_of(policies: pd.DataFrame, current: Mapping[str, object]) -> int:
    """Return the row of the policy that holds today."""
    fits = np.ones(len(policies), dtype=bool)
    for name, value in current.items():
        if name not in _SETTINGS or name not in policies:
            message = f"{name!r} is not a field of the grid of this sweep"
            raise DataError(message, source="current", column=name)
        held = policies[name]
        if held.dtype.kind == "m":
            wanted = NAT if value is None else to_milliseconds(value, name=name)
            fits &= milliseconds(held) == wanted
        else:
            is_it = held.isna() if value is None else held == value
            fits &= is_it.to_numpy(dtype=bool, na_value=False)
    if not fits.any():
        message = f"{dict(current)!r} is not among the policies of the sweep; add it to the grid"
        raise DataError(message, source="current")
    return int(fits.argmax())


def best_cost(policies: pd.DataFrame) -> str:
    """Name the column that tells best what policies cost: the first price, else billed time."""
    prices = (str(name) for name in policies.columns if str(name).startswith("price_"))
    return next(prices, "billed")


def _cheapest(
    rows: NDArray[np.int64],
    waits: NDArray[np.float64],
    wait: str,
    cost: str,
    at_most: Duration | float,
    *,
    shares: bool,
) -> tuple[int, str]:
    """Choose the first row, cheapest first, that waits no longer; else the one that waits least."""
    limit, text = _share(at_most) if shares else _span(at_most)
    good = rows[waits[rows] <= limit]
    if len(good):
        rule = f"the smallest {cost} with {wait} of at most {text}; nothing else is weighed"
        return int(good[0]), rule
    least = rows[np.argmin(waits[rows])]
    return int(least), f"no policy has {wait} of at most {text}; this is the one with the smallest"


def _share(value: Duration | float) -> tuple[float, str]:
    if not isinstance(value, (int, float)):
        raise DataError(f"{value!r} is not a share; write a number such as 0.1", column="at_most")
    return value, f"{value:g}"


def _span(value: Duration | float) -> tuple[float, str]:
    span = to_milliseconds(value, name="at_most")
    return span, duration_text(span)


def _numbers(policies: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column as numbers; durations in milliseconds."""
    if name not in policies:
        found = ", ".join(map(str, policies.columns))
        message = f"the column is missing; there are {found}{meant(name, policies.columns)}"
        raise DataError(message, source="policies", column=name)
    if not _is_time(policies, name):
        return policies[name].to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = milliseconds(policies[name])
    return np.where(numbers == NAT, np.nan, numbers)


def _is_time(policies: pd.DataFrame, name: str) -> bool:
    return policies[name].dtype.kind == "m"


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, span = values.min(), np.ptp(values)
    return (values - low) / span if span else np.zeros_like(values)


def _text(value: object) -> str:
    if value is pd.NA:
        return "none"
    if isinstance(value, pd.Timedelta):
        return duration_text(value // pd.Timedelta(milliseconds=1))
    return "none" if value is pd.NaT or value == "" else str(value)
