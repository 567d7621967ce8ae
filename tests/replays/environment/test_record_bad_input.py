"""Recording environments that do not tell everything, or tell it unclearly."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pandas as pd
import pytest

import session_lab as sl
from tests.environments import events_of_a_day, play, spans, tampered

NOW = "2026-01-01T12:00:00Z"
POLICY = sl.RunPolicy(idle_timeout="20s", turn_timeout="10m")
PLATFORM = sl.Platform(boot_time="2s", resume_time="500ms")
MS = pd.Timedelta(milliseconds=1)


def chats() -> pd.DataFrame:
    """Return two chats: three turns in two runs, and a preload with one message."""
    rows = [
        ("00:00:00", "start", "a", 3_000),
        ("00:01:00", "message", "a", 5_000),
        ("02:00:00", "message", "a", 7_000),
        ("03:00:00", "start", "b", None),
        ("03:00:30", "message", "b", 4_000),
        ("03:05:00", "close", "b", None),
    ]
    return events_of_a_day(rows)


@pytest.fixture(name="sim")
def filled() -> sl.Simulator:
    sim = sl.Simulator(policy=POLICY, platform=PLATFORM)
    with sim.client() as client:
        play(chats(), client, sim.clock.now, sim.clock.advance)
    sim.clock.advance(pd.Timestamp(NOW).to_pydatetime() - sim.clock.now)
    return sim


def seconds(durations: pd.Series) -> list[float]:
    return [round(value / pd.Timedelta(seconds=1), 3) for value in durations]


def test_without_the_query_api_runs_come_from_the_list(sim: sl.Simulator):
    whole = sl.record(sim.client(), rate=None)
    client = tampered(sim, lambda request, body: 403 if "query" in request.url.path else body)
    listed = sl.record(client, rate=None)
    assert "refused with status 403" in listed.notes[0]
    assert "machine" in whole.runs
    assert "machine" not in listed.runs
    same = ["run_id", "triggered_at", "started_at", "ended_at", "reason", "end_cause", "billed"]
    pd.testing.assert_frame_equal(listed.runs[same], whole.runs[same])
    pd.testing.assert_frame_equal(listed.events, whole.events)


def test_where_traces_are_gone_turns_are_estimated_and_marked(sim: sl.Simulator):
    client = tampered(sim, lambda request, body: 404 if "trace" in request.url.path else body)
    recording = sl.record(client, rate=None)
    assert "have no trace any more" in "".join(recording.notes)
    assert "20 s" not in "".join(recording.notes)  # No trace tells of the idle timeout.
    assert recording.turns["ended_at_rule"].tolist() == ["billed"] * 4
    assert recording.runs["active"].isna().all()
    causes = recording.runs["end_cause"].astype(object)
    assert causes.where(causes.notna(), None).tolist() == [None, None, "session_closed"]


def test_what_one_trace_tells_helps_where_another_is_gone(sim: sl.Simulator):
    (second,) = [run.id for run in sim.client().runs.list(period="1d") if run.created_at.hour == 2]
    client = tampered(sim, lambda request, body: 404 if second in request.url.path else body)
    recording = sl.record(client, rate=None)
    assert seconds(recording.turns["ended_at"] - recording.turns["started_at"]) == [3, 5, 7, 4]
    assert recording.turns["ended_at_rule"].tolist() == ["trace", "trace", "billed", "trace"]
    assert "idle timeout of 20 s (as in the traces" in "".join(recording.notes)
    assert recording.runs["turns"].isna().tolist() == [False, True, False]
    assert seconds(recording.events["turn_duration"].dropna()) == [3, 5, 7, 4]


def test_of_a_truncated_trace_the_rest_is_estimated(sim: sl.Simulator):
    def cut(request: httpx.Request, body: Any) -> Any:
        if "trace" in request.url.path:
            for span in spans(body):
                kept = [s for s in span["children"] if s["data"]["message"] != "chat turn 2"]
                if len(kept) < len(span["children"]):
                    body["trace"]["isTruncated"] = True
                span["children"] = kept
        return body

    recording = sl.record(tampered(sim, cut), rate=None)
    assert recording.turns["ended_at_rule"].tolist() == ["trace", "median", "trace", "trace"]
    assert recording.turns["arrived_at"].tolist() == chats()["at"][[0, 1, 2, 4]].tolist()
    assert "longer than the API shows" in "".join(recording.notes)


def test_in_a_loop_without_spans_of_turns_a_turn_lies_between_two_waits(sim: sl.Simulator):
    def lift(request: httpx.Request, body: Any) -> Any:
        if "trace" in request.url.path:
            for span in spans(body):
                span["children"] = [
                    below
                    for child in span["children"]
                    for below in (
                        child["children"]
                        if child["data"]["message"].startswith("chat turn")
                        else [child]
                    )
                ]
        return body

    whole = sl.record(sim.client(), rate=None)
    recording = sl.record(tampered(sim, lift), rate=None)
    assert recording.turns["ended_at_rule"].tolist() == ["waits"] * 4
    same = ["arrived_at", "started_at", "ended_at", "start_kind", "number"]
    pd.testing.assert_frame_equal(recording.turns[same], whole.turns[same])
    pd.testing.assert_frame_equal(recording.events, whole.events)
    assert "what lies between two waits" in "".join(recording.notes)


def test_a_clock_that_is_behind_is_said_and_mended(sim: sl.Simulator):
    def behind(request: httpx.Request, body: Any) -> Any:
        if "trace" in request.url.path:
            for span in spans(body):
                start = pd.Timestamp(span["data"]["startTime"]) - 700 * MS
                span["data"]["startTime"] = start.isoformat()
        return body

    recording = sl.record(tampered(sim, behind), rate=None)
    assert (recording.turns["waited"] >= pd.Timedelta(0)).all()
    assert seconds(recording.events["turn_duration"].dropna()) == [3, 5, 7, 4]
    assert recording.turns["arrived_at"].tolist() == chats()["at"][[0, 1, 2, 4]].tolist()
    assert "2 turns began up to 200 ms before their message came" in "".join(recording.notes)


def test_runs_without_a_tag_are_found_by_their_payload(sim: sl.Simulator):
    def untagged(request: httpx.Request, body: Any) -> Any:
        if request.url.path == "/api/v1/query":
            for row in body["results"]:
                row["tags"] = []
        return body

    whole = sl.record(sim.client(), rate=None)
    recording = sl.record(tampered(sim, untagged), rate=None)
    pd.testing.assert_frame_equal(
        recording.runs.drop(columns="tags"), whole.runs.drop(columns="tags")
    )
    pd.testing.assert_frame_equal(recording.turns, whole.turns)


def test_runs_that_no_list_has_are_found_by_walking_back(sim: sl.Simulator):
    def nothing(request: httpx.Request, body: Any) -> Any:
        if request.url.path == "/api/v1/query":
            body["results"] = []
        return body

    recording = sl.record(tampered(sim, nothing), rate=None)
    whole = sl.record(sim.client(), rate=None)
    pd.testing.assert_frame_equal(recording.turns, whole.turns)
    pd.testing.assert_frame_equal(recording.events, whole.events)


def test_what_is_no_turn_is_counted_and_no_event(sim: sl.Simulator):
    with sim.client() as client:
        client.sessions.append("a", {"kind": "stop"})
        again = {"kind": "message", "payload": {"trigger": "regenerate-message"}}
        client.sessions.append("a", again | {"secret": "x"})
        sim.clock.advance("2h")
        recording = sl.record(client, rate=None)
    assert recording.turns["trigger"].tolist().count("regenerate-message") == 1
    assert len(recording.events) == len(chats()) + 1
    told = " ".join(recording.notes)
    assert "1 stops on in are no turns" in told
    assert "1 turns answer a message anew" in told


def test_other_agents_and_sessions_without_runs_are_said():
    sim = sl.Simulator(policy=POLICY, platform=PLATFORM)
    with sim.client() as client:
        play(chats(), client, sim.clock.now, sim.clock.advance)
        for task in ("agent", "other"):
            client.sessions.start(
                type="chat",
                task_identifier=task,
                trigger_config={"base_payload": {"message": {}}, "tags": [f"chat:{task}"]},
                external_id=task,
            )
        with pytest.raises(sl.ConflictError):
            client.sessions.start(
                type="chat",
                task_identifier="agent",
                trigger_config={"base_payload": {}},
                external_id="late",
                expires_at="2026-01-01T00:00:00Z",
            )
        sim.clock.advance("2h")
        both = sl.record(client, rate=None)
        one = sl.record(client, rate=None, task_identifier="agent")
    assert "1 sessions have no runs" in " ".join(both.notes)
    assert "2 agents: agent (4 sessions), other (1 sessions)" in " ".join(both.notes)
    assert set(both.events["task_identifier"].dropna()) == {"agent", "other"}
    assert set(one.sessions["task_identifier"]) == {"agent"}
    assert len(one.runs) == len(both.runs) - 1


def test_an_environment_without_sessions_gives_an_empty_recording():
    recording = sl.record(sl.Simulator().client(), rate=None)
    assert all(frame.empty for frame in recording.frames.values())
    assert sl.replay(recording.events).runs.empty


def test_where_the_server_asks_to_wait_the_recording_waits(sim: sl.Simulator):
    whole = sl.record(sim.client(), rate=None)
    asked: list[str] = []
    waited: list[float] = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) % 3 == 0:
            return httpx.Response(429, json={"error": "busy"}, headers={"retry-after": "7"})
        return sim.transport.handle_request(request)

    transport = httpx.MockTransport(busy)
    client = sl.Client("tr_dev_simulated", transport=transport, sleep=waited.append)
    assert sl.record(client, rate=None, concurrency=1).digest() == whole.digest()
    assert len(waited) == len(asked) // 3
    assert min(waited) >= 7


@pytest.mark.parametrize("text", ["not json", "[]", '{"trace": {}}', '{"trace": {"rootSpan": {}}}'])
def test_a_trace_that_cannot_be_read_is_named(sim: sl.Simulator, text: str):
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/trace"):
            return httpx.Response(200, text=text)
        return sim.transport.handle_request(request)

    client = sl.Client("tr_dev_simulated", transport=httpx.MockTransport(handle))
    with pytest.raises(sl.APIResponseError, match="trace"):
        sl.record(client, rate=None)


@pytest.mark.parametrize("no_answer", [False, True], ids=["refused", "no-answer"])
def test_a_query_that_takes_too_long_is_asked_for_less_time(sim: sl.Simulator, *, no_answer: bool):
    whole = sl.record(sim.client(), rate=None)

    def fails(request: httpx.Request) -> int:
        if no_answer:
            raise httpx.ReadTimeout("too long", request=request)
        return 400

    spans: list[pd.Timedelta] = []

    def slow(request: httpx.Request, body: Any) -> Any:
        if "query" not in request.url.path:
            return body
        asked = json.loads(request.content)
        spans.append(pd.Timestamp(asked["to"]) - pd.Timestamp(asked["from"]))
        return fails(request) if spans[-1] > pd.Timedelta(hours=4) else body

    assert sl.record(tampered(sim, slow), rate=None).digest() == whole.digest()
    assert len(spans) > 3
    never = sl.record(
        tampered(sim, lambda r, b: fails(r) if "query" in r.url.path else b), rate=None
    )
    told = "did not answer in time" if no_answer else "refused with status 400"
    assert told in never.notes[0]
