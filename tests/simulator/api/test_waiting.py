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


def look(lab: ApiLab, waitpoint_id: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.json("GET", f"/api/v1/waitpoints/tokens/{waitpoint_id}")
    return found


def register(lab: ApiLab, **fields: Any) -> str:
    made: str = lab.json("POST", wait_path(lab), WAITED_FOR | fields)["waitpointId"]
    return made


def send(lab: ApiLab, text: str, io: str = "in", **headers: str) -> None:
    assert lab.ask("POST", f"/realtime/v1/sessions/chat/{io}/append", text, **headers).status == 200


def test_the_next_append_to_its_channel_completes_a_waitpoint(lab: ApiLab) -> None:
    first, second = register(lab, tags="a"), register(lab, io="out", tags=["a", "b"])
    found = look(lab, first)
    assert (found["status"], found["tags"]) == ("WAITING", ["a"])
    assert not {"output", "completedAt", "timeoutAt", "idempotencyKey"} & set(found)
    lab.world.clock.advance("5s")
    send(lab, "hello")
    send(lab, "again")
    found = look(lab, first)
    assert (found["status"], found["output"], found["outputType"]) == (
        "COMPLETED",
        "hello",
        "application/json",
    )
    assert found["completedAt"] == "2026-01-01T00:00:05.000Z"
    assert look(lab, second)["status"] == "WAITING"
    send(lab, "told", "out")
    assert look(lab, second)["output"] == "told"


def test_a_record_that_the_run_has_not_seen_completes_at_once(lab: ApiLab) -> None:
    wait_path(lab)
    for text in ("a", "b", "c"):
        send(lab, text)
    found = [
        look(lab, register(lab, **seen)) for seen in ({}, {"lastSeqNum": 0}, {"lastSeqNum": 2})
    ]
    assert [each.get("output") for each in found] == ["a", "b", None]
    huge = [register(lab, lastSeqNum=number) for number in (1e308, -1e308)]
    assert [look(lab, each)["status"] for each in huge] == ["WAITING", "COMPLETED"]


def test_a_repeated_part_wakes_with_the_repeated_text(lab: ApiLab) -> None:
    wait_path(lab)
    send(lab, "one", x_part_id="p")
    waiting = register(lab, lastSeqNum=0)
    send(lab, "two", x_part_id="p")
    assert look(lab, waiting)["output"] == "two"


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [("10s", 10), ("1m30s", 90), ("2026-01-01T00:00:20Z", 20), ("1h", 3600), ("1w", 604_800)],
)
def test_a_wait_ends_in_the_worlds_time(lab: ApiLab, timeout: str, seconds: int) -> None:
    waiting = register(lab, timeout=timeout)
    lab.world.clock.advance(f"{seconds}s")
    lab.world.restore(Snapshot.from_json(lab.world.snapshot().to_json()))
    found = look(lab, waiting)
    assert (found["status"], "output" in found) == ("TIMED_OUT", False)
    send(lab, "late")
    assert look(lab, waiting)["status"] == "TIMED_OUT"
    on_time = register(lab, lastSeqNum=0, timeout="10s")
    lab.world.clock.advance("9999ms")
    send(lab, "soon")
    assert look(lab, on_time)["output"] == "soon"


@pytest.mark.parametrize("timeout", ["", "soon", "0s", "2020-01-01", "1x", "-5s"])
def test_a_timeout_that_does_not_read_or_is_past_is_none(lab: ApiLab, timeout: str) -> None:
    waiting = register(lab, timeout=timeout)
    assert "timeoutAt" not in look(lab, waiting)
    lab.world.clock.advance("6d")
    assert look(lab, waiting)["status"] == "WAITING"


def test_nobody_listens_for_longer_than_seven_days(lab: ApiLab) -> None:
    waiting = register(lab)
    lab.world.clock.advance("7d")
    send(lab, "late")
    assert look(lab, waiting)["status"] == "WAITING"


def test_a_run_blocks_on_its_waitpoint_complete_or_not(lab: ApiLab) -> None:
    waiting = register(lab)
    run_id = lab.start("chat")["runId"]
    path = f"/engine/v1/runs/{run_id}/waitpoints/tokens"
    assert lab.json("POST", f"{path}/{waiting}/wait") == {"success": True}
    assert refusal(lab.ask("POST", f"{path}/waitpoint_x/wait")) == (404, "Waitpoint not found")
    nobody = f"/engine/v1/runs/run_x/waitpoints/tokens/{waiting}/wait"
    assert refusal(lab.ask("POST", nobody)) == (404, "Run not found")
    other = lab.ask("GET", f"/api/v1/waitpoints/tokens/{waiting}", key="tr_stg_example")
    assert refusal(other) == (404, "Not found")
    assert lab.ask("POST", f"{path}/{waiting}/wait", key=lab.token("admin")).status == 401


def test_waitpoints_are_part_of_the_world(lab: ApiLab) -> None:
    waiting = register(lab, timeout="1h", idempotencyKey="k", tags=["t"])
    digest, fork = lab.world.digest(), lab.world.fork()
    assert fork.digest() == digest
    send(lab, "x")
    assert fork.digest() == digest != lab.world.digest()
    found = fork.waitpoint(waiting)
    assert found is not None
    assert found.status(fork.now) == "WAITING"
    fork.append("chat", "y")
    assert getattr(fork.waitpoint(waiting), "output", None) == "y"
