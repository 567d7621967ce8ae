"""When a live replay asks what."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.frames import NAT, check_events
from session_lab.replays.live.schedule import NOBODY, Dispatch, Schedule, at_once, schedule
from tests.stories import close, message, start
from tests.strategies import events_frame, histories


def plan_of(*events: Any, **settings: Any) -> Schedule:
    return schedule(check_events(events_frame(list(events))), **settings)


def carried_out(
    plan: Schedule, *, latency: int = 0, origin: int = 1_000, rows: Any = None, **settings: Any
) -> list[tuple[int, int]]:
    """Ask everything, each answer taking ``latency``; return rows and when they were asked."""
    dispatch = Dispatch(plan, origin=origin, rows=rows, **({"concurrency": 9} | settings))
    now, asked, awaited = origin, [], []
    while not dispatch.is_done:
        while (row := dispatch.take(now)) is not None:
            asked.append((row, now))
            awaited.append((now + latency, row))
        assert dispatch.n_under_way == len(awaited)
        wake_at = dispatch.wake_at()
        at, row = min(awaited, default=(None, None))
        if at is not None and (wake_at is None or at <= wake_at):
            awaited.remove((at, row))
            now = max(now, at)
            dispatch.answered(row, now)
        else:
            assert wake_at is not None, "nothing to wait for and events left"
            now = wake_at
    return asked


def test_offsets_count_from_the_first_event_and_speed_divides_them():
    events = start(500), message(1_501), message(9_500)
    assert plan_of(*events).offset.tolist() == [0, 1_001, 9_000]
    assert plan_of(*events, speed=2).offset.tolist() == [0, 500, 4_500]
    assert plan_of(*events, speed=0.5).offset.tolist() == [0, 2_002, 18_000]


def test_quiet_times_are_cut_before_speed_and_the_cut_is_reported():
    plan = plan_of(start(0), message(5_000), message(6_000), speed=2, longest_gap="2s")
    assert plan.offset.tolist() == [0, 1_000, 1_500]
    assert (plan.n_capped, plan.capped) == (1, 3_000)
    assert "1 gaps cut by 3 s" in repr(plan)


def test_neighbours_are_those_of_the_same_chat():
    plan = plan_of(start(0, chat="a"), start(1, chat="b"), message(2, chat="a"), close(3, chat="b"))
    assert plan.previous.tolist() == [NOBODY, NOBODY, 0, 1]
    assert plan.following.tolist() == [2, 3, NOBODY, NOBODY]


def test_an_expiry_moves_with_its_events():
    plan = plan_of(start(0, expires_at=400), message(1_000), speed=2)
    assert plan.expires_in.tolist() == [200, NAT]
    late = plan_of(start(0, expires_at=-3), message(1_000))
    assert late.expires_in.tolist() == [-3, NAT]
    beyond = plan_of(start(0, expires_at=5_000), message(1_000), speed=10)
    assert beyond.expires_in.tolist() == [500, NAT]


@given(
    history=histories(),
    speed=st.sampled_from([0.25, 1.0, 3.0]),
    gap=st.sampled_from([None, "2ms", "5ms"]),
)
def test_a_chat_is_expired_at_the_same_events_unless_they_fall_together(
    history: Any, speed: float, gap: str | None
):
    events = check_events(events_frame(history))
    plan = schedule(events, speed=speed, longest_gap=gap)
    at = events["at"].astype("int64").to_numpy()
    for row in np.flatnonzero(plan.expires_in != NAT):
        expiry = int(events["expires_at"].astype("int64").iloc[row])
        placed = plan.offset[row] + plan.expires_in[row]
        for other in range(len(at)):
            if not expiry < at[other]:
                assert not placed < plan.offset[other]
            elif plan.offset[other] > plan.offset[np.flatnonzero(at <= max(expiry, at[0]))[-1]]:
                assert placed < plan.offset[other]


def test_the_open_loop_keeps_to_the_times_whatever_the_answers_take():
    plan = plan_of(start(0, chat="a"), start(10, chat="b"), start(20, chat="c"))
    asked = carried_out(plan, latency=500)
    assert asked == [(0, 1_000), (1, 1_010), (2, 1_020)]


def test_requests_of_one_chat_never_overtake_each_other():
    plan = plan_of(start(0), message(10), message(20))
    assert carried_out(plan, latency=100) == [(0, 1_000), (1, 1_100), (2, 1_200)]


def test_the_closed_loop_waits_the_recorded_time_after_each_answer():
    plan = plan_of(start(0), message(10), message(20), loop="closed")
    assert carried_out(plan, latency=100) == [(0, 1_000), (1, 1_110), (2, 1_220)]


def test_concurrency_bounds_the_requests_without_an_answer():
    plan = plan_of(*(start(0, chat=str(number)) for number in range(4)))
    asked = carried_out(plan, latency=100, concurrency=2)
    assert [at for _, at in asked] == [1_000, 1_000, 1_100, 1_100]


@pytest.mark.parametrize("rate", [2.0, 300.0, 4_000.0])
def test_a_rate_spaces_requests_evenly_without_drift(rate: float):
    asked = [at for _, at in carried_out(at_once(601), rate=rate, concurrency=601)]
    assert asked[-1] - asked[0] == pytest.approx(600_000 / rate, abs=1.5)
    assert all(late - early >= int(1_000 / rate) for early, late in pairwise(asked))


def test_a_rate_does_not_save_up_while_nothing_is_due():
    plan = plan_of(*(start(at, chat=str(at)) for at in (0, 5_000, 5_001, 5_002)))
    asked = [at - 1_000 for _, at in carried_out(plan, rate=10)]
    assert asked == [0, 5_000, 5_100, 5_200]


def test_the_rest_of_a_replay_is_due_without_what_was_answered_before():
    plan = plan_of(start(0), message(10), message(30), loop="closed")
    assert carried_out(plan, origin=990, rows=[1, 2], latency=5) == [(1, 1_000), (2, 1_025)]


@given(history=histories(), loop=st.sampled_from(["open", "closed"]), latency=st.integers(0, 30))
def test_everything_is_asked_once_in_the_order_of_each_chat_and_never_early(
    history: Any, loop: Any, latency: int
):
    events = check_events(events_frame(history))
    plan = schedule(events, loop=loop)
    asked = carried_out(plan, latency=latency, concurrency=2, origin=0)
    assert sorted(row for row, _ in asked) == list(range(len(events)))
    when = dict(asked)
    assert all(when[row] >= plan.offset[row] for row in when)
    for row, before in enumerate(plan.previous.tolist()):
        if before != NOBODY:
            think = plan.offset[row] - plan.offset[before] if loop == "closed" else 0
            assert when[row] >= when[before] + latency + think


@pytest.mark.parametrize(
    ("settings", "column"),
    [
        ({"loop": "ring"}, "loop"),
        ({"speed": 0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": -1.0}, "speed"),
        ({"speed": 1e-12}, "speed"),
        ({"longest_gap": 5}, "longest_gap"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(settings: Any, column: str):
    with pytest.raises(DataError) as refusal:
        plan_of(start(0), message(5_000_000), **settings)
    assert refusal.value.column == column


def test_no_events_take_no_time():
    plan = plan_of()
    assert plan.duration == 0
    assert carried_out(plan) == []
