"""A served world is killed again and again while many write to it; nothing that was said is lost."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVE = [sys.executable, "-c", "from session_lab.cli import main; main()", "serve"]
KEY = {"authorization": "Bearer tr_dev_local"}
SCRIPT = {"replies": [[{"echo": True}, {"wait": "5ms"}, "!"]], "pace": "1ms"}
CHATS = ("chat-0", "chat-1")
WRITTEN = "written"
MOST_PER_ROUND = 60


class Ledger:
    """What clients were told, over all rounds."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        self.snapshot = -1
        self.out: dict[str, list[Any]] = {chat: [] for chat in CHATS}
        self.now = 0
        self.n_told = 0
        self.news = threading.Condition()

    def tell(self, note: Callable[[], object]) -> None:
        with self.news:
            note()
            self.n_told += 1
            self.news.notify_all()


def start(http: httpx.Client, external_id: str) -> dict[str, Any]:
    body = {
        "type": "chat.agent",
        "externalId": external_id,
        "taskIdentifier": "assistant",
        "triggerConfig": {"basePayload": {}},
    }
    return dict(http.post("/api/v1/sessions", json=body).raise_for_status().json())


def records(http: httpx.Client, external_id: str, io: str) -> list[dict[str, Any]]:
    path = f"/realtime/v1/sessions/{external_id}/{io}/records"
    return list(http.get(path).raise_for_status().json()["records"])


def append(http: httpx.Client, ledger: Ledger, numbers: itertools.count[int], chat: str) -> None:
    """Append messages, which the agent answers."""
    while True:
        text = f"{chat}-{next(numbers)}"
        reply = http.post(f"/realtime/v1/sessions/{chat}/in/append", content=text)
        seq = reply.raise_for_status().json()["seq"]
        ledger.tell(lambda seq=seq, text=text: ledger.records[chat, "in"].update({seq: text}))


def write(http: httpx.Client, ledger: Ledger, numbers: itertools.count[int]) -> None:
    """Write records past the API, as agents do."""
    channel = http.put(f"/realtime/v1/sessions/{WRITTEN}/out").raise_for_status().headers
    url = f"{channel['x-s2-endpoint']}/streams/{channel['x-s2-stream-name'].replace('/', '%2F')}"
    token = {"authorization": f"Bearer {channel['x-s2-access-token']}"}
    while True:
        text = f"written-{next(numbers)}"
        body = json.dumps({"data": text, "id": text})
        reply = http.post(f"{url}/records", json={"records": [{"body": body}]}, headers=token)
        position = reply.raise_for_status().json()["start"]
        seq = position["seq_num"] if isinstance(position, dict) else position
        ledger.tell(lambda seq=seq, text=text: ledger.records[WRITTEN, "out"].update({seq: text}))


def snapshot(http: httpx.Client, ledger: Ledger, numbers: itertools.count[int]) -> None:
    """Replace the snapshot of a chat."""
    while True:
        number = next(numbers)
        url = http.put(f"/api/v1/sessions/{WRITTEN}/snapshot-url").raise_for_status().json()
        http.put(url["presignedUrl"], json={"number": number}).raise_for_status()
        ledger.tell(lambda number=number: setattr(ledger, "snapshot", number))


def look(http: httpx.Client, ledger: Ledger) -> None:
    """Let time pass, and read what the agent has written by then."""
    while True:
        for chat in CHATS:
            clock = http.post("/_lab/clock/advance", json={"ms": 3}).raise_for_status().json()
            seen = records(http, chat, "out")
            ledger.tell(
                lambda chat=chat, seen=seen, now=clock["ms"]: (
                    ledger.out.update({chat: seen}),
                    setattr(ledger, "now", now),
                )
            )


def check(http: httpx.Client, ledger: Ledger) -> None:
    """Check that the world is what clients were told, and nothing is there twice."""
    assert http.get("/_lab/clock").json()["ms"] >= ledger.now
    for (session, io), told in ledger.records.items():
        kept = records(http, session, io)
        assert [record["seqNum"] for record in kept] == list(range(len(kept)))
        data = [record["data"] for record in kept]
        assert len(set(data)) == len(data)
        assert {seq: data[seq] for seq in told} == told
    for chat, seen in ledger.out.items():
        assert records(http, chat, "out")[: len(seen)] == seen
    if ledger.snapshot >= 0:
        url = http.get(f"/api/v1/sessions/{WRITTEN}/snapshot-url").raise_for_status().json()
        kept_number = http.get(url["presignedUrl"]).raise_for_status().json()["number"]
        assert kept_number in {ledger.snapshot, ledger.snapshot + 1}


def all_turns_are_answered(http: httpx.Client) -> None:
    """Let every turn end, and check that each has its answer once."""
    http.post("/_lab/clock/advance", json={"ms": 3_600_000}).raise_for_status()
    for chat in CHATS:
        asked = [record["data"] for record in records(http, chat, "in")]
        out = records(http, chat, "out")
        said = [
            r["data"]["delta"] for r in out if isinstance(r["data"], dict) and "delta" in r["data"]
        ]
        assert said[::2] == asked
        ends = [dict(r["headers"]).get("session-in-event-id") for r in out if r.get("headers")]
        assert ends == [str(seq) for seq in range(len(asked))]


@pytest.mark.parametrize("n_rounds", [2, pytest.param(100, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_kills(tmp_path: Path, n_rounds: int):
    script = tmp_path / "agent.json"
    script.write_text(json.dumps(SCRIPT), encoding="utf-8")
    command = [*SERVE, "--port", "0", "--state", str(tmp_path / "lab.sqlite")]
    command += ["--agent", str(script), "--turn-timeout", "24h"]
    draw, ledger = random.Random(7), Ledger()
    numbers, versions = itertools.count(), itertools.count()
    for number in range(n_rounds + 1):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            with httpx.Client(base_url=url, headers=KEY, timeout=60) as http:
                try:
                    check(http, ledger)
                    versions = itertools.count(_kept_number(http) + 1)
                    for session in (*CHATS, WRITTEN):
                        start(http, session)
                    if number == n_rounds:
                        all_turns_are_answered(http)
                        return
                    wanted = ledger.n_told + draw.randint(1, MOST_PER_ROUND)
                    _disturb(http, ledger, numbers, versions, server, wanted)
                finally:
                    server.kill()


def _kept_number(http: httpx.Client) -> int:
    """Return the number of the snapshot that is kept; -1 where there is none."""
    reply = http.get(f"/api/v1/sessions/{WRITTEN}/snapshot-url")
    if reply.status_code == 404:
        return -1
    kept = http.get(reply.raise_for_status().json()["presignedUrl"])
    return -1 if kept.status_code == 404 else int(kept.json()["number"])


def _disturb(  # noqa: PLR0917
    http: httpx.Client,
    ledger: Ledger,
    numbers: itertools.count[int],
    versions: itertools.count[int],
    server: subprocess.Popen[str],
    wanted: int,
) -> None:
    """Write from many threads, and kill the server when clients were told so much."""
    failures: list[Exception] = []

    def until_killed(work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(http, ledger, *arguments)
        except httpx.TransportError:
            pass
        except Exception as error:  # noqa: BLE001  told by the main thread
            failures.append(error)
            with ledger.news:
                ledger.news.notify_all()

    works: list[tuple[Any, ...]] = [(append, numbers, chat) for chat in CHATS]
    works += [(write, numbers), (snapshot, versions), (look,)]
    threads = [threading.Thread(target=until_killed, args=work) for work in works]
    for thread in threads:
        thread.start()
    with ledger.news:
        ledger.news.wait_for(lambda: failures or ledger.n_told >= wanted, timeout=120)
    server.kill()
    for thread in threads:
        thread.join()
    assert failures == []
