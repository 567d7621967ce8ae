"""How often intervals hold the truth."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from session_lab.analysis import lifetimes
from session_lab.errors import StatisticalWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.replays.truth.worlds import KnownWorld
    from session_lab.timing import Duration

__all__ = ["coverage"]


def coverage(
    world: KnownWorld,
    *,
    ages: Sequence[Duration],
    worlds: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate survival, incidence and median in many worlds, and count the intervals that hold.

    Parameters
    ----------
    world : KnownWorld
        What the worlds are drawn from.
    ages : sequence of str or timedelta
        At which ages survival and incidence are asked for.
    worlds : int
        How many.
    seed : int
        What the worlds draw on.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        ``quantity`` (survival, closed, expired, median), ``age`` (NA for the median), ``truth``,
        ``mean`` of the estimates, and ``coverage``, the share of worlds in which the interval held
        the truth. A median is in hours; worlds in which it is not reached count as held where its
        lower bound lies at or below the truth, and not in the mean.

    Examples
    --------
    >>> from session_lab.replays.truth import Constant, KnownWorld
    >>> world = KnownWorld(closes=Constant("2h"), n=100)
    >>> coverage(world, ages=["1h"], worlds=20)[["quantity", "truth", "coverage"]].round(3)
       quantity  truth  coverage
    0  survival  0.607      0.95
    1    closed  0.393      1.00
    2    median  1.386      1.00
    """
    causes = ("closed",) if world.expires is None else ("closed", "expired")
    names = [("survival", age) for age in ages]
    names += [(cause, age) for cause in causes for age in ages]
    median = world.quantile(0.5)
    truth = np.concatenate(
        [
            world.survival(ages),
            *(world.incidence(ages, cause) for cause in causes),
            [median / pd.Timedelta("1h")],
        ]
    )
    found, held = [], []
    for frame in world.repeated(worlds, seed):
        with warnings.catch_warnings():
            # In worlds of few sessions, some of which end early, weak curves are to be expected.
            warnings.simplefilter("ignore", StatisticalWarning)
            curve = lifetimes.survival(frame, entry=world.since, level=level)
            ends = lifetimes.incidence(frame, entry=world.since, level=level)
        read = [_read(curve.at(ages), "survival")]
        read += [_read(ends.at(ages, cause), "incidence") for cause in causes]
        estimate, lower, upper = np.concatenate([*read, [_hours(curve.median)]]).T
        found.append(estimate)
        held.append((lower <= truth) & (truth <= upper))
    return pd.DataFrame(
        {
            "quantity": [*(name for name, _ in names), "median"],
            "age": [*(pd.Timedelta(age) for _, age in names), pd.NaT],
            "truth": truth,
            "mean": np.nanmean(found, axis=0),
            "coverage": np.mean(held, axis=0),
        }
    )


def _read(table: pd.DataFrame, name: str) -> Any:  # noqa: ANN401  an array of shape (ages, 3)
    # A bound that cannot be told excludes nothing.
    return table.fillna({"lower": 0.0, "upper": 1.0})[[name, "lower", "upper"]].to_numpy()


def _hours(median: lifetimes.Estimate) -> list[float]:
    """Return the median and its bounds in hours; what is not reached is NaN, a bound infinite."""
    # Ages of a frame are durations.
    hour: Any = pd.Timedelta("1h")
    value, lower, upper = (
        None if bound is None else bound / hour
        for bound in (median.value, median.lower, median.upper)
    )
    unreached = float("inf")
    # Where the curve falls to 0 at once, its band cannot be told and excludes nothing below.
    unknown = unreached if value is None else 0.0
    return [
        float("nan") if value is None else value,
        unknown if lower is None else lower,
        unreached if upper is None else upper,
    ]
