"""Estimating a workload from a recorded log."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, milliseconds
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.simulator.model.randomness import exponential, logarithm
from session_lab.timing import LONGEST_DURATION, duration_text
from session_lab.traffic.workload.arrival_fitting import arrivals_of, rounded
from session_lab.traffic.workload.chat_statistics import chat_statistics
from session_lab.traffic.workload.chat_workload import ChatWorkload
from session_lab.traffic.workload.sampled_chats import sampled_chats
from session_lab.traffic.workload.waiting import Waiting, fit_waiting, longest_cut

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Place
    from session_lab.traffic.workload.chat_statistics import ChatStatistics

__all__ = ["fit"]

_MOST_SPANS = 200_000
_STEPS = 200
_MOST_TOPICS = 100_000
_OTHER_TAGS = ("plan:", "lang:")
_LEAST_SPREAD = 0.001
_WIDEST_SPREAD = 5.0
# The share of turns after which something may lie beyond the log, from which on it matters.
_HIDDEN = 0.005
# Standard errors, about, from which on a difference is none of chance.
_FAR = 3.0


class _Mixture(NamedTuple):
    """Two normal distributions of logarithms, the lower one first, and the share of the upper."""

    centres: tuple[float, float]
    spreads: tuple[float, float]
    share: float


@answer_mistyped
def fit(events: pd.DataFrame | Place) -> ChatWorkload:
    """Estimate a workload from a recorded log.

    Arrivals are the first starts of the sessions. The rate is told by the hour where the log
    covers at least two days, and by the weekday where it covers at least two weeks. Thinks
    and the durations of turns are mixtures of two log-normal distributions, fitted by
    expectation maximisation; where one does as well by the Bayesian information criterion,
    nobody returns and no turn is long. Where far too many are exactly as long as the longest, a
    recorder cut them there, and they count as longer. Shares are shares. Bursts are five-minute
    counts of more than 5 and 4.5 standard deviations above the hour's rate, at least three times;
    of other peaks within the hour, which are lost, a DataWarning tells. Zipf's exponent is that of
    the greatest likelihood. All is rounded to four digits.

    Parameters
    ----------
    events : DataFrame, path or URL
        An events frame with two sessions or more that begin with a start; or a folder of Parquet
        shards, each with all events of its sessions, as ``sl.traffic.shard`` leaves them, of which one
        is in memory at a time, beside 16 bytes a chat. Arrivals are then those of all chats, and all
        else is told by at most 200,000 of them, chosen by a hash of their external ids.

    Returns
    -------
    ChatWorkload
        :func:`closeness` compares what it generates with the log.

    Raises
    ------
    DataError
        There are too few sessions to estimate anything from, or they span more than ten years.

    Examples
    --------
    >>> from session_lab.traffic import fit, read, sample_path
    >>> fitted = fit(read(sample_path("chats.ndjson")))
    >>> fitted.expires_after, round(fitted.turns_per_chat), fitted.topics
    ('12 h', 5, 0)
    """
    if isinstance(events, pd.DataFrame):
        chats = chat_statistics(events)
        arrived_at = chats.arrived_at
    else:
        events, arrived_at = sampled_chats(events)
        chats = chat_statistics(events)
    n = len(chats.arrived_at)
    if n < 2 or chats.arrived_at[-1] == chats.arrived_at[0]:
        message = f"the log has {n} chats that begin with a start, too few to tell a rate"
        raise DataError(message, source="events")
    if chats.began_before:
        message = (
            f"{chats.began_before:,} of {chats.began_before + n:,} chats began before the log, so it "
            "is taken for a window cut out of steady traffic"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())
    _warn_of_cuts(chats)
    course = _course(chats)
    found = (
        arrivals_of(arrived_at) | _turns(chats, course) | _thinks(chats, course) | _shares(chats)
    )
    if course.is_cut:
        found["close_share"] = course.close_share
    return ChatWorkload(**found | _asked(chats))


def _warn_of_cuts(chats: ChatStatistics) -> None:
    for name, spans in (("thinks", chats.thinks), ("turns", chats.turn_durations)):
        bound = longest_cut(spans)
        if bound is not None:
            message = (
                f"{int((spans == bound).sum()):,} of {len(spans):,} {name} last exactly "
                f"{duration_text(bound)}, the longest: they are taken for cut there, and for longer"
            )
            warnings.warn(message, DataWarning, stacklevel=level_of_caller())


class _Course(NamedTuple):
    """How chats go on: what thinks are like, and how often something comes after a turn.

    Attributes
    ----------
    waiting : Waiting or None
        None where nothing was seen to come after any turn.
    is_cut : bool
        Whether what lies beyond the log matters.
    turns_per_chat, single_turn_share, close_share : float
        With what lies beyond the log.
    """

    waiting: Waiting | None
    is_cut: bool
    turns_per_chat: float = 1.0
    single_turn_share: float = 0.0
    close_share: float = 0.0


def _course(chats: ChatStatistics) -> _Course:
    """Estimate how chats go on, with what the log does not show because it ends, or begins, earlier.

    A turn is followed by a message, by a close, or by nothing. In steady traffic as many chats end
    as start, so a window cut out of it has as many turns to a start as chats have; and as many end
    in silence as start without being closed.
    """
    n = len(chats.turns_at)
    if not len(chats.thinks) or not n:
        return _Course(None, is_cut=False)
    n_chats = max(len(chats.arrived_at), 1)
    silent = float(n_chats - chats.closed.sum()) if chats.began_before else None
    if silent is not None:
        silent = min(max(silent, 0.0), float(len(chats.waits)))
    waiting = fit_waiting(chats.thinks, chats.waits, never=silent)
    if silent is None:
        silent = waiting.never_share * (len(chats.thinks) + len(chats.waits))
    hidden = len(chats.waits) - silent
    followed = chats.n_messages / max(chats.n_messages + chats.n_closes, 1)
    goes_on = (n - silent) / n * followed
    first = chats.first_turns / n
    # How much rarer it is that a first turn is followed: those of chats that have one in any case.
    after_first = chats.first_followed / max(chats.first_turns, 1)
    later = max(n - chats.first_turns, 1)
    after_later = (chats.n_messages + chats.n_closes - chats.first_followed) / later
    single = max(1 - after_first / after_later, 0.0) if after_later else 0.0
    if single * math.sqrt(chats.first_turns) < _FAR:
        single = 0.0
    if chats.began_before:
        goes_on = 1 - n_chats / n
        first = n_chats / n
    further = min(goes_on / (1 - first * single), 1 - 1e-4)
    ends = max(n - (n - silent) * followed, 1e-9)
    return _Course(
        waiting,
        is_cut=bool(chats.began_before) or hidden > _HIDDEN * n,
        turns_per_chat=min(max(rounded(1 / (1 - further)), 1.0), 10_000.0),
        single_turn_share=rounded(single),
        close_share=rounded(min(max((n - silent) * (1 - followed) / ends, 0.0), 1.0)),
    )


def _turns(chats: ChatStatistics, course: _Course) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if course.is_cut:
        found["turns_per_chat"] = course.turns_per_chat
        found["single_turn_share"] = course.single_turn_share
    elif len(chats.turns):
        several = chats.turns[chats.turns > 1]
        mean, single = float(chats.turns.mean()), 0.0
        if len(several) and several.mean() > 2:
            # Beyond the first turn a geometric number has no memory, so the mean of those with
            # several is one more than that of all; what is then too few is single in any case.
            beyond = float(several.mean()) - 1
            single = 1 - len(several) / len(chats.turns) / (1 - 1 / beyond)
            mean = beyond if single > 0 else mean
        found["turns_per_chat"] = min(max(rounded(mean), 1.0), 10_000.0)
        found["single_turn_share"] = rounded(max(single, 0.0))
    if len(chats.turn_durations):
        names = "turn_duration", "turn_spread"
        long_names = "long_turn_share", "long_turn_duration", "long_turn_spread"
        found |= _two_kinds(chats.turn_durations, names, long_names)
    return found


def _thinks(chats: ChatStatistics, course: _Course) -> dict[str, Any]:
    asked = chats.n_messages
    found: dict[str, Any] = {"return_share": 0.0}
    if asked:
        found["interrupt_share"] = rounded(chats.n_interrupts / asked)
    if course.waiting is None:
        return found
    centres, spreads, long_share, _ = course.waiting
    found |= {"think_time": _duration(centres[0]), "think_spread": _spread(spreads[0])}
    if long_share:
        found |= {
            "return_share": rounded(long_share),
            "return_after": _duration(centres[1]),
            "return_spread": _spread(spreads[1]),
        }
    return found


def _two_kinds(
    spans: NDArray[np.int64], names: tuple[str, str], long_names: tuple[str, str, str]
) -> dict[str, Any]:
    """Estimate median and spread, and where there are two kinds, those of the longer kind too."""
    sample = spans[:: -(-len(spans) // _MOST_SPANS)]
    bound = longest_cut(spans)
    if bound is not None:
        return _censored_kinds(sample, bound, names, long_names)
    logs = logarithm(np.maximum(sample, 1).astype(np.float64))
    mixture = _mixture(logs)
    if mixture is None:
        found = _duration(float(logs.mean())), _spread(float(logs.std())), 0.0
        return dict(zip((*names, long_names[0]), found, strict=True))
    (median, long_median), (spread, long_spread) = mixture.centres, mixture.spreads
    short = _duration(median), _spread(spread)
    long = rounded(mixture.share), _duration(long_median), _spread(long_spread)
    return dict(zip((*names, *long_names), (*short, *long), strict=True))


def _censored_kinds(
    sample: NDArray[np.int64], bound: int, names: tuple[str, str], long_names: tuple[str, str, str]
) -> dict[str, Any]:
    """Estimate the same of what was cut at a bound, beyond which nothing is known."""
    # Were the longest no heap in the sample, they would be taken for what they look like.
    cut = sample[sample == bound]
    centres, spreads, share, _ = fit_waiting(sample[sample < bound], cut, never=0.0)
    found = {names[0]: _duration(centres[0]), names[1]: _spread(spreads[0])}
    long = (rounded(share), _duration(centres[-1]), _spread(spreads[-1]))
    return found | (dict(zip(long_names, long, strict=True)) if share else {long_names[0]: 0.0})


def _mixture(logs: NDArray[np.float64]) -> _Mixture | None:
    """Fit two normal distributions by expectation maximisation; None where one does as well."""
    n = len(logs)
    low, high = np.quantile(logs, [0.25, 0.9])
    spread = max(float(logs.std()), _LEAST_SPREAD)
    alone = -n * (np.log(spread) + 0.5)
    centres, spreads = np.array([low, high]), np.array([spread, spread])
    shares, likelihood = np.array([0.8, 0.2]), -np.inf
    for _ in range(_STEPS):
        scores = -0.5 * ((logs[:, np.newaxis] - centres) / spreads) ** 2
        scores += logarithm(np.maximum(shares, 1e-12)) - logarithm(spreads)
        top = scores.max(axis=1)
        weights = exponential(np.maximum(scores - top[:, np.newaxis], -700.0))
        total = weights.sum(axis=1)
        before, likelihood = likelihood, float((top + logarithm(total)).sum())
        weights /= total[:, np.newaxis]
        mass = np.maximum(weights.sum(axis=0), 1e-12)
        shares, centres = mass / n, (weights * logs[:, np.newaxis]).sum(axis=0) / mass
        away = (weights * (logs[:, np.newaxis] - centres) ** 2).sum(axis=0) / mass
        spreads = np.maximum(np.sqrt(away), _LEAST_SPREAD)
        if likelihood - before < 1e-7 * n:
            break
    # The Bayesian information criterion: three more numbers must be worth their cost.
    if likelihood - alone <= 1.5 * np.log(n):
        return None
    one, other = np.argsort(centres).tolist()
    return _Mixture(
        (float(centres[one]), float(centres[other])),
        (float(spreads[one]), float(spreads[other])),
        float(shares[other]),
    )


def _shares(chats: ChatStatistics) -> dict[str, Any]:
    late = chats.late[chats.late > 0]
    found: dict[str, Any] = {
        "close_share": rounded(float(chats.closed.mean())),
        "duplicate_start_share": rounded(float(chats.reloaded.mean())),
        "concurrent_start_share": rounded(float(chats.doubled.mean())),
        "late_message_share": rounded(len(late) / max(int(chats.closed.sum()), 1)),
    }
    if len(chats.retry_gaps):
        found["retry_share"] = min(rounded(1 - len(late) / int(late.sum())), 0.99)
        found["retry_after"] = duration_text(int(np.median(chats.retry_gaps)))
    return found


def _asked(chats: ChatStatistics) -> dict[str, Any]:
    """Count what starts ask for: an expiry, a task, topics."""
    starts = chats.starts
    found: dict[str, Any] = {}
    if "expires_at" in starts:
        expiry = milliseconds(starts["expires_at"])
        asks = expiry != NAT
        after = np.maximum(expiry - milliseconds(starts["at"]), 0)[asks]
        if len(after):
            found["expires_after"] = duration_text(min(int(np.median(after)), LONGEST_DURATION))
            found["expires_share"] = rounded(float(asks.mean()))
    if "task_identifier" in starts and starts["task_identifier"].notna().any():
        found["task_identifier"] = str(starts["task_identifier"].mode().iloc[0])
    return found | _topics(starts)


def _topics(starts: Any) -> dict[str, Any]:  # noqa: ANN401 (a frame)
    if "tags" not in starts:
        return {}
    tags = pa.array(starts["tags"].array).flatten()
    seen = (row.values() for row in tags.value_counts().to_pylist())
    found = [count for tag, count in seen if not tag.startswith(_OTHER_TAGS)]
    if not found:
        return {}
    counts = np.array(sorted(found, reverse=True)[:_MOST_TOPICS], dtype=np.float64)
    ranks = logarithm(np.arange(1, len(counts) + 1, dtype=np.float64))
    return {"topics": len(counts), "topic_skew": _skew(ranks, float(ranks @ counts / counts.sum()))}


def _skew(ranks: NDArray[np.float64], mean: float) -> float:
    """Find the exponent under which the mean logarithm of the rank is the one that was seen."""
    low, high = 0.0, _WIDEST_SPREAD
    for _ in range(50):
        middle = (low + high) / 2
        heights = exponential(-middle * ranks)
        if float(ranks @ heights / heights.sum()) > mean:
            low = middle
        else:
            high = middle
    return rounded((low + high) / 2)


def _duration(log: float) -> str:
    return duration_text(round(min(float(exponential(np.array([log]))[0]), LONGEST_DURATION)))


def _spread(value: float) -> float:
    return min(rounded(value), _WIDEST_SPREAD)
