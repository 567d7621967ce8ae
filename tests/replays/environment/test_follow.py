"""Following an environment: what happens now, and when answers begin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

import session_lab as sl
from session_lab.replays.environment.evidence.pieces import Pieces
from session_lab.replays.environment.pulling.follow import Follower, live_sessions
from session_lab.replays.environment.record import Recorder

if TYPE_CHECKING:
    from pathlib import Path

POLICY = sl.RunPolicy(idle_timeout="20s", turn_timeout="10m")
PLATFORM = sl.Platform(boot_time="2s", turn_duration="5s")
MESSAGE = {"kind": "message", "payload": {"trigger": "submit-message"}}


def begun() -> sl.Simulator:
    """Return a world with a chat whose first answer has begun, and one that is over."""
    sim = sl.Simulator(policy=POLICY, platform=PLATFORM)
    client = sim.client()
    for name in ("over", "chat-1"):
        client.sessions.start(
            type="chat",
            task_identifier="agent",
            trigger_config={"base_payload": {"message": {}}, "tags": [f"chat:{name}"]},
            external_id=name,
        )
    client.sessions.close("over")
    sim.clock.advance("3s")
    client.sessions.append("chat-1", {"type": "text-delta"}, io="out")
    sim.clock.advance("1s")
    client.sessions.append("chat-1", {"type": "text-delta"}, io="out")
    sim.clock.advance("6s")
    return sim


def test_the_first_chunk_of_an_answer_is_seen(tmp_path: Path):
    sim = begun()
    client = sim.client()
    recorder = Recorder(client, folder=tmp_path, rate=None)
    recorder.record()
    # A second reader of the same folder, as in a process of its own.
    pieces = Pieces(tmp_path)
    live = live_sessions(pieces.facts)
    assert [pieces.facts.sessions[id_]["externalId"] for id_ in live] == ["chat-1"]
    follower = Follower(client, pieces, 4)
    assert follower.watch(live) == 0
    follower.join()
    recording = sl.record(client, folder=tmp_path, rate=None)
    turn = recording.turns[recording.turns["external_id"] == "chat-1"].iloc[0]
    assert turn["first_chunk_at"] - turn["started_at"] == pd.Timedelta(seconds=1)
    assert turn["ended_at_rule"] == "trace"
    over = recording.turns[recording.turns["external_id"] == "over"].iloc[0]
    assert over["first_chunk_at"] is pd.NaT


def test_sessions_beyond_the_limit_wait_for_room():
    sim = begun()
    client = sim.client()
    recorder = Recorder(client, rate=None)
    recorder.record()
    pieces = Pieces(None)
    follower = Follower(client, pieces, 1)
    assert follower.watch(["chat-1", "over", "other"]) == 2
    follower.join()


def test_following_brings_what_is_new_in_each_pass(tmp_path: Path):
    sim = begun()
    passes = Recorder(sim.client(), folder=tmp_path, rate=None).follow(every="1ms")
    first = next(passes)
    sim.clock.advance("30s")
    sim.client().sessions.append("chat-1", MESSAGE)
    sim.clock.advance("2m")
    second = next(passes)
    passes.close()
    assert (len(first.turns), len(second.turns)) == (2, 3)
    assert len(sl.read_recording(tmp_path).turns) == 3


def test_where_no_trace_tells_it_the_end_that_was_seen_counts(tmp_path: Path):
    sim = begun()
    client = sim.client()
    sim.clock.advance("1h")
    sl.record(client, folder=tmp_path, rate=None)
    file = tmp_path / "pieces.ndjson"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        if "trace" in line:
            line["facts"] = None
    (session,) = {line["in"] for line in lines if "in" in line and "over" not in line["in"]} - {
        row["id"]
        for line in lines
        for row in line.get("rows", ())
        if row.get("externalId") == "over"
    }
    at = 1_767_225_600_000
    lines.append({"out": session, "answers": [[-1, at + 3_000, at + 7_100]]})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    recording = sl.record(client, folder=tmp_path, rate=None)
    turn = recording.turns[recording.turns["external_id"] == "chat-1"].iloc[0]
    assert turn["ended_at_rule"] == "turn-complete"
    assert turn["ended_at"] - turn["started_at"] == pd.Timedelta(milliseconds=5_100)
