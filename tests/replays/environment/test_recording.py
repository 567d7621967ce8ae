"""Recordings: what a replay's world gives, kept in a folder, cut by time."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from tests import strategies
from tests.oracles.simpy_model import Policy
from tests.strategies import ORIGIN, events_frame, settings_of

NOTHING = pd.Timedelta(0)


@strategies.replays
@given(
    strategies.histories(),
    strategies.policies,
    st.none() | st.integers(0, 120).map(lambda ms: ORIGIN + ms),
    st.integers(0, 3),
)
def test_turns_and_waits_add_up_to_the_accounts_of_their_runs(
    history: list[dict[str, object]], policy: Policy, until: int | None, seed: int
):
    events = events_frame(history)
    horizon = None if until is None else pd.Timestamp(until, unit="ms", tz="UTC")
    replay = sl.replay(events, **settings_of(policy), seed=seed, until=horizon)
    recording = sl.Recording.of_replay(replay, events)
    runs = recording.runs.set_index("run_id")
    end = pd.Timestamp(recording.observed_at if until is not None else "2100-01-01T00:00:00Z")
    turns, waits = recording.turns, recording.waits
    # A wait ends when a turn begins, and the run is asleep until its message has come.
    spent = (turns["ended_at"].fillna(end) - turns["started_at"]).groupby(turns["run_id"]).sum()
    awake = waits["suspended_at"].fillna(waits["ended_at"]).fillna(end) - waits["started_at"]
    assert sums(spent, runs) == runs["active"].to_list()
    assert sums(awake.groupby(waits["run_id"]).sum(), runs) == runs["idle"].to_list()
    assert turns.groupby("run_id").size().reindex(runs.index, fill_value=0).to_list() == list(
        runs["turns"]
    )
    resumed = turns[turns["start_kind"] == "resumed"].groupby("run_id").size()
    assert resumed.reindex(runs.index, fill_value=0).to_list() == list(runs["resumes"])
    begun = runs["started_at"].dropna()
    assert (begun >= runs.loc[begun.index, "triggered_at"]).all()


def sums(found: pd.Series, runs: pd.DataFrame) -> list[pd.Timedelta]:
    return found.reindex(runs.index, fill_value=NOTHING).to_list()


@pytest.fixture(name="recording")
def recording_fixture() -> sl.Recording:
    events = sl.traffic.generate(sl.ChatWorkload(duration="2d", chats_per_hour=4), seed=3)
    return sl.Recording.of_replay(sl.replay(events, platform=sl.Platform(boot_time="2s")), events)


def test_a_recording_is_the_same_from_its_folder(recording: sl.Recording, tmp_path: Path):
    read = sl.read_recording(recording.save(tmp_path / "week"))
    assert read.digest() == recording.digest()
    assert (read.period, read.observed_at, read.notes) == (
        recording.period,
        recording.observed_at,
        recording.notes,
    )
    for name, frame in read.frames.items():
        pd.testing.assert_frame_equal(frame, recording.frames[name], check_categorical=False)


def test_a_window_has_whole_chats_and_replays_as_they_did(recording: sl.Recording):
    first = recording.between("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    rest = recording.between("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
    assert 0 < len(first.sessions) < len(recording.sessions)
    for name, frame in recording.frames.items():
        assert len(first.frames[name]) + len(rest.frames[name]) == len(frame)
    replay = sl.replay(rest.events, platform=sl.Platform(boot_time="2s"))

    assert list(replay.runs["triggered_at"]) == list(rest.runs["triggered_at"])
    with pytest.raises(sl.DataError, match="lies before"):
        recording.between("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")


def test_events_of_another_replay_are_refused(recording: sl.Recording):
    replay = sl.replay(recording.events)
    with pytest.raises(sl.DataError, match="not the events"):
        sl.Recording.of_replay(replay, recording.events.iloc[1:])


def test_a_folder_without_a_recording_is_refused(recording: sl.Recording, tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"recording\.json"):
        sl.read_recording(tmp_path)
    recording.save(tmp_path)
    (tmp_path / "turns.parquet").unlink()
    with pytest.raises(sl.DataError, match="file is missing"):
        sl.read_recording(tmp_path)
    (tmp_path / "recording.json").write_text("{}")
    with pytest.raises(sl.DataError, match="does not describe"):
        sl.read_recording(tmp_path)


def test_what_is_missing_is_shown(recording: sl.Recording):
    told = sl.Recording(
        *recording.frames.values(), "2026-01-03T00:00:00Z", recording.period, ("a < b",)
    )
    assert repr(told).splitlines()[1] == "- a < b"
    assert "<li>a &lt; b</li>" in told._repr_html_()
