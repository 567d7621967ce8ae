"""The official SDK's chat clients work against scripted agents unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sdk.conftest import TWO_DELTAS

if TYPE_CHECKING:
    from collections.abc import Callable

    Scenario = Callable[[str], Any]

pytestmark = pytest.mark.needs_node

SCENARIOS = "chat-clients.mjs"


def test_a_conversation_of_agent_chat_goes_on_warm_and_from_its_cursor(run_scenario: Scenario):
    seen = run_scenario("agentChat")
    assert seen["texts"] == ["First.", "Second.", "Second."]
    assert seen["kinds"] == ["warm", "warm", "warm"]
    assert seen["cursor"] == "7"


def test_tool_calls_have_their_results(run_scenario: Scenario):
    seen = run_scenario("tools")
    names = [call["toolName"] for call in seen["toolCalls"]]
    assert (seen["text"], names) == ("Done.", ["weather", "book"])
    assert seen["toolResults"] == [{"toolCallId": "call_1_0", "output": {"celsius": 4}}]


def test_agent_chat_lets_the_agent_leave(run_scenario: Scenario):
    seen = run_scenario("agentChatCloses")
    assert seen == {
        "closed": True,
        "status": "COMPLETED_SUCCESSFULLY",
        "endCause": "session_closed",
    }


def test_a_preloaded_run_serves_the_first_message(run_scenario: Scenario):
    seen = run_scenario("preload")
    assert (seen["turns"], seen["text"]) == (0, "Hello")
    assert seen["events"] == ["message-sent", "stream-connected", "first-chunk", "turn-completed"]


def test_tokens_come_one_by_one_as_time_passes(run_scenario: Scenario):
    seen = run_scenario("tokens")
    assert seen["steps"] == ["", "one", "one two"]
    assert seen["types"] == TWO_DELTAS
    assert (seen["state"]["isStreaming"], seen["state"]["lastEventId"]) == (False, "8")


def test_a_stop_in_mid_stream_keeps_what_came_and_the_next_turn_is_whole(run_scenario: Scenario):
    seen = run_scenario("stop")
    assert (seen["stopped"], seen["texts"]) == (True, ["one two", "four"])
    assert seen["activeMs"] == 3000


def test_a_page_that_is_reloaded_in_mid_stream_gets_the_turn_again_and_its_end(
    run_scenario: Scenario,
):
    seen = run_scenario("reload")
    assert (seen["before"], seen["after"]) == ("one", "one two three")
    assert seen["state"]["isStreaming"] is True
    assert seen["events"][-1] == "turn-completed"


def test_a_reader_goes_on_after_its_last_event(run_scenario: Scenario):
    seen = run_scenario("afterLastEventId")
    assert seen["ids"][0] == "4"
    assert seen["seen"] == ["text-end", "finish-step", "finish"]


def test_a_page_that_is_reloaded_between_turns_waits_for_nothing(run_scenario: Scenario):
    assert run_scenario("reloadWhenSettled") == {"seen": []}


def test_a_client_that_vanishes_changes_nothing_and_another_one_reads_all(run_scenario: Scenario):
    assert run_scenario("vanishes") == {"text": "one two"}


def test_a_turn_that_fails_says_so_and_the_run_lives_on(run_scenario: Scenario):
    seen = run_scenario("failedTurn")
    assert seen["last"] == {"type": "error", "errorText": "overloaded"}
    assert (seen["next"], seen["kinds"]) == ("Fine.", ["warm", "warm"])


def test_the_next_message_after_an_agent_died_is_answered_by_another_run(run_scenario: Scenario):
    seen = run_scenario("dyingAgent")
    assert (seen["half"], seen["whole"]) == ("Half", "Whole.")
    assert (seen["ends"], seen["kinds"]) == (["crash", "open"], ["warm", "continuation"])


def test_an_upgrade_is_hidden_from_the_page(run_scenario: Scenario):
    seen = run_scenario("upgrade")
    assert (seen["texts"], seen["reasons"]) == (["Old.", "New."], ["initial", "upgrade"])


def test_turns_wake_runs_and_continue_ended_ones(run_scenario: Scenario):
    seen = run_scenario("resumedAndContinued")
    assert seen["texts"] == ["one", "two", "three"]
    assert (seen["kinds"], seen["runs"]) == (["warm", "resumed", "continuation"], 2)


def test_an_action_is_answered_where_the_script_knows_it(run_scenario: Scenario):
    assert run_scenario("action") == {"undone": "Undone.", "unheard": []}


def test_a_response_is_written_anew_to_what_the_user_wrote_last(run_scenario: Scenario):
    assert run_scenario("regenerate") == "Hello again"


def test_other_parts_reach_the_page(run_scenario: Scenario):
    assert run_scenario("parts") == [
        {"type": "reasoning-delta", "id": "reasoning-0", "delta": "hm"},
        {"type": "data-chart", "data": [1, 2]},
        {"type": "source-url", "sourceId": "s", "url": "https://example.org"},
    ]


def test_a_closed_session_takes_no_message(run_scenario: Scenario):
    seen = run_scenario("closedSession")
    assert seen == {"status": 409, "code": "session_closed", "reason": "solved"}


def test_the_first_message_may_come_with_the_start(run_scenario: Scenario):
    assert run_scenario("firstMessageInTheStart") == "Hello"


def test_two_chats_do_not_disturb_each_other(run_scenario: Scenario):
    assert run_scenario("twoChats") == ["to 0", "to 1"]
