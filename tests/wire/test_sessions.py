from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from session_lab.errors import DataError
from session_lab.wire import Session, SessionPage, SessionRow, StartedSession, TriggerConfig
from session_lab.wire.sessions import SwappedRun

ROW: dict[str, Any] = {
    "id": "session_1",
    "externalId": "chat-1",
    "type": "chat",
    "taskIdentifier": "support",
    "currentRunId": "run_1",
    "tags": ["b", "a", "b"],
    "metadata": {"plan": "pro", "deep": {"snake_case": None}},
    "closedAt": None,
    "closedReason": None,
    "expiresAt": "2026-02-01T00:00:00.000Z",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.001Z",
}
CONFIG = {"basePayload": {"a_b": 1}, "tags": ["x"], "idleTimeoutInSeconds": 30}
STARTED = {
    **ROW,
    "triggerConfig": CONFIG,
    "runId": "run_1",
    "publicAccessToken": "eyJh.eyJz.c2ln",
    "isCached": False,
}


def test_a_list_row_reads_in_snake_case_and_writes_back_what_came():
    row = SessionRow.model_validate(ROW)

    assert (row.external_id, row.current_run_id) == ("chat-1", "run_1")
    assert row.tags == ["b", "a", "b"]
    assert row.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert row.model_dump(mode="json", by_alias=True) == ROW


def test_a_session_has_a_trigger_config_and_writes_back_what_came():
    session = Session.model_validate({**ROW, "triggerConfig": CONFIG, "futureField": 1})

    assert session.trigger_config.idle_timeout_in_seconds == 30
    assert session.model_dump(mode="json", by_alias=True) == {
        **ROW,
        "triggerConfig": CONFIG,
        "futureField": 1,
    }


def test_a_trigger_config_from_a_newer_server_is_not_judged():
    config = TriggerConfig.model_validate(
        {"basePayload": {}, "machine": "gigantic", "tags": ["a"] * 50, "priority": 1}
    )

    assert config.machine == "gigantic"
    assert config.model_dump(by_alias=True)["priority"] == 1


def test_a_started_session_hides_its_token():
    started = StartedSession.model_validate(STARTED)

    assert started.public_access_token == STARTED["publicAccessToken"]
    assert "eyJh" not in repr(started)
    assert "eyJh" not in str(started)


@pytest.mark.parametrize("pending", [True, "20260101.1"])
def test_a_pending_version_is_read_where_there_is_one(pending: object):
    assert StartedSession.model_validate(STARTED).pending_version is None
    newer = StartedSession.model_validate({**STARTED, "pendingVersion": pending})
    assert newer.pending_version == pending
    swapped = {"runId": "run_2", "swapped": True, "pendingVersion": pending}
    assert SwappedRun.model_validate(swapped).pending_version == pending


def test_the_current_run_may_be_missing_altogether():
    row = {name: value for name, value in ROW.items() if name != "currentRunId"}

    assert SessionRow.model_validate(row).current_run_id is None


def test_a_session_without_a_required_field_is_refused():
    with pytest.raises(ValidationError, match="taskIdentifier"):
        SessionRow.model_validate({**ROW, "taskIdentifier": None})


@pytest.mark.parametrize(
    ("closed", "instant", "status"),
    [
        (None, "2026-01-31T23:59:59.999Z", "ACTIVE"),
        (None, "2026-02-01T00:00:00.000Z", "ACTIVE"),
        (None, "2026-02-01T00:00:00.001Z", "EXPIRED"),
        ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "CLOSED"),
        ("2026-01-02T00:00:00Z", "2026-03-01T00:00:00Z", "CLOSED"),
    ],
    ids=["before expiry", "at expiry", "after expiry", "closed", "closed wins over expired"],
)
def test_status_is_told_at_an_instant(closed: str | None, instant: str, status: str):
    row = SessionRow.model_validate({**ROW, "closedAt": closed})

    assert row.status_at(instant) == status


def test_a_session_that_never_expires_stays_active():
    row = SessionRow.model_validate({**ROW, "expiresAt": None})

    assert row.status_at("9999-01-01T00:00:00Z") == "ACTIVE"


def test_status_wants_an_instant_with_a_zone():
    with pytest.raises(DataError, match="time zone"):
        SessionRow.model_validate(ROW).status_at("2026-01-01T00:00:00")


def test_a_page_keeps_absent_cursors_absent():
    page = SessionPage.model_validate({"data": [ROW], "pagination": {"next": "c1"}})

    assert page.pagination.next == "c1"
    assert page.pagination.previous is None
    assert page.model_dump(mode="json", by_alias=True) == {
        "data": [ROW],
        "pagination": {"next": "c1"},
    }
