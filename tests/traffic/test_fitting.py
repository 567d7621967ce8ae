"""Workloads fitted to logs: what comes back, and how close what they generate is."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.timing import to_instant, to_milliseconds
from session_lab.traffic import ChatWorkload, closeness, fit, generate, write_shards
from session_lab.traffic.workload.sampled_chats import sampled_chats

sampled_chats_module = importlib.import_module("session_lab.traffic.workload.sampled_chats")

MOONCAKE = Path(__file__).parents[2] / "../shared/traces/mooncake_conversation.jsonl"
TRUTH = ChatWorkload(
    duration="20h",
    chats_per_hour=500,
    turns_per_chat=5,
    single_turn_share=0.3,
    think_time="40s",
    think_spread=0.9,
    return_share=0.1,
    return_after="1d",
    return_spread=0.5,
    turn_duration="8s",
    turn_spread=0.6,
    close_share=0.5,
    expires_after="7d",
    expires_share=0.6,
    duplicate_start_share=0.1,
    concurrent_start_share=0.05,
    late_message_share=0.3,
    retry_share=0.5,
    retry_after="3s",
    topics=30,
    topic_skew=1.3,
    task_identifier="support",
)


def test_the_parameters_of_a_generated_log_come_back():
    found = fit(generate(TRUTH, 1))
    for name, tolerance in {
        "chats_per_hour": 25,
        "turns_per_chat": 0.3,
        "single_turn_share": 0.04,
        "think_spread": 0.02,
        "return_share": 0.01,
        "return_spread": 0.05,
        "turn_spread": 0.02,
        "close_share": 0.03,
        "expires_share": 0.03,
        "duplicate_start_share": 0.02,
        "concurrent_start_share": 0.02,
        "late_message_share": 0.04,
        "retry_share": 0.04,
        "topic_skew": 0.05,
    }.items():
        assert getattr(found, name) == pytest.approx(getattr(TRUTH, name), abs=tolerance), name
    for name in ("duration", "think_time", "return_after", "turn_duration"):
        ratio = to_milliseconds(getattr(found, name)) / to_milliseconds(getattr(TRUTH, name))
        assert ratio == pytest.approx(1, abs=0.06), name
    exact = ("expires_after", "retry_after", "topics", "task_identifier", "hourly", "weekly")
    assert [getattr(found, name) for name in exact] == [getattr(TRUTH, name) for name in exact]
    assert abs(to_instant(found.start) - to_instant(TRUTH.start)) < 60_000
    assert found.bursts_per_day == 0


def test_hours_weekdays_and_bursts_come_back():
    truth = ChatWorkload(
        duration="21d",
        chats_per_hour=60,
        turns_per_chat=1,
        hourly=(1,) * 12 + (3,) * 12,
        weekly=(3, 3, 3, 3, 3, 1, 1),
        bursts_per_day=2,
        burst_chats=150,
    )
    found = fit(generate(truth, 2))
    assert found.hourly is not None
    assert found.weekly is not None
    assert np.mean(found.hourly[12:]) / np.mean(found.hourly[:12]) == pytest.approx(3, rel=0.25)
    assert np.mean(found.weekly[:5]) / np.mean(found.weekly[5:]) == pytest.approx(3, rel=0.25)
    assert 0.7 < found.bursts_per_day < 3
    assert 90 < found.burst_chats < 250
    expected = 21 * (60 * 24 + 2 * 150)
    assert len(generate(found, 3)["external_id"].unique()) == pytest.approx(expected, rel=0.1)


def test_peaks_within_the_hour_are_said_to_be_lost():
    events = generate(ChatWorkload(duration="1d", chats_per_hour=100), 3)
    chats = events.groupby("external_id")["at"].transform("min")
    # Every eighth chat is brought forward to the first two minutes of its hour, as if by a timer.
    is_timed = pd.factorize(events["external_id"])[0] % 8 == 0
    full_hour = chats.dt.floor("h")
    earlier = (chats - full_hour) * (29 / 30)
    events["at"] = events["at"].where(~is_timed, events["at"] - earlier.dt.floor("ms"))
    with pytest.warns(sl.DataWarning, match=r"crowd within the hour.*these peaks are lost") as said:
        found = fit(events.sort_values("at", kind="stable"))
    assert said[0].filename == __file__
    assert found.bursts_per_day == 0


@pytest.mark.parametrize("per_hour", [1.0, 3.0, 40.0])
def test_even_arrivals_have_no_peaks(per_hour: float):
    for seed in range(2):
        fit(generate(ChatWorkload(duration="12h", chats_per_hour=per_hour), seed))


def test_one_kind_of_think_is_told_from_two():
    plain = ChatWorkload(duration="10h", chats_per_hour=300, return_share=0)
    found = fit(generate(plain, 4))
    assert found.return_share == 0
    assert found.think_spread == pytest.approx(1, abs=0.05)


def test_long_turns_are_told_from_others():
    truth = ChatWorkload(
        duration="20h",
        chats_per_hour=300,
        turn_duration="1s",
        turn_spread=1,
        long_turn_share=0.6,
        long_turn_duration="10s",
        long_turn_spread=0.3,
    )
    found = fit(generate(truth, 5))
    for name in ("turn_spread", "long_turn_share", "long_turn_spread"):
        assert getattr(found, name) == pytest.approx(getattr(truth, name), abs=0.03), name
    for name in ("turn_duration", "long_turn_duration"):
        ratio = to_milliseconds(getattr(found, name)) / to_milliseconds(getattr(truth, name))
        assert ratio == pytest.approx(1, abs=0.06), name
    assert fit(generate(TRUTH, 1)).long_turn_share == 0


def test_a_fit_does_not_depend_on_the_order_of_rows_or_on_what_is_not_a_chat():
    events = generate(ChatWorkload(), 5)
    stray = events.iloc[[1]].assign(op="message", external_id="no-start")
    mixed = pd.concat([stray, events.iloc[::-1]], ignore_index=True)
    # Events of one instant may swap; there are none within a chat here.
    assert fit(mixed) == fit(events)


def test_shards_are_fitted_as_their_events_in_memory(tmp_path: Path):
    events = generate(replace(TRUTH, duration="8h"), 6)
    write_shards(events, tmp_path, shards=5)
    assert fit(tmp_path) == fit(events)


def test_of_very_many_chats_in_shards_some_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sampled_chats_module, "_MOST_CHATS", 1_500)
    events = generate(replace(TRUTH, duration="8h"), 6)
    paths = write_shards(events, tmp_path, shards=5)
    some, began = sampled_chats(tmp_path)
    assert 750 <= some["external_id"].nunique() <= 1_500
    assert len(began) == events["external_id"].nunique()
    assert len(some) == events["external_id"].isin(some["external_id"]).sum()
    found, whole = fit(tmp_path), fit(events)
    assert (found.start, found.chats_per_hour) == (whole.start, whole.chats_per_hour)
    for name in ("turns_per_chat", "think_spread", "close_share", "topic_skew"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=0.15)
    # Dealt out otherwise, the same chats are looked at.
    (tmp_path / "other").mkdir()
    write_shards(events, tmp_path / "other", shards=3)
    again, _ = sampled_chats(tmp_path / "other")
    assert set(again["external_id"]) == set(some["external_id"])
    paths[1].write_bytes(paths[0].read_bytes())
    with pytest.raises(sl.DataError, match="events in several files"):
        fit(tmp_path)


def test_a_log_of_bare_events_is_fitted_too():
    events = generate(ChatWorkload(), 6)[["at", "op", "external_id"]]
    found = fit(events)
    assert found.turn_duration == ChatWorkload.turn_duration
    assert found.topics == 0
    assert found.expires_after is None


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_chats_are_refused(n: int):
    with pytest.raises(sl.DataError, match=f"has {n} chats that begin with a start"):
        fit(generate(ChatWorkload(), 7).head(n))


def test_closeness_is_small_for_the_truth_and_large_for_another_workload():
    events = generate(TRUTH, 8)
    close = closeness(TRUTH, events, seed=9).summary()
    assert max(close.values()) < 0.12
    other = ChatWorkload(duration="20h", chats_per_hour=100, turns_per_chat=2, turn_duration="1m")
    far = closeness(other, events).summary()
    assert all(far[name] > 2 * close[name] for name in close)


def test_closeness_is_zero_for_the_log_itself():
    workload = ChatWorkload(duration="3h")
    result = closeness(workload, generate(workload, 10), seed=10)
    assert set(result.summary().values()) == {0.0}


def test_closeness_shows_both_sides_and_says_what_it_measures():
    workload = ChatWorkload()
    result = closeness(workload, generate(workload, 11), seed=12)
    text = repr(result)
    assert text == repr(pickle.loads(pickle.dumps(result)))  # noqa: S301 (made one line above)
    assert "Kolmogorov and Smirnov" in text
    frame = result.to_frame()
    assert {"measure", "p50_recorded", "p99_generated", "distance"} <= set(frame)
    by_hand = np.diff(generate(workload, 11).drop_duplicates("external_id")["at"]) / 1e9
    gaps = frame.set_index("measure").loc["gap between arrivals (s)"]
    assert gaps["n_recorded"] == len(by_hand)


def test_events_that_span_decades_are_refused():
    events = generate(ChatWorkload(), seed=1).head(50)
    events.loc[0, "at"] = pd.Timestamp("1970-01-01T00:00:00Z")
    with pytest.raises(sl.DataError, match=r"the events span .* from 1970-01-01T00:00:00"):
        fit(events)


def test_closeness_to_nothing_is_refused():
    with pytest.raises(sl.DataError, match="nothing to compare"):
        closeness(ChatWorkload(), generate(ChatWorkload(), 0).head(0))


@pytest.mark.skipif(not MOONCAKE.exists(), reason="the published trace is not here")
def test_an_hour_generated_from_the_fit_of_the_published_trace_is_close_to_it():
    events = sl.traffic.read(MOONCAKE)
    found = fit(events)
    distances = closeness(found, events).summary()
    assert distances["turns per chat"] < 0.05
    assert distances["think (s)"] < 0.1
    assert distances["turn (s)"] < 0.05
    assert distances["arrivals per minute"] < 0.5
