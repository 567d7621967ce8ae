"""How close generated traffic is to recorded traffic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames import check_events, milliseconds, to_instants
from session_lab.mistyped import answer_mistyped
from session_lab.timing import LAST_INSTANT, duration_text, to_milliseconds
from session_lab.traffic.adopt import first_events
from session_lab.traffic.engine.time_order import sorted_by_time
from session_lab.traffic.workload.chat_statistics import chat_statistics
from session_lab.traffic.workload.chat_workload import check_workload
from session_lab.traffic.workload.generating import generate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.workload.chat_statistics import ChatStatistics
    from session_lab.traffic.workload.chat_workload import ChatWorkload

__all__ = ["Closeness", "closeness", "compare"]

_QUANTILES = (0.5, 0.9, 0.99)
_MINUTE = 60_000
_MOST_CHATS = 1_000_000
_MEASURES = (
    "arrivals per minute",
    "gap between arrivals (s)",
    "turns per chat",
    "think (s)",
    "turn (s)",
    "turns per minute",
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

    def overview(self) -> pd.DataFrame:
        """Return the table as it is read: as the measures differ, each number has four digits."""
        return self.table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else value)

    def summary(self) -> dict[str, float]:
        """Return the distance of each measure."""
        return dict(zip(self.table["measure"], self.table["distance"].tolist(), strict=True))

    def __repr__(self) -> str:
        """Show the title, the table and the formula."""
        shown = self.overview().to_string(index=False)
        return f"{self.title} (seed {self.seed})\n{shown}\n{self.formula}"


@answer_mistyped
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
        Of arrivals, thinks, turns, their durations and the load: quantiles, side by side, and the
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
    check_workload(workload)
    began_before = chat_statistics(events).began_before
    span = duration_text(_warm_up(workload) + to_milliseconds(workload.duration))
    drawn = replace(workload, duration=span) if began_before else workload
    return compare(events, generate(drawn, seed), seed=seed)


def compare(recorded: pd.DataFrame, generated: pd.DataFrame, *, seed: int) -> Closeness:
    """Compare a recorded log with one that was generated with a seed, over equal times.

    Of what was generated there is as much time as of what was recorded: from its beginning on, or
    the last of it where the recorded log is a window cut out of running traffic. Where the recorded
    clock ticks, so does the other.
    """
    recorded = sorted_by_time(check_events(recorded))
    chats = chat_statistics(recorded)
    at = milliseconds(recorded["at"])
    window = _window(generated, int(np.ptp(at)) if len(at) else 0, last=chats.began_before > 0)
    sides = (_samples(chats), _samples(chat_statistics(_ticking(window, _tick(chats.arrived_at)))))
    rows = [
        _row(name, *pair)
        for name, *pair in zip(_MEASURES, *sides, strict=True)
        if all(map(len, pair))
    ]
    if not rows:
        message = "there is nothing to compare: no chat of the log begins with a start"
        raise DataError(message, source="events")
    return Closeness(pd.DataFrame(rows), seed)


def _warm_up(workload: ChatWorkload) -> int:
    """Return after how long traffic is steady, so far as it becomes so within a window of work.

    After some four times as long as chats last; what the longest thinks add later is little.
    """
    long = to_milliseconds(workload.return_after) * math.exp(workload.return_spread**2 / 2)
    short = to_milliseconds(workload.think_time) * math.exp(workload.think_spread**2 / 2)
    think = workload.return_share * long + (1 - workload.return_share) * short
    slowest = long if workload.return_share else short
    most = _MOST_CHATS / workload.chats_per_hour * 3_600_000
    return int(min(4 * (workload.turns_per_chat * think + slowest), most))


def _window(generated: pd.DataFrame, span: int, *, last: bool) -> pd.DataFrame:
    at = milliseconds(generated["at"])
    if not len(at):
        return generated
    first, _ = first_events(generated)
    begin = max(int(at[first].max()) - span, int(at[0])) if last else int(at[0])
    inside: pd.DataFrame = generated[(at >= begin) & (at <= begin + span)].reset_index(drop=True)
    return inside


def _tick(arrived_at: NDArray[np.int64]) -> int:
    """Return the tick of a clock, where so many arrivals share an instant that it must have one."""
    different = np.unique(arrived_at)
    if len(different) < 2 or 2 * len(different) > len(arrived_at):
        return 1
    return int(np.diff(different).min())


def _ticking(events: pd.DataFrame, tick: int) -> pd.DataFrame:
    if tick == 1:
        return events
    return events.assign(at=to_instants(milliseconds(events["at"]) // tick * tick))


def _samples(chats: ChatStatistics) -> tuple[NDArray[np.float64], ...]:
    # Of whole minutes: the one in which the last chat arrived may have gone on without others.
    minutes = (chats.arrived_at - chats.arrived_at[:1]) // _MINUTE
    counts = np.bincount(minutes)[:-1]
    first = chats.turns_at.min(initial=LAST_INSTANT)
    return (
        counts.astype(np.float64),
        np.diff(chats.arrived_at) / 1000,
        chats.turns.astype(np.float64),
        chats.thinks / 1000,
        chats.turn_durations / 1000,
        np.bincount((chats.turns_at - first) // _MINUTE)[:-1].astype(np.float64),
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
