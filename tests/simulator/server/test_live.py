"""A simulator in the life of a process: order, time, and what comes back after a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.faults.plan import ConnectionLost
from session_lab.simulator.server.sequencer import LiveBackend
from session_lab.simulator.server.state_file import StateFile
from session_lab.timing import VirtualClock

if TYPE_CHECKING:
    from pathlib import Path

LAB = Environment("env_lab", "tr_dev_lab")


def post(live: LiveBackend, path: str, body: Any, *, method: str = "POST") -> Response:
    content = json.dumps(body).encode()
    headers = {
        "authorization": f"Bearer {LAB.secret_key}",
        "content-length": str(len(content)),
    }
    return live.take(Request(method, path, headers=headers, body=content))


def start(live: LiveBackend, external_id: str) -> Response:
    body = {"type": "chat", "taskIdentifier": "agent", "triggerConfig": {"basePayload": {}}}
    return post(live, "/api/v1/sessions", body | {"externalId": external_id})


class Server:
    """A live backend with a state file, which can be killed and started again."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.options = options
        self.machine = VirtualClock("2026-06-01T00:00:00Z")
        self.begin()

    def begin(self) -> None:
        backend = Backend([LAB], **self.options)
        self.file = StateFile(self.path, backend.settings)
        clock = self.machine if backend.follows_system_clock else None
        self.live = LiveBackend(backend, system_clock=clock, state_file=self.file)

    def restart(self) -> None:
        self.file.close()
        self.begin()

    def everything(self) -> str:
        return self.live.backend.snapshot()


@pytest.fixture
def server(tmp_path: Path) -> Any:
    server = Server(tmp_path / "lab.sqlite")
    yield server
    server.file.close()


def test_a_world_comes_back_as_it_was(server: Server):
    start(server.live, "chat-1")
    post(server.live, "/_lab/clock/advance", {"ms": 90_000})
    run_id = json.loads(start(server.live, "chat-2").body)["runId"]
    post(server.live, f"/_lab/runs/{run_id}", {"status": "CRASHED"})
    post(server.live, "/realtime/v1/sessions/chat-1/in/append", "hello")
    post(server.live, "/api/v1/sessions/chat-2/close", {})
    before = server.everything()
    assert json.loads(before.partition("\n")[2])["sessions"]
    for _ in range(3):
        server.restart()
        assert server.everything() == before
    assert start(server.live, "chat-1").status == 200
    assert start(server.live, "chat-2").status == 409


def test_a_reset_comes_back(server: Server):
    start(server.live, "chat-1")
    post(server.live, "/_lab/reset", {"seed": 9, "now": "2025-01-01T00:00:00Z"})
    start(server.live, "chat-2")
    before = server.everything()
    server.restart()
    assert server.everything() == before
    assert server.live.backend.world.seed == 9


def test_a_restored_snapshot_comes_back(server: Server):
    start(server.live, "chat-1")
    snapshot = server.live.take(Request("GET", "/_lab/snapshot"))
    start(server.live, "chat-2")
    server.live.take(Request("PUT", "/_lab/snapshot", body=snapshot.body))
    server.restart()
    rows = server.live.backend.world.sessions
    assert [row.external_id for row in rows] == ["chat-1"]


def test_faults_and_what_they_have_counted_come_back(server: Server):
    plan = {"rules": [{"match": "sessions.start", "every": 3, "lost": True}]}
    post(server.live, "/_lab/faults", plan, method="PUT")
    start(server.live, "chat-1")
    start(server.live, "chat-2")
    with pytest.raises(ConnectionLost):
        start(server.live, "chat-3")
    start(server.live, "chat-4")
    before = server.everything()
    server.restart()
    assert server.everything() == before
    start(server.live, "chat-5")
    with pytest.raises(ConnectionLost):
        start(server.live, "chat-6")


def test_late_replies_move_time_that_stands_still_and_do_so_again(server: Server):
    plan = {"rules": [{"match": "sessions.start", "latency": "5s"}]}
    post(server.live, "/_lab/faults", plan, method="PUT")
    assert start(server.live, "chat-1").latency == 0
    assert server.live.now() == 1767225605000
    before = server.everything()
    server.restart()
    assert server.everything() == before


def test_a_clock_that_follows_the_machines_never_goes_back(tmp_path: Path):
    server = Server(tmp_path / "lab.sqlite", follows_system_clock=True, now="2026-06-01T00:00:00Z")
    start(server.live, "chat-1")
    server.machine.advance("1h")
    start(server.live, "chat-2")
    server.machine = VirtualClock("2026-05-01T00:00:00Z")
    server.restart()
    start(server.live, "chat-3")
    created = [row.created_at for row in server.live.backend.world.sessions]
    assert created == [1780272000000, 1780275600000, 1780275600000]
    server.file.close()


def test_a_late_reply_is_waited_for_where_time_passes():
    backend = Backend(
        [LAB], faults=[{"match": "sessions.start", "latency": "5s"}], follows_system_clock=True
    )
    live = LiveBackend(backend, system_clock=VirtualClock("2026-06-01T00:00:00Z"))
    assert start(live, "chat-1").latency == 5_000
    assert live.now() == 1780272000000


def test_a_long_file_is_made_short_while_serving(server: Server):
    for number in range(1_200):
        post(server.live, "/api/v1/sessions/missing/close", {"reason": str(number)})
    assert len(list(server.file.requests())) < 1_000
    before = server.everything()
    server.restart()
    assert server.everything() == before
