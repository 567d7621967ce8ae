"""Scripted agents serve turns: what they write, when, and what becomes of their runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

import session_lab as sl
from session_lab.errors import DataError, SimulationError
from session_lab.simulator import Snapshot, World
from session_lab.simulator.world.channels import Stream


def said(text: str, **payload: Any) -> str:
    """Return a record on ``in`` as chat clients write it."""
    message = {"id": "u", "role": "user", "parts": [{"type": "text", "text": text}]}
    payload = {"trigger": "submit-message", "message": message, **payload}
    return json.dumps({"kind": "message", "payload": payload})


STOP = json.dumps({"kind": "stop"})


@pytest.fixture(autouse=True)
def _whole_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what agents trim, so that tests can look at a whole conversation."""
    monkeypatch.setattr(Stream, "_trim", lambda *_: None)


def written(world: World, key: str = "chat") -> list[str]:
    """Return what stands on ``out``: the types of chunks with their texts, and control records."""
    shown = []
    for record in world.records(key):
        if record.command:
            continue
        chunk = {"type": record.control} if record.control else record.data
        extra = chunk.get("delta", chunk.get("errorText", ""))
        shown.append(f"{chunk['type']} {extra}".strip())
    return shown


def words(world: World) -> str:
    chunks = (record.data for record in world.records("chat"))
    return "".join(chunk.get("delta", "") for chunk in chunks if isinstance(chunk, dict))


def test_an_agent_answers_at_once_where_no_time_is_asked_for():
    world = World(agent="echo")
    world.start("chat", trigger_config={"basePayload": {"message": "Hello you"}})
    assert written(world) == [
        "start",
        "start-step",
        "text-start",
        "text-delta Hello",
        "text-delta  you",
        "text-end",
        "finish-step",
        "finish",
        "turn-complete",
    ]


def test_chunks_appear_as_the_clock_advances():
    world = World(agent=sl.ScriptedAgent(["One two", [{"wait": "1s"}, "Three"]], pace="50ms"))
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    assert written(world)[-1] == "text-start"
    world.clock.advance("49ms")
    assert words(world) == ""
    world.clock.advance("1ms")
    assert words(world) == "One"
    world.clock.advance("50ms")
    assert written(world)[-1] == "turn-complete"
    world.append("chat", said("more"))
    world.clock.advance("1050ms")
    assert words(world) == "One twoThree"
    (run,) = world.runs
    assert (run.run.turns, run.run.active) == (2, 100 + 1050)


def test_the_same_world_writes_the_same_to_the_byte():
    def digest() -> str:
        world = World(agent=sl.ScriptedAgent("echo", pace="50ms"), seed=4)
        world.start("chat", trigger_config={"basePayload": {"message": "Hello you"}})
        world.clock.advance("70ms")
        world.append("chat", said("Bye"))
        return world.digest()

    assert digest() == digest()


def test_a_turn_complete_names_the_record_it_answers():
    world = World(agent="echo")
    world.start("chat", trigger_config={"basePayload": {"trigger": "preload"}})
    assert written(world) == []
    seq = world.append("chat", said("Hello")).reply.seq
    assert ("session-in-event-id", str(seq)) in world.records("chat")[-1].headers


def test_a_stop_ends_the_turn_that_is_being_served():
    world = World(agent=sl.ScriptedAgent("echo", pace="1s"))
    world.start("chat", trigger_config={"basePayload": {"message": "a b c d"}})
    world.clock.advance("2s")
    world.append("chat", STOP)
    world.append("chat", STOP)
    assert words(world) == "a b"
    assert written(world)[-2:] == ["abort", "turn-complete"]
    world.append("chat", said("e"))
    world.clock.advance("1s")
    assert words(world) == "a be"
    assert [turn.ended_at - turn.started_at for turn in world.turns("chat")] == [2000, 1000]
    assert world.runs[0].run.active == 3000


def test_a_stop_moves_up_what_waits():
    world = World(agent=sl.ScriptedAgent("echo", pace="10s"))
    world.start("chat", trigger_config={"basePayload": {"message": "a b c"}})
    world.append("chat", said("d"))
    world.append("chat", said("e"))
    world.clock.advance("15s")
    world.append("chat", STOP)
    world.clock.advance("20s")
    assert words(world) == "ade"
    assert written(world)[-1] == "turn-complete"
    assert world.runs[0].run.active == 35_000


def test_a_stop_that_finds_no_turn_changes_nothing_on_out():
    world = World(agent="echo")
    world.start("chat", trigger_config={"basePayload": {"message": "a"}})
    before = written(world)
    world.append("chat", STOP)
    assert written(world) == before


@pytest.mark.parametrize(
    ("policy", "cause"),
    [({"max_turns": 1}, "max_turns"), ({"max_duration": "5s"}, "open")],
    ids=["max_turns", "max_duration"],
)
def test_a_stopped_turn_ends_its_run_only_where_it_was_the_last_one(
    policy: dict[str, Any], cause: str
):
    world = World(agent=sl.ScriptedAgent("echo", pace="1s"), policy=sl.RunPolicy(**policy))
    world.start("chat", trigger_config={"basePayload": {"message": "a b c d e f g h"}})
    world.clock.advance("2s")
    world.append("chat", STOP)
    assert world.runs[0].run.end_cause == cause
    assert written(world)[-1] == "turn-complete"


def test_a_dying_agent_leaves_its_turn_without_an_end_and_the_next_message_finds_another_run():
    world = World(agent=sl.ScriptedAgent([["One two", {"crash": True}], "Three"], pace="1s"))
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    world.clock.advance("3s")
    assert words(world) == "One two"
    assert "turn-complete" not in written(world)
    assert (world.runs[0].run.status, world.runs[0].run.end_cause) == ("CRASHED", "crash")
    assert world.append("chat", said("again")).reply.start_kind == "continuation"
    world.clock.advance("1s")
    assert written(world)[-1] == "turn-complete"


def test_a_run_that_is_killed_writes_nothing_more():
    world = World(agent=sl.ScriptedAgent("echo", pace="1s"))
    run_id = world.start("chat", trigger_config={"basePayload": {"message": "a b c"}}).run_id
    world.clock.advance("1s")
    world.set_run_status(run_id, "CRASHED")
    before = written(world)
    world.clock.advance("1h")
    assert written(world) == before
    assert words(world) == "a"


def test_a_run_that_reaches_its_longest_duration_does_not_complete_its_turn():
    policy = sl.RunPolicy(max_duration="2s")
    world = World(agent=sl.ScriptedAgent("echo", pace="1s"), policy=policy)
    world.start("chat", trigger_config={"basePayload": {"message": "a b c d"}})
    world.clock.advance("1m")
    assert (words(world), world.runs[0].run.status) == ("a b", "TIMED_OUT")
    assert "turn-complete" not in written(world)


def test_an_error_ends_the_turn_and_the_run_lives_on():
    world = World(agent=[[{"error": "no model"}], "Fine."])
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    assert written(world)[-2:] == ["error no model", "turn-complete"]
    assert world.append("chat", said("again")).reply.start_kind == "warm"
    assert words(world) == "Fine."


def test_tools_take_their_time_and_may_be_left_to_the_client():
    script = [
        [
            {"tool": "search", "input": {"q": "x"}, "takes": "1s", "output": [1]},
            {"tool": "book", "error": "full"},
            {"tool": "ask"},
        ]
    ]
    world = World(agent=script)
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    assert [kind for kind in written(world) if "output" in kind] == []
    world.clock.advance("1s")
    tools = [kind for kind in written(world) if kind.startswith("tool")]
    call = ["tool-input-start", "tool-input-available"]
    assert tools == [*call, "tool-output-available", *call, "tool-output-error full", *call]
    assert written(world).count("start-step") == 3


def test_data_reasoning_and_any_chunk():
    chunk = {"type": "source-url", "sourceId": "s", "url": "https://example.org"}
    world = World(agent=[[{"reasoning": "hm"}, {"data": "w", "value": 1}, {"chunk": chunk}]])
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    kinds = ["reasoning-start", "reasoning-delta hm", "reasoning-end", "data-w", "source-url"]
    assert written(world)[2:7] == kinds


def test_replies_are_chosen_by_what_is_said_or_by_the_turn():
    world = World(agent=[{"when": "Weather", "reply": "Sunny."}, "First.", "Then."])
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    for text in ("how is the WEATHER?", "and now?", "and then?"):
        world.append("chat", said(text))
    assert words(world) == "First.Sunny.Then.Then."


def test_an_upgrade_passes_the_turn_to_a_run_of_a_new_version():
    world = World(agent=["One.", [{"upgrade": True}, "Two."]])
    first = world.start("chat", trigger_config={"basePayload": {"message": "Hello"}}).run_id
    world.clock.advance("1s")
    entry = world.append("chat", said("again"))
    assert (entry.reply.start_kind, entry.run_id != first) == ("upgrade", True)
    shown = written(world)
    assert shown[shown.index("turn-complete") + 1] == "upgrade-required"
    assert [run.reason for run in world.runs] == ["initial", "upgrade"]
    assert world.runs[0].run.end_cause == "upgrade"


def test_actions_and_regenerations():
    world = World(agent=[{"when": "undo", "reply": "Undone."}, {"echo": True}])
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    world.append("chat", said("", trigger="regenerate-message", message=None))
    assert words(world) == "HelloHello"
    world.append("chat", json.dumps({"kind": "message", "payload": {"trigger": "action"}}))
    assert words(world) == "HelloHello"
    assert written(world)[-2:] == ["turn-complete", "turn-complete"]
    action = {"trigger": "action", "action": {"type": "undo"}}
    world.append("chat", json.dumps({"kind": "message", "payload": action}))
    assert words(world) == "HelloHelloUndone."


def test_a_client_that_is_done_lets_the_agent_leave():
    world = World(agent=sl.ScriptedAgent("echo", pace="1s"))
    world.start("chat", trigger_config={"basePayload": {"message": "a b"}})
    leaving = json.dumps({"kind": "message", "payload": {"trigger": "close"}})
    world.append("chat", leaving)
    world.clock.advance("1m")
    assert (words(world), world.runs[0].run.end_cause) == ("a b", "session_closed")
    assert world.append("chat", leaving).reply.status_code == 200
    assert len(world.runs) == 1
    assert world.append("chat", said("c")).reply.start_kind == "continuation"


def test_text_that_is_no_message_of_a_chat_client_is_the_users_own():
    world = World(agent="echo")
    world.start("chat")
    for record in ("Hi", "{", '{"a":1}', '["x"]', ""):
        world.append("chat", record)
    assert words(world) == 'Hi{{"a":1}["x"]'


def test_what_others_write_on_out_stands_in_between_and_nothing_is_lost():
    world = World(agent=sl.ScriptedAgent("echo", pace="1s"))
    world.start("chat", trigger_config={"basePayload": {"message": "a b"}})
    world.clock.advance("1s")
    seq = world.append("chat", "foreign", io="out").reply.seq
    world.clock.advance("1s")
    assert world.records("chat")[seq].data == "foreign"
    assert words_of_others(world) == ["foreign"]
    assert words(world) == "a b"


def words_of_others(world: World) -> list[str]:
    data = (record.data for record in world.records("chat"))
    return [text for text in data if isinstance(text, str) and text]


def test_a_function_sees_the_turn_and_answers_it():
    seen: list[sl.AgentTurn] = []

    def answer(turn: sl.AgentTurn) -> Any:
        seen.append(turn)
        return None if turn.trigger == "action" else [turn.text.upper(), {"wait": "1s"}]

    world = World(agent=answer)
    world.start("chat", trigger_config={"basePayload": {"message": "Hello", "metadata": {"u": 1}}})
    world.append("chat", said("Bye"))
    world.append("chat", json.dumps({"kind": "message", "payload": {"trigger": "action"}}))
    world.append("chat", json.dumps({"kind": "message", "payload": {"trigger": "close"}}))
    assert [turn.number for turn in seen] == [1, 2, 3]
    assert seen[0].metadata == {"u": 1}
    assert seen[1].message is not None
    assert (seen[1].external_id, seen[1].action) == ("chat", None)
    world.clock.advance("1m")
    assert words(world) == "HELLOBYE"


def test_a_function_is_not_asked_about_what_is_refused():
    world = World(agent=lambda _: pytest.fail("asked"))
    world.append("none", said("Hello"))
    world.start("chat")
    world.close("chat")
    assert world.append("chat", said("Hello")).reply.status_code == 409
    assert world.message("chat").reply.status_code == 409


@pytest.mark.parametrize("answer", [5, {"say": "x"}, [["x"]]], ids=str)
def test_a_function_that_returns_what_is_not_a_reply_is_told_so(answer: Any):
    def odd(_turn: sl.AgentTurn) -> Any:
        return answer

    world = World(agent=odd)
    world.start("chat")
    with pytest.raises(SimulationError, match="odd failed in turn 1"):
        world.append("chat", said("Hello"))
    assert len(world.journal) == 1


def test_a_snapshot_holds_scripts_and_answers_but_no_functions():
    world = World(agent=lambda turn: [turn.text, {"wait": "1s"}, "later"])
    world.start("chat", trigger_config={"basePayload": {"message": "Hello"}})
    again = World()
    again.restore(Snapshot.from_json(world.snapshot().to_json()))
    assert again.digest() == world.digest()
    again.clock.advance("1s")
    assert words(again) == "Hellolater"
    with pytest.raises(SimulationError, match="set it again"):
        again.append("chat", said("more"))
    fork = world.fork()
    fork.append("chat", said("more"))


def test_an_agent_set_later_serves_from_then_on_and_one_that_goes_leaves_the_policy():
    world = World()
    world.start("chat")
    world.append("chat", said("unheard"))
    assert (written(world), world.policy) == ([], None)
    world.agent = "echo"
    world.append("chat", said("heard"))
    assert (words(world), world.policy) == ("heard", sl.RunPolicy())
    world.agent = None
    world.append("chat", said("unheard"))
    assert words(world) == "heard"


def test_an_agent_that_makes_no_sense_changes_nothing():
    world = World(agent="echo")
    with pytest.raises(DataError):
        world.agent = [{"wait": 1}]
    assert world.agent == sl.ScriptedAgent("echo")


def test_the_simulator_and_its_clients_get_objects():
    sim = sl.Simulator(agent="echo")
    client = sim.client()
    config = {"base_payload": {"message": "Hello"}}
    client.sessions.start(
        type="chat", task_identifier="agent", trigger_config=config, external_id="chat"
    )
    records = list(client.sessions.records("chat"))
    assert records[3].data == {"type": "text-delta", "id": "text-0", "delta": "Hello"}
    sim.agent = None
    assert sim.agent is None
    sim.reset()
    assert sim.agent == sl.ScriptedAgent("echo")


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", " a  b\n", "word" * 5_000, "a " * 100_000, "\n" * 3_000, "ä\ud800 🙂"],
    ids=lambda text: f"{text[:4]!a} x {len(text)}",
)
def test_a_text_comes_whole_in_a_bounded_number_of_pieces(text: str):
    answer = sl.ScriptedAgent("echo").answer(sl.AgentTurn(text=text, number=1))
    deltas = [json.loads(part.chunk).get("delta") for part in answer.parts]
    pieces = [delta for delta in deltas if delta is not None]
    assert "".join(pieces) == text
    assert len(pieces) <= 2_000


def test_a_simulator_shows_its_agent():
    assert "ScriptedAgent(&#x27;echo&#x27;)" in sl.Simulator(agent="echo")._repr_html_()
