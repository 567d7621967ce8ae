"""Sweeps over limits on executing runs, and the smallest limit that will do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.replays.grid import checked_choices

PLATFORM = sl.Platform(boot_time="3s", resume_time="1s")
GRID = {"idle_timeout": ["5s", "30s"], "concurrency_limit": [1, 3, 6, None]}


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    workload = sl.ChatWorkload(duration="4h", chats_per_hour=120)
    return sl.traffic.generate(workload, seed=1)


@pytest.fixture(scope="module")
def swept(events: pd.DataFrame) -> pd.DataFrame:
    return sl.sweep(events, GRID, platform=PLATFORM)


def test_a_row_says_what_a_replay_under_its_limit_says(events: pd.DataFrame, swept: pd.DataFrame):
    assert len(swept) == 8
    for row in swept.itertuples():
        limit = 10_000 if pd.isna(row.concurrency_limit) else int(row.concurrency_limit)
        policy = sl.RunPolicy(idle_timeout=row.idle_timeout)
        replay = sl.replay(events, policy, PLATFORM, limits=limit)
        slots, waits = replay.slots(), replay.summary().waits
        assert row.peak_executing == slots.peak
        assert row.waited_for_slot == slots.waited_share
        assert row.queued_p95 == slots.quantile(0.95)
        assert row.queued_p99 == slots.quantile(0.99)
        assert row.drained == slots.drained
        assert row.wait_p95 == pd.Timedelta(waits["p95"], unit="ms")
        assert row.billed == (replay.runs["active"] + replay.runs["idle"]).sum()
        assert row.runs == len(replay.runs)


def test_without_a_limit_a_row_is_as_it_is_without_the_column(
    events: pd.DataFrame, swept: pd.DataFrame
):
    free = sl.sweep(events, {"idle_timeout": ["5s", "30s"]}, platform=PLATFORM)
    assert not {"peak_executing", "drained"} & {*free.columns}
    mine = swept[swept["concurrency_limit"].isna()].reset_index(drop=True)
    names = [name for name in free.columns if name != "front"]
    pd.testing.assert_frame_equal(mine[names], free[names])


def test_overload_lowers_billed_time_and_the_frame_warns_of_it(swept: pd.DataFrame):
    long_idle = swept[swept["idle_timeout"] == pd.Timedelta("30s")]
    assert long_idle["billed"].is_monotonic_increasing
    assert long_idle["wait_p95"].is_monotonic_decreasing
    notes = " ".join(swept.attrs["assumptions"])
    assert "nobody leaves, retries or writes later because of a wait (assumption)" in notes
    assert "never rank limits by cost without the wait" in notes


def test_what_did_not_drain_is_neither_on_the_front_nor_recommended(events: pd.DataFrame):
    cut = events[events["at"] < events["at"].iloc[0] + pd.Timedelta("1h")]
    frame = sl.sweep(cut, {"concurrency_limit": [1, 40]}, platform=PLATFORM)
    assert frame["drained"].tolist() == [False, True]
    assert frame["front"].tolist() == [False, True]
    assert frame["billed"].is_monotonic_increasing
    chosen = sl.recommend(frame)
    assert chosen.settings == {"concurrency_limit": "40"}
    assert any("the line had not drained" in caveat for caveat in chosen.caveats)
    with pytest.raises(sl.DataError, match="people were still in line when the last event came"):
        sl.recommend(frame.iloc[:1])


def test_no_limit_can_be_recommended_and_be_the_current_one(swept: pd.DataFrame):
    chosen = sl.recommend(
        swept, at_most="3s", current={"idle_timeout": "30s", "concurrency_limit": None}
    )
    assert chosen.settings["concurrency_limit"] == "6"
    assert "concurrency_limit none" in repr(chosen)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "a limit of 0 would let no run execute"),
        ("5", "neither ConcurrencyLimits nor a whole number of slots"),
        (sl.ConcurrencyLimits(5), "a sweep tries whole numbers of slots"),
    ],
)
def test_limits_that_cannot_be_tried_are_refused(events: pd.DataFrame, value: object, message: str):
    with pytest.raises(sl.DataError, match=message):
        sl.sweep(events, {"concurrency_limit": [value]})


def test_the_smallest_limit_is_next_to_one_that_fails(events: pd.DataFrame):
    tried = sl.smallest_limit(events, platform=PLATFORM, queued="2s", q=0.9)
    assert tried["meets"].tolist() == (tried["queued"] <= pd.Timedelta("2s")).tolist()
    answer = int(tried.loc[0, "concurrency_limit"])
    rest = tried.iloc[1:]
    assert tried.loc[0, "meets"]
    assert answer - 1 in rest.loc[~rest["meets"], "concurrency_limit"].tolist()
    assert rest["concurrency_limit"].is_monotonic_increasing
    for limit, queued in zip(tried["concurrency_limit"], tried["queued"], strict=True):
        slots = sl.replay(events, platform=PLATFORM, limits=int(limit)).slots()
        assert slots.quantile(0.9) == queued


def test_with_no_wait_allowed_the_smallest_limit_is_below_the_peak(events: pd.DataFrame):
    tried = sl.smallest_limit(events, platform=PLATFORM, queued="0s", q=1)
    peak = sl.replay(events, platform=PLATFORM).concurrency().peak_executing
    assert tried.loc[0, "concurrency_limit"] == peak
    assert np.isclose(tried.loc[0, "waited_for_slot"], 0)


def test_a_smallest_limit_needs_runs_and_a_share():
    nothing = pd.DataFrame(
        {"at": pd.to_datetime(["2026-01-01T09:00Z"]), "op": "message", "external_id": "a"}
    )
    with pytest.raises(sl.DataError, match="no run ever executes"):
        sl.smallest_limit(nothing)
    with pytest.raises(sl.DataError, match="95 is not a share"):
        sl.smallest_limit(nothing, q=95)
    with pytest.raises(sl.DataError, match="'most' is not a share"):
        sl.smallest_limit(nothing, q="most")


def test_where_chats_must_be_independent_limits_are_refused():
    with pytest.raises(sl.DataError, match="under a limit chats wait for each other"):
        checked_choices({"concurrency_limit": [5]})


@pytest.mark.parametrize("make", [np.int64, np.int8, np.uint64])
def test_limits_may_come_out_of_a_frame(events: pd.DataFrame, make: type[np.integer]):
    limited = sl.replay(events, limits=make(3))
    assert limited.digest() == sl.replay(events, limits=3).digest()
    assert limited.to_dict() == sl.replay(events, limits=3).to_dict()
    answer = sl.smallest_limit(events, platform=PLATFORM).loc[0, "concurrency_limit"]
    assert sl.replay(events, limits=answer).limits == sl.ConcurrencyLimits(int(answer), 1.0)
    swept = sl.sweep(events, {"concurrency_limit": np.array([2, 3], make)})
    pd.testing.assert_frame_equal(swept, sl.sweep(events, {"concurrency_limit": [2, 3]}))


def test_a_seed_that_was_refused_leaves_nothing_behind(events: pd.DataFrame):
    expected = sl.smallest_limit(events, seed=1)
    for seed in (1.0, "1", [1], None, np.array(1)):
        for use in (sl.smallest_limit, lambda events, seed: sl.sweep(events, GRID, seed=seed)):
            with pytest.raises(sl.DataError, match=r"seed: .* is not a whole number"):
                use(events, seed=seed)
    pd.testing.assert_frame_equal(sl.smallest_limit(events, seed=1), expected)


@pytest.mark.parametrize("log", [None, "chats.ndjson", [1], pd.Series([1])])
def test_the_smallest_limit_is_one_of_an_events_frame(log: object):
    with pytest.raises(sl.DataError, match=r"events: .* is not a pandas DataFrame"):
        sl.smallest_limit(log)  # type: ignore[arg-type]


def test_what_never_executes_is_drawn_as_nothing():
    nobody = sl.traffic.generate(sl.ChatWorkload(duration="1h"), seed=1).iloc[:0]
    replay = sl.replay(nobody, limits=1)
    assert "at most 0 of 1 slots" in replay.slots().plot().get_label()
    assert "alive at most 0" in replay.concurrency().plot().get_label()
