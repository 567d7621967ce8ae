"""When chats arrive: at a rate that may differ by hour and weekday, and in bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.simulator.model.randomness import logarithm
from session_lab.timing import to_instant, to_milliseconds
from session_lab.traffic.workload.chat_workload import check_workload
from session_lab.traffic.workload.distributions import geometric, poisson_arrivals

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from session_lab.simulator import RandomStream
    from session_lab.traffic.workload.chat_workload import ChatWorkload

__all__ = ["arrivals", "hours_of", "weights_of"]

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_HOURS_A_WEEK = 168
# 1970 began on a Thursday; hours are counted from the Monday before.
_MONDAY = 3 * 24


def arrivals(workload: ChatWorkload, stream: Callable[[str], RandomStream]) -> NDArray[np.int64]:
    """Draw when chats arrive, in order.

    A longer window begins with the arrivals of a shorter one.

    Parameters
    ----------
    workload : ChatWorkload
        What to draw from.
    stream : callable
        Makes the random stream of a quantity.
    """
    check_workload(workload)
    start, span = to_instant(workload.start), to_milliseconds(workload.duration)
    mean_gap = _HOUR / workload.chats_per_hour
    if workload.hourly is None and workload.weekly is None:
        steady = poisson_arrivals(stream("arrivals"), mean_gap, span).astype(np.int64)
    else:
        steady = _uneven(workload, stream("arrivals"), mean_gap, start, span)
    if not workload.bursts_per_day:
        return start + steady
    sudden = _bursts(workload, stream, span)
    return start + np.sort(np.concatenate([steady, sudden]))


def hours_of(at: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return the hour of the week of instants, from 0 on Monday at midnight UTC."""
    return (np.asarray(at) // _HOUR + _MONDAY) % _HOURS_A_WEEK


def weights_of(workload: ChatWorkload) -> NDArray[np.float64]:
    """Compute how busy each hour of a week is, as multiples of the mean."""
    hourly = np.array(workload.hourly or [1.0] * 24)
    weekly = np.array(workload.weekly or [1.0] * 7)
    weights: NDArray[np.float64] = hourly / hourly.mean() * (weekly / weekly.mean())[:, np.newaxis]
    return weights.ravel()


def _uneven(
    workload: ChatWorkload, stream: RandomStream, mean_gap: float, start: int, span: int
) -> NDArray[np.int64]:
    """Draw a Poisson process of an uneven rate, by stretching an even one.

    Time is measured in even milliseconds, of which an hour has as many as its weight says.
    """
    first = start // _HOUR * _HOUR
    edges = np.arange(first, start + span + _HOUR, _HOUR) - start
    weights = weights_of(workload)[hours_of(start + edges[:-1])]
    begins = np.maximum(edges[:-1], 0)
    even = np.concatenate([[0.0], np.cumsum((edges[1:] - begins) * weights)])
    # How much of the last hour the window has does not matter here: what lies beyond is cut off.
    arrived = poisson_arrivals(stream, mean_gap, float(even[-1]))
    hour = np.searchsorted(even, arrived, side="right") - 1
    at = begins[hour] + (arrived - even[hour]) / weights[hour]
    inside: NDArray[np.int64] = at[at < span].astype(np.int64)
    return inside


def _bursts(
    workload: ChatWorkload, stream: Callable[[str], RandomStream], span: int
) -> NDArray[np.int64]:
    mean_gap = _DAY / workload.bursts_per_day
    at = poisson_arrivals(stream("bursts"), mean_gap, span).astype(np.int64)
    sizes = geometric(stream("burst_sizes"), len(at), workload.burst_chats)
    later = -logarithm(1.0 - stream("burst_times").uniforms(int(sizes.sum())))
    mean = to_milliseconds(workload.burst_length)
    arrived = np.repeat(at, sizes) + (later * mean).astype(np.int64)
    inside: NDArray[np.int64] = arrived[arrived < span]
    return inside
