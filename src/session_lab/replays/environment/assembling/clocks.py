"""Clocks that differ: those of the server, of the stream store, and of the workers.

The server tells when sessions were created and runs triggered, the store when messages came, a
worker when turns began. What they have in common tells how far they are apart: a message to a
session without a live run triggers one, and a message to a run that is awake begins a turn.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from session_lab.replays.environment.assembling.chats import MOST_SKEW, Clocks
from session_lab.replays.environment.assembling.turns import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from session_lab.replays.environment.assembling.chats import Chat
    from session_lab.replays.environment.assembling.turns import Paired

__all__ = ["clocks_of"]

_ALIKE = 500
"""Most of the differences must lie so near their median, in milliseconds, to be of clocks."""
_NEAR = 60_000
_LEAST = 3


def clocks_of(chats: Sequence[Chat]) -> Clocks:
    """Return by how much the clocks of store and workers are behind the server's.

    A worker's clock counts where it is further from the store's than delivery may take.
    """
    paired = [in_order(chat) for chat in chats]
    both = list(zip(chats, paired, strict=True))
    clocks = Clocks(_agreed(lag for each in both for lag in _triggers(*each)))
    worker = _agreed(lag + clocks.of_messages for each in both for lag in _warm(*each))
    return clocks._replace(worker=worker if abs(worker) > MOST_SKEW else 0)


def _triggers(chat: Chat, paired: Paired | None) -> Iterator[int]:
    """Iterate over how long after their messages runs were triggered.

    Where nothing tells which message that was, it is the nearest.
    """
    told = {run: message for run, _, message in reversed(paired or ())}
    every = [one for one in chat.arrivals if one.is_turn] if paired is None else []
    for index, (before, run) in enumerate(pairwise(chat.runs), 1):
        if before.ended_at is None or before.ended_at >= run.triggered_at:
            continue
        first = told.get(index)
        messages = every if first is None else [first]
        lags = (run.triggered_at - one.at for one in messages)
        nearest = min(lags, key=abs, default=_NEAR)
        if abs(nearest) < _NEAR:
            yield nearest


def _warm(chat: Chat, paired: Paired | None) -> Iterator[int]:
    """Iterate over how long before their messages turns began in runs that were awake."""
    for (run, before, _), (same, span, message) in pairwise(paired or ()):
        trace = chat.runs[run].trace
        if run == same and trace is not None and message is not None:
            last = [w for w in trace.waits if before.started_at < w.started_at < span.started_at]
            if last and last[-1].suspended_at is None:
                yield message.at - span.started_at


def _agreed(lags: Iterable[int]) -> int:
    """Return the median of differences, or 0 where they are few or disagree."""
    found = list(lags)
    middle = round(median(found)) if len(found) >= _LEAST else 0
    return middle if 2 * sum(abs(lag - middle) <= _ALIKE for lag in found) > len(found) else 0
