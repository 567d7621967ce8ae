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


GOLDEN_UNDER_LIMITS = {
    "defaults": "cb8f0280702455532561b0afff2e93bb88fe31cc85bd01ba8a5681fb270abe62",
    "short turns": "6b3e4cf3e0d60671790b9ff0b8addeedf930610031275d41be010e0ed8b15ea0",
    "slow machines": "83d1158ccda953d5a540b8e854dd1d3c40eb608ef49bc5aa36e59c4c7fa3b1db",
    "deploys and crashes": "6962e24274417a95a44f5ba29d5216c60ce21d7d44c06f34d6e7f0fa51a53e66",
}


@pytest.mark.parametrize("engine", ["reference", "coupled"])
@pytest.mark.parametrize("name", POLICIES)
def test_a_replay_under_a_limit_has_the_digest_it_always_had(name: str, engine: str):
    replay = sl.replay(history(), *POLICIES[name], seed=11, limits=2, engine=engine)
    assert replay.digest() == GOLDEN_UNDER_LIMITS[name]


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


@pytest.mark.parametrize("engine", ["auto", "reference", "coupled"])
def test_slots_tell_what_the_limit_did(engine: str):
    policy = sl.RunPolicy(idle_timeout="10s")
    replay = sl.replay(three_chats(), policy, limits=sl.ConcurrencyLimits(1), engine=engine)
    slots = replay.slots()
    # Slots of task one are held from 0 to 15 and from 15 to 30, that of task two from 2 to 17.
    assert slots.limit == 2
    assert slots.peak == 2
    assert slots.mean == pytest.approx(45 / 30)
    assert slots.at_limit == pd.Timedelta("15s")
    assert slots.waited_share == pytest.approx(1 / 3)
    assert slots.quantile(0.5) == pd.Timedelta(0)
    assert slots.quantile(0.95) == pd.Timedelta("14s")
    assert slots.longest_line == 1
    assert not slots.drained
    assert slots.to_frame().columns.tolist() == ["time", "executing", "in_line"]
    assert slots.summary()["queued_max"].tolist() == [pd.Timedelta("14s")]
    assert any("had not drained" in note for note in slots.notes)
    assert any("never rank limits by cost" in note for note in slots.notes)
    section = replay.summary().to_dict()["slots"]
    assert section["peak executing"] == 2
    assert section["at the limit (ms)"] == 15_000
    assert section["turns that waited"] == 1
    assert section["queued max (ms)"] == 14_000
    assert replay.to_dict()["limits"] == {"base": 1, "burst_factor": 2.0, "per_task": {}}
    assert replay.concurrency().peak_executing == 2
    assert replay.concurrency().notes == ("at most 2 of the 2 slots are held at once",)


def test_a_limit_that_nobody_met_says_so():
    slots = sl.replay(three_chats(), limits=5).slots()
    assert (slots.peak, slots.longest_line, slots.drained, slots.waited_share) == (3, 0, True, 0)
    assert slots.notes == ()
    bursting = sl.replay(three_chats().iloc[:2], limits=sl.ConcurrencyLimits(5)).slots()
    assert bursting.limit == 5
    assert "a single task never profits from the burst: the base is its limit" in bursting.notes


def test_without_limits_there_is_no_line_to_tell_of():
    replay = sl.replay(three_chats())
    with pytest.raises(sl.DataError, match="without limits= no run waits for a slot"):
        replay.slots()
    assert "slots" not in replay.summary().to_dict()
    with pytest.raises(sl.DataError, match="the coupled engine is for limits="):
        sl.replay(three_chats(), engine="coupled")


def test_slots_are_drawn():
    ax = sl.replay(three_chats(), limits=1).slots().plot()
    assert {line.get_label() for line in ax.get_lines()} >= {"executing", "limit 1"}


def test_where_a_limit_makes_turns_wait_blocks_of_time_are_resampled():
    events = sl.traffic.generate(sl.ChatWorkload(duration="30h", chats_per_hour=40), seed=2)
    platform = sl.Platform(boot_time="3s")
    free, low = (sl.replay(events, platform=platform, limits=limit) for limit in (500, 2))
    apart = sl.replay(events, platform=platform).compare(free)
    assert apart.blocks is None
    assert "resamples of 1," in apart.notes[0]
    together = free.compare(low)
    assert together.blocks == 30
    assert "resamples of 30 blocks of 1 h" in together.notes[0]
    assert "chats are not independent of each other" in together.notes[1]
    wait = together.to_frame().iloc[0]
    assert 0 < wait["lower"] < wait["difference"] < wait["upper"]
    # Waits of one hour go together, so the interval is wider than that of chats would be.
    assert len(together.chats) > 1_000


def test_a_simulated_world_refuses_limits():
    with pytest.raises(sl.DataError, match="the runs of a simulated world never wait for a slot"):
        sl.Simulator(limits=sl.ConcurrencyLimits(5))
