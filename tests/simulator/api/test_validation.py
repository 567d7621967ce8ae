from __future__ import annotations

from typing import Any

import pytest

from session_lab.simulator.api.javascript.json_text import render_json
from session_lab.simulator.api.validation import (
    BODIES,
    CHANNEL_PARAMS,
    LIST_QUERY,
    RECORDS_QUERY,
    Invalid,
    Issue,
    ZodType,
    body_error,
)
from session_lab.simulator.model.settings.profiles import PROFILES
from session_lab.wire import CloseBody, EndAndContinueBody, StartBody, UpdateBody

FIRST = BODIES["2026-08"]
NEWER = BODIES["2026-10"]
RESERVED = "externalId cannot start with 'session_' (reserved prefix for internal friendlyIds)"
MACHINES = "'micro' | 'small-1x' | 'small-2x' | 'medium-1x' | 'medium-2x' | 'large-1x' | 'large-2x'"


def issues_of(schema: ZodType, value: Any) -> tuple[Issue, ...]:
    parsed = schema.safe_parse(value)
    return parsed.issues if isinstance(parsed, Invalid) else ()


def problems(schema: ZodType, body: Any) -> str:
    issues = issues_of(schema, body)
    return body_error(issues).removeprefix("Validation error: ") if issues else ""


def create_body(**changes: Any) -> dict[str, Any]:
    return {
        "type": "chat",
        "taskIdentifier": "agent",
        "triggerConfig": {"basePayload": {}},
    } | changes


def config_body(**changes: Any) -> dict[str, Any]:
    return create_body(triggerConfig={"basePayload": {}} | changes)


def details(schema: ZodType, values: dict[str, str]) -> str:
    return render_json(list(issues_of(schema, values))).decode()


def test_every_profile_has_its_bodies() -> None:
    assert list(BODIES) == list(PROFILES)


def test_a_valid_create_is_parsed() -> None:
    body = create_body(
        externalId="\ufeff chat:7 ",
        expiresAt="2026-02-30",
        unknown=1,
        metadata={"__proto__": 1, "a": {"__proto__": 2}},
        triggerConfig={
            "basePayload": {"x": [None], "__proto__": 1},
            "unknown": 1,
            "maxAttempts": 3,
        },
    )
    assert FIRST[StartBody].safe_parse(body) == {
        "type": "chat",
        "externalId": "chat:7",
        "taskIdentifier": "agent",
        "triggerConfig": {"basePayload": {"x": [None]}, "maxAttempts": 3},
        "metadata": {"a": {"__proto__": 2}},
        "expiresAt": 1772409600000,
    }


def test_a_body_that_is_no_object_is_named_by_its_type() -> None:
    expected = {"array": [], "string": "a", "number": 5, "boolean": True, "null": None}
    for kind, body in expected.items():
        assert problems(FIRST[StartBody], body) == f"Expected object, received {kind}"


def test_all_issues_are_listed_in_the_order_of_the_schema() -> None:
    assert problems(FIRST[StartBody], {"expiresAt": "never", "tags": [1], "triggerConfig": {}}) == (
        'Required at "type"; Required at "taskIdentifier"; '
        'Required at "triggerConfig.basePayload"; '
        'Expected string, received number at "tags[0]"; Invalid date at "expiresAt"'
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": ""}, 'String must contain at least 1 character(s) at "type"'),
        ({"type": "t" * 64}, ""),
        ({"type": "t" * 65}, 'String must contain at most 64 character(s) at "type"'),
        ({"type": "💬" * 32}, ""),
        ({"type": "💬" * 32 + "t"}, 'String must contain at most 64 character(s) at "type"'),
        ({"type": " "}, ""),
        ({"type": None}, 'Expected string, received null at "type"'),
        (
            {"taskIdentifier": "t" * 129},
            'String must contain at most 128 character(s) at "taskIdentifier"',
        ),
        ({"externalId": "  "}, 'String must contain at least 1 character(s) at "externalId"'),
        ({"externalId": "x" * 256 + " "}, ""),
        (
            {"externalId": "x" * 257},
            'String must contain at most 256 character(s) at "externalId"',
        ),
        ({"externalId": " session_7"}, f'{RESERVED} at "externalId"'),
        ({"externalId": "Session_7"}, ""),
        (
            {"externalId": "session_" + "x" * 257},
            (
                'String must contain at most 256 character(s) at "externalId"; '
                f'{RESERVED} at "externalId"'
            ),
        ),
        ({"externalId": None}, 'Expected string, received null at "externalId"'),
        ({"tags": ["", "a", "a"]}, ""),
        ({"tags": ["t"] * 10}, ""),
        ({"tags": ["t"] * 11}, 'Array must contain at most 10 element(s) at "tags"'),
        (
            {"tags": ["t"] * 10 + ["t" * 129]},
            (
                'Array must contain at most 10 element(s) at "tags"; '
                'String must contain at most 128 character(s) at "tags[10]"'
            ),
        ),
        ({"tags": None}, 'Expected array, received null at "tags"'),
        ({"metadata": []}, 'Expected object, received array at "metadata"'),
        ({"metadata": None}, 'Expected object, received null at "metadata"'),
        ({"expiresAt": None}, ""),
        ({"expiresAt": {}}, 'Invalid date at "expiresAt"'),
    ],
)
def test_a_create_is_held_to_its_limits(changes: dict[str, Any], problem: str) -> None:
    assert problems(FIRST[StartBody], create_body(**changes)) == problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"basePayload": [1]}, "Expected object, received array at .basePayload"),
        ({"machine": "micro"}, ""),
        (
            {"machine": "huge"},
            f"Invalid enum value. Expected {MACHINES}, received 'huge' at .machine",
        ),
        ({"machine": 1}, f"Expected {MACHINES}, received number at .machine"),
        ({"queue": ""}, ""),
        ({"queue": "q" * 129}, "String must contain at most 128 character(s) at .queue"),
        ({"tags": ["t"] * 6}, "Array must contain at most 5 element(s) at .tags"),
        ({"maxAttempts": 0}, "Number must be greater than 0 at .maxAttempts"),
        ({"maxAttempts": 11}, "Number must be less than or equal to 10 at .maxAttempts"),
        ({"maxAttempts": 1.5}, "Expected integer, received float at .maxAttempts"),
        (
            {"maxAttempts": 10.5},
            (
                "Expected integer, received float at .maxAttempts; "
                "Number must be less than or equal to 10 at .maxAttempts"
            ),
        ),
        ({"maxAttempts": True}, "Expected number, received boolean at .maxAttempts"),
        ({"maxAttempts": "3"}, "Expected number, received string at .maxAttempts"),
        ({"maxDuration": 10**15}, ""),
        ({"maxDuration": -1}, "Number must be greater than 0 at .maxDuration"),
        ({"lockToVersion": 1}, "Expected string, received number at .lockToVersion"),
        ({"region": None}, "Expected string, received null at .region"),
        ({"idleTimeoutInSeconds": 3600}, ""),
        (
            {"idleTimeoutInSeconds": 3601},
            "Number must be less than or equal to 3600 at .idleTimeoutInSeconds",
        ),
    ],
)
def test_a_trigger_config_is_held_to_its_limits(changes: dict[str, Any], problem: str) -> None:
    found = problems(FIRST[StartBody], config_body(**changes))
    assert found.replace('"triggerConfig', "").replace('"', "") == problem


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, ""),
        ({"metadata": None, "externalId": None, "x": 1}, ""),
        ({"tags": None}, 'Expected array, received null at "tags"'),
        (
            {"externalId": 1},
            (
                'Invalid literal value, expected null at "externalId", '
                'or Expected string, received number at "externalId"'
            ),
        ),
        ({"externalId": ""}, 'String must contain at least 1 character(s) at "externalId"'),
        ({"externalId": "session_7"}, f'{RESERVED} at "externalId"'),
    ],
)
def test_an_update_is_held_to_its_limits(body: dict[str, Any], problem: str) -> None:
    assert problems(FIRST[UpdateBody], body) == problem


def test_an_update_keeps_null_and_absent_apart() -> None:
    assert FIRST[UpdateBody].safe_parse({"metadata": None}) == {"metadata": None}
    assert FIRST[UpdateBody].safe_parse({"externalId": " a "}) == {"externalId": "a"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"reason": ""}, ""),
        ({"reason": "r" * 257}, 'String must contain at most 256 character(s) at "reason"'),
        ({"reason": None}, 'Expected string, received null at "reason"'),
    ],
)
def test_a_close_is_held_to_its_limits(body: dict[str, Any], problem: str) -> None:
    assert problems(FIRST[CloseBody], body) == problem


def test_an_end_and_continue_needs_its_run_and_a_reason() -> None:
    schema = FIRST[EndAndContinueBody]
    assert problems(schema, {}) == 'Required at "callingRunId"; Required at "reason"'
    assert problems(schema, {"callingRunId": "", "reason": ""}) == ""
    assert problems(schema, {"callingRunId": "run_1", "reason": "r" * 65}) == (
        'String must contain at most 64 character(s) at "reason"'
    )


def test_no_more_than_99_issues_are_told() -> None:
    assert problems(FIRST[UpdateBody], {"tags": [1] * 120}).count("received number") == 98


NEWER_FIELDS = {
    "concurrency": ["a", "b"],
    "concurrencyKey": 7,
    "externalDeploymentId": " v1 ",
    "ttl": 60,
}


def test_the_first_profile_drops_fields_that_came_later() -> None:
    parsed = FIRST[StartBody].safe_parse(config_body(**NEWER_FIELDS))
    assert parsed["triggerConfig"] == {"basePayload": {}}
    assert FIRST[CloseBody].safe_parse({"callingRunId": "run_1"}) == {}


def test_the_newer_profile_takes_them() -> None:
    parsed = NEWER[StartBody].safe_parse(config_body(**NEWER_FIELDS, tags=["t"] * 10))
    assert parsed["triggerConfig"] == {
        "basePayload": {},
        "concurrency": ["a", "b"],
        "concurrencyKey": "7",
        "tags": ["t"] * 10,
        "externalDeploymentId": "v1",
        "ttl": 60,
    }
    assert NEWER[CloseBody].safe_parse({"callingRunId": "run_1"}) == {"callingRunId": "run_1"}
    body = {"callingRunId": "run_1", "reason": "upgrade", "externalDeploymentId": None}
    assert NEWER[EndAndContinueBody].safe_parse(body) == {
        "callingRunId": "run_1",
        "reason": "upgrade",
    }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tags": ["t"] * 11}, "Array must contain at most 10 element(s) at .tags"),
        (
            {"concurrency": ["a", "b", "c"]},
            "Array must contain at most 2 element(s) at .concurrency",
        ),
        (
            {"concurrency": ["a b"]},
            (
                "Concurrency limit names are 1-122 characters using only letters, numbers, underscores "
                "and hyphens at .concurrency[0]"
            ),
        ),
        (
            {"concurrencyKey": True},
            (
                "Expected string, received boolean at .concurrencyKey, "
                "or Expected number, received boolean at .concurrencyKey"
            ),
        ),
        ({"externalDeploymentId": "  "}, ""),
        (
            {"externalDeploymentId": "v" * 129},
            "externalId must be at most 128 characters at .externalDeploymentId",
        ),
        (
            {"externalDeploymentId": 1},
            "Expected string, received number at .externalDeploymentId",
        ),
        ({"ttl": "10m"}, ""),
        ({"ttl": 0}, ""),
        ({"ttl": -1}, "Number must be greater than or equal to 0 at .ttl"),
    ],
)
def test_the_newer_fields_are_held_to_their_limits(changes: dict[str, Any], problem: str) -> None:
    found = problems(NEWER[StartBody], config_body(**changes))
    assert found.replace('"triggerConfig', "").replace('"', "") == problem


def test_the_list_query_has_defaults_and_ignores_other_names() -> None:
    assert LIST_QUERY.safe_parse({"filter[status][]": "ACTIVE"}) == {"page[size]": 20}


def test_the_list_query_reads_numbers_as_javascript_does() -> None:
    parsed = LIST_QUERY.safe_parse({"page[size]": " 0x10 ", "filter[createdAt][to]": ""})
    assert parsed == {"page[size]": 16, "filter[createdAt][to]": 0}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            {"page[size]": ""},
            (
                '[{"code":"too_small","minimum":1,"type":"number","inclusive":true,"exact":false,'
                '"message":"Number must be greater than or equal to 1","path":["page[size]"]}]'
            ),
        ),
        (
            {"page[size]": "101"},
            (
                '[{"code":"too_big","maximum":100,"type":"number","inclusive":true,"exact":false,'
                '"message":"Number must be less than or equal to 100","path":["page[size]"]}]'
            ),
        ),
        (
            {"filter[createdAt][from]": "2026-01-01"},
            (
                '[{"code":"invalid_type","expected":"number","received":"nan",'
                '"path":["filter[createdAt][from]"],"message":"Expected number, received nan"}]'
            ),
        ),
        (
            {"filter[createdAt][to]": "1.5"},
            (
                '[{"code":"invalid_type","expected":"integer","received":"float",'
                '"message":"Expected integer, received float","path":["filter[createdAt][to]"]}]'
            ),
        ),
        (
            {"page[after]": "a", "page[before]": "b"},
            (
                '[{"code":"custom",'
                '"message":"Cannot pass both page[after] and page[before] on the same request",'
                '"path":["page[before]"]}]'
            ),
        ),
        (
            {"filter[status]": "ACTIVE,CLOSED"},
            (
                '[{"code":"invalid_union","unionErrors":[{"issues":[{"received":"ACTIVE,CLOSED",'
                '"code":"invalid_enum_value","options":["ACTIVE","CLOSED","EXPIRED"],'
                '"path":["filter[status]"],"message":"Invalid enum value. '
                "Expected 'ACTIVE' | 'CLOSED' | 'EXPIRED', received 'ACTIVE,CLOSED'\"}],"
                '"name":"ZodError"},{"issues":[{"code":"invalid_type","expected":"array",'
                '"received":"string","path":["filter[status]"],'
                '"message":"Expected array, received string"}],"name":"ZodError"}],'
                '"path":["filter[status]"],"message":"Invalid input"}]'
            ),
        ),
    ],
)
def test_query_details_are_written_to_the_letter(query: dict[str, str], expected: str) -> None:
    assert details(LIST_QUERY, query) == expected


def test_both_cursors_are_reported_beside_a_broken_bound_but_not_beside_a_wrong_type() -> None:
    both = {"page[after]": "a", "page[before]": "b"}
    assert len(issues_of(LIST_QUERY, {**both, "page[size]": "0"})) == 2
    assert len(issues_of(LIST_QUERY, {**both, "page[size]": "x"})) == 1
    assert issues_of(LIST_QUERY, {**both, "page[before]": ""}) == ()


def test_records_are_asked_for_after_a_whole_number() -> None:
    assert RECORDS_QUERY.safe_parse({"afterEventId": "007"}) == {"afterEventId": "007"}
    for text in ("", "-1", "1.0", "7\n", "٣"):
        assert details(RECORDS_QUERY, {"afterEventId": text}) == (
            '[{"validation":"regex","code":"invalid_string","message":"Invalid",'
            '"path":["afterEventId"]}]'
        )


def test_a_channel_is_in_or_out() -> None:
    assert issues_of(CHANNEL_PARAMS, {"session": "", "io": "in"}) == ()
    assert details(CHANNEL_PARAMS, {"session": "s", "io": "In"}) == (
        '[{"received":"In","code":"invalid_enum_value","options":["out","in"],"path":["io"],'
        "\"message\":\"Invalid enum value. Expected 'out' | 'in', received 'In'\"}]"
    )
