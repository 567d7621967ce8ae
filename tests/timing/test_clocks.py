"""Clocks: the machine's and the one that moves only when told."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError, SimulationError
from session_lab.timing import SystemClock, VirtualClock, duration_text

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_virtual_clock_stands_still():
    clock = VirtualClock("2026-01-01T00:00:00Z")
    assert clock.milliseconds() == clock.milliseconds() == 1_767_225_600_000
    assert clock.now == datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.integers(0, 10**9)))
def test_advances_add_up(steps: list[int]):
    clock = VirtualClock(0)
    for step in steps:
        clock.advance(duration_text(step))
    assert clock.milliseconds() == sum(steps)


def test_a_virtual_clock_moves_to_an_instant_but_never_back():
    clock = VirtualClock("2026-01-01T00:00:00Z")
    clock.advance_to("2026-01-01T01:00:00Z")
    clock.advance_to("2026-01-01T01:00:00Z")
    with pytest.raises(SimulationError, match="cannot go back"):
        clock.advance_to("2026-01-01T00:59:59.999Z")
    assert repr(clock) == "VirtualClock('2026-01-01T01:00:00.000Z')"


@pytest.mark.parametrize(
    "move",
    [
        lambda clock: clock.advance("-5s"),
        lambda clock: clock.advance(5),
        lambda clock: clock.advance_to("soon"),
        lambda clock: clock.advance("36500d") or clock.advance_to(10**15),
    ],
)
def test_a_move_that_cannot_be_read_leaves_the_clock_where_it_can_stand(
    move: Callable[[VirtualClock], None],
):
    clock = VirtualClock("2026-01-01T00:00:00Z")
    with pytest.raises(DataError):
        move(clock)
    assert clock.now.year in {2026, 2125}


def test_a_virtual_clock_cannot_leave_the_years_that_times_may_have():
    clock = VirtualClock("9999-12-31T00:00:00Z")
    with pytest.raises(DataError, match="1970 to 9999"):
        clock.advance("2d")
    assert clock.now == datetime(9999, 12, 31, tzinfo=UTC)


def test_a_virtual_clock_can_be_pickled_and_copied():
    clock = VirtualClock("2026-01-01T00:00:00Z")
    copies = [pickle.loads(pickle.dumps(clock)), copy.deepcopy(clock)]  # noqa: S301 (our own)
    clock.advance("1s")
    assert [twin.milliseconds() for twin in copies] == [1_767_225_600_000] * 2


def test_the_system_clock_reads_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("session_lab.timing.time.time_ns", lambda: 1_767_225_600_123_999_999)
    assert SystemClock().milliseconds() == 1_767_225_600_123
