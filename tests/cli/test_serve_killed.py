"""A server that is killed again and again while appends, agents and snapshots come in."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "tr_dev_killed"
HEADERS = {"authorization": f"Bearer {KEY}"}
CHAT = "/realtime/v1/sessions/chat"
SERVE = [sys.executable, "-c", "from session_lab.cli import main; main()", "serve"]
START = {
    "type": "chat",
    "taskIdentifier": "agent",
    "externalId": "chat",
    "triggerConfig": {"basePayload": {}},
}


class Killable:
    """A server with a state file, and what it has acknowledged so far.

    Attributes
    ----------
    stored : dict of (str, int) to str
        What stands where, by channel and sequence number, as it was acknowledged.
    sent : Counter of str
        Everything that was ever sent, acknowledged or not.
    snapshot : int
        The number of the last snapshot that was acknowledged.
    """

    def __init__(self, path: Path) -> None:
        agent = path.with_name("agent.json")
        agent.write_text('{"replies": "echo", "pace": "10ms"}', encoding="utf-8")
        flags = ["--port", "0", "--secret-key", KEY, "--state", str(path), "--agent", str(agent)]
        self._command = [*SERVE, *flags]
        self._lock = threading.Lock()
        self.stored: dict[tuple[str, int], str] = {}
        self.sent: Counter[str] = Counter()
        self.snapshot = 0
        self.n_acknowledged = 0

    def begin(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server ended before it was ready"
        self.client = httpx.Client(base_url=line.split()[-1], headers=HEADERS, timeout=30)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()
        self.client.close()

    def acknowledge(self, where: str, seq: int, data: str) -> None:
        with self._lock:
            assert self.stored.setdefault((where, seq), data) == data
            self.n_acknowledged += 1

    def records(self, where: str) -> dict[int, Any]:
        found = self.client.get(f"{CHAT}/{where}/records").raise_for_status().json()["records"]
        return {record["seqNum"]: record["data"] for record in found}


def append(server: Killable, name: Callable[[], str]) -> None:
    """Append to ``in`` as a user does, and to a side channel."""
    for where in ("in", "channels/side/in"):
        data = name()
        server.sent[data] += 1
        headers = {"x-part-id": data}
        reply = server.client.post(f"{CHAT}/{where}/append", content=data, headers=headers)
        server.acknowledge(where, reply.raise_for_status().json()["seq"], data)


def write(server: Killable, name: Callable[[], str]) -> None:
    """Write to ``out`` and to a side channel as an agent does, past the API, two records at a time."""
    opened = {
        where: server.client.put(f"{CHAT}/{where}").raise_for_status().headers
        for where in ("out", "channels/side/out")
    }
    for n in range(20):
        where = ("out", "channels/side/out")[n % 2]
        path = f"/v1/streams/{quote(opened[where]['x-s2-stream-name'], safe='')}/records"
        headers = {"authorization": f"Bearer {opened[where]['x-s2-access-token']}"}
        batch = [name(), name()]
        server.sent.update(batch)
        records = [{"body": json.dumps({"data": data, "id": data})} for data in batch]
        reply = server.client.post(path, json={"records": records}, headers=headers)
        start = reply.raise_for_status().json()["start"]["seq_num"]
        for place, data in enumerate(batch):
            server.acknowledge(where, start + place, data)


def keep(server: Killable, _: Callable[[], str]) -> None:
    """Keep a snapshot with the next number, of a chat that the scripted agent leaves alone."""
    url = server.client.put("/api/v1/sessions/kept/snapshot-url").json()["presignedUrl"]
    number = server.snapshot + 1
    server.client.put(url, content=str(number)).raise_for_status()
    server.snapshot = number
    server.n_acknowledged += 1


def pass_time(server: Killable, _: Callable[[], str]) -> None:
    server.client.post("/_lab/clock/advance", json={"ms": 7}).raise_for_status()


def disturb(server: Killable, seed: int) -> None:
    """Let everybody write until the server is killed in the middle of it."""
    draw = random.Random(seed)
    enough = server.n_acknowledged + draw.randrange(10, 80)

    def work(job: Callable[[Killable, Callable[[], str]], None], worker: int) -> None:
        numbers = iter(range(10**6))
        with suppress(httpx.TransportError, RuntimeError):
            while server.n_acknowledged < 10**9:
                job(server, lambda: f"{seed}/{worker}/{next(numbers)}")

    jobs = (append, append, write, write, keep, pass_time)  # Two agents on one session.
    threads = [threading.Thread(target=work, args=(job, n)) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    while server.n_acknowledged < enough:
        threads[-1].join(timeout=0.001)
    server.kill()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


def check(server: Killable) -> None:
    """Check that nothing that was acknowledged is lost or doubled, and that numbers go on."""
    for where in ("in", "out", "channels/side/in", "channels/side/out"):
        found = server.records(where)
        first = min(found, default=0)
        # The scripted agent trims ``out``, by a command that takes the number after a turn's end.
        gaps = {seq + 1 for seq, data in found.items() if data == ""}
        assert where == "out" or not (first or gaps)
        assert set(range(first, max(found, default=-1) + 1)) - found.keys() <= gaps
        texts = [data for data in found.values() if isinstance(data, str)]
        ours = Counter(data for data in texts if data in server.sent)
        assert set(ours.values()) <= {1}
        acknowledged = {seq: data for (at, seq), data in server.stored.items() if at == where}
        acknowledged = {seq: data for seq, data in acknowledged.items() if seq >= first}
        assert {seq: found.get(seq) for seq in acknowledged} == acknowledged
    url = server.client.get("/api/v1/sessions/kept/snapshot-url").json()["presignedUrl"]
    kept = server.client.get(url)
    # One more may have got there whose answer did not come back.
    number = int(kept.text) if kept.status_code == 200 else 0
    assert number in (server.snapshot, server.snapshot + 1)
    server.snapshot = number


def check_answers(server: Killable) -> None:
    """Let every turn end, and check that the scripted agent answered each message once, in order."""
    server.client.post("/_lab/clock/advance", json={"ms": 3_600_000}).raise_for_status()
    asked = list(server.records("in").values())
    kept = server.client.get("/api/v1/sessions/chat/transcript").raise_for_status().json()
    said = [message["parts"][-1]["text"] for message in kept["messages"]]
    assert said == [text for each in asked for text in (each, each)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Killable]:
    server = Killable(tmp_path / "lab.sqlite")
    server.begin()
    yield server
    server.kill()


def play(server: Killable, seeds: range) -> None:
    for start in (START, START | {"externalId": "kept"}):
        server.client.post("/api/v1/sessions", json=start).raise_for_status()
    for seed in seeds:
        disturb(server, seed)
        server.begin()
        check(server)
    check_answers(server)


def test_nothing_acknowledged_is_lost_or_doubled_by_a_kill(server: Killable):
    play(server, range(2))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 100, 10))
def test_nothing_acknowledged_is_lost_or_doubled_by_a_hundred_kills(server: Killable, first: int):
    play(server, range(first, first + 10))
