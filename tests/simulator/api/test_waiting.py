"""Runs that wait for a record: what they are given to wait on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from session_lab.simulator import Snapshot
from tests.api_lab import ApiLab, refusal

WAITED_FOR = {"session": "chat", "io": "in"}


@pytest.fixture
def lab() -> ApiLab:
    return ApiLab()


def wait_path(lab: ApiLab) -> str:
    return f"/api/v1/runs/{lab.start('chat')['runId']}/session-streams/wait"


def test_a_run_that_waits_is_given_a_waitpoint_of_its_own_each_time(lab: ApiLab) -> None:
    path = wait_path(lab)
    first, second = (lab.json("POST", path, WAITED_FOR) for _ in range(2))
    assert re.fullmatch("waitpoint_c[0-9a-z]{24}", first["waitpointId"])
    assert first["isCached"] is second["isCached"] is False
    assert first["waitpointId"] != second["waitpointId"]


@pytest.mark.parametrize(
    ("life", "how"), [("5s", "cached"), ("4s", "new"), ("soon", "cached"), ("", "cached")]
)
def test_an_idempotency_key_brings_the_same_waitpoint_while_it_lives(
    lab: ApiLab, life: str, how: str
) -> None:
    is_cached = how == "cached"
    path = wait_path(lab)
    keyed = WAITED_FOR | {"idempotencyKey": "k", "idempotencyKeyTTL": life}
    first = lab.json("POST", path, keyed)
    lab.world.clock.advance("5s")
    lab.world.restore(Snapshot.from_json(lab.world.snapshot().to_json()))
    again = lab.json("POST", path, keyed)
    assert again["isCached"] is is_cached
    assert (again["waitpointId"] == first["waitpointId"]) is is_cached
    assert lab.json("POST", path, keyed | {"idempotencyKey": "another"})["isCached"] is False


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"io": "both"}, 400, "Validation error: Invalid enum value. Expected 'out' | 'in', re"),
        ({"idempotencyKey": "k" * 2049}, 400, "Validation error: idempotencyKey must be 2048 ch"),
        ({"session": "session_missing"}, 404, "Session not found"),
        ({"tags": ["t"] * 11}, 422, "Waitpoints can only have 10 tags, you're trying to set 11."),
        ({"session": "\0"}, 500, "Something went wrong"),
    ],
    ids=["io", "key", "session", "tags", "storage"],
)
def test_a_wait_that_makes_no_sense_is_refused(
    lab: ApiLab, changed: dict[str, Any], status: int, error: str
) -> None:
    found = refusal(lab.ask("POST", wait_path(lab), WAITED_FOR | changed))
    assert found[0] == status
    assert found[1].startswith(error)


def test_a_run_can_wait_for_a_session_that_nobody_has_started_yet(lab: ApiLab) -> None:
    assert lab.ask("POST", wait_path(lab), WAITED_FOR | {"session": "later"}).status == 200


def test_waiting_is_for_runs_that_are_there_and_not_for_tokens(lab: ApiLab) -> None:
    path = "/api/v1/runs/run_x/session-streams/wait"
    assert refusal(lab.ask("POST", path, WAITED_FOR)) == (404, "Run not found")
    assert refusal(lab.ask("POST", path, {}, key=lab.token("admin"))) == (401, "Invalid API key")
    assert lab.ask("POST", path, {}, content_length="10241").status == 413
