"""Runs alive over time, against counting them millisecond by millisecond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis.replays.concurrency import concurrency
from session_lab.errors import DataWarning
from session_lab.frames import NAT, RUNS, build
from tests.stories import close, instant, message, play, start
from tests.strategies import ORIGIN, events_frame, histories, policies, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy

lives = st.lists(
    st.tuples(st.integers(0, 12), st.none() | st.integers(0, 9)).map(
        lambda life: (life[0], None if life[1] is None else life[0] + life[1])
    ),
    max_size=12,
)


def runs(lives: list[tuple[int, int | None]]) -> pd.DataFrame:
    """Make a runs frame of lives in milliseconds; an end of None is still to come."""
    n = len(lives)
    data: dict[str, Any] = {
        "triggered_at": [ORIGIN + start for start, _ in lives],
        "ended_at": [NAT if end is None else ORIGIN + end for _, end in lives],
        "turns": [0] * n,
        "resumes": [0] * n,
    }
    return build(RUNS, data, n=n)


@given(lives)
def test_the_step_function_counts_the_runs_alive_at_every_millisecond(
    lives: list[tuple[int, int | None]],
):
    found = concurrency(runs(lives))
    for at in range(-1, 30):
        expected = sum(start <= at and (end is None or at < end) for start, end in lives)
        before = found.alive[found.time <= ORIGIN + at]
        assert (before[-1] if len(before) else 0) == expected


@given(lives)
def test_peak_and_mean_are_those_of_counting(lives: list[tuple[int, int | None]]):
    found = concurrency(runs(lives))
    counts = [
        sum(start <= at and (end is None or at < end) for start, end in lives) for at in range(30)
    ]
    assert found.peak == max(counts)
    if found.peak:
        assert found.peak_at == instant(counts.index(found.peak))
    changes = [at for at in range(30) if counts[at] != (counts[at - 1] if at else 0)]
    if len(changes) > 1:
        span = counts[changes[0] : changes[-1]]
        assert found.mean == pytest.approx(sum(span) / len(span))
    else:
        assert found.mean == 0


@given(lives)
def test_the_step_function_is_as_short_as_it_can_be(lives: list[tuple[int, int | None]]):
    found = concurrency(runs(lives))
    assert (np.diff(found.time) > 0).all()
    assert (np.diff(np.concatenate([[0], found.alive])) != 0).all()


def test_a_run_is_alive_from_its_trigger_and_not_at_its_end():
    found = concurrency(runs([(0, 10), (10, 20)]))
    assert found.time.tolist() == [ORIGIN, ORIGIN + 20]
    assert found.alive.tolist() == [1, 0]


def test_a_suspended_run_is_alive():
    replay = play(start(0, lasting=5), start(50, lasting=5, chat="b"), message(200)).replay
    assert replay.concurrency().peak == 2
    assert replay.concurrency().peak_at == instant(50)


def test_without_runs_there_is_no_peak():
    found = concurrency(runs([]))
    assert (found.peak, found.peak_at, found.mean) == (0, None, 0.0)
    assert len(found.to_frame()) == 0


def test_the_frame_holds_time_and_number():
    frame = play(start(0), close(30)).replay.concurrency().to_frame()
    assert frame["time"].tolist() == [instant(0), instant(10), instant(30)]
    assert frame["alive"].tolist() == [1, 1, 0]
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    assert str(frame["alive"].dtype) == "int64"


def test_a_result_shows_what_it_counts():
    shown = repr(play(start(0), close(30)).replay.concurrency())
    assert "Runs over time" in shown
    assert "a suspended run is alive" in shown


def test_a_run_executes_until_it_is_suspended_and_from_each_turn_that_wakes_it():
    frame = play(start(0, lasting=5), message(40, lasting=5)).replay.concurrency().to_frame()
    assert frame["time"].tolist() == [instant(at) for at in (0, 15, 40, 55, 155)]
    assert frame["alive"].tolist() == [1, 1, 1, 1, 0]
    assert frame["executing"].tolist() == [1, 0, 1, 0, 0]


def test_the_peak_of_what_executes_stands_beside_a_limit():
    story = play(start(0, lasting=5), start(4, lasting=5, chat="b"), start(9, lasting=5, chat="c"))
    within, beyond = (story.replay.concurrency(limit=limit) for limit in (3, 2))
    assert within.notes == ("at most 3 of the 3 slots are held at once",)
    # All three hold one from 9 to 15; the last run ends at 124.
    assert beyond.share_above(2) == pytest.approx(6 / 124)
    assert "4.84% of the time" in beyond.notes[0]
    assert "limit 2" in beyond.plot().get_legend_handles_labels()[1]


def test_a_runs_frame_alone_does_not_tell_what_executes():
    found = concurrency(runs([(0, 10)]))
    assert list(found.to_frame()) == ["time", "alive"]
    with pytest.raises(sl.DataError, match="does not tell when its runs were suspended"):
        _ = found.peak_executing


@given(events=histories(), policy=policies)
def test_compiled_draws_are_those_of_the_rules(events: list[dict[str, Any]], policy: Policy):
    replay = sl.replay(events_frame(events), **settings_of(policy), seed=5)
    turns, held = replay.turns(), replay.concurrency()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("session_lab.replays.turns._COMPILED_FROM", 0)
        pd.testing.assert_frame_equal(replay.turns(), turns)
        pd.testing.assert_frame_equal(replay.concurrency().to_frame(), held.to_frame())


def test_turns_of_events_in_any_order_and_of_two_tasks_are_those_in_order():
    events = [start(0, lasting=5), start(1, chat="b"), message(30), message(31, chat="b")]
    frame = events_frame(events).assign(task_identifier=pd.Categorical(["x", "y", "x", "x"]))
    policies = {"x": sl.RunPolicy(idle_timeout="10ms"), "y": sl.RunPolicy(idle_timeout="20ms")}
    replay = sl.replay(frame, policies)
    other = sl.replay(frame.iloc[::-1].reset_index(drop=True), policies)
    pd.testing.assert_frame_equal(other.turns(), replay.turns())
    pd.testing.assert_frame_equal(other.concurrency().to_frame(), replay.concurrency().to_frame())
    woken = replay.concurrency().to_frame().set_index("time")["executing"]
    assert [woken[instant(at)] for at in (0, 1, 15, 21, 30, 31)] == [1, 2, 1, 0, 1, 2]


def test_the_mean_is_taken_up_to_the_horizon():
    replay = play(start(0), until=100).replay
    assert replay.concurrency().mean == 1
    found = concurrency(runs([(0, 10), (10, 40)]), until=instant(80))
    assert found.mean == pytest.approx(0.5)


def test_runs_that_a_join_doubled_are_said():
    frame = play(start(0, lasting=5), message(3), close(91)).replay.runs
    concurrency(frame)
    with pytest.warns(DataWarning, match="1 rows stand for a run that another row stands for"):
        concurrency(pd.concat([frame, frame.iloc[[0]]]))
