from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from session_lab.wire import CloseBody, EndAndContinueBody, StartBody, UpdateBody, WireModel

START: dict[str, Any] = {
    "type": "chat",
    "taskIdentifier": "support",
    "triggerConfig": {"basePayload": {}},
}


def wire(body: WireModel) -> dict[str, Any]:
    return body.model_dump(mode="json", by_alias=True, exclude_unset=True)


def start(**changes: object) -> dict[str, Any]:
    return wire(StartBody.model_validate({**START, **changes}))


def start_with(**config: object) -> dict[str, Any]:
    return start(triggerConfig={"basePayload": {}, **config})["triggerConfig"]


def test_a_minimal_start_travels_with_its_required_fields_only():
    assert start() == START


def test_a_null_never_travels_in_a_start():
    assert start(externalId=None, tags=None, metadata=None, expiresAt=None) == START
    assert start_with(machine=None, ttl=None, tags=None) == {"basePayload": {}}


def test_nulls_within_payload_and_metadata_are_data():
    assert start(metadata={"a": None})["metadata"] == {"a": None}
    assert start(triggerConfig={"basePayload": {"a": None}})["triggerConfig"] == {
        "basePayload": {"a": None}
    }


def test_snake_case_is_read_and_camel_case_travels():
    body = StartBody(
        type="chat",
        task_identifier="support",
        trigger_config={"base_payload": {}, "idle_timeout_in_seconds": 30},  # type: ignore[arg-type]
        external_id="a",
    )

    assert wire(body) == {
        **START,
        "triggerConfig": {"basePayload": {}, "idleTimeoutInSeconds": 30},
        "externalId": "a",
    }


def test_a_time_of_expiry_travels_in_utc_with_milliseconds():
    assert start(expiresAt="2026-01-01T01:00:00+01:00")["expiresAt"] == "2026-01-01T00:00:00.000Z"


def test_blanks_around_an_external_id_are_cut_as_javascript_does():
    assert start(externalId="\ufeff  a b \u00a0")["externalId"] == "a b"
    assert start(externalId="\x85a")["externalId"] == "\x85a"


@pytest.mark.parametrize(
    ("field", "good", "bad", "bound"),
    [
        ("type", "a" * 64, "a" * 65, "1 to 64"),
        ("type", "👋" * 32, "👋" * 33, "1 to 64"),
        ("type", "a", "", "1 to 64"),
        ("taskIdentifier", "a" * 128, "a" * 129, "1 to 128"),
        ("externalId", "a" * 256, "a" * 257, "1 to 256"),
        ("externalId", " a ", "   ", "1 to 256"),
        ("externalId", "Session_1", "session_1", "'session_'"),
        ("externalId", "a session_1", "  session_1", "'session_'"),
        ("tags", ["a"] * 10, ["a"] * 11, "at most 10"),
        ("tags", ["", "a" * 128], ["", "a" * 129], "at most 128"),
    ],
)
def test_a_start_is_held_to_the_documented_bounds(
    field: str, good: object, bad: object, bound: str
):
    start(**{field: good})

    with pytest.raises(ValidationError, match=bound):
        start(**{field: bad})


@pytest.mark.parametrize(
    ("field", "good", "bad", "bound"),
    [
        ("machine", "large-2x", "huge", "micro, small-1x"),
        ("queue", "a" * 128, "a" * 129, "at most 128"),
        ("tags", ["a"] * 10, ["a"] * 11, "at most 10"),
        ("maxAttempts", 10, 11, ", 1 to 10,"),
        ("maxAttempts", 3.0, 1.5, ", 1 to 10,"),
        ("maxAttempts", 1, True, ", 1 to 10,"),
        ("maxAttempts", 3, "3", ", 1 to 10,"),
        ("maxDuration", 1e21, 0, ", 1 or more,"),
        ("idleTimeoutInSeconds", 3600, 3601, ", 1 to 3600,"),
        ("concurrency", ["a-b_1", "c"], ["a", "b", "c"], "at most 2"),
        ("concurrency", ["a" * 122], ["a" * 123], "matches"),
        ("concurrency", ["a"], ["a b"], "matches"),
        ("externalDeploymentId", "a" * 128, "a" * 129, "at most 128"),
        ("ttl", 0, -1, ", 0 or more,"),
    ],
)
def test_a_trigger_config_is_held_to_the_documented_bounds(
    field: str, good: object, bad: object, bound: str
):
    assert start_with(**{field: good})[field] == good

    with pytest.raises(ValidationError, match=bound):
        start_with(**{field: bad})


@pytest.mark.parametrize(
    ("field", "value"),
    [("concurrencyKey", 7), ("concurrencyKey", "user-7"), ("ttl", "1h"), ("newerField", [1])],
)
def test_newer_fields_of_a_trigger_config_travel_unchanged(field: str, value: object):
    assert start_with(**{field: value}) == {"basePayload": {}, field: value}


def test_an_unknown_field_of_a_start_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        start(externalID="a")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "tags": st.lists(st.text(max_size=5), max_size=3),
            "metadata": st.none() | st.dictionaries(st.text(max_size=3), st.none()),
            "externalId": st.none() | st.from_regex(r"[a-z]{1,9}", fullmatch=True),
        },
    )
)
def test_an_update_carries_exactly_what_was_given(fields: dict[str, Any]):
    assert wire(UpdateBody.model_validate(fields)) == fields


def test_tags_of_an_update_cannot_be_null():
    with pytest.raises(ValidationError, match="list"):
        UpdateBody.model_validate({"tags": None})


def test_a_close_travels_as_an_empty_object_at_least():
    assert wire(CloseBody()) == {}
    assert wire(CloseBody(reason=None)) == {}
    assert wire(CloseBody(reason="")) == {"reason": ""}
    with pytest.raises(ValidationError, match="at most 256"):
        CloseBody(reason="a" * 257)


def test_an_end_and_continue_needs_a_run_and_a_reason():
    body = EndAndContinueBody(calling_run_id="run_1", reason="upgrade")

    assert wire(body) == {"callingRunId": "run_1", "reason": "upgrade"}
    with pytest.raises(ValidationError, match="at most 64"):
        EndAndContinueBody(calling_run_id="run_1", reason="a" * 65)


def test_the_schema_of_a_body_states_the_bounds():
    properties = StartBody.model_json_schema()["properties"]

    assert properties["type"] == {
        "maxLength": 64,
        "minLength": 1,
        "title": "Type",
        "type": "string",
    }
    assert properties["tags"]["anyOf"][0]["maxItems"] == 10
