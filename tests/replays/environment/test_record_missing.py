"""Recording environments in which runs, parts of traces or channels are gone."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames.files import atomic_files
from tests.environments import events_of_a_day, play, spans, tampered

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = "2026-01-01T12:00:00Z"
POLICY = sl.RunPolicy(idle_timeout="20s", turn_timeout="10m")
PLATFORM = sl.Platform(boot_time="2s", resume_time="500ms")


def chats() -> pd.DataFrame:
    """Return three chats: four turns in two runs, a preload that is closed, and two turns."""
    rows = [
        ("00:00:00", "start", "a", 3_000),
        ("00:01:00", "message", "a", 5_000),
        ("00:01:12", "message", "a", 4_000),
        ("02:00:00", "message", "a", 7_000),
        ("03:00:00", "start", "b", None),
        ("03:00:30", "message", "b", 4_000),
        ("03:05:00", "close", "b", None),
        ("04:00:00", "start", "c", 2_500),
        ("04:00:09", "message", "c", 6_000),
    ]
    return events_of_a_day(rows)


def advance(sim: sl.Simulator, to: str = NOW) -> None:
    sim.clock.advance(max(pd.Timestamp(to).to_pydatetime() - sim.clock.now, pd.Timedelta(0)))


def filled(**settings: Any) -> sl.Simulator:
    sim = sl.Simulator(**{"policy": POLICY, "platform": PLATFORM} | settings)
    with sim.client() as client:
        play(chats(), client, sim.clock.now, sim.clock.advance)
    advance(sim)
    return sim


@pytest.fixture(name="sim")
def filled_world() -> sl.Simulator:
    return filled()


def durations(recording: sl.Recording) -> list[float | None]:
    seconds = (recording.turns["ended_at"] - recording.turns["started_at"]).dt.total_seconds()
    return seconds.astype(object).where(seconds.notna(), None).tolist()


def told(recording: sl.Recording) -> str:
    return " ".join(recording.notes)


TRUTH = [3, 5, 4, 7, 4, 2.5, 6]


def cut_behind(n: int) -> Callable[[httpx.Request, Any], Any]:
    """Leave all but the first spans of each trace out, as the API does in order of time."""

    def cut(request: httpx.Request, body: Any) -> Any:
        if request.url.path.endswith("/trace") and len(found := spans(body)) > n + 1:
            body["trace"]["isTruncated"] = True
            ordered = sorted(found[1:], key=lambda span: span["data"]["startTime"])
            kept = {span["id"] for span in ordered[:n]}
            for span in found:
                span["children"] = [each for each in span["children"] if each["id"] in kept]
        return body

    return cut


@pytest.mark.parametrize("n", range(10))
def test_a_trace_that_is_cut_off_anywhere_tells_nothing_that_is_wrong(sim: sl.Simulator, n: int):
    recording = sl.record(tampered(sim, cut_behind(n)), rate=None)
    whole = sl.record(sim.client(), rate=None)
    assert len(recording.turns) == len(TRUTH)
    for took, truth, rule in zip(
        durations(recording), TRUTH, recording.turns["ended_at_rule"], strict=True
    ):
        assert took == truth or str(rule) != "trace"
    same = ["at", "op", "external_id"]
    pd.testing.assert_frame_equal(recording.events[same], whole.events[same])
    slept = recording.waits["suspended_at"] - recording.waits["started_at"]
    assert (slept.dropna() <= pd.Timedelta("35s")).all()
    row = sl.fit(recording).parameters.set_index("parameter").loc["idle_timeout"]
    assert pd.isna(row["value"]) or row["value"] == 20_000
    assert pd.isna(row["lower"]) or row["lower"] <= 20_000
    assert ("longer than the API shows" in told(recording)) == (n < 9)


@pytest.mark.parametrize("at", ["00:01:10", "00:01:14", "00:02:00"])
def test_what_was_read_of_a_trace_before_it_was_gone_still_counts(at: str, tmp_path: Path):
    events, sim = chats(), sl.Simulator(policy=POLICY, platform=PLATFORM)
    is_early = events["at"] <= f"2026-01-01T{at}Z"
    with sim.client() as client:
        play(events[is_early], client, sim.clock.now, sim.clock.advance)
        advance(sim, f"2026-01-01T{at}Z")
        early = sl.record(client, folder=tmp_path, rate=None)
        play(events[~is_early], client, sim.clock.now, sim.clock.advance)
    advance(sim)
    gone = tampered(sim, lambda request, body: 404 if "trace" in request.url.path else body)
    late = sl.record(gone, folder=tmp_path, rate=None)
    known = early.turns["ended_at"].notna().sum()
    assert known >= 2
    pd.testing.assert_frame_equal(late.turns[:known], early.turns[:known], check_categorical=False)
    assert durations(late)[:known] == TRUTH[:known]
    assert "3 of 4 runs have no trace any more" in told(late)
    assert "or gone since a part was read" in told(late)


def test_what_the_query_told_is_kept_where_it_is_refused_later(sim: sl.Simulator, tmp_path: Path):
    refuses = tampered(sim, lambda request, body: 403 if "query" in request.url.path else body)
    sl.record(refuses, folder=tmp_path / "late", rate=None)
    whole = sl.record(sim.client(), folder=tmp_path / "early", rate=None)
    kept = sl.record(refuses, folder=tmp_path / "early", rate=None)
    assert kept.digest() == whole.digest()
    assert "refused with status 403" in told(kept)
    # A sentence of a pass that is over says nothing of the next one.
    better = sl.record(sim.client(), folder=tmp_path / "late", rate=None)
    assert (better.notes, better.digest()) == (whole.notes, whole.digest())


def unlisted(hour: int, *, is_gone: bool = False) -> Callable[[httpx.Request, Any], Any]:
    """Leave the runs of an hour out of what the query tells."""

    def change(request: httpx.Request, body: Any) -> Any:
        if "query" in request.url.path:
            begin = f"2026-01-01 {hour:02}"
            body["results"] = [
                row for row in body["results"] if not row["triggered_at"].startswith(begin)
            ]
        found = body.get("createdAt", "") if request.url.path.startswith("/api/v3/runs/") else ""
        return 404 if is_gone and found.startswith(f"2026-01-01T{hour:02}") else body

    return change


def test_runs_before_the_first_that_is_listed_are_found(sim: sl.Simulator):
    whole = sl.record(sim.client(), rate=None)
    recording = sl.record(tampered(sim, unlisted(0)), rate=None)
    pd.testing.assert_frame_equal(recording.turns, whole.turns)
    pd.testing.assert_frame_equal(recording.events, whole.events)


@pytest.mark.parametrize(
    ("hour", "sentence"),
    [(0, "before 1 runs there must have been others"), (2, "1 sessions have a current run that")],
)
def test_a_run_that_is_gone_is_said_and_no_other_serves_its_messages(
    sim: sl.Simulator, hour: int, sentence: str
):
    recording = sl.record(tampered(sim, unlisted(hour, is_gone=True)), rate=None)
    assert recording.turns["waited"].max() == pd.Timedelta(seconds=2)
    same = ["at", "op", "external_id"]
    whole = sl.record(sim.client(), rate=None)
    pd.testing.assert_frame_equal(recording.events[same], whole.events[same])
    assert sentence in told(recording)
    assert "messages had not been served, or no trace tells" in told(recording)
    assert recording.runs["reason"].tolist().count("continuation") == (hour == 0)


def test_a_run_that_was_open_and_is_listed_no_more_is_asked_for(tmp_path: Path):
    events, sim = chats(), sl.Simulator(policy=POLICY, platform=PLATFORM)
    with sim.client() as client:
        play(events[:2], client, sim.clock.now, sim.clock.advance)
        sim.clock.advance("30s")
        assert sl.record(client, folder=tmp_path, rate=None).runs["end_cause"].tolist() == ["open"]
        sim.clock.advance("2h")
        client.sessions.append("a", {"kind": "message", "payload": {}})
    advance(sim)
    late = sl.record(tampered(sim, unlisted(0)), folder=tmp_path, rate=None)
    assert late.runs["end_cause"].tolist() == ["turn_timeout", "turn_timeout"]


def elsewhere(request: httpx.Request, body: Any) -> Any:
    """Give no payloads, as of those that are stored elsewhere, and no tags."""
    if request.url.path.startswith("/api/v3/runs/") and "payload" in body:
        del body["payload"]
    if "query" in request.url.path:
        body["results"] = [row | {"tags": []} for row in body["results"]]
    return body


def test_runs_whose_payload_is_stored_elsewhere_are_found_by_what_they_talk_of(sim: sl.Simulator):
    whole = sl.record(sim.client(), rate=None)
    recording = sl.record(tampered(sim, elsewhere), rate=None)
    pd.testing.assert_frame_equal(recording.turns, whole.turns)

    def untraced(request: httpx.Request, body: Any) -> Any:
        return 404 if "trace" in request.url.path else elsewhere(request, body)

    recording = sl.record(tampered(sim, untraced), rate=None)
    assert "of 1 runs nothing tells the session, so they are left out" in told(recording)
    assert "of 3 sessions nothing tells whether their start brought a message" in told(recording)
    assert "belong to sessions that are not part" not in told(recording)


@pytest.mark.parametrize("status", [404, 410])
def test_a_channel_that_is_gone_stops_nothing(sim: sl.Simulator, status: int):
    session = sim.client().sessions.retrieve("a").id

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/in") and session in request.url.path:
            return httpx.Response(status, json={"error": "gone"})
        return sim.transport.handle_request(request)

    client = sl.Client("tr_dev_simulated", transport=httpx.MockTransport(handle), max_retries=0)
    recording = sl.record(client, rate=None)
    assert durations(recording) == TRUTH
    assert "what came on in of 1 sessions is not kept any more" in told(recording)
    assert "3 turns have no message on in: those that triggered a run" in told(recording)
    gone = recording.turns[recording.turns["external_id"] == "a"]
    # What came with the start, or triggered a run, waited for its boot; of others nothing is told.
    assert gone["waited"].isna().tolist() == [False, True, True, False]
    assert gone["arrived_at"].isna().tolist() == [False, True, True, False]
    assert "resumed" in set(gone["start_kind"])
    assert sl.fit(recording).few["resume_time"].times.tolist() == [500]


def test_runs_that_were_billed_and_show_nothing_are_estimated():
    sim = filled(policy=sl.RunPolicy(idle_timeout="30s", max_turns=1))

    def bare(request: httpx.Request, body: Any) -> Any:
        if request.url.path.endswith("/trace"):
            body["trace"]["rootSpan"]["children"] = []
        return body

    recording = sl.record(tampered(sim, bare), rate=None)
    assert durations(recording) == TRUTH
    assert set(recording.turns["ended_at_rule"]) == {"billed"}
    assert recording.runs["turns"].isna().all()
    assert "runs were billed but show neither turns nor waits" in told(recording)


def test_a_turn_whose_end_was_never_told_is_estimated(sim: sl.Simulator):
    def lost(request: httpx.Request, body: Any) -> Any:
        turns = (
            [s for s in spans(body) if s["data"]["message"] == "chat turn 2"]
            if (request.url.path.endswith("/trace"))
            else []
        )
        for span in turns:
            span["data"]["isPartial"] = True
            span["children"] = []
        return body

    recording = sl.record(tampered(sim, lost), rate=None)
    rules = recording.turns["ended_at_rule"].astype(str).tolist()
    assert [place for place, rule in enumerate(rules) if rule == "median"] == [1, 6]
    assert None not in durations(recording)
    assert "2 turns have no end in their traces although they must be over" in told(recording)
    # Of the last turn of the third chat nobody knows whether a wait followed.
    assert recording.runs["end_cause"].isna().tolist() == [False, False, False, True]


def test_records_of_any_form_are_read_and_counted_once(sim: sl.Simulator):
    odd: list[Any] = [
        {"kind": "message", "payload": {"trigger": ["submit-message"]}},
        {"kind": "message", "payload": {"trigger": {}}},
        {"kind": "message", "payload": None},
        [1, 2],
        "text",
        {"kind": "message", "payload": {"trigger": "action"}},
    ]
    with sim.client() as client:
        for record in odd:
            client.sessions.append("a", record)
            sim.clock.advance("5m")
        recording = sl.record(client, rate=None)
    assert len(recording.turns) == len(TRUTH) + len(odd)
    # The simulator serves an action as a turn; then it is not said to be none.
    assert "1 records on in that are no messages were served as turns" in told(recording)
    assert "no turns and no events" not in told(recording)
    # Turns that last no time do not change how the next one began.
    own = recording.turns[recording.turns["arrived_at"] >= NOW]
    assert own["start_kind"].tolist() == ["continuation", *["resumed"] * (len(odd) - 1)]


def test_rows_of_a_query_without_ids_are_named(sim: sl.Simulator):
    def change(request: httpx.Request, body: Any) -> Any:
        return body | {"results": [{"status": "x"}]} if "query" in request.url.path else body

    with pytest.raises(sl.APIResponseError, match="without their run_id"):
        sl.record(tampered(sim, change), rate=None)


def test_agents_without_traces_are_estimated_each_by_its_own_idle_timeout():
    events = chats()
    sim = sl.Simulator(policy=POLICY, platform=PLATFORM)
    with sim.client() as client:
        for task, idle in (("quick", 5), ("slow", 120)):
            for n in range(3):
                config = {
                    "base_payload": {"message": {}, "sessionLabTurnDuration": "3s"},
                    "idle_timeout_in_seconds": idle,
                    "tags": [f"chat:{task}{n}"],
                }
                client.sessions.start(
                    type="chat",
                    task_identifier=task,
                    external_id=f"{task}{n}",
                    trigger_config=config,
                )
    advance(sim)
    lost = [run.id for run in sim.client().runs.list(from_=events["at"][0].to_pydatetime())][::3]

    def gone(request: httpx.Request, body: Any) -> Any:
        is_lost = any(run in request.url.path for run in lost)
        return 404 if is_lost and "trace" in request.url.path else body

    recording = sl.record(tampered(sim, gone), rate=None)
    assert set(recording.turns["ended_at_rule"]) == {"billed", "trace"}
    assert durations(recording) == [3] * 6
    assert "idle timeout of 2 min, 5 s (as in the traces" in told(recording)


@pytest.fixture(name="two")
def two_recordings(sim: sl.Simulator) -> tuple[sl.Recording, sl.Recording]:
    whole = sl.record(sim.client(), rate=None)
    return whole.between("2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"), whole


def kept(folder: Path, before: sl.Recording, after: sl.Recording) -> str:
    try:
        found = sl.read_recording(folder).digest()
    except sl.DataError as error:
        assert "session-lab pull" in str(error)  # noqa: PT017
        return "refused"
    return {before.digest(): "before", after.digest(): "after"}[found]


def test_a_save_that_is_cut_off_anywhere_leaves_no_mixture(
    two: tuple[sl.Recording, sl.Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = []
    move = Path.replace
    for at in (0, 4, 5, 6, 8, 10, 11):
        left, folder = at, tmp_path / str(at)
        two[0].save(folder)

        def moved(path: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return move(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(atomic_files.Path, "replace", moved)
            with contextlib.suppress(KeyboardInterrupt):
                two[1].save(folder)
        found.append(kept(folder, *two))
        two[1].save(folder)
        assert kept(folder, *two) == "after"
    assert set(found) == {"before", "refused", "after"}
    assert found == sorted(found, key=["before", "refused", "after"].index)


def test_a_disk_that_is_full_while_saving_keeps_what_was_there(
    two: tuple[sl.Recording, sl.Recording], tmp_path: Path
):
    two[0].save(tmp_path / "week")
    two[1].save(tmp_path / "new")
    sizes = sorted(path.stat().st_size for path in (tmp_path / "new").glob("*.parquet"))
    code = (
        "import resource, sys, session_lab as sl\n"
        "new = sl.read_recording(sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))\n"
        "new.save(sys.argv[1])\n"
    )
    place = [str(tmp_path / name) for name in ("week", "new")]
    limit = (sizes[-2] + sizes[-1]) // 2
    done = subprocess.run(
        [sys.executable, "-c", code, *place, str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert ".parquet" in done.stderr.splitlines()[-1]
    assert kept(tmp_path / "week", *two) == "before"


def test_an_action_that_was_served_as_a_turn_is_what_its_own_turn_answers():
    # Of a preloaded session, too, whose start brought no turn to be taken for it.
    rows = [
        ("00:00:00", "start", "p", None),
        ("00:02:00", "message", "p", 3_000),
        ("00:04:00", "action", "p", 5_000),
        ("00:06:00", "message", "p", 4_000),
    ]
    events = events_of_a_day(rows)
    sim = sl.Simulator(policy=POLICY, platform=PLATFORM)
    with sim.client() as client:
        play(events[:2], client, sim.clock.now, sim.clock.advance)
        advance(sim, "2026-01-01T00:04:00Z")
        payload = {"chatId": "p", "trigger": "action", "sessionLabTurnDuration": "5s"}
        client.sessions.append("p", {"kind": "message", "payload": payload})
        play(events[3:], client, sim.clock.now, sim.clock.advance)
        advance(sim)
        recording = sl.record(client, rate=None)
    arrived = recording.turns["arrived_at"].dt.strftime("%H:%M:%S").tolist()
    assert arrived == ["00:02:00", "00:04:00", "00:06:00"]
    assert "1 records on in that are no messages were served as turns" in told(recording)
    waited = sl.replay(
        events.assign(op=events["op"].replace("action", "message")), POLICY, PLATFORM
    )
    assert recording.turns["waited"].tolist() == waited.operations["waited"].dropna().tolist()


def test_sessions_that_came_after_what_is_told_are_said(sim: sl.Simulator):
    recording = sl.record(sim.client(), rate=None, observed_at="2026-01-01T00:00:00Z")
    later = 3 - len(recording.sessions)
    assert later
    assert f"{later} sessions were created after the instant" in told(recording)
