from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import pytest

from session_lab.wire import RetrievedRun, RunPage, RunRow
from session_lab.wire.run.run_status import (
    CURRENT_STATUSES,
    FINAL_INTERNAL_STATUSES,
    FINAL_STATUSES,
    OLD_STATUSES,
    InternalRunStatus,
    RunStatus,
)

COMMON: dict[str, Any] = {
    "id": "run_1",
    "status": "EXECUTING",
    "taskIdentifier": "support",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:01.000Z",
    "tags": ["chat:chat-1"],
    "costInCents": 0.25,
    "baseCostInCents": 0,
    "durationMs": 1000,
    "depth": 0,
    "isTest": False,
    "isQueued": False,
    "isExecuting": True,
    "isWaiting": False,
    "isCompleted": False,
    "isSuccess": False,
    "isFailed": False,
    "isCancelled": False,
}
ROW = {**COMMON, "env": {"id": "env_1", "name": "prod"}, "taskKind": "AGENT"}
RETRIEVED = {
    **COMMON,
    "payload": {"sessionId": "session_1", "previousRunId": "run_0"},
    "attemptCount": 1,
    "attempts": [],
    "triggerFunction": "trigger",
    "relatedRuns": {"children": []},
}


def test_every_stored_status_has_a_current_and_an_old_name():
    stored = set(get_args(InternalRunStatus))

    assert set(CURRENT_STATUSES) == stored
    assert set(OLD_STATUSES) == stored
    assert set(CURRENT_STATUSES.values()) == set(get_args(RunStatus))


def test_a_current_name_is_either_final_or_not():
    live = {CURRENT_STATUSES[name] for name in set(OLD_STATUSES) - FINAL_INTERNAL_STATUSES}

    assert not live & FINAL_STATUSES
    assert live | FINAL_STATUSES == set(get_args(RunStatus))


def test_a_suspended_run_is_alive():
    assert CURRENT_STATUSES["WAITING_TO_RESUME"] == "WAITING"
    assert "WAITING" not in FINAL_STATUSES


def test_the_tables_load_without_pydantic():
    code = "import sys, session_lab.wire.run.run_status; print('pydantic' in sys.modules)"
    # Without the package's front page, which may load other rooms.
    bare = (
        "import sys, types; root = types.ModuleType('session_lab');"
        f"root.__path__ = {__import__('session_lab').__path__!r};"
        f"sys.modules['session_lab'] = root; {code}"
    )
    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_run_row_reads_in_snake_case_and_writes_back_what_came():
    row = RunRow.model_validate(ROW)

    assert row.env.name == "prod"
    assert row.cost_in_cents == 0.25
    assert row.finished_at is None
    assert row.model_dump(mode="json", by_alias=True, exclude_unset=True) == ROW


def test_a_retrieved_run_has_its_payload():
    run = RetrievedRun.model_validate(RETRIEVED)

    assert run.payload["previousRunId"] == "run_0"
    assert run.related_runs.children == []
    assert run.model_dump(mode="json", by_alias=True, exclude_unset=True) == RETRIEVED


@pytest.mark.parametrize(
    ("status", "final"),
    [("EXECUTING", False), ("EXPIRED", True), ("TIMED_OUT", True), ("HIBERNATING", False)],
)
def test_a_run_is_final_by_its_status_and_not_by_the_flags(status: str, final: object):
    run = RunRow.model_validate({**ROW, "status": status, "isCompleted": False})

    assert run.status == status
    assert run.is_final is final


def test_a_page_of_runs_reads_its_rows():
    page = RunPage.model_validate({"data": [ROW], "pagination": {"previous": "p"}})

    assert page.data[0].id == "run_1"
    assert page.pagination.previous == "p"
