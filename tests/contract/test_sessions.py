"""What a client can rely on, whichever way it reaches the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.conftest import Lab

CONFIG = {"base_payload": {"topic": "tea"}}


def start(external_id: str | None = "chat-1", **fields: Any) -> Callable[[Any], Any]:
    given = {
        "type": "chat",
        "task_identifier": "agent",
        "trigger_config": CONFIG,
        "external_id": external_id,
    }
    return lambda client: client.sessions.start(**(given | fields))


def test_a_start_creates_a_session_with_a_run_and_a_token(lab: Lab):
    session = lab.call(start(tags=["vip"], metadata={"plan": "pro"}))
    assert (session.external_id, session.tags, session.metadata) == (
        "chat-1",
        ["vip"],
        {"plan": "pro"},
    )
    assert session.is_cached is False
    assert session.run_id == session.current_run_id
    assert session.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    alone = lab.connect(session.public_access_token)
    seen = lab.call(lambda client: client.sessions.retrieve("chat-1"), alone)
    assert seen.id == session.id


def test_a_second_start_finds_the_session_and_replaces_its_trigger_config_alone(lab: Lab):
    first = lab.call(start(tags=["vip"]))
    lab.advance(minutes=1)
    second = lab.call(start(tags=["other"], trigger_config={"base_payload": {"topic": "milk"}}))
    assert second.is_cached is True
    assert (second.id, second.run_id, second.tags) == (first.id, first.run_id, ["vip"])
    assert second.trigger_config.base_payload == {"topic": "milk"}
    assert second.updated_at > first.updated_at


def test_the_status_tells_whether_a_start_created(lab: Lab):
    given = {"type": "chat", "task_identifier": "agent", "trigger_config": CONFIG}
    statuses = [
        lab.call(
            lambda client: client.with_raw_response.sessions.start(external_id="chat-1", **given)
        ).status_code
        for _ in range(2)
    ]
    assert statuses == [201, 200]


def test_starts_without_an_external_id_create_sessions_of_their_own(lab: Lab):
    first, second = lab.call(start(None)), lab.call(start(None))
    assert first.id != second.id
    assert first.external_id is None


@pytest.mark.parametrize("external_id", ["chat-1", "a b/c?d#é", "50%", "..a", "日本"])
def test_a_session_is_found_by_either_id(lab: Lab, external_id: str):
    session = lab.call(start(external_id))
    for key in (external_id, session.id):
        found = lab.call(lambda client, key=key: client.sessions.retrieve(key))
        assert (found.id, found.external_id) == (session.id, external_id)


@pytest.mark.parametrize("key", ["nothing", "session_nothing"])
def test_a_missing_session_is_an_error(lab: Lab, key: str):
    with pytest.raises(sl.NotFoundError, match="Not found"):
        lab.call(lambda client: client.sessions.retrieve(key))


def test_an_update_replaces_what_it_names_and_none_clears(lab: Lab):
    lab.call(start(tags=["vip"], metadata={"plan": "pro"}))
    updated = lab.call(lambda client: client.sessions.update("chat-1", tags=["a", "b"]))
    assert (updated.tags, updated.metadata) == (["a", "b"], {"plan": "pro"})
    updated = lab.call(lambda client: client.sessions.update("chat-1", metadata=None))
    assert (updated.tags, updated.metadata) == (["a", "b"], None)


def test_an_external_id_cannot_be_changed(lab: Lab):
    lab.call(start())
    with pytest.raises(sl.UnprocessableEntityError, match="cannot be changed"):
        lab.call(lambda client: client.sessions.update("chat-1", external_id="chat-2"))


def test_a_close_is_final_and_the_first_reason_stays(lab: Lab):
    lab.call(start())
    closed = lab.call(lambda client: client.sessions.close("chat-1", reason="done"))
    assert closed.closed_at == datetime(2026, 1, 1, tzinfo=UTC)
    lab.advance(minutes=1)
    again = lab.call(lambda client: client.sessions.close("chat-1", reason="again"))
    assert (again.closed_at, again.closed_reason) == (closed.closed_at, "done")
    for use in (start(), lambda client: client.sessions.append("chat-1", "hello?")):
        with pytest.raises(sl.SessionClosedError):
            lab.call(use)


def test_an_expired_session_refuses_starts_and_appends(lab: Lab):
    lab.call(start(expires_at="2026-01-01T00:01:00Z"))
    lab.advance(minutes=1)
    assert lab.call(start()).is_cached is True
    lab.advance(minutes=1)
    with pytest.raises(sl.SessionExpiredError):
        lab.call(start())
    with pytest.raises(sl.BadRequestError, match="expired"):
        lab.call(lambda client: client.sessions.append("chat-1", "hello?"))


def test_a_run_hands_a_session_over_once(lab: Lab):
    first = lab.call(start())
    hand_over = {"calling_run_id": first.run_id, "reason": "upgrade"}
    won = lab.call(lambda client: client.sessions.end_and_continue("chat-1", **hand_over))
    assert won.swapped is True
    assert won.run_id != first.run_id
    lost = lab.call(lambda client: client.sessions.end_and_continue("chat-1", **hand_over))
    assert (lost.swapped, lost.run_id) == (False, won.run_id)


@pytest.mark.parametrize(
    ("error", "key", "use"),
    [
        (sl.AuthenticationError, "tr_dev_wrong", lambda client: client.sessions.retrieve("c")),
        (
            sl.BadRequestError,
            None,
            lambda client: client.request("POST", "/api/v1/sessions", json={"type": 1}),
        ),
        (
            sl.BadRequestError,
            None,
            lambda client: client.request("GET", "/api/v1/sessions?page[size]=0"),
        ),
        (sl.NotFoundError, None, lambda client: client.sessions.append("missing", "x")),
        (sl.NotFoundError, None, lambda client: client.runs.retrieve("run_missing")),
    ],
)
def test_a_refusal_is_an_error_of_its_own_class(
    lab: Lab, error: type[Exception], key: str | None, use: Callable[[Any], Any]
):
    client = lab.connect(max_retries=0) if key is None else lab.connect(key, max_retries=0)
    with pytest.raises(error):
        lab.call(use, client)


def test_a_session_token_reaches_its_session_and_nothing_else(lab: Lab):
    token = lab.call(start("mine")).public_access_token
    lab.call(start("other"))
    alone = lab.connect(token)
    assert lab.call(lambda client: client.sessions.append("mine", "hello"), alone).seq == 0
    for use in (
        lambda client: client.sessions.retrieve("other"),
        lambda client: client.sessions.close("mine"),
    ):
        with pytest.raises(sl.PermissionDeniedError):
            lab.call(use, alone)
