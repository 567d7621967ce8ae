"""Runs alive over time, against counting them millisecond by millisecond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.analysis.replays.concurrency import concurrency
from session_lab.frames import NAT, RUNS, build
from tests.stories import close, instant, message, play, start
from tests.strategies import ORIGIN

if TYPE_CHECKING:
    import pandas as pd

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
    assert frame["time"].tolist() == [instant(0), instant(30)]
    assert frame["alive"].tolist() == [1, 0]
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    assert str(frame["alive"].dtype) == "int64"


def test_a_result_shows_what_it_counts():
    shown = repr(play(start(0), close(30)).replay.concurrency())
    assert "Runs alive over time" in shown
    assert "a suspended run is alive" in shown


def test_the_mean_is_taken_up_to_the_horizon():
    replay = play(start(0), until=100).replay
    assert replay.concurrency().mean == 1
    found = concurrency(runs([(0, 10), (10, 40)]), until=instant(80))
    assert found.mean == pytest.approx(0.5)
