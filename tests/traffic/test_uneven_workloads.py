"""Workloads whose rate is uneven, and what else happens to chats."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import EVENTS, digest, milliseconds
from session_lab.traffic import ChatWorkload, generate

PLAIN = ChatWorkload(
    turns_per_chat=1,
    think_time="30s",
    think_spread=0,
    turn_duration="6s",
    turn_spread=0,
    return_share=0,
    close_share=0,
    duplicate_start_share=0,
    late_message_share=0,
)
"""Chats of one turn and nothing else."""


def assert_share(values: pd.Series | np.ndarray, share: float) -> None:
    error = math.sqrt(share * (1 - share) / len(values))
    assert abs(np.mean(values) - share) < 5 * error


def test_chats_arrive_by_the_hour_and_the_weekday():
    hourly, weekly = (1,) * 8 + (3,) * 8 + (0,) * 8, (2, 1, 1, 1, 1, 1, 0)
    workload = replace(
        PLAIN,
        start="2026-01-05T00:00:00Z",  # A Monday.
        duration="28d",
        chats_per_hour=100,
        hourly=hourly,
        weekly=weekly,
    )
    at = generate(workload, 1)["at"]
    assert abs(len(at) - 67_200) < 5 * math.sqrt(67_200)
    assert at.dt.hour.max() < 16
    assert_share(at.dt.hour < 8, 8 / 32)
    assert at.dt.day_of_week.max() == 5
    assert_share(at.dt.day_of_week == 0, 2 / 7)


def test_within_an_hour_uneven_arrivals_are_even():
    workload = replace(PLAIN, start="2026-01-01T00:30:00Z", duration="24h", chats_per_hour=2_000)
    at = milliseconds(generate(replace(workload, hourly=(1, 5) * 12), 2)["at"])
    minutes = at // 60_000 % 60
    counts = np.bincount(minutes, minlength=60)
    expected = len(at) / 60
    # Chi-squared with 59 degrees of freedom; one in ten million is beyond 140.
    assert ((counts - expected) ** 2 / expected).sum() < 140


def test_a_longer_uneven_window_begins_with_the_arrivals_of_a_shorter_one():
    workload = replace(PLAIN, hourly=range(1, 25), bursts_per_day=48, duration="5h30m")
    short, long = generate(workload, 3), generate(replace(workload, duration="2d"), 3)
    pd.testing.assert_frame_equal(long.head(len(short))[["at"]], short[["at"]])
    assert len(long) > len(short)


def test_bursts_add_chats_that_come_close_together():
    quiet = replace(PLAIN, duration="20d", chats_per_hour=0.001)
    at = milliseconds(
        generate(
            replace(quiet, bursts_per_day=10, burst_chats=30, burst_length="1m"),
            4,
        )["at"]
    )
    # A geometric number of mean 30 for each of about 200 bursts.
    assert abs(len(at) - 6_000) < 5 * math.sqrt(200 * (30 * 29 + 30**2))
    gaps = np.diff(at)
    assert np.mean(gaps < 60_000) > 0.9


def test_some_chats_have_one_turn_in_any_case():
    events = generate(
        replace(PLAIN, duration="10h", chats_per_hour=1_000, turns_per_chat=5, single_turn_share=0.4), 5
    )  # fmt: skip
    turns = events.groupby("external_id").size()
    assert_share(turns == 1, 0.4 + 0.6 / 5)
    assert abs(turns.mean() - (0.4 + 0.6 * 5)) < 0.3


def test_a_concurrent_start_comes_at_once_with_the_same_turn():
    events = generate(replace(PLAIN, duration="10h", concurrent_start_share=1), 6)
    pairs = events.groupby("external_id")
    assert (pairs.size() == 2).all()
    apart = pairs["at"].max() - pairs["at"].min()
    assert apart.max() < pd.Timedelta("100ms")
    assert (events["turn_duration"] == pd.Timedelta("6s")).all()
    operations = sl.replay(events).operations
    assert sorted(operations["status_code"].unique()) == [200, 201]
    assert operations["is_cached"].sum() == len(operations) / 2


def test_what_was_refused_is_asked_again():
    workload = replace(
        PLAIN,
        duration="10h",
        chats_per_hour=500,
        close_share=1,
        late_message_share=1,
        retry_share=0.6,
        retry_after="2s",
    )
    operations = sl.replay(generate(workload, 7)).operations
    refused = operations[operations["status_code"] == 409]
    tries = refused.groupby("external_id").size()
    assert abs(tries.mean() - 2.5) < 5 * math.sqrt(2.5 * 1.5 / len(tries))
    gaps = refused.groupby("external_id")["at"].diff().dropna()
    assert (gaps == pd.Timedelta("2s")).all()
    assert not refused[["external_id", "op"]].drop_duplicates().duplicated("external_id").any()


def test_a_share_of_chats_asks_for_an_expiry():
    events = generate(
        replace(PLAIN, duration="10h", chats_per_hour=500, expires_after="1h", expires_share=0.25), 8
    )  # fmt: skip
    assert_share(events["expires_at"].notna(), 0.25)


def test_topics_follow_zipfs_law():
    events = generate(
        replace(PLAIN, duration="20h", chats_per_hour=2_000, topics=5, topic_skew=2), 9
    )
    topics = pd.Series([list(tags)[2] for tags in events["tags"].astype(object)])
    total = sum(rank**-2 for rank in range(1, 6))
    for rank in range(1, 6):
        assert_share(topics == f"topic:{rank}", rank**-2 / total)


def test_an_uneven_workload_never_changes():
    workload = ChatWorkload(
        duration="3d",
        chats_per_hour=5,
        hourly=range(24),
        weekly=(5, 5, 5, 5, 5, 2, 1),
        bursts_per_day=3,
        single_turn_share=0.2,
        concurrent_start_share=0.2,
        retry_share=0.5,
        topics=40,
        expires_after="1d",
        expires_share=0.5,
    )
    assert (
        digest({EVENTS: generate(workload, 2026)})
        == "1d69ca6215afba1bad0632b95792b178ddd0d6dee9da3d97509e8abb124e2e03"
    )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("hourly", [1] * 23, "is not 24 numbers"),
        ("hourly", [0] * 24, "one above zero"),
        ("hourly", "1" * 24, "is not 24 numbers"),
        ("weekly", [1, 1, 1, 1, 1, 1, -1], "is not 7 numbers"),
        ("weekly", [True] * 7, "is not 7 numbers"),
        ("weekly", 7, "is not 7 numbers"),
        ("topics", 2.5, "not a whole number"),
        ("topics", -1, "from 0 to 100,000"),
        ("retry_share", 1, "from 0 to 0.99"),
        ("burst_chats", 0.5, "from 1 to 1,000,000"),
        ("burst_length", "5", "not a duration"),
        ("bursts_per_day", 10_001, "from 0 to 10,000"),
    ],
)
def test_an_unusable_value_is_refused_by_its_name(field: str, value: object, problem: str):
    with pytest.raises(sl.DataError, match=problem) as caught:
        ChatWorkload(**{field: value})
    assert (caught.value.source, caught.value.column) == ("ChatWorkload", field)
