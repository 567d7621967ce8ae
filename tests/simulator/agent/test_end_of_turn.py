"""What a scripted agent does when a turn has ended, as the SDK's own loop does it."""

from __future__ import annotations

import json
from typing import Any

import pytest

import session_lab as sl
from session_lab.simulator import Snapshot, World
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request
from session_lab.simulator.backend import Backend

LAB = Environment("env_lab", "tr_dev_lab")


def said(text: str) -> str:
    message = {"id": text, "role": "user", "parts": [{"type": "text", "text": text}]}
    payload = {"trigger": "submit-message", "message": message}
    return json.dumps({"kind": "message", "payload": payload})


def talk(world: World, *texts: str) -> None:
    """Start a chat and say something, each time after the answer to what was said before."""
    world.start("chat")
    for text in texts:
        world.append("chat", said(text))
        world.clock.advance("1s")


def controls(world: World) -> list[tuple[int, str]]:
    return [
        (record.seq, record.control or record.command or record.data["type"])
        for record in world.records("chat")
        if record.control or record.command
    ]


def test_out_holds_about_one_turn():
    world = World(agent="echo")
    talk(world, "One")
    assert controls(world) == [(7, "turn-complete")]
    assert world.records("chat")[0].seq == 0
    talk(world, "Two", "Three")
    # From the turn-complete before on: the last turn, its end, and the command to trim.
    assert controls(world) == [
        (15, "turn-complete"),
        (16, "trim"),
        (24, "turn-complete"),
        (25, "trim"),
    ]
    assert world.records("chat")[0].seq == 15
    assert world.tail(world.stream_key("chat", "env_lab", "out", None)).seq == 26


def test_what_others_write_between_two_turns_goes_with_the_turn():
    world = World(agent="echo")
    talk(world, "One")
    assert world.write_data("chat", {"type": "data-note"}).reply.seq == 8
    talk(world, "Two")
    assert [record.seq for record in world.records("chat")][:2] == [7, 8]
    talk(world, "Three")
    assert world.records("chat")[0].seq == 16


def test_reading_changes_nothing():
    def play(*, read: bool) -> tuple[str, list[tuple[int, str]]]:
        world = World(agent=sl.ScriptedAgent("echo", pace="50ms"), seed=3)
        world.start("chat")
        for text in ("One two", "Three four five", "Six"):
            world.append("chat", said(text))
            for _ in range(5):
                world.clock.advance("40ms")
                if read:
                    world.records("chat")
        world.append("chat", "note", io="out")
        return world.digest(), [(record.seq, record.body) for record in world.records("chat")]

    assert play(read=True) == play(read=False)


def test_a_fork_and_a_snapshot_go_on_alike():
    world = World(agent="echo")
    talk(world, "One", "Two")
    other = World()
    other.restore(Snapshot.from_json(world.snapshot().to_json()))
    for each in (world, world.fork(), other):
        talk(each, "Three")
        assert controls(each)[-2:] == [(24, "turn-complete"), (25, "trim")]
        assert each.records("chat")[0].seq == 15


def test_without_an_agent_out_keeps_every_end_of_a_turn():
    world = World(policy=sl.RunPolicy())
    talk(world, "One", "Two", "Three")
    assert controls(world) == [(n, "turn-complete") for n in range(3)]


@pytest.mark.parametrize("last", [0, 5, 7, 8, 9, 12, 18, 40])
def test_a_reader_goes_on_after_its_last_event_or_where_the_stream_begins(last: int):
    backend = Backend([LAB], agent="echo")
    talk(backend.world, "One", "Two", "Three")
    path, key = "/realtime/v1/sessions/chat/out", {"authorization": f"Bearer {LAB.secret_key}"}
    response = backend.handle(Request("GET", path, headers=key | {"last-event-id": str(last)}))
    assert response.follow is not None
    seen = backend.world.stream_records(response.follow.stream, response.follow.position, 100)
    expected = [record.seq for record in backend.world.records("chat") if record.seq > last]
    assert [record.seq for record in seen] == expected


def test_each_turn_hands_out_a_fresh_token_that_opens_the_session_alone():
    backend = Backend([LAB], agent="echo")
    talk(backend.world, "One")
    first = dict(backend.world.records("chat")[-1].headers)["public-access-token"]
    backend.world.clock.advance("59m")
    talk(backend.world, "Two")
    ends = [record for record in backend.world.records("chat") if record.control]
    fresh = dict(ends[-1].headers)["public-access-token"]
    backend.world.clock.advance("30m")

    def status(token: str, session: str = "chat") -> int:
        headers = {"authorization": f"Bearer {token}"}
        return backend.handle(Request("GET", f"/api/v1/sessions/{session}", headers=headers)).status

    backend.world.start("other")
    assert (status(first), status(fresh), status(fresh, "other")) == (401, 200, 403)


SCRIPT = [
    {
        "when": "weather",
        "reply": [
            {"reasoning": "I had better look."},
            {"tool": "weather", "input": {"city": "Oslo"}, "output": {"celsius": 4}},
            {"tool": "wind", "error": "out of order"},
            {"tool": "ask"},
            {"data": "card", "value": [1]},
            {"chunk": {"type": "data-hint", "data": 2, "transient": True}},
            "Four degrees.",
        ],
    },
    {"when": "fail", "reply": ["So", {"error": "Sorry."}]},
    {"when": "die", "reply": ["So", {"crash": True}]},
    {"echo": True},
]


def kept(world: World) -> dict[str, Any]:
    snapshot = world.chat_snapshot("chat")
    return {} if snapshot is None else json.loads(snapshot.body)


def test_the_messages_of_a_chat_are_kept_when_a_turn_has_ended():
    world = World(agent=sl.ScriptedAgent(SCRIPT, pace="10ms"))
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    assert world.chat_snapshot("chat") is None
    talk(world, "The weather?")
    session_id = world.sessions[0].session_id.removeprefix("session_")
    first, second, third, fourth = kept(world)["messages"]
    assert first == {"id": "user_1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
    assert second["id"] == f"msg_{session_id}_1"
    assert third == json.loads(said("The weather?"))["payload"]["message"]
    assert fourth["parts"] == [
        {"type": "step-start"},
        {"type": "reasoning", "text": "I had better look.", "state": "done"},
        {
            "type": "tool-weather",
            "toolCallId": "call_2_0",
            "state": "output-available",
            "input": {"city": "Oslo"},
            "output": {"celsius": 4},
        },
        {"type": "step-start"},
        {
            "type": "tool-wind",
            "toolCallId": "call_2_1",
            "state": "output-error",
            "input": {},
            "errorText": "out of order",
        },
        {"type": "step-start"},
        {"type": "tool-ask", "toolCallId": "call_2_2", "state": "input-available", "input": {}},
        {"type": "step-start"},
        {"type": "data-card", "data": [1]},
        {"type": "text", "text": "Four degrees.", "state": "done"},
    ]
    end = [record for record in world.records("chat") if record.control][-1]
    assert (kept(world)["lastOutEventId"], kept(world)["lastInEventId"]) == (str(end.seq), "0")
    assert kept(world)["savedAt"] == end.at


def test_a_turn_that_has_no_end_is_not_kept_and_a_failed_one_is():
    world = World(agent=sl.ScriptedAgent(SCRIPT))
    talk(world, "fail", "die", "One")
    assert [message["id"] for message in kept(world)["messages"]][::2] == ["fail", "One"]


def test_a_response_that_is_written_anew_takes_the_place_of_the_one_before():
    world = World(agent=["First.", "Again."])
    talk(world, "One")
    world.append(
        "chat", json.dumps({"kind": "message", "payload": {"trigger": "regenerate-message"}})
    )
    texts = [message["parts"][-1]["text"] for message in kept(world)["messages"]]
    assert texts == ["One", "Again."]


def test_history_goes_on_from_what_was_put():
    backend = Backend([LAB], agent="echo")
    world, key = backend.world, {"authorization": f"Bearer {LAB.secret_key}"}
    world.start("chat")
    old = {"version": 1, "messages": [{"id": "old", "role": "user", "parts": []}]}
    world.write_chat_snapshot("chat", json.dumps(old).encode(), "application/json")
    world.clock.advance("1s")
    talk(world, "One", "Two")
    reply = backend.handle(Request("GET", "/api/v1/sessions/chat/transcript", headers=key))
    ids = [message["id"] for message in json.loads(reply.body)["messages"]]
    assert (ids[0], ids[1], ids[3]) == ("old", "One", "Two")


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "text-delta", "delta": "lost"},
        {"type": "text-end"},
        {"type": "tool-output-available", "output": 1},
        {"type": "start", "messageId": 5},
        {"type": "-"},
        {"type": ""},
        {"type": "text-start", "id": []},
        {"type": "text-delta", "id": {"a": 1}},
        {"type": "reasoning-end", "id": [[]]},
        {"type": "tool-input-start", "toolCallId": {}, "toolName": []},
    ],
)
def test_odd_chunks_of_a_script_do_no_harm(chunk: dict[str, Any]):
    world = World(agent=sl.ScriptedAgent([[{"chunk": chunk}, "Fine."]]))
    talk(world, "One")
    assert kept(world)["messages"][0]["id"] == "One"


def test_an_environment_that_has_no_key_here_hands_out_none():
    backend = Backend([LAB], agent="echo")
    world = backend.world
    world.start("chat", environment="env_gone", trigger_config={"basePayload": {"message": "Hi"}})
    (end,) = [each for each in world.records("chat", environment="env_gone") if each.control]
    assert "public-access-token" not in dict(end.headers)
