"""``session-lab serve`` as a process: its address, its signals, its port, its state."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVE = [sys.executable, "-c", "from session_lab.cli import main; main()", "serve"]
KEY = "tr_dev_local"
CONFIG = {"base_payload": {}}


class Serving:
    """A running ``session-lab serve``."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*SERVE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.split()[-1]

    def stop(self, number: signal.Signals) -> tuple[int, str, str]:
        """End it; return its exit code and what else it printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def client(self, key: str = KEY) -> sl.Client:
        return sl.Client(key, self.url)


@pytest.fixture
def serve() -> Iterator[Callable[..., Serving]]:
    """Start servers on free ports."""
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str) -> Serving:
            serving = Serving("--port", "0", *arguments)
            stack.enter_context(serving.process)
            stack.callback(serving.process.kill)
            return serving

        yield begin


def refused(*arguments: str) -> str:
    """Run the command in the expectation that it fails; return its one line."""
    result = subprocess.run([*SERVE, *arguments], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


def start(client: sl.Client, external_id: str) -> Any:
    return client.sessions.start(
        type="chat", task_identifier="agent", trigger_config=CONFIG, external_id=external_id
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_with_its_address_and_a_signal_is_no_failure(
    serve: Any, number: signal.Signals
):
    serving = serve()
    assert serving.line == f"session-lab serves {serving.url}\n"
    assert serving.url.startswith("http://127.0.0.1:")
    with httpx.Client() as client:
        response = client.get(f"{serving.url}/_lab/clock")
    assert response.json()["now"] == "2026-01-01T00:00:00.000Z"
    assert not {"server", "date"} & response.headers.keys()
    assert serving.stop(number) == (0, "", "")


def test_open_streams_are_ended_in_order_when_it_stops(serve: Any):
    serving = serve()
    headers = {"authorization": f"Bearer {KEY}"}
    url = f"{serving.url}/realtime/v1/sessions/chat-1/out"
    with httpx.Client() as client, client.stream("GET", url, headers=headers) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: ping"
        assert serving.stop(signal.SIGTERM) == (0, "", "")
        assert list(lines)[-2:] == ["data: [DONE]", ""]


def test_a_waiting_stream_brings_what_is_appended(serve: Any):
    serving = serve()
    with serving.client() as client, serving.client() as other:
        start(client, "chat-1")
        stream = client.sessions.stream("chat-1", io="in")
        append = threading.Thread(target=other.sessions.append, args=("chat-1", "hello"))
        append.start()
        assert next(stream).data == "hello"
        append.join()
        stream.close()


def test_every_flag_reaches_the_world(serve: Any):
    flags = {
        "--seed": "7",
        "--now": "2027-01-01T00:00:00Z",
        "--profile": "2026-08",
        "--secret-key": "tr_dev_mine",
        "--environment-id": "env_mine",
        "--environment": "env_other=tr_dev_other",
        "--idle-timeout": "45s",
    }
    serving = serve("--rate-limit", *(part for pair in flags.items() for part in pair))
    with serving.client("tr_dev_mine") as mine, serving.client("tr_dev_other") as other:
        reply = mine.with_raw_response.sessions.list()
        assert reply.headers["x-ratelimit-remaining"] == "749"
        ids = {start(mine, "chat-1").id, start(other, "chat-1").id}
        assert len(ids) == 2
    with httpx.Client() as client:
        snapshot = client.get(f"{serving.url}/_lab/snapshot").json()
        sessions = client.get(f"{serving.url}/_lab/sessions").text.splitlines()
    assert (snapshot["seed"], snapshot["profile"]) == (7, "2026-08")
    assert snapshot["now"] == 1798761600000
    assert snapshot["policy"]["idle_timeout"] == "45 s"
    environments = {json.loads(line)["environment"] for line in sessions}
    assert environments == {"env_mine", "env_other"}


def test_without_a_flag_of_a_policy_there_is_none(serve: Any):
    with httpx.Client() as client:
        assert client.get(f"{serve().url}/_lab/snapshot").json()["policy"] is None


def test_a_real_clock_shows_the_machines_time_and_cannot_be_moved(serve: Any):
    serving = serve("--clock", "real")
    with httpx.Client() as client:
        times = [client.get(f"{serving.url}/_lab/clock").json()["ms"] for _ in range(2)]
        moved = client.post(f"{serving.url}/_lab/clock/advance", json={"ms": 1})
    assert 1767225600000 < times[0] <= times[1]
    assert moved.status_code == 400


def test_under_a_real_clock_a_stream_ends_by_itself(serve: Any):
    serving = serve("--clock", "real")
    with serving.client() as client:
        start(client, "chat-1")
        client.sessions.append("chat-1", "hello")
        found = list(client.sessions.stream("chat-1", io="in", timeout="1s"))
    assert [record.data for record in found] == ["hello"]


def test_a_lost_reply_looks_like_a_cut_connection_and_has_its_effect(serve: Any):
    serving = serve()
    plan = {"rules": [{"match": "sessions.start", "nth": 1, "lost": True}]}
    with httpx.Client() as client:
        client.put(f"{serving.url}/_lab/faults", json=plan).raise_for_status()
    with sl.Client(KEY, serving.url, max_retries=0) as client:
        with pytest.raises(sl.APIConnectionError):
            start(client, "chat-1")
        assert start(client, "chat-1").is_cached is True
    assert serving.stop(signal.SIGTERM) == (0, "", "")


def test_a_taken_port_is_said_in_one_line(serve: Any):
    port = serve().url.rpartition(":")[2]
    line = refused("--port", port)
    assert line == (
        f"session-lab: port: cannot serve on port {port} of 127.0.0.1: it is taken; "
        "choose another one, or 0 for any that is free"
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--profile", "2020-01"], "'2020-01' is not a known profile"),
        (["--now", "today"], "'today' is not an ISO 8601 time"),
        (["--speed", "60"], "a virtual clock has no speed; add --clock real"),
        (["--clock", "real", "--speed", "0"], "0.0 is not a speed"),
        (["--clock", "real", "--speed", "nan"], "nan is not a speed"),
        (["--host", "0.0.0.0"], "other machines would reach 0.0.0.0"),  # noqa: S104
        (["--host", "::"], "other machines would reach ::"),
        (["--host", "0.0.0.0", "--allow-remote"], "everybody knows the key"),  # noqa: S104
        (["--environment", "tr_dev_secret"], "write ID=KEY"),
        (["--environment", "env_lab=tr_dev_secret"], "two environments are called 'env_lab'"),
        (["--secret-key", ""], "the environment 'env_lab' has no key"),
        (["--idle-timeout", "60"], "'60' is not a duration"),
        (["--host", "192.0.2.1"], "cannot serve on port 0 of 192.0.2.1"),
        (["--port", "70000"], "70000 is not a port; those are 0 to 65535"),
        (["--state", "/no/such/folder/lab.sqlite"], "cannot be used"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_with_the_reason(arguments: list[str], reason: str):
    with pytest.raises(sl.DataError) as refusal:
        CliRunner().invoke(app, ["serve", "--port", "0", *arguments], catch_exceptions=False)
    assert reason in str(refusal.value)
    assert "tr_dev_secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "is neither 'echo' nor a file"),
        ("{", "cannot be read as JSON"),
        ('{"replies": ["Hi", {"wait": 5}]}', "replies[1].wait: 5 is not a duration"),
        ("[]", '[] is not "echo" or a list of replies'),
    ],
)
def test_an_agent_that_makes_no_sense_is_refused_with_the_place(
    tmp_path: Path, script: str | None, reason: str
):
    path = tmp_path / "agent.json"
    if script is not None:
        path.write_text(script, encoding="utf-8")
    arguments = ["serve", "--port", "0", "--agent", str(path)]
    with pytest.raises(sl.DataError) as refusal:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert reason in str(refusal.value)
    assert "agent.json" in str(refusal.value)


def test_an_agent_and_what_it_wrote_survive_a_kill(serve: Any, tmp_path: Path):
    script = tmp_path / "agent.json"
    script.write_text('{"replies": "echo", "pace": "1s"}', encoding="utf-8")
    arguments = ["--state", str(tmp_path / "lab.sqlite"), "--agent", str(script)]
    serving = serve(*arguments)
    config = {"base_payload": {"message": "One two three"}}
    with serving.client() as client:
        client.sessions.start(
            type="chat", task_identifier="agent", trigger_config=config, external_id="chat"
        )
        httpx.post(f"{serving.url}/_lab/clock/advance", json={"ms": 2000}).raise_for_status()
        before = list(client.sessions.records("chat"))
    serving.process.kill()
    serving.process.communicate()
    again = serve(*arguments)
    with again.client() as client:
        assert list(client.sessions.records("chat")) == before
        httpx.post(f"{again.url}/_lab/clock/advance", json={"ms": 1000}).raise_for_status()
        assert list(client.sessions.records("chat"))[-1].control == "turn-complete"


def test_without_the_extra_it_says_what_to_install():
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from session_lab.cli import main\n"
        "sys.argv = ['session-lab', 'serve', '--port', '0']\n"
        "main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == (
        "session-lab: serving the simulator needs starlette; install it with: "
        'pip install "session-lab[server]"\n'
    )


def test_an_address_that_others_reach_takes_leave_and_a_key_of_ones_own(serve: Any):
    flags = ("--host", "0.0.0.0", "--allow-remote", "--secret-key", "tr_dev_mine")  # noqa: S104
    serving = serve(*flags)
    url = f"http://127.0.0.1:{serving.url.rpartition(':')[2]}"
    with httpx.Client() as client:
        assert client.get(f"{url}/_lab/clock").status_code == 200
        foreign = {"origin": "https://page.example"}
        assert client.get(f"{url}/_lab/clock", headers=foreign).status_code == 403
    assert serving.stop(signal.SIGTERM) == (0, "", "")


def test_a_real_clock_starts_at_a_date_and_runs_at_a_speed(serve: Any, tmp_path: Path):
    state = ("--state", str(tmp_path / "lab.sqlite"))
    flags = ("--clock", "real", "--now", "2030-01-01T00:00:00Z", "--speed", "3600", *state)
    serving = serve(*flags)
    with serving.client() as client:
        start(client, "chat-1")
        time.sleep(0.05)
        session = start(client, "chat-2")
    seen = session.created_at.timestamp()
    assert 1893456000 + 100 < seen < 1893456000 + 86_400 * 30
    serving.process.kill()
    serving.process.communicate()
    with httpx.Client() as client:
        again = serve(*flags)
        shown = client.get(f"{again.url}/_lab/clock").json()
    assert shown["ms"] / 1000 > seen
    again.stop(signal.SIGTERM)
    line = refused("--port", "0", "--clock", "real", "--now", "2031-01-01T00:00:00Z", *state)
    assert "was made with another now, speed" in line


def test_a_quiet_stream_ends_by_itself_on_a_clock_that_stands_still(serve: Any):
    with serve().client() as client:
        start(client, "chat-1")
        client.sessions.append("chat-1", "hello")
        found = list(client.sessions.stream("chat-1", io="in", timeout="1s"))
    assert [record.data for record in found] == ["hello"]


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"x" * 4080])
def test_a_foreign_state_file_is_refused_in_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "lab.sqlite"
    path.write_bytes(content)
    line = refused("--port", "0", "--state", str(path))
    assert line.startswith(f"session-lab: {path}: cannot be used: it is ")
    assert path.read_bytes() == content


def test_what_was_acknowledged_survives_a_kill(serve: Any, tmp_path: Path):
    state = ["--state", str(tmp_path / "lab.sqlite")]
    serving = serve(*state)
    acknowledged: list[str] = []
    is_dead = threading.Event()

    def write() -> None:
        with sl.Client(KEY, serving.url, max_retries=0) as client:
            for number in range(100_000):
                try:
                    start(client, f"chat-{number}")
                except sl.APIConnectionError:
                    break
                acknowledged.append(f"chat-{number}")
                if number == 50:
                    is_dead.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert is_dead.wait(timeout=120)
    serving.process.kill()
    writer.join()
    serving.process.communicate()

    again = serve(*state)
    with again.client() as client:
        found = {row.external_id for row in client.sessions.list(limit=100)}
        assert set(acknowledged) <= found
        assert len(found) - len(acknowledged) in {0, 1}
        assert start(client, acknowledged[0]).is_cached is True


def test_a_second_server_cannot_have_the_same_state(serve: Any, tmp_path: Path):
    state = ["--state", str(tmp_path / "lab.sqlite")]
    serve(*state)
    assert "another process has it open" in refused("--port", "0", *state)


def test_state_of_another_seed_is_refused_without_showing_keys(serve: Any, tmp_path: Path):
    state = ["--state", str(tmp_path / "lab.sqlite")]
    serve(*state).stop(signal.SIGTERM)
    line = refused("--port", "0", "--seed", "1", "--secret-key", "tr_dev_other", *state)
    assert "was made with another environments, seed" in line
    assert "tr_dev" not in line
