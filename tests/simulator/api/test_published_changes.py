"""Which of the published changes the newest profile has, as the page on fidelity lists them."""

from __future__ import annotations

import pytest

from tests.api_lab import CREATE, ApiLab

SESSION = "/api/v1/sessions/chat"
CHAT = "/realtime/v1/sessions/chat"


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab("2026-10")
    lab.start("chat")
    return lab


def test_public_tokens_read_what_they_no_longer_may(lab: ApiLab):
    token = lab.token("read:sessions:chat")
    assert lab.ask("GET", f"{CHAT}/in/records", key=token).status == 200


@pytest.mark.parametrize("name", ["a:channels:b", "a:in", "a:out"])
def test_external_ids_are_taken_that_are_refused_by_now(lab: ApiLab, name: str):
    assert lab.ask("POST", "/api/v1/sessions", CREATE | {"externalId": name}).status == 201


@pytest.mark.parametrize("scope", ["write:tasks:agent", "write:sessions"])
def test_either_of_two_permissions_starts_a_session(lab: ApiLab, scope: str):
    assert lab.ask("POST", "/api/v1/sessions", CREATE, key=lab.token(scope)).status == 201


def test_a_close_wakes_nobody_and_says_nothing_on_the_channels(lab: ApiLab):
    run_id = lab.json("GET", SESSION)["currentRunId"]
    assert lab.ask("POST", f"{SESSION}/close", {"callingRunId": run_id}).status == 200
    for io in ("in", "out"):
        assert lab.json("GET", f"{CHAT}/{io}/records") == {"records": []}


def test_answers_have_no_pending_version(lab: ApiLab):
    started = lab.start("other")
    body = {"callingRunId": started["runId"], "reason": "upgrade", "externalDeploymentId": "d"}
    continued = lab.json("POST", "/api/v1/sessions/other/end-and-continue", body)
    assert "pendingVersion" not in started
    assert sorted(continued) == ["runId", "swapped"]


def test_refusals_are_worded_by_zod_3(lab: ApiLab):
    refused = lab.json("POST", "/api/v1/sessions", CREATE | {"type": ""})["error"]
    expected = 'Validation error: String must contain at least 1 character(s) at "type"'
    assert refused == expected


def test_no_server_makes_public_tokens(lab: ApiLab):
    body = {"scopes": ["read:runs"]}
    assert lab.ask("POST", "/api/v1/auth/public-tokens", body).status == 404
