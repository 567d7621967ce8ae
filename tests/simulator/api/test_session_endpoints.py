"""Create, list, retrieve, update, close and hand over, as requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session_lab.simulator.api.auth.tokens import unverified_claims, verified_claims
from tests.api_lab import CREATE, FORBIDDEN, KEY, LAB, ApiLab, refusal

SESSIONS = "/api/v1/sessions"
CHAT = f"{SESSIONS}/chat"
CLOSED = "Session is closed; use a different externalId to create a new session"
EXPIRED = "Session is expired; use a different externalId to create a new session"


@pytest.fixture(params=["2026-08", "2026-10"])
def lab(request: pytest.FixtureRequest) -> ApiLab:
    return ApiLab(request.param)


@pytest.fixture
def newer() -> ApiLab:
    return ApiLab("2026-10")


@pytest.fixture
def older() -> ApiLab:
    return ApiLab("2026-08")


def test_a_create_answers_with_the_session_its_run_and_a_token(lab: ApiLab) -> None:
    response = lab.ask(
        "POST", SESSIONS, CREATE | {"externalId": " chat ", "tags": ["a"], "metadata": {"n": 1.0}}
    )
    body = json.loads(response.body)
    token, session_id, run_id = (body.pop(name) for name in ("publicAccessToken", "id", "runId"))
    assert response.status == 201
    assert body == {
        "externalId": "chat",
        "type": "chat",
        "taskIdentifier": "agent",
        "triggerConfig": {"basePayload": {}},
        "currentRunId": run_id,
        "tags": ["a"],
        "metadata": {"n": 1},
        "closedAt": None,
        "closedReason": None,
        "expiresAt": None,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "isCached": False,
    }
    assert (session_id[:8], run_id[:4]) == ("session_", "run_")
    claims = verified_claims(token, KEY, lab.world.now)
    assert claims is not None
    assert (claims["sub"], claims["scopes"]) == (
        LAB.id,
        ["read:sessions:chat", "write:sessions:chat"],
    )


def test_the_token_of_a_session_without_a_name_goes_by_its_id(lab: ApiLab) -> None:
    body = lab.start()
    claims = unverified_claims(body["publicAccessToken"])
    assert claims is not None
    assert claims["scopes"][0] == f"read:sessions:{body['id']}"


def test_a_second_create_keeps_all_but_the_trigger_config(lab: ApiLab) -> None:
    first = lab.start("chat", tags=["a"])
    lab.world.clock.advance("1s")
    config = {"basePayload": {"n": 2}}
    response = lab.ask(
        "POST",
        SESSIONS,
        {"type": "x", "taskIdentifier": "y", "triggerConfig": config, "externalId": "chat"},
    )
    second = json.loads(response.body)
    assert (response.status, second["isCached"]) == (200, True)
    kept = ("id", "runId", "type", "taskIdentifier", "tags", "createdAt")
    assert {name: second[name] for name in kept} == {name: first[name] for name in kept}
    assert second["triggerConfig"] == config
    assert second["updatedAt"] == "2026-01-01T00:00:01.000Z"


def test_a_create_whose_expiry_is_past_spends_the_name(lab: ApiLab) -> None:
    body = CREATE | {"externalId": "chat", "expiresAt": None}
    assert refusal(lab.ask("POST", SESSIONS, body)) == (409, EXPIRED)
    shown = lab.json("GET", CHAT)
    assert (shown["expiresAt"], shown["currentRunId"]) == ("1970-01-01T00:00:00.000Z", None)
    assert refusal(lab.ask("POST", SESSIONS, CREATE | {"externalId": "chat"})) == (409, EXPIRED)


@pytest.mark.parametrize(("profile", "rewritten"), [("2026-08", True), ("2026-10", False)])
def test_a_refused_create_has_rewritten_the_trigger_config_in_the_older_profile(
    profile: str, *, rewritten: bool
) -> None:
    lab = ApiLab(profile)
    lab.start("chat")
    lab.ask("POST", f"{CHAT}/close", {})
    lab.world.clock.advance("1s")
    body = CREATE | {"externalId": "chat", "triggerConfig": {"basePayload": {"n": 2}}}
    assert refusal(lab.ask("POST", SESSIONS, body)) == (409, CLOSED)
    shown = lab.json("GET", CHAT)
    assert (shown["triggerConfig"]["basePayload"] == {"n": 2}) is rewritten
    assert (shown["updatedAt"] == "2026-01-01T00:00:01.000Z") is rewritten


@pytest.mark.parametrize(("fault", "status"), [("svc_error", 422), ("throw", 500)])
def test_a_run_that_cannot_be_triggered_leaves_the_session(
    lab: ApiLab, fault: str, status: int
) -> None:
    lab.world.trigger_fault = fault
    assert lab.ask("POST", SESSIONS, CREATE | {"externalId": "chat"}).status == status
    lab.world.trigger_fault = None
    again = lab.ask("POST", SESSIONS, CREATE | {"externalId": "chat"})
    assert again.status == 200
    run = lab.world.run(json.loads(again.body)["runId"])
    assert run is not None
    assert "continuation" not in run.payload


@pytest.mark.parametrize(
    "changes",
    [
        {"externalId": "a\0b"},
        {"tags": ["\ud800"]},
        {"metadata": {"\0": 1}},
        {"expiresAt": 8.64e15},
        {"triggerConfig": {"basePayload": {"deep": json.loads("[" * 130 + "]" * 130)}}},
    ],
)
def test_what_cannot_be_stored_fails_and_changes_nothing(
    lab: ApiLab, changes: dict[str, Any]
) -> None:
    response = lab.ask("POST", SESSIONS, CREATE | changes)
    assert refusal(response) == (500, "Something went wrong")
    assert list(lab.world.sessions) == []


def test_a_body_that_nests_beyond_all_bounds_fails_in_the_store(lab: ApiLab) -> None:
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    assert refusal(lab.ask("POST", SESSIONS, deep)) == (500, "Something went wrong")
    lab.start("chat")
    assert refusal(lab.ask("PATCH", CHAT, deep)) == (500, "Internal Server Error")


def test_an_expiry_in_the_distant_past_can_be_stored(lab: ApiLab) -> None:
    lab.ask("POST", SESSIONS, CREATE | {"externalId": "chat", "expiresAt": "0999-06-01"})
    assert lab.json("GET", CHAT)["expiresAt"] == "0999-06-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("profile", "n_tags", "status"),
    [("2026-08", 5, 201), ("2026-08", 6, 400), ("2026-10", 10, 201), ("2026-10", 11, 400)],
)
def test_how_many_tags_runs_can_have_depends_on_the_profile(
    profile: str, n_tags: int, status: int
) -> None:
    config = {"basePayload": {}, "tags": ["t"] * n_tags}
    body = CREATE | {"triggerConfig": config}
    assert ApiLab(profile).ask("POST", SESSIONS, body).status == status


def test_newer_fields_are_kept_in_the_newer_profile_only(older: ApiLab, newer: ApiLab) -> None:
    config = {
        "basePayload": {},
        "ttl": "1h",
        "concurrencyKey": 7,
        "concurrency": ["a"],
        "externalDeploymentId": "d",
    }
    kept = newer.start(triggerConfig=config)["triggerConfig"]
    assert kept == config | {"concurrencyKey": "7"}
    assert older.start(triggerConfig=config)["triggerConfig"] == {"basePayload": {}}


# Who may create


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("write:sessions", 201),
        ("write:tasks:agent", 201),
        ("admin", 201),
        ("write:sessions:chat", 403),
        ("write:tasks:other", 403),
        ("trigger:tasks:agent", 403),
    ],
)
def test_a_create_needs_all_sessions_or_its_task(lab: ApiLab, scope: str, status: int) -> None:
    body = CREATE | {"externalId": "chat"}
    assert lab.ask("POST", SESSIONS, body, key=lab.token(scope)).status == status


def test_the_task_in_the_body_counts_and_not_that_of_the_session(lab: ApiLab) -> None:
    lab.start("chat", taskIdentifier="secret")
    body = CREATE | {"externalId": "chat"}
    response = lab.ask("POST", SESSIONS, body, key=lab.token("write:tasks:agent"))
    assert (response.status, json.loads(response.body)["taskIdentifier"]) == (200, "secret")


def test_the_token_of_a_session_reads_and_hands_over_but_does_not_administer(lab: ApiLab) -> None:
    created = lab.start("chat")
    token, session_id = created["publicAccessToken"], created["id"]
    for name in ("chat", session_id):
        assert lab.ask("GET", f"{SESSIONS}/{name}", key=token).status == 200
        assert refusal(lab.ask("PATCH", f"{SESSIONS}/{name}", {}, key=token)) == (403, FORBIDDEN)
        assert lab.ask("POST", f"{SESSIONS}/{name}/close", {}, key=token).status == 403
    swap = {"callingRunId": created["runId"], "reason": "upgrade"}
    assert (
        lab.ask("POST", f"{SESSIONS}/{session_id}/end-and-continue", swap, key=token).status == 200
    )
    assert lab.ask("GET", SESSIONS, key=token).status == 403


def test_update_and_close_check_the_id_as_the_path_has_it(lab: ApiLab) -> None:
    session_id = lab.start("chat")["id"]
    token = lab.token("admin:sessions:chat")
    assert lab.ask("PATCH", CHAT, {}, key=token).status == 200
    assert lab.ask("PATCH", f"{SESSIONS}/{session_id}", {}, key=token).status == 403


# Lists


def test_a_list_has_the_newest_first_and_no_trigger_config(lab: ApiLab) -> None:
    for name in "abc":
        lab.start(name)
        lab.world.clock.advance("1s")
    page = lab.json("GET", SESSIONS, query={"page[size]": "2"})
    assert [row["externalId"] for row in page["data"]] == ["c", "b"]
    assert all("triggerConfig" not in row and row["currentRunId"] for row in page["data"])
    assert set(page["pagination"]) == {"next"}
    rest = lab.json("GET", SESSIONS, query={"page[after]": page["pagination"]["next"]})
    assert [row["externalId"] for row in rest["data"]] == ["a"]
    assert page["pagination"]["next"] == page["data"][1]["id"].removeprefix("session_")


def test_a_row_at_the_instant_of_its_expiry_is_neither_active_nor_expired(lab: ApiLab) -> None:
    lab.start("chat", expiresAt=lab.world.now)
    for status, listed in (("ACTIVE", 0), ("EXPIRED", 0), ("CLOSED", 0)):
        page = lab.json("GET", SESSIONS, query={"filter[status]": status})
        assert len(page["data"]) == listed
    assert len(lab.json("GET", SESSIONS)["data"]) == 1


def test_a_bound_that_the_store_cannot_read_fails(lab: ApiLab) -> None:
    response = lab.ask("GET", SESSIONS, query={"filter[createdAt][from]": "1e300"})
    assert refusal(response) == (500, "Internal Server Error")


def test_a_list_filtered_by_task_can_be_read_with_a_scope_for_that_task(lab: ApiLab) -> None:
    token = lab.token("read:tasks:agent")
    assert lab.ask("GET", SESSIONS, key=token).status == 403
    query = {"filter[taskIdentifier]": "agent"}
    assert lab.ask("GET", SESSIONS, query=query, key=token).status == 200


# Update and close


def test_an_update_replaces_and_an_empty_one_changes_nothing(lab: ApiLab) -> None:
    lab.start("chat", tags=["a"], metadata={"a": 1})
    lab.world.clock.advance("1s")
    assert lab.json("PATCH", CHAT, {"other": 1})["updatedAt"] == "2026-01-01T00:00:00.000Z"
    body = lab.json("PATCH", CHAT, {"metadata": None, "tags": [], "externalId": " chat "})
    assert (body["metadata"], body["tags"]) == (None, [])
    assert body["updatedAt"] == "2026-01-01T00:00:01.000Z"


@pytest.mark.parametrize("renamed", ["other", None])
def test_an_external_id_cannot_be_changed(lab: ApiLab, renamed: str | None) -> None:
    lab.start("chat")
    response = lab.ask("PATCH", CHAT, {"externalId": renamed, "tags": ["lost"]})
    assert response.status == 422
    assert lab.json("GET", CHAT)["tags"] == []


def test_a_change_that_cannot_be_stored_fails_only_where_it_would_be_stored(lab: ApiLab) -> None:
    lab.start("chat")
    bad = {"metadata": {"a": "\0"}}
    assert refusal(lab.ask("PATCH", CHAT, bad)) == (500, "Internal Server Error")
    assert lab.ask("PATCH", CHAT, bad | {"externalId": "other"}).status == 422
    assert lab.ask("PATCH", f"{SESSIONS}/none", bad).status == 404
    assert lab.ask("POST", f"{CHAT}/close", {"reason": "\0"}).status == 500
    assert lab.ask("POST", f"{CHAT}/close", {}).status == 200
    assert lab.ask("POST", f"{CHAT}/close", {"reason": "\0"}).status == 200


def test_a_name_that_cannot_be_stored_cannot_be_looked_up(lab: ApiLab) -> None:
    response = lab.ask("GET", f"{SESSIONS}/a%00b")
    assert refusal(response) == (500, "Internal Server Error")


def test_the_first_close_stays(lab: ApiLab) -> None:
    lab.start("chat")
    first = lab.json("POST", f"{CHAT}/close", {"reason": "done", "callingRunId": "run_x"})
    lab.world.clock.advance("1s")
    assert lab.json("POST", f"{CHAT}/close", {"reason": "again"}) == first
    assert (first["closedAt"], first["closedReason"]) == ("2026-01-01T00:00:00.000Z", "done")


# Hand-over, snapshots, waiting


def test_a_hand_over_by_the_current_run_swaps_it(lab: ApiLab) -> None:
    first = lab.start("chat")["runId"]
    body = {"callingRunId": first, "reason": "upgrade", "externalDeploymentId": "d"}
    swapped = lab.json("POST", f"{CHAT}/end-and-continue", body)
    assert swapped == {"runId": lab.json("GET", CHAT)["currentRunId"], "swapped": True}
    again = lab.json("POST", f"{CHAT}/end-and-continue", body)
    assert again == {"runId": swapped["runId"], "swapped": False}


def test_the_snapshot_of_a_chat_has_an_address_of_the_servers_own(lab: ApiLab) -> None:
    session_id = lab.start("chat")["id"]
    token = lab.token("read:sessions:chat", "write:sessions:chat")
    for method in ("GET", "PUT"):
        reply = lab.json(method, f"{CHAT}/snapshot-url", key=token, host="localhost:8787")
        path = f"http://localhost:8787/packets/{LAB.id}/sessions/{session_id}/snapshot.json?grant="
        assert reply["presignedUrl"].startswith(path)


def test_clients_can_ask_what_their_own_tokens_must_claim(lab: ApiLab) -> None:
    path = "/api/v1/auth/jwt/claims"
    assert lab.json("POST", path) == {"sub": LAB.id, "pub": True}
    assert lab.ask("POST", path, key=lab.token("admin")).status == 401
