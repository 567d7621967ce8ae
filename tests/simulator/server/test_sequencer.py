"""A simulator in the life of a process: order, time, and what comes back after a crash."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from session_lab.errors import DataError
from session_lab.simulator.api.auth import Environment, sign
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.faults.plan import ConnectionLost
from session_lab.simulator.faults.rate_limit import RateLimit
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.state_file import StateFile, UnwritableError
from session_lab.timing import VirtualClock

LAB = Environment("env_lab", "tr_dev_lab")


def post(sequencer: Sequencer, path: str, body: Any, *, method: str = "POST") -> Response:
    content = json.dumps(body).encode()
    headers = {
        "authorization": f"Bearer {LAB.secret_key}",
        "content-length": str(len(content)),
    }
    return sequencer.take(Request(method, path, headers=headers, body=content))


def start(sequencer: Sequencer, external_id: str) -> Response:
    body = {"type": "chat", "taskIdentifier": "agent", "triggerConfig": {"basePayload": {}}}
    return post(sequencer, "/api/v1/sessions", body | {"externalId": external_id})


class Server:
    """A sequencer with a state file, which can be killed and started again."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.options = options
        self.machine = VirtualClock("2026-06-01T00:00:00Z")
        self.begin()

    def begin(self) -> None:
        backend = Backend([LAB], **self.options)
        self.file = StateFile(self.path, backend.settings)
        clock = self.machine if backend.follows_system_clock else None
        self.sequencer = Sequencer(backend, clock=clock, state_file=self.file, machine=self.machine)

    def restart(self) -> None:
        self.file.close()
        self.begin()

    def die_and_restart(self) -> None:
        """Begin again with what is on disk, as after ``kill -9``."""
        copy = self.path.with_name("copy.sqlite")
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", f"{copy}{suffix}")
        self.file.close()
        for suffix in ("", "-wal"):
            shutil.move(f"{copy}{suffix}", f"{self.path}{suffix}")
        self.begin()

    def fill_disk(self) -> None:
        """Let no write of the file succeed any more."""
        self.file._database.execute("PRAGMA query_only = 1")  # noqa: SLF001  a disk fills up behind its back

    def free_disk(self) -> None:
        self.file._database.execute("PRAGMA query_only = 0")  # noqa: SLF001

    def everything(self) -> str:
        return self.sequencer.backend.snapshot()


@pytest.fixture
def server(tmp_path: Path) -> Any:
    server = Server(tmp_path / "lab.sqlite")
    yield server
    server.file.close()


def test_a_world_comes_back_as_it_was(server: Server):
    start(server.sequencer, "chat-1")
    post(server.sequencer, "/_lab/clock/advance", {"ms": 90_000})
    run_id = json.loads(start(server.sequencer, "chat-2").body)["runId"]
    post(server.sequencer, f"/_lab/runs/{run_id}", {"status": "CRASHED"})
    post(server.sequencer, "/realtime/v1/sessions/chat-1/in/append", "hello")
    post(server.sequencer, "/api/v1/sessions/chat-2/close", {})
    before = server.everything()
    assert json.loads(before.partition("\n")[2])["sessions"]
    for _ in range(3):
        server.restart()
        assert server.everything() == before
    assert start(server.sequencer, "chat-1").status == 200
    assert start(server.sequencer, "chat-2").status == 409


def test_a_reset_comes_back(server: Server):
    start(server.sequencer, "chat-1")
    post(server.sequencer, "/_lab/reset", {"seed": 9, "now": "2025-01-01T00:00:00Z"})
    start(server.sequencer, "chat-2")
    before = server.everything()
    server.restart()
    assert server.everything() == before
    assert server.sequencer.backend.world.seed == 9


def test_a_restored_snapshot_comes_back(server: Server):
    start(server.sequencer, "chat-1")
    snapshot = server.sequencer.take(Request("GET", "/_lab/snapshot"))
    start(server.sequencer, "chat-2")
    server.sequencer.take(Request("PUT", "/_lab/snapshot", body=snapshot.body))
    server.restart()
    rows = server.sequencer.backend.world.sessions
    assert [row.external_id for row in rows] == ["chat-1"]


def test_faults_and_what_they_have_counted_come_back(server: Server):
    plan = {"rules": [{"match": "sessions.start", "every": 3, "lost": True}]}
    post(server.sequencer, "/_lab/faults", plan, method="PUT")
    start(server.sequencer, "chat-1")
    start(server.sequencer, "chat-2")
    with pytest.raises(ConnectionLost):
        start(server.sequencer, "chat-3")
    start(server.sequencer, "chat-4")
    before = server.everything()
    server.restart()
    assert server.everything() == before
    start(server.sequencer, "chat-5")
    with pytest.raises(ConnectionLost):
        start(server.sequencer, "chat-6")


def test_late_replies_move_time_that_stands_still_and_do_so_again(server: Server):
    plan = {"rules": [{"match": "sessions.start", "latency": "5s"}]}
    post(server.sequencer, "/_lab/faults", plan, method="PUT")
    assert start(server.sequencer, "chat-1").latency == 0
    assert server.sequencer.now() == 1767225605000
    before = server.everything()
    server.restart()
    assert server.everything() == before


def test_a_clock_that_follows_the_machines_never_goes_back(tmp_path: Path):
    server = Server(tmp_path / "lab.sqlite", follows_system_clock=True, now="2026-06-01T00:00:00Z")
    start(server.sequencer, "chat-1")
    server.machine.advance("1h")
    start(server.sequencer, "chat-2")
    server.machine = VirtualClock("2026-05-01T00:00:00Z")
    server.restart()
    start(server.sequencer, "chat-3")
    created = [row.created_at for row in server.sequencer.backend.world.sessions]
    assert created == [1780272000000, 1780275600000, 1780275600000]
    server.file.close()


def test_a_late_reply_is_waited_for_where_time_passes():
    backend = Backend(
        [LAB], faults=[{"match": "sessions.start", "latency": "5s"}], follows_system_clock=True
    )
    sequencer = Sequencer(backend, clock=VirtualClock("2026-06-01T00:00:00Z"))
    assert start(sequencer, "chat-1").latency == 5_000
    assert sequencer.now() == 1780272000000


def test_a_long_file_is_made_short_while_serving(server: Server):
    for number in range(1_200):
        post(server.sequencer, "/api/v1/sessions/missing/close", {"reason": str(number)})
    assert len(list(server.file.requests())) < 1_000
    before = server.everything()
    server.restart()
    assert server.everything() == before


def test_time_that_a_read_has_moved_and_shown_does_not_go_back_after_a_kill(server: Server):
    start(server.sequencer, "chat-1")
    plan = {"rules": [{"match": "sessions.retrieve", "latency": "1h"}]}
    post(server.sequencer, "/_lab/faults", plan, method="PUT")
    headers = {"authorization": f"Bearer {LAB.secret_key}"}
    server.sequencer.take(Request("GET", "/api/v1/sessions/chat-1", headers=headers))
    seen = server.sequencer.now()
    before = server.everything()
    server.die_and_restart()
    assert server.sequencer.now() == seen == 1767229200000
    assert server.everything() == before


def test_a_write_that_cannot_be_kept_is_refused_and_changes_nothing(server: Server):
    start(server.sequencer, "chat-1")
    before = server.everything()
    server.fill_disk()
    for _ in range(3):
        refusal = start(server.sequencer, "chat-2")
        assert refusal.status == 500
        assert "cannot be written, so nothing was changed" in json.loads(refusal.body)["error"]
    assert server.everything() == before
    headers = {"authorization": f"Bearer {LAB.secret_key}"}
    read = server.sequencer.take(Request("GET", "/api/v1/sessions/chat-1", headers=headers))
    assert read.status == 200
    server.free_disk()
    assert start(server.sequencer, "chat-2").status == 201
    before = server.everything()
    server.die_and_restart()
    assert server.everything() == before


FULL_DISK = """
import json, resource, sys, warnings
from pathlib import Path
from tests.simulator.server.test_sequencer import Server, start

server = Server(Path(sys.argv[1]))
assert start(server.sequencer, "first").status == 201
unbounded = resource.getrlimit(resource.RLIMIT_FSIZE)
# No file of this process may grow further: to SQLite a disk that is full.
largest = max(path.stat().st_size for path in Path(sys.argv[1]).parent.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 65_536, unbounded[1]))
warnings.simplefilter("ignore")
statuses = [start(server.sequencer, f"chat-{number}").status for number in range(200)]
kept = statuses.index(500)
assert 0 < kept < 200 and set(statuses[:kept]) == {201} and set(statuses[kept:]) == {500}, statuses
refusal = json.loads(start(server.sequencer, "chat-x").body)
assert "cannot be written, so nothing was changed" in refusal["error"], refusal
full = server.everything()
server.die_and_restart()
assert server.everything() == full
resource.setrlimit(resource.RLIMIT_FSIZE, unbounded)
assert start(server.sequencer, "chat-x").status == 201
after = server.everything()
server.die_and_restart()
assert server.everything() == after
assert start(server.sequencer, f"chat-{kept - 1}").status == 200
assert start(server.sequencer, f"chat-{kept}").status == 201
"""


def test_a_disk_that_is_full_refuses_writes_and_keeps_what_it_has(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "lab.sqlite")],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_committed_request_gets_its_own_answer_while_compaction_fails_and_that_is_said_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    attempts: list[int] = []

    def fail(*_: object, n_entries: int) -> None:
        attempts.append(n_entries)
        raise UnwritableError("database or disk is full")

    monkeypatch.setattr(server.file, "compact", fail)
    monkeypatch.setattr(StateFile, "is_long", True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        statuses = [start(server.sequencer, f"chat-{number}").status for number in range(5)]
    assert statuses == [201] * 5
    assert len(attempts) == 5
    (warning,) = said
    assert "cannot be written now and is tried again later" in str(warning.message)


def test_compaction_that_fails_is_tried_again_when_as_much_has_come_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    snapshots: list[int] = []
    snapshot = server.sequencer.backend.snapshot

    def count() -> str:
        snapshots.append(1)
        server.fill_disk()
        return snapshot()

    monkeypatch.setattr(server.sequencer.backend, "snapshot", count)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for number in range(1_300):
            post(server.sequencer, "/api/v1/sessions/missing/close", {"reason": str(number)})
            if snapshots:
                server.free_disk()
        assert len(snapshots) == 1
        monkeypatch.setattr(server.sequencer.backend, "snapshot", snapshot)
        for number in range(1_300):
            post(server.sequencer, "/api/v1/sessions/missing/close", {"reason": str(number)})
    assert len(said) == 1
    assert len(list(server.file.requests())) < 1_500
    before = server.everything()
    server.die_and_restart()
    assert server.everything() == before


def test_a_world_that_cannot_be_read_is_refused_without_its_content(tmp_path: Path):
    backend = Backend([LAB])
    path = tmp_path / "lab.sqlite"
    file = StateFile(path, backend.settings)
    file.compact('{"secret": "tr_dev_lab"}', n_entries=1)
    file.close()
    file = StateFile(path, backend.settings)
    with pytest.raises(DataError, match="holds a world that this version cannot read") as refusal:
        Sequencer(backend, state_file=file)
    assert "tr_dev" not in str(refusal.value)
    assert refusal.value.__suppress_context__
    file.close()


# Waits that only time can end


def ask(sequencer: Sequencer, key: str = LAB.secret_key) -> Response:
    headers = {"authorization": f"Bearer {key}"}
    return sequencer.take(Request("GET", "/api/v1/sessions", headers=headers))


def test_a_rate_limit_refills_in_machine_time_where_the_worlds_stands_still():
    machine = VirtualClock("2026-06-01T00:00:00Z")
    limit = RateLimit(burst=1, refill=1, interval="10s")
    sequencer = Sequencer(Backend([LAB], rate_limit=limit), machine=machine)
    first = machine.milliseconds()
    assert ask(sequencer).status == 200
    machine.advance("9s")
    refused = ask(sequencer)
    told = json.loads(refused.body)
    assert (refused.status, told["secondsUntilReset"]) == (429, 1)
    assert int(refused.headers["x-ratelimit-reset"]) == first + 10_000
    machine.advance("1s")
    assert [ask(sequencer).status for _ in range(2)] == [200, 429]
    # A move of the world's time fills it too, and what senders are told stays the machine's.
    post(sequencer, "/_lab/clock/advance", {"ms": 10_000})
    assert [ask(sequencer).status for _ in range(2)] == [200, 429]
    assert int(ask(sequencer).headers["x-ratelimit-reset"]) == first + 20_000
    post(sequencer, "/_lab/reset", {})
    assert ask(sequencer).status == 200


def test_a_rate_limit_counts_on_after_a_crash(tmp_path: Path):
    server = Server(tmp_path / "lab.sqlite", rate_limit=RateLimit(burst=2, refill=1))
    start(server.sequencer, "a")
    server.machine.advance("9s")
    start(server.sequencer, "b")
    server.die_and_restart()
    assert ask(server.sequencer).status == 429
    server.machine.advance("1s")
    assert ask(server.sequencer).status == 200


def token(made_at: int, seconds: int = 900, **claims: Any) -> str:
    """Sign a token as a client does, by a clock of its own."""
    made = {"iat": made_at // 1000, "exp": made_at // 1000 + seconds} | claims
    known = {"sub": LAB.id, "pub": True, "scopes": ["read:sessions"]}
    addressed = {"iss": "https://id.trigger.dev", "aud": "https://api.trigger.dev"}
    return sign(known | addressed | made, LAB.secret_key)


@pytest.mark.parametrize("now", ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"])
def test_a_token_is_judged_by_the_time_that_it_was_made_in(now: str):
    machine = VirtualClock("2026-06-01T00:00:00Z")
    sequencer = Sequencer(Backend([LAB], now=now), machine=machine)
    by_client, by_world = token(machine.milliseconds()), token(sequencer.now())
    assert [ask(sequencer, key).status for key in (by_client, by_world)] == [200, 200]
    machine.advance("899s")
    assert [ask(sequencer, key).status for key in (by_client, by_world)] == [200, 200]
    machine.advance("1s")
    assert [ask(sequencer, key).status for key in (by_client, by_world)] == [401, 200]
    post(sequencer, "/_lab/clock/advance", {"ms": 900_000})
    fresh = token(machine.milliseconds())
    assert [ask(sequencer, key).status for key in (fresh, by_world)] == [200, 401]
    post(sequencer, "/_lab/clock/advance", {"ms": 8 * 365 * 86_400_000})
    assert [ask(sequencer, key).status for key in (fresh, by_world)] == [200, 401]


def test_tokens_are_judged_alike_when_a_world_is_brought_back(tmp_path: Path):
    server = Server(tmp_path / "lab.sqlite")
    start(server.sequencer, "chat")
    made = token(server.machine.milliseconds(), scopes=["write:sessions"])
    path = "/realtime/v1/sessions/chat/in/append"
    headers = {"authorization": f"Bearer {made}", "content-length": "1"}
    request = Request("POST", path, headers=headers, body=b"x")
    assert server.sequencer.take(request).status == 200
    server.machine.advance("1h")
    assert server.sequencer.take(request).status == 401
    before = server.everything()
    server.die_and_restart()
    assert server.everything() == before


def test_a_token_of_no_time_or_of_the_future_is_no_exception():
    machine = VirtualClock("2026-06-01T00:00:00Z")
    sequencer = Sequencer(Backend([LAB]), machine=machine)
    for made in (None, "x", True, float("nan"), float("inf"), 1e300, -1e300):
        assert ask(sequencer, token(0, iat=made, exp=1)).status == 401
    ahead = machine.milliseconds() + 3_600_000
    assert ask(sequencer, token(ahead, exp=sequencer.now() // 1000 - 1)).status == 401
