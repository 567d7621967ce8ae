"""The official TypeScript SDK works against ``session-lab serve`` unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Scenario = Callable[[str], Any]

pytestmark = pytest.mark.needs_node

SCENARIOS = "scenarios.mjs"

NOW = "2026-01-01T00:00:00.000Z"


def test_starting_creates_a_session_once(run_scenario: Scenario):
    seen = run_scenario("start")
    created, again = seen["created"], seen["again"]
    assert (created["status"], created["isCached"]) == (201, False)
    assert (again["status"], again["isCached"]) == (200, True)
    assert created["id"].startswith("session_")
    assert created["runId"].startswith("run_")
    assert created["createdAt"] == NOW
    assert (again["id"], again["runId"]) == (created["id"], created["runId"])


def test_starting_a_closed_session_is_a_conflict(run_scenario: Scenario):
    assert run_scenario("startClosed") == {
        "name": "ConflictError",
        "status": 409,
        "message": "Session is closed; use a different externalId to create a new session",
    }


def test_an_invalid_start_is_refused_with_the_reason(run_scenario: Scenario):
    failure = run_scenario("startInvalid")
    assert failure["status"] == 400
    assert "session_" in failure["message"]


def test_a_session_is_found_by_either_of_its_ids(run_scenario: Scenario):
    seen = run_scenario("retrieve")
    session = seen["byId"]
    assert seen["byExternalId"] == session
    assert session["id"] == seen["started"]["id"]
    assert session["externalId"] == "a b/c?d#é"
    assert session["currentRunId"] == seen["started"]["runId"]
    assert (session["tags"], session["metadata"]) == (["vip"], {"plan": "pro"})
    assert session["expiresAt"] == "2026-02-01T00:00:00.000Z"
    assert (seen["missing"]["name"], seen["missing"]["status"]) == ("NotFoundError", 404)


def test_an_update_changes_what_it_names(run_scenario: Scenario):
    seen = run_scenario("update")
    changed, emptied = seen["changed"], seen["emptied"]
    assert (changed["tags"], changed["metadata"]) == (["new"], {"b": 2})
    assert (emptied["tags"], emptied["metadata"]) == (["new"], None)
    assert (seen["renamed"]["name"], seen["renamed"]["status"]) == ("UnprocessableEntityError", 422)


def test_closing_is_final(run_scenario: Scenario):
    seen = run_scenario("close")
    assert (seen["closed"]["closedAt"], seen["closed"]["closedReason"]) == (NOW, "solved")
    assert seen["again"] == seen["closed"]
    assert (seen["send"]["name"], seen["send"]["status"]) == ("ConflictError", 409)


def test_lists_are_paged_and_filtered(run_scenario: Scenario):
    seen = run_scenario("list")
    assert seen["all"] == ["c5", "c4", "c3", "c2", "c1"]
    assert seen["inPages"] == seen["all"]
    assert seen["pages"] == [["c5", "c4"], ["c3", "c2"], ["c5", "c4"]]
    assert seen["ends"] == {"before first": False, "after second": True, "before second": True}
    assert seen["found"] == {
        "type": ["c5"],
        "tag": ["c5", "c3", "c1"],
        "closed": ["c2"],
        "open": ["c4", "c3", "c1"],
        "externalId": ["c3"],
        "taskIdentifier": [],
        "fromTomorrow": [],
        "lastHour": ["c5", "c4", "c3", "c2", "c1"],
    }


def test_a_run_hands_over_once(run_scenario: Scenario):
    seen = run_scenario("endAndContinue")
    first, again = seen["first"], seen["again"]
    assert first["swapped"] is True
    assert first["runId"] != seen["started"]["runId"]
    assert again == {"runId": first["runId"], "swapped": False}
    assert seen["session"]["currentRunId"] == first["runId"]


def test_what_is_sent_is_read_back_as_text(run_scenario: Scenario):
    seen = run_scenario("send")
    message = {"kind": "message", "payload": {"text": "grüß 🙂"}}
    records = seen["all"]["records"]
    assert [record["seqNum"] for record in records] == [0, 1]
    assert records[0]["data"] == "plain text"
    assert json.loads(records[1]["data"]) == message
    assert len({record["id"] for record in records}) == 2
    assert seen["rest"]["records"] == records[1:]
    assert seen["output"]["records"] == []


def test_a_stream_goes_on_as_records_arrive_and_resumes_after_the_last_one_seen(
    run_scenario: Scenario,
):
    seen = run_scenario("read")
    assert seen["live"] == {"chunks": ["one", '{"two":2}', "three"], "ids": ["0", "1", "2"]}
    assert seen["resumed"] == {"chunks": ['{"two":2}', "three"], "ids": ["1", "2"]}


def test_reading_a_session_that_is_not_there_fails(run_scenario: Scenario):
    assert run_scenario("readMissing")["status"] == 404


def test_what_is_written_to_output_is_read_as_it_is(run_scenario: Scenario):
    seen = run_scenario("write")
    assert seen["read"] == {"chunks": ["one", {"two": 2}], "ids": ["0", "1"]}
    assert seen["last"] == "1"


def test_what_is_piped_is_written_in_order(run_scenario: Scenario):
    assert run_scenario("pipe") == {
        "chunks": [{"n": 1}, {"n": 2}, {"n": 3}],
        "ids": ["0", "1", "2"],
    }


def test_control_records_are_told_and_trimmed_ones_are_gone(run_scenario: Scenario):
    seen = run_scenario("controlAndTrim")
    assert (seen["first"], seen["controls"]) == ("1", ["turn-complete"])
    assert seen["kept"] == {"chunks": ["two"], "ids": ["1", "2"]}


def test_a_side_channel_has_records_of_its_own_and_starts_no_run(run_scenario: Scenario):
    seen = run_scenario("sideChannel")
    assert seen["read"] == {"chunks": [{"percent": 50}], "ids": ["0"]}
    assert (seen["runs"], seen["own"]) == (1, [])


def test_a_reader_may_begin_with_what_comes_next(run_scenario: Scenario):
    assert run_scenario("fromTheNewest") == {"chunk": "new", "id": "1"}


def test_a_transcript_is_read_in_pages_from_its_end(run_scenario: Scenario):
    seen = run_scenario("transcript")
    assert seen["none"] == {"messages": []}
    assert [message["id"] for message in seen["newest"]["messages"]] == ["m2", "m3"]
    assert seen["newest"]["cursors"] == {"lastOutEventId": "7"}
    assert seen["newest"]["nextCursor"] == "m2"
    assert [message["id"] for message in seen["rest"]["messages"]] == ["m1"]
    assert "nextCursor" not in seen["rest"]


def test_a_snapshot_comes_back_as_it_was_kept_and_its_transcript_is_paged(run_scenario: Scenario):
    seen = run_scenario("snapshot")
    assert (seen["missing"], seen["written"], seen["isSame"]) == (404, 200, True)
    cursors = {"lastOutEventId": "7"}
    page = {"messages": [{"id": "b"}, {"id": "c"}], "cursors": cursors, "nextCursor": "b"}
    assert seen["page"] == page
    assert seen["before"] == {"messages": [{"id": "a"}], "cursors": cursors}


def test_a_run_that_waits_is_woken_by_a_message(run_scenario: Scenario):
    seen = run_scenario("waiting")
    assert seen["blocked"] == {"success": True}
    message = '{"kind":"message"}'
    assert seen["seen"][0][0] == "WAITING"
    assert seen["seen"][1:] == [["COMPLETED", message], ["COMPLETED", message]]


def test_the_token_of_a_start_is_enough_to_chat_and_for_nothing_else(run_scenario: Scenario):
    seen = run_scenario("browser")
    assert seen["retrieved"] == seen["id"]
    assert seen["answer"]["chunks"] == ["answer"]
    assert (seen["foreign"]["name"], seen["foreign"]["status"]) == ("PermissionDeniedError", 403)
    assert seen["close"]["status"] == 403


def test_runs_are_retrieved_listed_and_cancelled(run_scenario: Scenario):
    seen = run_scenario("runs")
    first, second, third = seen["started"]
    assert seen["cancelled"] == {"id": second}
    assert (seen["first"]["status"], seen["first"]["isQueued"]) == ("QUEUED", True)
    assert (seen["second"]["status"], seen["second"]["isCancelled"]) == ("CANCELED", True)
    assert seen["first"]["taskIdentifier"] == "assistant"
    assert (seen["missing"]["name"], seen["missing"]["status"]) == ("NotFoundError", 404)
    assert seen["found"] == {
        "inPages": [third, second, first],
        "queued": [third, first],
        "stopped": [second],
        "ofTasks": [third, second, first],
        "ofAnotherTask": [],
    }


def test_a_token_made_by_the_sdk_grants_its_scopes(run_scenario: Scenario):
    seen = run_scenario("publicToken")
    assert seen["mine"] == "mine"
    assert [seen[use]["status"] for use in ("yours", "update", "send")] == [403, 403, 403]


def test_a_wrong_key_is_refused(run_scenario: Scenario):
    failure = run_scenario("wrongKey")
    assert (failure["name"], failure["status"]) == ("AuthenticationError", 401)
