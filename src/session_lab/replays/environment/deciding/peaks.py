"""The most runs that execute at once, counted over parts of a log."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.replays.environment.deciding.outcomes import plays_of
from session_lab.replays.turns import Played, Served
from session_lab.traffic.engine.engine_result import REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.replays.slots import SlotChanges
    from session_lab.replays.chats import Chats, Part, Policies
    from session_lab.replays.environment.deciding.sampling import Play
    from session_lab.simulator import Platform

__all__ = ["peaks_of"]

_INITIAL = REASONS.index("initial")
_STRETCHES = 1 << 22
_SHORTEST = 10
"""Stretches are of 1,024 ms, or longer where a log is so long that they would be too many."""


def peaks_of(
    chats: Chats, today: Policies, proposed: Policies, platform: Platform, *, seed: int
) -> dict[str, int]:
    """Return how many runs execute at once at most, today and under the proposed policy.

    Two passes: one counts the slots that are taken and given back in each stretch of time, the other
    looks at the instants of those stretches in which the most may be held.
    """
    plays = plays_of([(today, None), (proposed, None)], platform, seed)
    stretches = _Stretches.of(*chats.created)
    counted = chats.add_up([partial(_count, stretches, play) for play in plays])
    held = [np.cumsum(taken - given) for taken, given in counted]
    bounds = [
        after - (taken - given) + taken for after, (taken, given) in zip(held, counted, strict=True)
    ]
    looked_at = [bound > after.max() for bound, after in zip(bounds, held, strict=True)]
    looks = zip(plays, looked_at, strict=True)
    seen = chats.add_up([partial(_collect, stretches, *look) for look in looks])
    return {
        name: max(int(after.max()), _peak(stretches, bound - taken, *map(np.concatenate, instants)))
        for name, after, bound, (taken, _), instants in zip(
            ("today", "proposed"), held, bounds, counted, seen, strict=True
        )
    }


class _Stretches(NamedTuple):
    """Stretches of time of ``2**shift`` ms, from ``first`` on; the last has no end."""

    first: int
    shift: int
    number: int

    @classmethod
    def of(cls, first: int, last: int) -> _Stretches:
        shift = _SHORTEST
        while last - first >> shift >= _STRETCHES - 1:
            shift += 1
        return cls(first, shift, (last - first >> shift) + 2)

    def of_instants(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        stretch: NDArray[np.int64] = np.minimum((at - self.first) >> self.shift, self.number - 1)
        return stretch

    def counts(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(self.of_instants(at), minlength=self.number)


def _count(
    stretches: _Stretches, play: Play, part: Part
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    taken, given_back = _slots(part, play)
    return stretches.counts(taken), stretches.counts(given_back)


def _collect(
    stretches: _Stretches, play: Play, looked_at: NDArray[np.bool_], part: Part
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    taken, given_back = (at[looked_at[stretches.of_instants(at)]] for at in _slots(part, play))
    return [taken], [given_back]


def _peak(
    stretches: _Stretches,
    before: NDArray[np.int64],
    taken: NDArray[np.int64],
    given_back: NDArray[np.int64],
) -> int:
    """Return the most slots held in stretches, from those before each and all that change in them."""
    time, place = np.unique(np.concatenate([taken, given_back]), return_inverse=True)
    up, down = place[: len(taken)], place[len(taken) :]
    net = np.bincount(up, minlength=len(time)) - np.bincount(down, minlength=len(time))
    stretch, total = stretches.of_instants(time), np.cumsum(net)
    begins = np.flatnonzero(np.diff(stretch, prepend=-1) != 0)
    offset = before[stretch[begins]] - (total - net)[begins]
    held = total + np.repeat(offset, np.diff(np.append(begins, len(time))))
    return int(held.max(initial=0))


def _slots(part: Part, play: Play) -> SlotChanges:
    log = part.log
    result, columns = log.play(play.timings, workers=1), log.columns
    sessions = len(log.created_by)
    return Served(
        Played(
            columns.at,
            result.start_kind,
            result.waited,
            result.run.astype(np.int64),
            columns.turn_duration if len(columns.turn_duration) else None,
            result.owner.astype(np.int64),
            result.reason == _INITIAL,
            result.triggered_at,
            result.ended_at,
            result.suspended,
            log.ids.hashes,
            list(play.timings),
            columns.policy if len(columns.policy) else np.zeros(sessions, np.int64),
        )
    ).slots()
