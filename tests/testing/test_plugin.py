"""What the pytest plugin gives to tests of an application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from session_lab.testing.plugin import SetAgent
    from session_lab.timing import VirtualClock

START = {"type": "chat", "task_identifier": "agent", "trigger_config": {"base_payload": {}}}


def test_the_clock_is_the_simulators(simulator: sl.Simulator, clock: VirtualClock):
    clock.advance("90m")
    session = simulator.client().sessions.start(**START)
    assert session.created_at.isoformat() == "2026-01-01T01:30:00+00:00"


def test_a_client_without_arguments_talks_to_the_server(session_lab_server: sl.LocalServer):
    assert os.environ["TRIGGER_API_URL"] == session_lab_server.url
    with sl.Client() as client:
        client.sessions.start(external_id="chat-1", **START)
        session_lab_server.advance("1h")
        assert [row.external_id for row in client.sessions.list()] == ["chat-1"]


@pytest.mark.usefixtures("session_lab_server")
def test_each_test_finds_the_server_empty():
    with sl.Client() as client:
        assert list(client.sessions.list()) == []


def test_the_variables_are_gone_afterwards():
    assert "TRIGGER_API_URL" not in os.environ


CHAT = {**START, "external_id": "chat", "trigger_config": {"base_payload": {"message": "Hello"}}}


def test_a_scripted_agent_answers_in_process_as_time_goes_on(
    simulator: sl.Simulator, clock: VirtualClock, scripted_agent: SetAgent
):
    scripted_agent(["One two"], pace="50ms")
    client = simulator.client()
    client.sessions.start(**CHAT)
    assert len(client.sessions.records("chat")) == 3
    clock.advance("50ms")
    assert len(client.sessions.records("chat")) == 4


def test_a_scripted_agent_answers_over_http_with_a_function(
    session_lab_server: sl.LocalServer, scripted_agent: SetAgent
):
    scripted_agent(lambda turn: turn.text.upper())
    with sl.Client() as client:
        client.sessions.start(**CHAT)
        chunks = [record.data for record in client.sessions.records("chat")]
    assert {"type": "text-delta", "id": "text-0", "delta": "HELLO"} in chunks
    assert session_lab_server.control("GET", "/agent")["pace"] == "0 s"


def test_the_next_test_finds_no_agent(session_lab_server: sl.LocalServer):
    assert session_lab_server.agent is None
    assert session_lab_server.control("GET", "/agent") is None
