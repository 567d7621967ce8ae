"""What a replay takes, refuses, shows and saves; its rules are told elsewhere."""

from __future__ import annotations

import importlib
import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import session_lab as sl
from session_lab.errors import DataError
from tests.stories import close, instant, message, ms, play, start
from tests.strategies import events_frame

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

HISTORY = (start(0, lasting=5), message(3), message(90), close(91), start(92, chat="b"))


def events(*history: dict[str, Any]) -> pd.DataFrame:
    return events_frame(list(history or HISTORY))


def refusal(*arguments: Any, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        sl.replay(*arguments, **options)
    return caught.value


def test_the_frames_are_those_of_operations_sessions_and_runs():
    replay = sl.replay(events())
    assert len(replay.operations) == len(HISTORY)
    assert replay.sessions["external_id"].tolist() == ["a", "b"]
    assert replay.runs["session_id"].tolist() == replay.sessions["session_id"].tolist()


def test_the_events_that_were_handed_in_are_left_alone():
    given = events()
    before = given.copy(deep=True)
    sl.replay(given)
    pd.testing.assert_frame_equal(given, before)


def test_operations_keep_the_order_of_the_input():
    replay = sl.replay(events(message(9), start(3), message(3), start(1, chat="b")))
    assert [ms(at) for at in replay.operations["at"]] == [9, 3, 3, 1]
    assert replay.operations["status_code"].tolist() == [200, 201, 200, 201]
    assert replay.sessions["external_id"].tolist() == ["b", "a"]


def test_sessions_carry_what_their_first_start_asked_for():
    given = events(start(0), start(1), message(2))
    given["type"] = ["chat", "call", "mail"]
    given["task_identifier"] = ["support", "sales", None]
    given["tags"] = pd.Series([["vip"], ["other"], None], dtype=object)
    session = sl.replay(given).sessions.iloc[0]
    assert (session["type"], session["task_identifier"]) == ("chat", "support")
    assert list(session["tags"]) == ["vip"]


def test_a_session_is_updated_by_what_writes_its_row():
    story = play(start(0, lasting=5), message(7), start(9), close(20), close(30), start(40))
    assert story.replay.sessions["updated_at"].tolist() == [instant(20)]
    story = play(start(0, lasting=5), message(500))
    assert story.replay.sessions["updated_at"].tolist() == [instant(500)]


def test_a_session_names_its_newest_run():
    story = play(start(0, lasting=5), message(500))
    assert story.replay.sessions["current_run_id"].tolist() == [story.replay.runs["run_id"][1]]
    burnt = play(start(5, expires_at=4))
    assert burnt.replay.sessions["current_run_id"].isna().all()


def test_the_lifetime_of_a_session_ends_with_it_or_with_the_observation():
    sessions = play(start(0), close(40), start(10, chat="b"), until=100).replay.sessions
    assert [ms(life) for life in sessions["lifetime"]] == [40, 90]


def test_both_names_of_the_reference_engine_give_the_same():
    assert sl.replay(events()).digest() == sl.replay(events(), engine="reference").digest()


def test_an_unknown_engine_is_refused_with_the_known_ones():
    error = refusal(events(), engine="warp")
    assert error.column == "engine"
    assert "auto, reference" in str(error)


@pytest.mark.parametrize("until", ["soon", "2026-01-01", "1969-01-01T00:00:00Z", 1.5])
def test_a_horizon_is_an_instant(until: Any):
    assert refusal(events(), until=until).column == "until"


def test_a_horizon_may_be_text_or_a_time_in_any_zone():
    told = [
        sl.replay(events(), until=until).digest()
        for until in (
            "2026-01-01T00:00:00.090Z",
            "2026-01-01T01:00:00.090+01:00",
            instant(90),
            instant(90).to_pydatetime(),
        )
    ]
    assert len(set(told)) == 1
    assert sl.replay(events(), until=instant(90)).until == "2026-01-01T00:00:00.090Z"


def test_a_frame_that_is_no_events_frame_is_refused():
    assert refusal(events().drop(columns="op")).column == "op"
    assert refusal(pd.DataFrame()).column == "at"


@pytest.mark.parametrize("given", ["log.ndjson", None, [1], pd.Series([1])])
def test_what_is_no_frame_at_all_is_refused_with_what_makes_one(given: Any):
    told = "read a log with sl.traffic.read"
    assert told in str(refusal(given))
    with pytest.raises(DataError, match=told):
        sl.smallest_limit(given)


@pytest.mark.parametrize("policy", ["30s", 3, {"support": "30s"}, [sl.RunPolicy()]])
def test_what_is_no_policy_is_refused(policy: Any):
    error = refusal(events(), policy)
    assert error.column == "policy"
    assert "RunPolicy" in str(error)


@pytest.mark.parametrize("platform", ["30s", {"boot_time": "2s"}, sl.RunPolicy()])
def test_what_is_not_a_platform_is_refused(platform: Any):
    error = refusal(events(), None, platform)
    assert error.column == "platform"
    assert str(error).endswith("is not a Platform")


@pytest.mark.parametrize("seed", ["a", 1.0, None, [1]])
def test_a_seed_is_a_whole_number(seed: Any):
    assert refusal(events(), seed=seed).column == "seed"


def test_a_seed_may_be_any_whole_number_and_equal_ones_are_the_same():
    for seed in (1, True, np.int64(1), np.uint8(1)):
        told = json.dumps(sl.replay(events(), seed=seed).to_dict())
        assert told == json.dumps(sl.replay(events(), seed=1).to_dict())
    assert sl.replay(events(), seed=-1).digest() != sl.replay(events(), seed=1).digest()


def test_a_task_without_a_policy_is_refused_with_those_that_have_one():
    given = events(start(0), start(1, chat="b")).assign(task_identifier=["support", "sales"])
    error = refusal(given, {"support": sl.RunPolicy()})
    assert (error.source, error.row, error.column) == ("events", 1, "task_identifier")
    assert "no policy for 'sales'; there are policies for support" in str(error)


def test_a_start_without_a_task_needs_a_policy_for_all():
    assert refusal(events(), {"support": sl.RunPolicy()}).column == "task_identifier"
    assert refusal(events(), {}).column == "policy"


def test_the_row_without_a_policy_is_that_of_the_input_even_if_it_is_out_of_order():
    given = events(start(9), start(1, chat="b")).assign(task_identifier=["sales", "support"])
    assert refusal(given, {"support": sl.RunPolicy()}).row == 0


def test_runs_that_go_on_beyond_what_can_be_told_are_refused_without_a_horizon():
    last = pd.Series(["9999-12-31T23:59:59"]).astype("datetime64[ms]").dt.tz_localize("UTC")
    events = pd.DataFrame({"at": last, "op": ["start"], "external_id": ["a"]})
    with pytest.raises(DataError, match="beyond the year 9999; say with until="):
        sl.replay(events)
    replay = sl.replay(events, until="9999-12-31T23:59:59.999Z")
    assert replay.summary().concurrency["peak alive at"] == "9999-12-31T23:59:59.000Z"
    assert replay.runs["end_cause"].tolist() == ["open"]


def test_no_events_make_an_empty_replay():
    replay = sl.replay(events().iloc[:0])
    assert [len(frame) for frame in (replay.operations, replay.sessions, replay.runs)] == [0, 0, 0]
    assert replay.summary().totals["events"] == 0
    assert replay.concurrency().peak == 0
    assert replay.summary().waits == {}
    assert repr(replay.summary())


def test_a_replay_shows_what_was_replayed():
    replay = sl.replay(events(), sl.RunPolicy(max_turns=3), seed=7)
    assert repr(replay) == (
        "Replay(5 events, 2 sessions, 2 runs, policy=RunPolicy(max_turns=3), "
        "platform=Platform(), seed=7)"
    )
    assert "<table" in replay._repr_html_()


def test_progress_goes_to_standard_error_and_only_on_request_and_where_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    sl.replay(events())
    sl.replay(events(), progress=True)
    assert capsys.readouterr() == ("", "")
    module = importlib.import_module("session_lab.replays.replay")
    at_once = module.tqdm
    monkeypatch.setattr(module, "tqdm", lambda **options: at_once(**options | {"delay": 0}))
    sl.replay(events(), progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "5/5" in captured.err


def test_a_replay_survives_pickling():
    replay = sl.replay(events(), until=instant(50))
    twin = pickle.loads(pickle.dumps(replay))  # noqa: S301 (our own pickle)
    assert twin.digest() == replay.digest()
    assert twin.to_dict() == replay.to_dict()


# What is saved


def test_a_saved_replay_holds_the_frames_and_the_summary(tmp_path: Path):
    replay = sl.replay(events(), until=instant(90))
    assert replay.save(tmp_path / "deep" / "folder") == tmp_path / "deep" / "folder"
    folder = tmp_path / "deep" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == [
        "operations.parquet",
        "runs.parquet",
        "sessions.parquet",
        "summary.json",
    ]
    for name in ("operations", "sessions", "runs"):
        assert len(pd.read_parquet(folder / f"{name}.parquet")) == len(getattr(replay, name))
    saved = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert saved == replay.to_dict()
    assert saved["digest"] == replay.digest()
    assert saved["until"] == "2026-01-01T00:00:00.090Z"
    assert saved["totals"]["left out"] == 2


def test_saving_twice_writes_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        sl.replay(events()).save(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_an_interrupted_save_has_no_half_file_and_no_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written: list[str] = []

    def interrupted(table: pa.Table, draft: Path, **options: Any) -> None:
        write_table(table, draft, **options)
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(draft.name)

    write_table = pq.write_table
    monkeypatch.setattr(pq, "write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sl.replay(events()).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(written)


def test_the_policy_of_each_task_is_saved(tmp_path: Path):
    given = events(start(0)).assign(task_identifier="support")
    folder = sl.replay(given, {"support": sl.RunPolicy(max_turns=3)}).save(tmp_path)
    saved = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert sl.RunPolicy(**saved["policy"]["support"]) == sl.RunPolicy(max_turns=3)
    assert sl.Platform(**saved["platform"]) == sl.Platform()


def test_ids_of_unlike_lengths_name_the_same_rows_in_every_frame():
    # The day on which the milliseconds outgrow the eight digits of an id.
    times = ["2059-05-24T00:00:00Z", "2059-05-27T00:00:00Z", "2059-05-27T01:00:00Z"]
    events = pd.DataFrame(
        {
            "at": pd.to_datetime([*times, "2059-05-27T02:00:00Z"]),
            "op": ["start", "start", "message", "message"],
            "external_id": ["early", "late", "never started", "late"],
        }
    )
    replay = sl.replay(events, seed=3)
    operations, sessions, runs = replay.operations, replay.sessions, replay.runs
    assert sessions["session_id"].str.len().tolist() == [33, 35]
    assert operations["session_id"].isna().tolist() == [False, False, True, False]
    assert operations["session_id"].dropna().tolist() == [
        *sessions["session_id"],
        sessions["session_id"][1],
    ]
    assert operations["run_id"].dropna().tolist() == runs["run_id"].tolist()
    assert runs["session_id"].tolist() == [
        sessions["session_id"][0],
        *[sessions["session_id"][1]] * 2,
    ]
