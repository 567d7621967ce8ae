"""Estimating when chats arrive: at which rate, how unevenly, and in which bursts."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.errors import DataError, DataWarning
from session_lab.mistyped import level_of_caller
from session_lab.timing import duration_text, instant_text
from session_lab.traffic.workload.arrivals import hours_of, weights_of
from session_lab.traffic.workload.chat_workload import ChatWorkload

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["arrivals_of", "rounded"]

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_BIN = 300_000
_LONGEST = 3_650 * _DAY
_FEWEST_BURSTS = 3
_PASSES = 4
# Standard errors from which on peaks are none of chance, and how much they must add to the variance
# to matter.
_SURELY = 6.0
_UNEVEN = 1.25


def arrivals_of(at: NDArray[np.int64]) -> dict[str, Any]:
    """Estimate the fields of a workload that say when chats arrive.

    Parameters
    ----------
    at : ndarray of int64, shape (n,)
        The arrivals in order, in milliseconds since 1970; two or more that differ.

    Raises
    ------
    DataError
        They span more than ten years, as where one time is wrong.
    """
    n, first = len(at), int(at[0])
    # On average the window reaches as far beyond the last arrival as arrivals are apart.
    window = -((int(at[-1]) - first) * n // ((n - 1) * -1000)) * 1000
    if window > _LONGEST:
        message = (
            f"the events span {window // _DAY:,} days from {instant_text(first)} on, too many to "
            "fit a rate to; is the first time right? leave it out, or fit a part"
        )
        raise DataError(message, source="events", column="at")
    edges = np.arange(first // _BIN * _BIN, first + window + _BIN, _BIN)
    bins = _Bins(
        counts=np.bincount((at - edges[0]) // _BIN, minlength=len(edges) - 1).astype(np.float64),
        spent=np.diff(np.clip(edges, first, first + window).astype(np.float64)) / _HOUR,
        hour=hours_of(edges[:-1]),
    )
    rate = _rate(bins.counts, bins, window)
    for _ in range(_PASSES):
        # What bursts added would pass for busy hours, so it is taken out and all is told anew.
        sudden = _sudden(bins, rate)
        rate = _rate(np.where(sudden, rate.expected, bins.counts), bins, window)
    sudden = _sudden(bins, rate)
    bursts = _bursts((bins.counts - rate.expected)[sudden], sudden, window)
    if not bursts:
        rate = _rate(bins.counts, bins, window)
    _warn_of_peaks(bins, sudden & bool(bursts))
    return {
        "start": instant_text(first),
        "duration": duration_text(window),
        "chats_per_hour": max(rounded(rate.per_hour), 0.001),
        **rate.uneven,
        **bursts,
    }


class _Bins(NamedTuple):
    """Five minutes each: how many arrivals, how much of an hour, and which hour of the week."""

    counts: NDArray[np.float64]
    spent: NDArray[np.float64]
    hour: NDArray[np.int64]


class _Rate(NamedTuple):
    """At what rate chats arrive, how it differs, and what that makes of each five minutes."""

    per_hour: float
    uneven: dict[str, Any]
    expected: NDArray[np.float64]


def _rate(steady: NDArray[np.float64], bins: _Bins, window: int) -> _Rate:
    uneven = _unevenness(steady, bins, window)
    weighted = weights_of(ChatWorkload(**uneven))[bins.hour] * bins.spent
    per_hour = float(steady.sum() / weighted.sum())
    return _Rate(per_hour, uneven, per_hour * weighted)


def _sudden(bins: _Bins, rate: _Rate) -> NDArray[np.bool_]:
    sudden: NDArray[np.bool_] = bins.counts > rate.expected + 4.5 * np.sqrt(rate.expected) + 5
    return sudden


def _warn_of_peaks(bins: _Bins, is_burst: NDArray[np.bool_]) -> None:
    """Warn where an hour without a fitted burst is less even than those that a workload draws.

    Given how many an hour has, its five minutes share them by a multinomial law, whose chi-squared
    statistic has mean and half the variance as degrees of freedom (Cochran, Annals of Mathematical
    Statistics 23, 1952).
    """
    hours = np.cumsum(np.diff(bins.hour, prepend=bins.hour[0]) != 0)
    is_whole = bins.spent == bins.spent.max()
    arrived, whole, bursts = (
        np.bincount(hours, values)[hours] for values in (bins.counts * is_whole, is_whole, is_burst)
    )
    told = is_whole & (arrived > 0) & (bursts == 0)
    expected = arrived / np.maximum(whole, 1)
    freedom = int(told.sum()) - len(np.unique(hours[told]))
    if freedom < 1:
        return
    unevenness = float(((bins.counts - expected)[told] ** 2 / expected[told]).sum())
    ratio = unevenness / freedom
    if ratio > _UNEVEN and unevenness - freedom > _SURELY * math.sqrt(2 * freedom):
        busiest = int((bins.counts * told).argmax())
        message = (
            f"arrivals crowd within the hour: five-minute counts vary {ratio:.1f} times as much as "
            f"chance explains (up to {bins.counts[busiest]:,.0f} of an hour's {arrived[busiest]:,.0f}); "
            "a workload spreads those of an hour evenly, so these peaks are lost"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def _unevenness(steady: NDArray[np.float64], bins: _Bins, window: int) -> dict[str, Any]:
    counts, spent = (
        np.bincount(bins.hour, values, minlength=168).reshape(7, 24)
        for values in (steady, bins.spent)
    )
    found = {}
    if window >= 2 * _DAY:
        found["hourly"] = _relative(counts.sum(axis=0), spent.sum(axis=0))
    if window >= 14 * _DAY:
        found["weekly"] = _relative(counts.sum(axis=1), spent.sum(axis=1))
    return found


def _relative(counts: NDArray[np.float64], spent: NDArray[np.float64]) -> list[float]:
    rates = np.divide(counts, spent, out=np.zeros(len(counts)), where=spent > 0)
    return [rounded(rate) for rate in rates / rates.mean()]


def _bursts(excess: NDArray[np.float64], sudden: NDArray[np.bool_], window: int) -> dict[str, Any]:
    """Make bursts of five minutes with far more arrivals than their hour's rate explains."""
    n = int((np.diff(sudden.astype(np.int8), prepend=0) == 1).sum())
    if n < _FEWEST_BURSTS:
        return {}
    return {
        "bursts_per_day": rounded(n * _DAY / window),
        "burst_chats": max(rounded(float(excess.sum()) / n), 1.0),
        "burst_length": duration_text(len(excess) * _BIN // (2 * n)),
    }


def rounded(value: float) -> float:
    """Round to four digits."""
    return float(f"{value:.4g}")
