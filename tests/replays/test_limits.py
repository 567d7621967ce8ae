"""Replays under a limit on executing runs."""

from __future__ import annotations

import pandas as pd
import pytest

import session_lab as sl
from tests.replays.test_determinism import POLICIES, history


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("until", [None, "2026-01-01T00:00:00.141Z"])
def test_a_limit_that_is_never_reached_changes_nothing(name: str, until: str | None):
    policy, platform = POLICIES[name]
    free = sl.replay(history(), policy, platform, seed=11, until=until)
    limited = sl.replay(history(), policy, platform, seed=11, until=until, limits=10_000)
    served = limited.operations["start_kind"].notna()
    assert (limited.operations["queued"].notna() == served).all()
    assert (limited.operations["queued"].dropna() == pd.Timedelta(0)).all()
    assert (limited.runs["queued"] == pd.Timedelta(0)).all()
    for frame in ("operations", "sessions", "runs"):
        one, other = getattr(free, frame), getattr(limited, frame)
        pd.testing.assert_frame_equal(one, other.drop(columns="queued", errors="ignore"))


def three_chats() -> pd.DataFrame:
    """Return three chats that begin within three seconds, of turns of five seconds."""
    return pd.DataFrame(
        {
            "at": pd.to_datetime([f"2026-01-01T09:00:0{second}Z" for second in range(3)]),
            "op": "start",
            "external_id": ["a", "b", "c"],
            "turn_duration": pd.to_timedelta("5s"),
            "task_identifier": ["one", "one", "two"],
        }
    )


def seconds_queued(limits: sl.ConcurrencyLimits | int) -> list[float]:
    replay = sl.replay(three_chats(), sl.RunPolicy(idle_timeout="10s"), limits=limits)
    return replay.operations["queued"].dt.total_seconds().tolist()


def test_runs_wait_for_the_idle_time_of_those_before_them():
    assert seconds_queued(1) == [0, 14, 28]
    assert seconds_queued(2) == [0, 0, 13]


def test_tasks_have_limits_of_their_own_and_share_the_burst():
    assert seconds_queued(sl.ConcurrencyLimits(1)) == [0, 14, 0]
    assert seconds_queued(sl.ConcurrencyLimits(2, 1, {"one": 1})) == [0, 14, 0]
    assert seconds_queued(sl.ConcurrencyLimits(2, 1)) == [0, 0, 13]


def test_limits_that_cannot_be_meant_are_refused():
    with pytest.raises(sl.DataError, match="'three' has a limit of its own, but the sessions are"):
        sl.replay(three_chats(), limits=sl.ConcurrencyLimits(5, per_task={"three": 1}))
    with pytest.raises(sl.DataError, match="neither ConcurrencyLimits nor a whole number"):
        sl.replay(three_chats(), limits="50")  # type: ignore[arg-type]
    with pytest.raises(sl.DataError, match="the columnar engine plays sessions apart"):
        sl.replay(three_chats(), limits=5, engine="columnar")
