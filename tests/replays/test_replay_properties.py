"""What holds for every replay, whatever the traffic and the policy."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from tests.stories import Run, Story, instant, ms
from tests.strategies import events_frame, histories, instants, policies, replays, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy, Time

SEED = 5

Event = dict[str, Any]


def bounds(time: Time) -> tuple[int, int]:
    """Return the shortest and the longest that a time can be."""
    return (time, time) if isinstance(time, int) else (time[0][1], time[-1][1])


def replayed(events: list[Event], policy: Policy, *, until: int | None = None) -> Story:
    horizon = None if until is None else instant(until)
    return Story(sl.replay(events_frame(events), **settings_of(policy), seed=SEED, until=horizon))


def runs_by_chat(story: Story) -> dict[str, list[Run]]:
    """Say the runs of each external id, in order of trigger."""
    sessions, runs = story.replay.sessions, story.replay.runs
    chats = dict(zip(sessions["session_id"], sessions["external_id"], strict=True))
    rows = zip(runs["session_id"].map(chats), story.runs, strict=True)
    return {
        chat: [run for _, run in group] for chat, group in groupby(rows, key=lambda row: row[0])
    }


@replays
@given(events=histories(), policy=policies)
def test_an_external_id_has_one_session_and_at_most_one_live_run_at_any_instant(
    events: list[Event], policy: Policy
):
    story = replayed(events, policy)
    started = {event["external_id"] for event in events if event["op"] == "start"}
    assert sorted(story.replay.sessions["external_id"]) == sorted(started)
    assert set(runs_by_chat(story)) <= started
    for runs in runs_by_chat(story).values():
        assert all(run.triggered_at <= run.ended_at for run in runs)
        for earlier, later in pairwise(runs):
            assert earlier.ended_at <= later.triggered_at


@replays
@given(events=histories(), policy=policies)
def test_the_reason_of_a_run_is_the_end_of_the_one_before(events: list[Event], policy: Policy):
    for runs in runs_by_chat(replayed(events, policy)).values():
        assert runs[0].reason == "initial"
        for earlier, later in pairwise(runs):
            upgraded = earlier.end_cause == "upgrade"
            assert later.reason == ("upgrade" if upgraded else "continuation")


@replays
@given(events=histories(), policy=policies)
def test_the_times_of_a_run_cover_its_life(events: list[Event], policy: Policy):
    for run in replayed(events, policy).runs:
        life = run.ended_at - run.triggered_at
        left = life - (run.active + run.idle + run.suspended)
        shortest, longest = bounds(policy.boot_time)
        wakes = bounds(policy.resume_time)
        # A run may end while it boots, and a turn that is moved may have begun to wake it.
        moved = run.end_cause == "upgrade"
        assert min(shortest, life) + run.resumes * wakes[0] <= left
        assert left <= longest + (run.resumes + moved) * wakes[1]


@replays
@given(events=histories(), policy=policies)
def test_a_run_keeps_within_its_policy(events: list[Event], policy: Policy):
    for run in replayed(events, policy).runs:
        assert 0 <= run.resumes <= run.turns <= policy.max_turns
        assert run.active <= (policy.max_duration or run.active)
        idle = max(policy.idle_timeout, policy.preload_idle_timeout or 0)
        assert run.idle <= (run.turns + 1) * idle
        assert (run.turns == policy.max_turns) >= (run.end_cause == "max_turns")
        assert (run.active == policy.max_duration) == (run.end_cause == "max_duration")


@replays
@given(events=histories(), policy=policies)
def test_a_session_that_is_closed_stays_closed(events: list[Event], policy: Policy):
    story = replayed(events, policy)
    closed: dict[str, int] = {}
    for row in story.replay.operations.itertuples():
        if row.external_id in closed:
            assert row.status_code == (409 if row.op in {"start", "message"} else 200)
            assert pd.isna(row.start_kind)
        elif row.op == "close" and row.status_code == 200:
            closed[row.external_id] = ms(row.at)
    for row in story.replay.sessions.itertuples():
        assert ms(row.closed_at) == closed.get(row.external_id)
        assert (row.status == "CLOSED") == (row.external_id in closed)


@replays
@given(events=histories(), policy=policies)
def test_what_is_refused_leaves_no_trace(events: list[Event], policy: Policy):
    story = replayed(events, policy)
    seen: set[str] = set()
    kept = []
    for event, code in zip(events, story.codes, strict=True):
        creates = event["op"] == "start" and event["external_id"] not in seen
        seen |= {event["external_id"]} if creates else set()
        if creates or code < 400:
            kept.append(event)
    without = replayed(kept, policy).replay
    observed = story.replay.sessions.drop(columns=["status", "ended_at", "end_cause", "lifetime"])
    pd.testing.assert_frame_equal(observed, without.sessions[list(observed)])
    pd.testing.assert_frame_equal(story.replay.runs, without.runs)


@replays
@given(events=histories(), policy=policies)
def test_turns_are_served_one_after_the_other_in_the_order_of_their_arrival(
    events: list[Event], policy: Policy
):
    story = replayed(events, policy)
    served: dict[str, list[tuple[int, int, int]]] = {}
    rows = zip(events, story.run_numbers, story.replay.operations.itertuples(), strict=True)
    for event, number, row in rows:
        if not pd.isna(row.start_kind):
            duration = event["turn_duration"]
            duration = bounds(policy.turn_duration)[0] if duration is None else duration
            start = ms(row.at) + ms(row.waited)
            assert start >= ms(row.at)
            served.setdefault(event["external_id"], []).append((number, start, duration))
    for chat, turns in served.items():
        runs = runs_by_chat(story)[chat]
        for (run, start, duration), (next_run, next_start, _) in pairwise(turns):
            assert next_run >= run
            # Only the last turn of a run can be cut short, by the cap on active time.
            end = start + duration if next_run == run else runs[run].ended_at
            assert end <= next_start
        assert [sum(turn[0] == n for turn in turns) for n in range(len(runs))] == [
            run.turns for run in runs
        ]


@replays
@given(events=histories(), policy=policies)
def test_columns_are_filled_where_they_mean_something(events: list[Event], policy: Policy):
    operations = replayed(events, policy).replay.operations
    refused = operations["status_code"] >= 400
    accepted_start = (operations["op"] == "start") & ~refused
    served = operations["start_kind"].notna()
    assert (operations["error"].notna() == refused).all()
    assert (operations["is_cached"].notna() == accepted_start).all()
    answers = operations[accepted_start]
    assert (answers["is_cached"] == (answers["status_code"] == 200)).all()
    assert (operations["waited"].notna() == served).all()
    assert (operations["run_id"].notna() == (served | accepted_start)).all()
    messages = operations["op"] == "message"
    assert (served[messages] == ~refused[messages]).all()


@replays
@given(data=st.data(), policy=policies, until=st.none() | instants)
def test_operations_keep_the_order_of_the_input_and_ties_that_of_the_rows(
    data: st.DataObject, policy: Policy, until: int | None
):
    events = data.draw(histories())
    shuffled = [events[place] for place in data.draw(st.permutations(range(len(events))))]
    order = sorted(range(len(shuffled)), key=lambda place: shuffled[place]["at"])
    in_order = replayed([shuffled[place] for place in order], policy, until=until).replay
    replay = replayed(shuffled, policy, until=until).replay

    places = order[: len(in_order.operations)]
    expected = in_order.operations.set_axis(places).sort_index().reset_index(drop=True)
    pd.testing.assert_frame_equal(replay.operations, expected)
    pd.testing.assert_frame_equal(replay.sessions, in_order.sessions)
    pd.testing.assert_frame_equal(replay.runs, in_order.runs)
    kept = [event for place, event in enumerate(shuffled) if place in set(places)]
    assert replay.operations["external_id"].tolist() == [event["external_id"] for event in kept]
    assert replay.left_out == len(events) - len(kept)


@replays
@given(events=histories(), policy=policies, until=instants)
def test_a_horizon_shows_what_had_happened_by_then(events: list[Event], policy: Policy, until: int):
    horizon = instant(until)
    full = replayed(events, policy).replay
    cut = replayed(events, policy, until=until).replay

    operations = full.operations[full.operations["at"] <= horizon]
    answers = ["at", "op", "external_id", "status_code", "error", "is_cached", "session_id"]
    pd.testing.assert_frame_equal(cut.operations[answers], operations[answers])
    begun = operations["at"] + operations["waited"] <= horizon
    turns = ["run_id", "start_kind", "waited"]
    pd.testing.assert_frame_equal(cut.operations[turns][begun], operations[turns][begun])
    # What has not begun has no wait; a start names the newest run that had been triggered.
    assert cut.operations["waited"][~begun].isna().all()

    triggered = full.runs[full.runs["triggered_at"] <= horizon].reset_index(drop=True)
    identity = ["run_id", "session_id", "reason", "triggered_at"]
    pd.testing.assert_frame_equal(cut.runs[identity], triggered[identity])
    over = (triggered["ended_at"] <= horizon).to_numpy()
    pd.testing.assert_frame_equal(cut.runs[over], triggered[over])
    still_open = cut.runs[~over]
    assert (still_open["end_cause"] == "open").all()
    assert still_open["ended_at"].isna().all()
    for column in ("turns", "resumes", "active", "idle", "suspended"):
        assert (still_open[column] <= triggered[~over][column]).all()

    created = full.sessions[full.sessions["created_at"] <= horizon]
    pd.testing.assert_frame_equal(
        cut.sessions[["session_id", "external_id", "created_at", "expires_at"]],
        created[["session_id", "external_id", "created_at", "expires_at"]],
    )
    closed_by_then = created["closed_at"].where(created["closed_at"] <= horizon)
    assert cut.sessions["closed_at"].equals(closed_by_then)


@replays
@given(events=histories(), policy=policies)
def test_sessions_are_independent_of_each_other(events: list[Event], policy: Policy):
    together = runs_by_chat(replayed(events, policy))
    for chat in {event["external_id"] for event in events}:
        alone = replayed([event for event in events if event["external_id"] == chat], policy)
        assert alone.runs == together.get(chat, [])


@replays
@given(events=histories(), policy=policies, until=st.none() | instants)
def test_ids_are_unique_rise_with_creation_and_resolve(
    events: list[Event], policy: Policy, until: int | None
):
    operations, sessions, runs = frames(replayed(events, policy, until=until).replay)
    assert sessions["session_id"].is_unique
    assert sessions["session_id"].is_monotonic_increasing
    assert runs["run_id"].is_unique
    assert set(operations["session_id"].dropna()) == set(sessions["session_id"])
    assert set(runs["session_id"]) <= set(sessions["session_id"])
    by_trigger = runs.sort_values(["triggered_at", "run_id"])
    assert by_trigger["run_id"].is_monotonic_increasing

    owner = runs.set_index("run_id")["session_id"]
    named = operations.dropna(subset="run_id")
    assert named["run_id"].map(owner).tolist() == named["session_id"].tolist()
    newest = runs.groupby("session_id")["run_id"].last()
    current = sessions.set_index("session_id")["current_run_id"].dropna()
    assert current.to_dict() == newest.to_dict()


@replays
@given(events=histories(), policy=policies, until=st.none() | instants)
def test_a_replay_is_the_same_whenever_it_is_played(
    events: list[Event], policy: Policy, until: int | None
):
    first, second = (replayed(events, policy, until=until).replay for _ in range(2))
    assert first.digest() == second.digest()
    for one, other in zip(frames(first), frames(second), strict=True):
        pd.testing.assert_frame_equal(one, other)


@replays
@given(events=histories(), policy=policies)
def test_the_summary_counts_what_the_frames_hold(events: list[Event], policy: Policy):
    replay = replayed(events, policy).replay
    operations, sessions, runs = frames(replay)
    summary = replay.summary().to_dict()
    assert summary["totals"] == {
        "events": len(events),
        "left out": 0,
        "sessions": len(sessions),
        "runs": len(runs),
        "turns served": runs["turns"].sum(),
    }
    assert sum(summary["outcomes"].values()) == len(operations)
    assert sum(summary["start_kinds"].values()) == runs["turns"].sum()
    assert sum(summary["reasons"].values()) == sum(summary["end_causes"].values()) == len(runs)
    assert summary["time_ms"]["billed"] == ms(runs["active"].sum()) + ms(runs["idle"].sum())
    waits = np.array([ms(wait) for wait in operations["waited"].dropna()])
    for name, share in {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}.items():
        if len(waits):
            expected = np.quantile(waits, share, method="inverted_cdf")
            assert summary["waits_ms"][name] == expected


def frames(replay: sl.Replay) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return replay.operations, replay.sessions, replay.runs
