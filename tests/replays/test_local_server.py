"""A simulated API on a port, for as long as a block lasts."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest

import session_lab as sl

START: dict[str, Any] = {
    "type": "chat",
    "task_identifier": "agent",
    "trigger_config": {"base_payload": {}},
}


def test_any_program_finds_it_by_its_variables():
    code = (
        "import session_lab as sl\n"
        "client = sl.Client()\n"
        "print(client.sessions.start(type='chat', task_identifier='agent', external_id='chat-1',\n"
        "    trigger_config={'base_payload': {}}).external_id)"
    )
    with sl.LocalServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**server.environment, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("chat-1\n", "")
        with server.client() as client:
            assert client.sessions.retrieve("chat-1").external_id == "chat-1"


def test_time_passes_only_when_it_is_told_to():
    with sl.LocalServer(now="2026-06-01T00:00:00Z") as server, server.client() as client:
        client.sessions.start(external_id="chat-1", expires_at="2026-06-01T00:30:00Z", **START)
        assert server.now() == "2026-06-01T00:00:00.000Z"
        server.advance("1h")
        assert server.now() == "2026-06-01T01:00:00.000Z"
        with pytest.raises(sl.SessionExpiredError):
            client.sessions.start(external_id="chat-1", **START)


def test_a_reset_leaves_nothing_behind():
    with sl.LocalServer(seed=3) as server, server.client() as client:
        first = client.sessions.start(external_id="chat-1", **START)
        server.advance("1h")
        server.reset(seed=3)
        assert server.now() == "2026-01-01T00:00:00.000Z"
        with pytest.raises(sl.NotFoundError):
            client.sessions.retrieve("chat-1")
        assert client.sessions.start(external_id="chat-1", **START).id == first.id


def test_two_servers_are_two_worlds():
    with sl.LocalServer() as one, sl.LocalServer() as other, one.client() as client:
        client.sessions.start(external_id="chat-1", **START)
        with other.client() as stranger, pytest.raises(sl.NotFoundError):
            stranger.sessions.retrieve("chat-1")


def test_its_port_is_free_when_it_has_stopped():
    server = sl.LocalServer()
    port = httpx.URL(server.url).port
    assert repr(server) == f"LocalServer({server.url}, running)"
    server.stop()
    server.stop()
    assert repr(server) == f"LocalServer({server.url}, stopped)"
    with pytest.raises(sl.SimulationError, match="has stopped"):
        server.advance("1h")
    sl.LocalServer(port=port).stop()


def test_a_port_that_is_taken_is_refused():
    with sl.LocalServer() as server:
        port = httpx.URL(server.url).port
        with pytest.raises(sl.DataError, match=f"port {port}.* is taken"):
            sl.LocalServer(port=port)
    with pytest.raises(sl.DataError, match="70000 is not a port"):
        sl.LocalServer(port=70_000)


def test_options_are_those_of_a_simulator():
    with pytest.raises(sl.DataError, match="profile"):
        sl.LocalServer(profile="2020-01")
    with pytest.raises(TypeError, match="colour"):
        sl.LocalServer(colour="red")


def test_no_thread_is_left():
    before = threading.active_count()
    with sl.LocalServer() as server, server.client() as client:
        client.sessions.start(**START)
    assert threading.active_count() == before
