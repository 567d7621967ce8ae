"""Live replays against a served API: real time, real connections, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl
from session_lab.frames import milliseconds
from tests.stories import close, message, start
from tests.strategies import events_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from session_lab.wire.sessions import SessionRow

KEY = "tr_dev_live_tests"
MAIN = "from session_lab.cli import main; main()"
SERVE = [sys.executable, "-c", MAIN, "serve", "--clock", "real", "--secret-key", KEY]
SCRIPT = """
import signal, sys, session_lab as sl
signal.signal(signal.SIGINT, signal.default_int_handler)
events = sl.traffic.read(sys.argv[1])
with sl.Client({key!r}, sys.argv[2]) as client:
    sl.replay_live(events, client, dry_run=False, prefix="t-", journal=sys.argv[3])
"""


@contextmanager
def served(*arguments: str, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [*SERVE, "--port", str(port), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


def chats(n: int, *, messages: int = 4, every: int = 20) -> Any:
    """Make chats that overlap: a start, some messages and, for every second one, a close."""
    events = []
    for number in range(n):
        at, chat = number * 7, f"chat-{number:02}"
        events.append(start(at, lasting=1, chat=chat))
        events += [message(at + every * (k + 1), chat=chat) for k in range(messages)]
        if number % 2:
            events.append(close(at + every * (messages + 1), chat=chat))
    return events_frame(events).assign(task_identifier="support")


def sessions_of(client: sl.Client) -> dict[str | None, SessionRow]:
    return {session.external_id: session for session in client.sessions.list(limit=100)}


def parts_of(client: sl.Client) -> list[str]:
    return sorted(
        record.id
        for session in client.sessions.list(limit=100)
        for record in client.sessions.records(session.id, io="in")
    )


def kill_later(process: subprocess.Popen[str], journal: Path, *, lines: int) -> Any:
    """Kill a server, from a process of its own, once a journal has so many lines."""
    script = (
        "import os, pathlib, signal, sys, time\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "while not path.exists() or path.read_bytes().count(b'\\n') < int(sys.argv[2]):\n"
        "    time.sleep(0.005)\n"
        "os.kill(int(sys.argv[3]), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, str(journal), str(lines), str(process.pid)]
    return subprocess.Popen(command)


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_overlapping_chats_are_answered_as_the_rules_say(loop: Any):
    events = chats(12)
    with served() as (url, _), sl.Client(KEY, url) as client:
        live = sl.replay_live(events, client, dry_run=False, loop=loop, concurrency=6)
        sessions = sessions_of(client)
    assert live.divergence(sl.replay(events)).share == 1
    operations = live.operations
    assert (milliseconds(operations["late"]) >= 0).all()
    assert (operations["answered_at"] >= operations["sent_at"]).all()
    for _, chat in operations.sort_values("at", kind="stable").groupby("external_id"):
        assert (chat["sent_at"].to_numpy()[1:] >= chat["answered_at"].to_numpy()[:-1]).all()
    assert len(sessions) == 12
    assert all(session.closed_at is not None for session in sessions.values())
    reasons = [session.closed_reason for session in sessions.values()]
    assert reasons.count("live replay ended") == 6


def test_a_server_that_is_killed_and_comes_back_is_gone_on_with(tmp_path: Path):
    events, journal = chats(8, messages=6, every=60), tmp_path / "live.ndjson"
    state = "--state", str(tmp_path / "lab.sqlite")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with served(*state, port=port) as (url, process), sl.Client(KEY, url, max_retries=0) as client:
        killer = kill_later(process, journal, lines=30)
        with pytest.raises(sl.APIConnectionError):
            sl.replay_live(events, client, dry_run=False, journal=journal)
        killer.wait()
    with served(*state, port=port) as (url, _), sl.Client(KEY, url) as client:
        live = sl.replay_live(events, client, dry_run=False, journal=journal)
        parts, sessions = parts_of(client), sessions_of(client)
    assert 0 < live.n_resumed < len(events)
    assert live.divergence(sl.replay(events)).share == 1
    rows = events.sort_values("at", kind="stable").reset_index(drop=True).query("op == 'message'")
    assert parts == sorted(f"replay-{row}" for row in rows.index)
    assert all(session.closed_at is not None for session in sessions.values())


def test_ctrl_c_closes_what_was_opened(tmp_path: Path):
    events, journal = tmp_path / "events.ndjson", tmp_path / "live.ndjson"
    sl.traffic.write(chats(6, messages=50, every=100), events)
    with served() as (url, _), sl.Client(KEY, url) as client:
        arguments = ["-c", SCRIPT.format(key=KEY), str(events), url, str(journal)]
        with subprocess.Popen(
            [sys.executable, *arguments], stderr=subprocess.PIPE, text=True
        ) as process:
            deadline = time.monotonic() + 60
            while len(sessions_of(client)) < 6 and time.monotonic() < deadline:
                time.sleep(0.05)
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        sessions = sessions_of(client)
    assert "KeyboardInterrupt" in errors
    assert "call again with the same events and journal" in errors
    assert sorted(str(name) for name in sessions) == [f"t-chat-{n:02}" for n in range(6)]
    assert {session.closed_reason for session in sessions.values()} == {"live replay ended"}
