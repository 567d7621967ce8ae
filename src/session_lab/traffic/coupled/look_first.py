"""Looking first: where the limit cannot be reached, sessions played apart have the same outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.layout import Demand
from session_lab.traffic.columnar.log import PROFILE
from session_lab.traffic.coupled.coupled_engine import play_coupled
from session_lab.traffic.engine.engine_result import NAT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.log import GroupedLog
    from session_lab.traffic.engine.engine_result import EngineResult
    from session_lab.traffic.engine.slots import SlotLimits

__all__ = ["fits", "no_demand", "play_apart_or_coupled"]

_STRETCHES = 1 << 20
_SHORTEST = 10
"""Stretches are of 1,024 ms, or longer where a log is so long that they would be too many."""


def play_apart_or_coupled(
    log: GroupedLog,
    policies: Sequence[Timings],
    limits: SlotLimits,
    *,
    profile: Profile = PROFILE,
    until: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> EngineResult:
    """Play sessions apart and, where their runs could reach the limit, once more together.

    If no more slots are asked for at once than there are, no request ever waits: by induction over
    time each slot is given when it is asked for, so the outcome is that of sessions played apart.
    What is asked for is bounded by stretches of time, so near the peak the coupled engine may play
    though it need not.

    Parameters and returned value are those of
    :func:`session_lab.traffic.coupled.coupled_engine.play_coupled`; ``slots`` is None where nothing
    had to wait.
    """
    demand = no_demand(log, limits)
    played = log.play(policies, profile=profile, until=until, progress=progress, demand=demand)
    if not fits(demand, limits):
        return play_coupled(log, policies, limits, profile=profile, until=until)
    return replace(
        played,
        queued=np.where(played.waited == NAT, NAT, 0),
        run_queued=np.zeros(len(played.owner), dtype=np.int64),
    )


def no_demand(log: GroupedLog, limits: SlotLimits) -> Demand:
    """Begin to count the slots that a log asks for."""
    first, last = log.span
    shift, most = _SHORTEST, max(2, _STRETCHES // len(limits.of_task))
    # Idle time goes on beyond the last event; what is later yet counts as if it came at once.
    while (last - first >> shift) + 2 > most // 2:
        shift += 1
    stretches = 2 * (int(last - first) >> shift) + 1_024
    changes = np.zeros((len(limits.of_task), stretches), dtype=np.int32)
    return Demand(changes, limits.task[log.created_by], first, shift)


def fits(demand: Demand, limits: SlotLimits) -> bool:
    """Check that no more slots are asked for in any stretch of time than there are."""
    asked = demand.changes.cumsum(axis=1, dtype=np.int64)
    of_task = np.array(limits.of_task)
    return bool((asked.max(axis=1) <= of_task).all() and asked.sum(axis=0).max() <= limits.total)
