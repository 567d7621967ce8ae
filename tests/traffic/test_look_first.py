"""Where the limit cannot be reached, sessions are played apart, with the outcome of the coupled engine."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.traffic.columnar import GroupedLog
from session_lab.traffic.coupled import play_apart_or_coupled, play_coupled
from session_lab.traffic.coupled.look_first import fits, no_demand
from session_lab.traffic.engine.engine_result import NAT, EngineResult
from session_lab.traffic.engine.slots import SlotLimits
from tests.limited import random_limited_case
from tests.traffic.test_columnar import many_chats

if TYPE_CHECKING:
    from session_lab.traffic.columnar.layout import Demand

NAMES = [field.name for field in fields(EngineResult) if field.name != "slots"]


def demand_of(seed: int) -> tuple[GroupedLog, Any, SlotLimits, Demand]:
    """Count what a small log asks for in stretches of one millisecond."""
    case = random_limited_case(seed)
    log = case.log
    grouped = GroupedLog.of(log)
    demand = no_demand(grouped, case.slots)._replace(shift=0)
    grouped.play(log.timings, demand=demand, workers=1)
    return grouped, log.timings, case.slots, demand


@given(st.integers(0, 2**64))
def test_the_demand_is_never_less_than_the_slots_that_are_held(seed: int):
    grouped, timings, slots, demand = demand_of(seed)
    free = SlotLimits(1_000, (1_000, 1_000), slots.task)
    use = play_coupled(grouped, timings, free).slots
    assert use is not None
    asked = demand.changes.cumsum(axis=1).sum(axis=0)
    for at in np.unique(np.concatenate([use.given, use.returned])):
        held = (use.given <= at).sum() - (use.returned < at).sum()
        place = min(int(at) - demand.first, demand.changes.shape[1] - 2)
        assert asked[place] >= held


@given(st.integers(0, 2**64))
def test_where_the_demand_fits_nothing_ever_waits(seed: int):
    grouped, timings, slots, demand = demand_of(seed)
    asked = demand.changes.cumsum(axis=1)
    of_task = tuple(max(1, int(most)) for most in asked.max(axis=1))
    limits = SlotLimits(max(1, int(asked.sum(axis=0).max())), of_task, slots.task)
    assert fits(demand, limits)
    played = play_coupled(grouped, timings, limits)
    assert played.run_queued is not None
    assert not played.run_queued.any()


def limits_of(log: Any, limit: int) -> SlotLimits:
    return SlotLimits.of_one_task(limit, len(log.at))


@pytest.mark.parametrize("limit", [30, 5_000])
def test_the_outcome_is_that_of_the_coupled_engine(limit: int, monkeypatch: pytest.MonkeyPatch):
    log = many_chats(2_000)
    coupled = play_coupled(GroupedLog.of(log), log.timings, limits_of(log, limit))
    module = importlib.import_module("session_lab.traffic.coupled.look_first")
    asked = []

    def play_and_note(*given_: Any, **named: Any) -> EngineResult:
        asked.append(limit)
        return play_coupled(*given_, **named)

    monkeypatch.setattr(module, "play_coupled", play_and_note)
    grouped = GroupedLog.of(log)
    played = play_apart_or_coupled(grouped, log.timings, limits_of(log, limit))
    assert [n for n in NAMES if not np.array_equal(getattr(played, n), getattr(coupled, n))] == []
    assert asked == ([30] if limit == 30 else [])
    assert (played.slots is None) == (limit != 30)
    assert (coupled.queued != NAT).any()


def test_workers_do_not_change_the_demand():
    log = many_chats(8_000)
    made = []
    for workers in (1, 3):
        grouped = GroupedLog.of(log)
        demand = no_demand(grouped, limits_of(log, 5))
        grouped.play(log.timings, demand=demand, workers=workers)
        made.append(demand.changes)
    assert (made[0] == made[1]).all()
    assert made[0].any()
