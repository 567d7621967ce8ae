"""The official SDK's own agent loop, ``chat.agent``, lives on ``session-lab serve``.

Its task code, streams and waits run in a plain process; only the model is scripted. The agent writes
over HTTP/2, as it does in Node.js, and over HTTP/1.1, as it does elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sdk.conftest import TWO_DELTAS, node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Scenario = Callable[[str], Any]

pytestmark = pytest.mark.needs_node


@pytest.fixture(scope="module", params=["HTTP/2", "HTTP/1.1"])
def way(request: pytest.FixtureRequest) -> str:
    """Return how the agent writes to the stream store."""
    return str(request.param)


@pytest.fixture(scope="module")
def driver(way: str, sdk: Path, address: str) -> Iterator[Scenario]:
    """Run scenarios in a process whose agents write in one way."""
    variables = {"OVER_HTTP_1": "yes"} if way == "HTTP/1.1" else {}
    with node(sdk / "chat-agent.mjs", address, **variables) as run:
        yield run


def test_the_agent_writes_in_the_way_that_is_wanted(run_scenario: Scenario, way: str):
    assert (run_scenario("requests") > 0) is (way == "HTTP/1.1")


def test_a_first_turn_brings_the_chunks_of_a_message(run_scenario: Scenario):
    seen = run_scenario("firstTurn")
    assert [chunk["type"] for chunk in seen] == TWO_DELTAS
    assert "".join(chunk.get("delta", "") for chunk in seen) == "1 Hello"


def test_a_second_turn_finds_the_run_warm_and_knows_the_first_one(run_scenario: Scenario):
    assert run_scenario("secondTurn") == {"texts": ["1 one", "2 two", "3 three"], "runs": 1}


def test_a_suspended_run_wakes_by_the_next_message(run_scenario: Scenario):
    assert run_scenario("resumed") == {"texts": ["1 one", "2 two"], "runs": 1}


def test_a_run_that_follows_another_has_the_history_from_the_snapshot(run_scenario: Scenario):
    assert run_scenario("continuation") == {
        "texts": ["1 one", "2 two"],
        "reasons": ["initial", "continuation"],
        "continued": True,
    }


def test_a_run_that_crashed_is_followed_with_its_history(run_scenario: Scenario):
    seen = run_scenario("crashed")
    assert seen["texts"] == ["1 one", "2 two"]
    assert seen["statuses"][0] == "CRASHED"


def test_a_requested_upgrade_passes_the_message_to_a_new_run(run_scenario: Scenario):
    assert run_scenario("upgrade") == {
        "text": "1 Hello",
        "told": ["upgrade-required", "turn-complete"],
        "reasons": ["initial", "upgrade"],
    }


def test_a_stop_in_mid_stream_ends_the_turn_and_not_the_run(run_scenario: Scenario):
    assert run_scenario("stop") == {"stopped": True, "texts": ["1 ", "2 on"], "runs": 1}


def test_a_page_that_is_reloaded_in_mid_stream_gets_the_turn_to_its_end(run_scenario: Scenario):
    assert run_scenario("reload") == {"text": "1 ", "last": "turn-completed"}


def test_a_reader_goes_on_after_its_last_event(run_scenario: Scenario):
    assert run_scenario("afterLastEventId") == "2 two"


def test_the_agent_trims_what_lies_more_than_a_turn_back(run_scenario: Scenario):
    assert run_scenario("trimmed") == {"first": True, "texts": "2 two3 three"}


def test_a_turn_that_fails_says_so_and_the_run_lives_on(run_scenario: Scenario):
    assert run_scenario("failedTurn") == {
        "errors": [{"type": "error", "errorText": "failed: no model"}],
        "next": "2 on",
        "runs": 1,
    }


def test_a_preloaded_run_sleeps_until_the_first_message(run_scenario: Scenario):
    assert run_scenario("preload") == {"before": ["preload"], "text": "1 Hello"}


def test_an_action_is_an_edit_or_asks_for_a_turn(run_scenario: Scenario):
    seen = run_scenario("action")
    assert seen["heard"] == ["preload", "edit", "answer"]
    assert (seen["edited"], seen["answered"]) == ([], "1 Hello")


def test_a_response_is_written_anew_from_the_same_history(run_scenario: Scenario):
    assert run_scenario("regenerate") == "1 Hello"


def test_a_message_that_comes_in_mid_stream_is_answered_next(run_scenario: Scenario):
    assert run_scenario("pending") == {"isTaken": True, "text": "2 next"}


def test_a_client_that_is_done_lets_the_run_complete(run_scenario: Scenario):
    seen = run_scenario("close")
    assert seen == {"closed": True, "statuses": ["COMPLETED_SUCCESSFULLY"]}


def test_an_agent_closes_its_session(run_scenario: Scenario):
    assert run_scenario("closedByTheAgent") == {"reason": "solved"}


def test_the_first_message_may_come_with_the_start(run_scenario: Scenario):
    assert run_scenario("firstMessageInTheStart") == "1 Hello"


def test_history_may_come_from_a_database(run_scenario: Scenario):
    assert run_scenario("hydrated") == "2 Hello"


def test_hooks_write_parts_of_their_own(run_scenario: Scenario):
    assert run_scenario("writes") == [{"type": "data-note", "data": {"n": 1}}]


def test_the_transcript_has_what_was_said(run_scenario: Scenario):
    assert run_scenario("transcript") == [
        ["user", "one"],
        ["assistant", "1 one"],
        ["user", "two"],
        ["assistant", "2 two"],
    ]
