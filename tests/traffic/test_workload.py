"""Generated traffic: what is in it, in which proportions, and that it never changes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import EVENTS, digest, milliseconds
from session_lab.timing import to_instant
from session_lab.traffic import ChatWorkload, generate, generate_shards, read_shards

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = to_instant(ChatWorkload.start)
PLAIN = ChatWorkload(return_share=0, close_share=0, duplicate_start_share=0, late_message_share=0)
"""Starts and messages only."""
EXACT = replace(
    PLAIN, turns_per_chat=1, think_time="30s", think_spread=0, turn_duration="6s", turn_spread=0
)
"""Chats of one turn whose every duration is its median."""
MANY = {"duration": "10h", "chats_per_hour": 1000}


def first_chat(workload: ChatWorkload, seed: int = 3) -> list[tuple[str, int]]:
    """Operations of the first chat and their milliseconds since its first."""
    events = generate(workload, seed)
    mine = events[events["external_id"] == "chat-000000"]
    at = milliseconds(mine["at"])
    return list(zip(mine["op"], (at - at[0]).tolist(), strict=True))


def turns_of(events: pd.DataFrame) -> pd.DataFrame:
    """Turns in order of their chats, with the think before each."""
    turns = events[events["turn_duration"].notna()].sort_values(
        ["external_id", "at"], kind="stable"
    )
    end = (turns["at"] + turns["turn_duration"]).groupby(turns["external_id"]).shift()
    return turns.assign(think=turns["at"] - end)


def assert_mean(values: NDArray[Any] | pd.Series, mean: float, deviation: float):
    """Hold a mean to five standard errors; by the CLT one sample in two million is beyond."""
    assert abs(np.mean(values) - mean) < 5 * deviation / math.sqrt(len(values))


def test_a_chat_is_a_start_and_messages_each_a_turn_and_a_think_after_the_other():
    ops = first_chat(replace(EXACT, turns_per_chat=8), seed=4)
    assert len(ops) > 2
    assert ops == [("message" if turn else "start", turn * 36_000) for turn in range(len(ops))]


def test_a_chat_is_closed_a_think_after_its_last_turn():
    assert first_chat(replace(EXACT, close_share=1)) == [("start", 0), ("close", 36_000)]


def test_what_comes_too_late_comes_a_think_after_the_close():
    workload = replace(EXACT, close_share=1, late_message_share=1)
    late = {first_chat(workload, seed)[-1] for seed in range(20)}
    assert late == {("start", 66_000), ("message", 66_000)}


def test_nothing_is_late_in_a_chat_that_is_not_closed():
    assert first_chat(replace(EXACT, late_message_share=1)) == [("start", 0)]


def test_a_return_takes_its_own_time():
    workload = replace(EXACT, close_share=1, return_share=1, return_after="4h", return_spread=0)
    assert first_chat(workload) == [("start", 0), ("close", 6_000 + 4 * 3_600_000)]


def test_a_page_is_reloaded_during_the_first_turn():
    events = generate(replace(EXACT, duplicate_start_share=1, **MANY), 1)
    events["since"] = events["at"] - events.groupby("external_id")["at"].transform("first")
    second = events[events.duplicated("external_id")]
    assert len(second) == events["external_id"].nunique()
    assert (second["op"] == "start").all()
    assert second["turn_duration"].isna().all()
    since = second["since"] / pd.Timedelta("6s")
    assert since.between(0, 1, inclusive="left").all()
    assert_mean(since, 0.5, math.sqrt(1 / 12))


def test_starts_alone_ask_for_a_type_a_task_tags_and_an_expiry():
    events = generate(ChatWorkload(expires_after="90m", task_identifier="support"), 5)
    starts = events["op"] == "start"
    assert set(events.loc[starts, "type"]) == {"chat.agent"}
    assert set(events.loc[starts, "task_identifier"]) == {"support"}
    assert (events["expires_at"] - events["at"])[starts].eq(pd.Timedelta("90m")).all()
    asked = events[["type", "task_identifier", "tags", "expires_at"]]
    assert asked[~starts].isna().all(axis=None)


def test_without_an_expiry_there_is_no_such_column():
    assert "expires_at" not in generate(ChatWorkload(), 5)


def test_all_starts_of_a_chat_ask_for_the_same_tags():
    events = generate(ChatWorkload(duplicate_start_share=1), 5)
    starts = events[events["op"] == "start"]
    tags = starts["tags"].astype(object).map(tuple)
    assert (starts.groupby("external_id").size() >= 2).all()
    distinct = pd.DataFrame({"chat": starts["external_id"], "tags": tags}).drop_duplicates()
    assert distinct["chat"].is_unique


def test_plans_and_languages_are_skewed_and_independent():
    events = generate(replace(EXACT, **MANY), 5)
    tags = events["tags"].astype(object).map(list).tolist()
    is_pro = np.array([plan == "plan:pro" for plan, _ in tags])
    is_english = np.array([language == "lang:en" for _, language in tags])
    assert_mean(is_pro, 0.18, math.sqrt(0.18 * 0.82))
    assert_mean(is_english, 0.58, math.sqrt(0.58 * 0.42))
    both = 0.18 * 0.58
    assert_mean(is_pro & is_english, both, math.sqrt(both * (1 - both)))


def test_chats_arrive_within_the_window_at_their_rate():
    events = generate(replace(EXACT, start="2026-03-01T12:00:00Z", **MANY), 2)
    assert abs(len(events) - 10_000) < 5 * math.sqrt(10_000)
    since = milliseconds(events["at"]) - to_instant("2026-03-01T12:00:00Z")
    assert since.min() >= 0
    assert since.max() < 36_000_000
    assert events["external_id"].tolist() == [f"chat-{n:06d}" for n in range(len(events))]


def test_turns_and_thinks_have_the_moments_that_were_asked_for():
    workload = replace(PLAIN, turns_per_chat=3, think_spread=1.2, turn_spread=0.5, **MANY)
    turns = turns_of(generate(workload, 4))
    assert_mean(turns.groupby("external_id").size(), 3, math.sqrt(3 * 2))
    for column, median, spread in (("turn_duration", "6s", 0.5), ("think", "30s", 1.2)):
        logs = np.log((turns[column] / pd.Timedelta(median)).dropna())
        assert_mean(logs, 0, spread)
        assert_mean(logs**2, spread**2, spread**2 * math.sqrt(2))


def test_shares_are_shares():
    workload = replace(
        EXACT,
        turns_per_chat=2,
        return_share=0.2,
        return_spread=0,
        long_turn_share=0.25,
        long_turn_spread=0,
        close_share=0.3,
        duplicate_start_share=0.1,
        late_message_share=0.4,
        **MANY,
    )
    events = generate(workload, 6)
    chats = events["external_id"].drop_duplicates()
    closed = chats.isin(events.loc[events["op"] == "close", "external_id"])
    assert_mean(closed, 0.3, math.sqrt(0.3 * 0.7))
    closes = events[events["op"] == "close"].set_index("external_id")["at"]
    after = events["at"] > events["external_id"].map(closes)
    assert_mean(closes.index.isin(events.loc[after, "external_id"]), 0.4, math.sqrt(0.4 * 0.6))
    extra = (events["op"] == "start") & events["turn_duration"].isna() & ~after
    assert_mean(chats.isin(events.loc[extra, "external_id"]), 0.1, math.sqrt(0.1 * 0.9))
    lasting = events["turn_duration"].dropna()
    assert set(lasting) == {pd.Timedelta("6s"), pd.Timedelta("30s")}
    assert_mean(lasting == pd.Timedelta("30s"), 0.25, math.sqrt(0.25 * 0.75))
    thinks = turns_of(events)["think"].dropna()
    assert_mean(thinks > pd.Timedelta("1h"), 0.2, math.sqrt(0.2 * 0.8))


def test_a_platform_accepts_all_but_what_is_late():
    replay = sl.replay(generate(ChatWorkload(chats_per_hour=500, late_message_share=0.5), 8))
    operations = replay.operations
    refused = operations["status_code"] == 409
    closed = operations["external_id"].map(
        operations[operations["op"] == "close"].set_index("external_id")["at"]
    )
    assert refused.any()
    assert refused.equals(operations["at"] > closed)
    assert set(operations.loc[~refused, "status_code"]) == {200, 201}
    created = (operations["op"] == "start") & ~operations.duplicated("external_id")
    assert (operations.loc[created, "status_code"] == 201).all()
    reloads = (operations["op"] == "start") & ~created & ~refused
    assert reloads.any()
    assert operations.loc[reloads, "is_cached"].all()


def test_a_share_can_change_without_a_new_draw_of_anything_else():
    many_closes = generate(ChatWorkload(close_share=1, duplicate_start_share=0.5), 9)
    few = generate(ChatWorkload(close_share=0.1, duplicate_start_share=0), 9)
    pd.testing.assert_frame_equal(
        *(
            events[events["turn_duration"].notna()].reset_index(drop=True)
            for events in (many_closes, few)
        )
    )
    closes = [events[events["op"] == "close"] for events in (many_closes, few)]
    assert 0 < len(closes[1]) < len(closes[0])
    assert set(zip(closes[1]["external_id"], closes[1]["at"], strict=True)) <= set(
        zip(closes[0]["external_id"], closes[0]["at"], strict=True)
    )


def test_a_longer_window_begins_with_the_chats_of_a_shorter_one():
    short, long = (generate(ChatWorkload(duration=hours), 9) for hours in ("1h", "3h"))
    same = long[long["external_id"].isin(short["external_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, short)


def test_seeds_differ():
    assert not generate(ChatWorkload(), 1).equals(generate(ChatWorkload(), 2))


def test_no_window_has_no_events():
    events = generate(ChatWorkload(duration="0s", expires_after="1h"), 0)
    assert len(events) == 0
    recorded = {"recorded_status", "recorded_is_cached"}
    assert list(events.columns) == [
        column.name for column in EVENTS.columns if column.name not in recorded
    ]


def test_generated_events_never_change():
    events = generate(ChatWorkload(duration="6h", expires_after="8h"), 2026)
    assert (
        digest({EVENTS: events})
        == "b1218b53adec2b1d5359819f4b0ad5a23facd369965eb440f3f21a8a5ba3d06e"
    )


workloads = st.builds(
    ChatWorkload,
    duration=st.sampled_from(["0s", "1ms", "10m", "1h"]),
    chats_per_hour=st.sampled_from([0.001, 20, 500]),
    turns_per_chat=st.sampled_from([1, 1.5, 6]),
    think_time=st.sampled_from(["0s", "1ms", "20s", "36500d"]),
    think_spread=st.floats(0, 5),
    return_share=st.floats(0, 1),
    turn_duration=st.sampled_from(["0s", "2ms", "4s"]),
    turn_spread=st.floats(0, 5),
    long_turn_share=st.floats(0, 1),
    close_share=st.floats(0, 1),
    expires_after=st.sampled_from([None, "0s", "1h"]),
    duplicate_start_share=st.floats(0, 1),
    late_message_share=st.floats(0, 1),
)


@given(workloads, st.integers())
def test_events_are_in_order_and_every_chat_is_a_whole_story(workload: ChatWorkload, seed: int):
    try:
        events = generate(workload, seed)
    except sl.DataError as error:
        assert "9999" in str(error)  # noqa: PT017 (thinks of centuries may go too far)
        return
    at = milliseconds(events["at"])
    numbers = events["external_id"].str.removeprefix("chat-").astype("int64").to_numpy()
    assert (np.lexsort((numbers, at)) == np.arange(len(events))).all()
    assert at.min(initial=START) == START
    letters = np.where(events["op"] == "message", "m", np.where(events["op"] == "close", "c", "s"))
    letters = np.where(events["turn_duration"].notna(), np.char.upper(letters), letters)
    for story in pd.Series(letters).groupby(numbers).agg("".join):
        assert re.fullmatch("SM*s?M*(c[sm]?)?", story)


def test_durations_and_the_start_are_kept_as_text():
    workload = ChatWorkload(
        duration=timedelta(minutes=90),
        start=datetime(2026, 5, 1, tzinfo=UTC),
        expires_after=timedelta(days=1),
    )
    assert workload.duration == "1 h 30 min"
    assert workload.start == "2026-05-01T00:00:00.000Z"
    assert workload.expires_after == "1 d"
    assert workload == ChatWorkload(
        duration="90m", start="2026-05-01T02:00:00+02:00", expires_after="24h"
    )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("duration", 60, "with a unit"),
        ("think_time", "-1s", "is negative"),
        ("return_after", "soon", "not a duration"),
        ("turn_duration", 0.5, "with a unit"),
        ("expires_after", "1x", "not a duration"),
        ("start", "2026-01-01T00:00:00", "no time zone"),
        ("chats_per_hour", 0, "0 is not a number from 0.001"),
        ("chats_per_hour", math.nan, "nan is not a number"),
        ("chats_per_hour", "60", "'60' is not a number"),
        ("chats_per_hour", 90_000_000, "turns, more than 100,000,000"),
        ("turns_per_chat", 0.5, "0.5 is not a number from 1 to 10,000"),
        ("think_spread", -0.1, "-0.1 is not a number from 0 to 5"),
        ("return_spread", 5.1, "5.1 is not a number from 0 to 5"),
        ("turn_spread", math.inf, "inf is not a number"),
        ("return_share", 1.5, "1.5 is not a number from 0 to 1"),
        ("close_share", True, "True is not a number"),
        ("duplicate_start_share", -1, "-1 is not a number"),
        ("late_message_share", None, "None is not a number"),
        ("task_identifier", "", "one character or more"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(
    field: str, value: object, problem: str
):
    with pytest.raises(sl.DataError, match=problem) as caught:
        ChatWorkload(**{field: value})
    assert (caught.value.source, caught.value.column) == ("ChatWorkload", field)


@pytest.mark.parametrize("more", [{"close_share": 1}, {"expires_after": "1m"}])
def test_chats_beyond_the_year_9999_are_refused(more: dict[str, Any]):
    late = replace(EXACT, start="9999-12-31T23:59:59Z", duration="1s", chats_per_hour=36_000)
    assert len(generate(late, 0)) > 0
    with pytest.raises(sl.DataError, match="year 9999"):
        generate(replace(late, **more), 0)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(), shards=st.integers(1, 9), chats=st.floats(0.5, 60))
@pytest.mark.parametrize("extras", [False, True])
def test_shards_hold_the_events_that_are_generated_at_once(
    *, extras: bool, seed: int, shards: int, chats: float
):
    every = {"interrupt_share": 0.1, "long_turn_share": 0.1, "single_turn_share": 0.2, "topics": 5}
    every |= {"concurrent_start_share": 0.2, "retry_share": 0.4, "late_message_share": 0.5}
    every |= {"expires_after": "1h", "expires_share": 0.5, "bursts_per_day": 20.0}
    workload = ChatWorkload(chats_per_hour=chats, duration="2h", **(every if extras else {}))
    whole = generate(workload, seed)
    assume(len(whole))
    with TemporaryDirectory() as folder:
        generate_shards(workload, seed, folder, shards=shards)
        parts = list(read_shards(folder))
    assert len(parts) == shards
    held = [set(part["external_id"]) for part in parts]
    assert sum(map(len, held)) == whole["external_id"].nunique()
    both = pd.concat(parts).sort_values(["at", "external_id"], kind="stable", ignore_index=True)
    ordered = whole.sort_values(["at", "external_id"], kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(both[ordered.columns], ordered, check_categorical=False)
