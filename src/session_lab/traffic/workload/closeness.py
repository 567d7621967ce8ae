"""How close generated traffic is to recorded traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.traffic.workload.chat_statistics import chats_of
from session_lab.traffic.workload.generating import generate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.workload.chat_statistics import Chats
    from session_lab.traffic.workload.chat_workload import ChatWorkload

__all__ = ["Closeness", "closeness", "compare"]

_QUANTILES = (0.5, 0.9, 0.99)
_MINUTE = 60_000
_MEASURES = (
    "arrivals per minute",
    "gap between arrivals (s)",
    "turns per chat",
    "think (s)",
    "turn (s)",
)


@dataclass(frozen=True, repr=False)
class Closeness:
    """Recorded and generated traffic, side by side.

    Attributes
    ----------
    table : DataFrame
        A row for each measure: how many values there are on both sides, their means and quantiles,
        and ``distance``, the Kolmogorov-Smirnov distance of the two samples.
    seed : int
        What the generated log was drawn with.
    """

    table: pd.DataFrame
    seed: int

    title: ClassVar[str] = "Generated traffic against recorded traffic"
    formula: ClassVar[str] = (
        "distance: the greatest difference of the two empirical distribution functions, 0 to 1 "
        "(Kolmogorov and Smirnov). Chats that do not begin with a start are left out; a log that "
        "ends in the middle of chats shows fewer and shorter thinks than there were."
    )

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table."""
        return self.table.copy()

    def summary(self) -> dict[str, float]:
        """Return the distance of each measure."""
        return dict(zip(self.table["measure"], self.table["distance"].tolist(), strict=True))

    def __repr__(self) -> str:
        """Show the title, the table and the formula."""
        shown = self.table.to_string(index=False, float_format=lambda value: f"{value:.4g}")
        return f"{self.title} (seed {self.seed})\n{shown}\n{self.formula}"


def closeness(workload: ChatWorkload, events: pd.DataFrame, *, seed: int = 0) -> Closeness:
    """Compare traffic that is generated from a workload with a recorded log.

    Parameters
    ----------
    workload : ChatWorkload
        What to draw from, over its own window; such as :func:`fit` estimates.
    events : DataFrame
        The recorded log, an events frame.
    seed : int
        Of the log that is generated.

    Returns
    -------
    Closeness
        Of arrivals, thinks, turns and their durations: quantiles, side by side, and the
        Kolmogorov-Smirnov distance.

    Raises
    ------
    DataError
        No chat of the log begins with a start.

    Examples
    --------
    >>> from session_lab.traffic import fit, read, sample_path
    >>> events = read(sample_path("chats.ndjson"))
    >>> closeness(fit(events), events).summary()["turns per chat"] < 0.1
    True
    """
    return compare(events, generate(workload, seed), seed=seed)


def compare(recorded: pd.DataFrame, generated: pd.DataFrame, *, seed: int) -> Closeness:
    """Compare a recorded log with one that was generated with a seed."""
    sides = (_samples(chats_of(events)) for events in (recorded, generated))
    rows = [
        _row(name, *pair)
        for name, *pair in zip(_MEASURES, *sides, strict=True)
        if all(map(len, pair))
    ]
    if not rows:
        message = "there is nothing to compare: no chat of the log begins with a start"
        raise DataError(message, source="events")
    return Closeness(pd.DataFrame(rows), seed)


def _samples(chats: Chats) -> tuple[NDArray[np.float64], ...]:
    # Of whole minutes: the one in which the last chat arrived may have gone on without others.
    minutes = (chats.arrived_at - chats.arrived_at[:1]) // _MINUTE
    counts = np.bincount(minutes)[:-1]
    return (
        counts.astype(np.float64),
        np.diff(chats.arrived_at) / 1000,
        chats.turns.astype(np.float64),
        chats.thinks / 1000,
        chats.turn_durations / 1000,
    )


def _row(
    name: str, recorded: NDArray[np.float64], generated: NDArray[np.float64]
) -> dict[str, object]:
    sides = {"recorded": recorded, "generated": generated}
    row: dict[str, object] = {"measure": name}
    row |= {f"n_{side}": len(values) for side, values in sides.items()}
    row |= {f"mean_{side}": float(values.mean()) for side, values in sides.items()}
    for share in _QUANTILES:
        quantiles = {side: float(np.quantile(values, share)) for side, values in sides.items()}
        row |= {f"p{share * 100:g}_{side}": value for side, value in quantiles.items()}
    return row | {"distance": _distance(recorded, generated)}


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = np.sort(one), np.sort(other)
    both = np.concatenate([one, other])
    shares = [np.searchsorted(side, both, side="right") / len(side) for side in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())
