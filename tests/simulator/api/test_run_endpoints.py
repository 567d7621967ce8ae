"""The list of runs, one run, and its cancelling, as requests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from session_lab.simulator import Platform, RunPolicy
from session_lab.wire import RetrievedRun, RunPage
from session_lab.wire.run.run_status import CURRENT_STATUSES, FINAL_INTERNAL_STATUSES, OLD_STATUSES
from tests.api_lab import FORBIDDEN, ApiLab, refusal

RUNS = "/api/v1/runs"
CURRENT = {"x_trigger_api_version": "2025-07-16"}
DAY = 86_400_000


@pytest.fixture
def lab() -> ApiLab:
    return ApiLab()


def start(lab: ApiLab, name: str, task: str = "agent", **config: Any) -> str:
    session = lab.start(
        name, taskIdentifier=task, triggerConfig={"basePayload": {"name": name}, **config}
    )
    lab.world.clock.advance("1s")
    return str(session["runId"])


def listed(lab: ApiLab, **options: Any) -> str:
    """Show a page by the names of the sessions."""
    return shown(lab, lab.json("GET", RUNS, **options))


def shown(lab: ApiLab, page: Any) -> str:
    records = [lab.world.run(row["id"]) for row in page["data"]]
    return " ".join(record.payload["name"] for record in records if record is not None)


# One run


def test_a_run_is_shown_with_what_it_was_given(lab: ApiLab) -> None:
    run_id = start(lab, "a", tags=["z", "chat:a", " "], region="eu", lockToVersion="v1")
    body = lab.json("GET", f"/api/v3/runs/{run_id}", **CURRENT)
    assert RetrievedRun.model_validate(body).tags == ["chat:a", "z"]
    assert body == {
        "id": run_id,
        "status": "QUEUED",
        "taskIdentifier": "agent",
        "version": "v1",
        "region": "eu",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "isTest": False,
        "tags": ["chat:a", "z"],
        "costInCents": 0,
        "baseCostInCents": 0,
        "durationMs": 0,
        "depth": 0,
        "isQueued": True,
        "isExecuting": False,
        "isWaiting": False,
        "isCompleted": False,
        "isSuccess": False,
        "isFailed": False,
        "isCancelled": False,
        "payload": {"name": "a", "sessionId": lab.json("GET", "/api/v1/sessions/a")["id"]},
        "attemptCount": 0,
        "attempts": [],
        "triggerFunction": "trigger",
        "relatedRuns": {"children": []},
    }


@pytest.mark.parametrize("status", sorted(CURRENT_STATUSES))
def test_the_asked_version_decides_how_statuses_are_called(lab: ApiLab, status: str) -> None:
    run_id = start(lab, "a")
    lab.world.set_run_status(run_id, status)
    path = f"/api/v3/runs/{run_id}"
    assert lab.json("GET", path, **CURRENT)["status"] == CURRENT_STATUSES[status]
    old = lab.json("GET", path, x_trigger_api_version="2025-07-17")
    assert old["status"] == OLD_STATUSES[status]
    assert ("finishedAt" in old) is (status in FINAL_INTERNAL_STATUSES)
    assert ("expiredAt" in old) is (status == "EXPIRED")


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ("PENDING_VERSION", {"isQueued"}),
        ("DEQUEUED", {"isExecuting"}),
        ("WAITING_TO_RESUME", {"isWaiting"}),
        ("COMPLETED_SUCCESSFULLY", {"isCompleted", "isSuccess"}),
        ("CRASHED", {"isCompleted", "isFailed"}),
        ("CANCELED", {"isCompleted", "isFailed", "isCancelled"}),
        ("EXPIRED", set()),
        ("TIMED_OUT", set()),
    ],
)
def test_flags_follow_the_status(lab: ApiLab, status: str, flags: set[str]) -> None:
    run_id = start(lab, "a")
    lab.world.set_run_status(run_id, status)
    body = lab.json("GET", f"/api/v3/runs/{run_id}", **CURRENT)
    assert {name for name, value in body.items() if name[:2] == "is" and value is True} == flags


def test_a_run_under_a_policy_shows_when_it_started_and_ended() -> None:
    policy = RunPolicy(idle_timeout="10s", turn_timeout="20s")
    platform = Platform(boot_time="2s", turn_duration="5s")
    lab = ApiLab(policy=policy, platform=platform)
    config = {"basePayload": {"message": "hi"}}
    run_id = lab.start("a", triggerConfig=config)["runId"]
    path = f"/api/v3/runs/{run_id}"
    assert "startedAt" not in lab.json("GET", path)
    lab.world.clock.advance("3s")
    assert lab.json("GET", path)["startedAt"] == "2026-01-01T00:00:02.000Z"
    lab.world.clock.advance("1h")
    ended = lab.json("GET", path, **CURRENT)
    assert (ended["status"], ended["durationMs"]) == ("COMPLETED", 15_000)
    assert ended["finishedAt"] == ended["updatedAt"] == "2026-01-01T00:00:37.000Z"


def test_an_unknown_run_is_worth_another_try(lab: ApiLab) -> None:
    response = lab.ask("GET", "/api/v3/runs/run_none")
    assert refusal(response) == (404, "Not found")
    assert response.headers["x-should-retry"] == "true"


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("read:runs", 200),
        ("read:runs:{run}", 200),
        ("read:tasks:agent", 200),
        ("read:tags:chat:a", 200),
        ("read:sessions", 403),
        ("read:tags:other", 403),
        ("write:runs", 403),
    ],
)
def test_a_run_can_be_read_by_its_id_its_task_or_a_tag(
    lab: ApiLab, scope: str, status: int
) -> None:
    run_id = start(lab, "a", tags=["chat:a"])
    token = lab.token(scope.format(run=run_id))
    assert lab.ask("GET", f"/api/v3/runs/{run_id}", key=token).status == status


# Cancelling


def test_a_cancelled_run_is_dead_and_stays_as_it_is(lab: ApiLab) -> None:
    run_id = start(lab, "a")
    path = f"/api/v2/runs/{run_id}/cancel"
    assert lab.json("POST", path) == {"id": run_id}
    before = lab.world.run(run_id)
    assert before is not None
    assert (before.run.status, before.run.end_cause) == ("CANCELED", "cancelled")
    lab.world.clock.advance("1s")
    assert lab.json("POST", path) == {"id": run_id}
    assert lab.world.run(run_id) == before


def test_a_run_that_has_ended_is_not_cancelled(lab: ApiLab) -> None:
    run_id = start(lab, "a")
    lab.world.set_run_status(run_id, "CRASHED")
    assert lab.ask("POST", f"/api/v2/runs/{run_id}/cancel").status == 200
    assert lab.json("GET", f"/api/v3/runs/{run_id}")["status"] == "CRASHED"


def test_cancelling_needs_a_scope_that_writes_the_run(lab: ApiLab) -> None:
    run_id = start(lab, "a")
    path = f"/api/v2/runs/{run_id}/cancel"
    assert refusal(lab.ask("POST", path, key=lab.token("write:sessions"))) == (403, FORBIDDEN)
    response = lab.ask("POST", path, key=lab.token(f"write:runs:{run_id}"))
    assert response.status == 200
    assert "access-control-expose-headers" not in response.headers


# The list


def test_the_newest_runs_come_first_and_rows_have_no_payload(lab: ApiLab) -> None:
    for name in "abc":
        start(lab, name)
    page = lab.json("GET", RUNS, **CURRENT)
    assert shown(lab, page) == "c b a"
    assert (page["data"][0]["env"], "payload" in page["data"][0]) == (
        {"id": "env_lab", "name": "prod"},
        False,
    )
    assert len(RunPage.model_validate(page).data) == 3
    assert page["pagination"] == {}


def test_pages_can_be_walked_in_both_directions(lab: ApiLab) -> None:
    for name in "abcdefg":
        start(lab, name)

    def page(**cursor: str) -> tuple[str, dict[str, str]]:
        query = {f"page[{name}]": value for name, value in cursor.items()}
        body = lab.json("GET", RUNS, query={"page[size]": "3"} | query)
        return shown(lab, body), body["pagination"]

    first, cursors = page()
    assert (first, set(cursors)) == ("g f e", {"next"})
    second, cursors = page(after=cursors["next"])
    assert (second, set(cursors)) == ("d c b", {"next", "previous"})
    third, last = page(after=cursors["next"])
    assert (third, set(last)) == ("a", {"previous"})
    assert page(before=last["previous"]) == (second, cursors)
    back, newest = page(before=cursors["previous"])
    assert (back, set(newest)) == ("g f e", {"next"})
    short, cursors = page(before=newest["next"])
    assert (short, set(cursors)) == ("g f", {"next"})
    assert page(before=last["previous"], after=cursors["next"])[0] == second


def test_a_cursor_holds_an_instant_and_an_id(lab: ApiLab) -> None:
    run_id = start(lab, "a")
    start(lab, "b")
    query = {"page[size]": "1", "page[after]": ""}
    cursor = lab.json("GET", RUNS, query=query)["pagination"]["next"]
    place = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert set(place) == {"c", "r"}
    assert not place["r"].startswith("run_")
    after = {"page[after]": cursor}
    assert lab.json("GET", RUNS, query=after)["data"][0]["id"] == run_id
    assert listed(lab, query={"page[after]": "no cursor"}) == "b a"


def test_without_a_time_filter_the_list_looks_back_seven_days(lab: ApiLab) -> None:
    start(lab, "old")
    lab.world.clock.advance_to(lab.world.now + 7 * DAY - 2000)
    start(lab, "new")
    assert listed(lab) == "new old"
    lab.world.clock.advance("1s")
    assert listed(lab) == "new"
    for query in (
        {"filter[createdAt][period]": "30d"},
        {"filter[createdAt][from]": "1"},
        {"filter[createdAt][from]": "2026-01-01"},
        {"filter[createdAt][to]": "2030-01-01T00:00:00Z"},
    ):
        assert listed(lab, query=query) == "new old"
    assert listed(lab, query={"filter[createdAt][from]": "0"}) == "new"


def test_bounds_are_inclusive_and_a_period_overrules_them(lab: ApiLab) -> None:
    first = lab.world.now
    for name in "abc":
        start(lab, name)
    bounds = {
        "filter[createdAt][from]": str(first + 1000),
        "filter[createdAt][to]": "2026-01-01T00:00:01Z",
    }
    assert listed(lab, query=bounds) == "b"
    assert listed(lab, query=bounds | {"filter[createdAt][period]": "2s"}) == "c b"
    assert listed(lab, query={"filter[createdAt][period]": "-1d"}) == ""


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"filter[tag]": "x"}, "b a"),
        ({"filter[tag]": "x,y"}, "c b a"),
        ({"filter[tag]": "x", "filter[taskIdentifier]": "other"}, "b"),
        ({"filter[taskIdentifier]": "agent,other"}, "c b a"),
        ({"filter[status]": "CRASHED"}, "a"),
        ({"filter[status]": "CRASHED,QUEUED"}, "b a"),
        ({"filter[status]": "WAITING"}, "c"),
        ({"filter[status]": "FROZEN"}, "c"),
        ({"filter[status]": ""}, "c b a"),
        ({"filter[version]": "v1"}, "a"),
        ({"filter[queue]": "slow,fast"}, "b"),
        ({"filter[region]": "eu"}, "c"),
        ({"filter[machine]": "micro"}, "c"),
        ({"filter[isTest]": "false"}, "c b a"),
        ({"filter[isTest]": "true"}, ""),
        ({"filter[batch]": "batch_1"}, ""),
        ({"filter[unknown]": "x"}, "c b a"),
        ({"page[size]": "2"}, "c b"),
    ],
)
def test_filters_take_any_of_several_values(lab: ApiLab, query: dict[str, str], names: str) -> None:
    crashed = start(lab, "a", tags=["x", "z"], lockToVersion="v1")
    start(lab, "b", task="other", tags=["x"], queue="slow")
    waiting = start(lab, "c", tags=["y"], region="eu", machine="micro")
    lab.world.set_run_status(crashed, "CRASHED")
    lab.world.set_run_status(waiting, "WAITING_TO_RESUME")
    assert listed(lab, query=query) == names


@pytest.mark.parametrize(
    ("query", "issue"),
    [
        (
            {"filter[status]": "QUEUED,DONE,x"},
            {
                "code": "custom",
                "message": "Invalid status values: DONE, x",
                "path": ["filter[status]"],
            },
        ),
        (
            {"filter[isTest]": "true,false"},
            {
                "code": "custom",
                "message": "Invalid value for isTest: true,false",
                "path": ["filter[isTest]"],
            },
        ),
        (
            {"filter[createdAt][from]": "tomorrow"},
            {
                "code": "invalid_date",
                "path": ["filter[createdAt][from]"],
                "message": "Invalid date",
            },
        ),
    ],
)
def test_a_bad_query_is_refused(lab: ApiLab, query: dict[str, str], issue: object) -> None:
    response = lab.ask("GET", RUNS, query=query)
    assert refusal(response) == (400, {"error": "Query Error", "details": [issue]})


@pytest.mark.parametrize("size", ["0", "101", "x"])
def test_a_page_has_one_to_a_hundred_rows(lab: ApiLab, size: str) -> None:
    assert lab.ask("GET", RUNS, query={"page[size]": size}).status == 400


@pytest.mark.parametrize(
    ("scopes", "tasks", "status"),
    [
        (["read:runs"], None, 200),
        (["read:tasks"], None, 200),
        (["read:sessions"], None, 403),
        (["read:tasks:a"], None, 403),
        (["read:tasks:a"], "a", 200),
        (["read:tasks:a"], "a,b", 403),
        (["read:tasks:a", "read:tasks:b"], "a,b", 200),
    ],
)
def test_a_list_needs_all_runs_or_every_task_that_is_asked_for(
    lab: ApiLab, scopes: list[str], tasks: str | None, status: int
) -> None:
    query = {} if tasks is None else {"filter[taskIdentifier]": tasks}
    assert lab.ask("GET", RUNS, query=query, key=lab.token(*scopes)).status == status


def test_runs_that_lost_their_claim_are_listed_as_cancelled(lab: ApiLab) -> None:
    first = start(lab, "a")
    other = start(lab, "b")
    body = {"callingRunId": other, "reason": "upgrade"}
    assert lab.json("POST", "/api/v1/sessions/a/end-and-continue", body)["runId"] == first
    cancelled = lab.json("GET", RUNS, query={"filter[status]": "CANCELED"})["data"]
    assert [row["isCancelled"] for row in cancelled] == [True]
    assert cancelled[0]["id"] not in {first, other}
