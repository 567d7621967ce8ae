"""The coupled engine's outcome is that of the readable one, in every column, and keeps the rules."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_lab.simulator import Platform, RunPolicy
from session_lab.traffic.columnar import GroupedLog
from session_lab.traffic.coupled import play_coupled
from session_lab.traffic.engine import limited_engine
from session_lab.traffic.engine.engine_result import CAUSES, NAT, EngineResult, Log
from session_lab.traffic.engine.slots import SlotLimits
from tests.limited import (
    PROFILE,
    SEED,
    LimitedCase,
    played_readably,
    random_limited_case,
)
from tests.traffic.test_columnar import as_log, many_chats

if TYPE_CHECKING:
    from numpy.typing import NDArray

many_examples = settings(max_examples=settings().max_examples * 2)
"""200 examples, and 4,000 with ``--long``."""
seeds = st.integers(0, 2**64)


def differing(one: EngineResult, other: EngineResult) -> list[str]:
    """Name the columns that are not equal."""
    names = [field.name for field in fields(EngineResult) if field.name != "slots"]
    found = [name for name in names if not np.array_equal(getattr(one, name), getattr(other, name))]
    assert one.slots is not None
    assert other.slots is not None
    pairs = zip(one.slots._fields, one.slots, other.slots, strict=True)
    return found + [name for name, mine, theirs in pairs if not np.array_equal(mine, theirs)]


def coupled(log: Log, slots: SlotLimits, until: int | None = None) -> EngineResult:
    return play_coupled(GroupedLog.of(log), log.timings, slots, until=until)


def readable(log: Log, slots: SlotLimits, until: int | None = None) -> EngineResult:
    return limited_engine.play_limited(log, slots, PROFILE, until=until, progress=lambda _: None)


@many_examples
@given(seeds.map(random_limited_case))
def test_every_column_is_that_of_the_readable_engine(case: LimitedCase):
    assert differing(coupled(case.log, case.slots, case.until), played_readably(case)) == []


@given(seeds, seeds)
def test_so_it_is_where_sessions_follow_two_policies(seed: int, other: int):
    case = random_limited_case(seed)
    log = as_log(case.events, [case.policy, random_limited_case(other).policy], SEED)
    expected = readable(log, case.slots, case.until)
    assert differing(coupled(log, case.slots, case.until), expected) == []


def one_task(log: Log, limit: int) -> SlotLimits:
    return SlotLimits(limit, (limit,), np.zeros(len(log.at), np.int64))


@pytest.mark.parametrize("limit", [3, 40])
def test_so_it_is_where_the_line_is_long_and_more_room_is_needed(limit: int):
    log = many_chats(1_200)
    expected = readable(log, one_task(log, limit))
    assert expected.slots is not None
    assert len(expected.slots.asked) > 1_200
    assert differing(coupled(log, one_task(log, limit)), expected) == []


@pytest.mark.parametrize("gap", [0, 1, 90_000_000], ids=["at once", "dense", "days apart"])
@pytest.mark.parametrize("idle_timeout", ["0s", "7s", "1d"])
def test_so_it_is_with_many_timers_and_however_far_they_are_away(gap: int, idle_timeout: str):
    n = 5_000 if gap < 10 else 60
    chat = np.arange(n) // 2 if gap else np.arange(n)
    policy = RunPolicy(idle_timeout=idle_timeout, turn_timeout="2d")
    log = Log(
        at=1_767_225_600_000 + np.arange(n) * gap,
        op=(np.diff(chat, prepend=-1) == 0).astype(np.int8),
        chat=chat,
        external_ids=pa.array([f"chat-{number}" for number in range(n)], pa.large_string()),
        turn_duration=np.arange(n) * 7_919 % 100_000,
        expires_at=np.full(n, NAT),
        policy=np.zeros(n, np.int64),
        timings=(policy.timings(Platform(boot_time="3s", resume_time="1s"), SEED),),
    )
    for limit in (n, n // 3):
        slots = one_task(log, limit)
        assert differing(coupled(log, slots), readable(log, slots)) == []


@pytest.mark.parametrize("until", [None, 1_767_225_600_000 + 1_800_000])
def test_a_limit_that_is_never_reached_gives_the_columns_of_the_columnar_engine(until: int | None):
    log = many_chats(3_000)
    if until is not None:
        n = int(np.searchsorted(log.at, until, side="right"))
        log = log._replace(
            **{
                name: getattr(log, name)[:n]
                for name in ("at", "op", "chat", "turn_duration", "expires_at", "policy")
            }
        )
    free = GroupedLog.of(log).play(log.timings, until=until)
    played = coupled(log, one_task(log, 100_000), until)
    names = [field.name for field in fields(EngineResult)][
        : -len(("queued", "run_queued", "slots"))
    ]
    assert [n for n in names if not np.array_equal(getattr(free, n), getattr(played, n))] == []
    assert played.queued is not None
    assert not played.queued[played.queued != NAT].any()


def steps(played: EngineResult) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many slots are held, and how many runs are in line, whenever either changed."""
    use = played.slots
    assert use is not None
    time = np.unique(np.concatenate(use))
    asked, given_, left, returned = (np.searchsorted(at, time, side="right") for at in use)
    return given_ - returned, asked - given_ - left


@given(seeds)
def test_slots_are_never_more_than_the_limit_nor_free_while_a_run_waits(seed: int):
    case = random_limited_case(seed)
    log, limit = case.log, case.limits.total
    held, in_line = steps(coupled(log, one_task(log, limit), case.until))
    assert held.max(initial=0) <= limit
    assert (held >= 0).all()
    assert (in_line >= 0).all()
    assert not in_line[held < limit].any()


@given(seeds)
def test_a_run_waits_boots_serves_idles_sleeps_and_wakes_and_does_nothing_else(seed: int):
    case = random_limited_case(seed)
    policy = case.policy
    constant = {"boot_time": 3, "resume_time": 2}
    case = case._replace(policy=type(policy)(**{**vars(policy), **constant}))
    played = coupled(case.log, case.slots, case.until)
    assert played.run_queued is not None
    cut = np.isin(played.end_cause, [CAUSES.index("upgrade"), CAUSES.index("open")])
    whole = ~cut & (played.turns > 0)
    life = played.ended_at - played.triggered_at
    spent = played.run_queued + 3 + played.active + played.idle + played.suspended
    assert (life == spent + 2 * played.resumes)[whole].all()


@given(seeds)
def test_turns_of_a_session_are_served_first_come_first_served(seed: int):
    case = random_limited_case(seed)
    log = case.log
    played = coupled(log, case.slots, case.until)
    served = played.waited != NAT
    start, session = (log.at + played.waited)[served], played.session[served]
    for one in np.unique(session):
        assert (np.diff(start[session == one]) >= 0).all()


@given(seeds)
def test_nothing_is_queued_unless_a_run_waited(seed: int):
    case = random_limited_case(seed)
    played = coupled(case.log, case.slots, case.until)
    assert played.queued is not None
    assert played.run_queued is not None
    _, in_line = steps(played)
    if case.until is None:
        assert in_line.any() == (played.run_queued > 0).any()
    elif played.run_queued.any():
        # A run that asks at the very horizon is in line, and has not waited yet.
        assert in_line.any()
    queued, waited = played.queued, played.waited
    assert ((queued == NAT) == (waited == NAT)).all()
    served = queued != NAT
    assert ((queued >= 0) & (queued <= waited))[served].all()
    if not played.run_queued.any():
        assert not queued[served].any()


@given(seeds, st.integers(1, 3))
def test_runs_boot_in_order_of_their_trigger(seed: int, limit: int):
    # Without suspension nobody is woken, so what a run waited is what it waited to boot.
    case = random_limited_case(seed, most=60)
    timings = RunPolicy(idle_timeout="5ms", turn_timeout="0s", max_turns=2).timings(
        Platform(boot_time="2ms", turn_duration="3ms"), SEED
    )
    log = case.log._replace(timings=(timings,))
    played = coupled(log, one_task(log, limit))
    assert played.run_queued is not None
    booted = (played.turns > 0) | (played.end_cause != CAUSES.index("session_closed"))
    triggered_at, slot_at = (
        played.triggered_at[booted],
        (played.triggered_at + played.run_queued)[booted],
    )
    # Of those triggered by events of one instant the first event's may have found the last slot.
    assert (np.diff(slot_at[np.lexsort([slot_at, triggered_at])]) >= 0).all()


def test_progress_counts_every_event():
    log, told = many_chats(8_000), list[int]()
    play_coupled(GroupedLog.of(log), log.timings, one_task(log, 500), progress=told.append)
    assert len(told) > 1
    assert sum(told) == len(log.at)


def test_an_empty_log_has_an_empty_outcome():
    nothing = np.empty(0, np.int64)
    log = GroupedLog(nothing, nothing.astype(np.int8), nothing)
    played = play_coupled(log, [RunPolicy().timings()], SlotLimits(1, (1,), nothing))
    assert (len(played.owner), len(played.status_code)) == (0, 0)
