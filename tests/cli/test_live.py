"""``session-lab live``: what it plans, sends, measures and refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import session_lab as sl
from session_lab.cli import main
from tests.stories import close, message, start
from tests.strategies import events_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "tr_dev_live_command"
MAIN = [sys.executable, "-c", "from session_lab.cli import main; main()"]
N_TURNS = 5


@pytest.fixture(name="log", scope="module")
def log_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of two chats: five turns, one message too late, and one chat that nobody closes."""
    events = [
        start(0, lasting=1, chat="a"),
        message(60, chat="a"),
        start(90, lasting=1, chat="b"),
        message(120, chat="a"),
        close(180, chat="a"),
        message(200, chat="a"),
        message(240, chat="b"),
    ]
    path = tmp_path_factory.mktemp("live") / "log.ndjson"
    sl.traffic.write(events_frame(events).assign(task_identifier="support"), path)
    return path


def served(*arguments: str) -> Iterator[str]:
    command = [*MAIN, "serve", "--clock", "real", "--port", "0", "--secret-key", KEY]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


@pytest.fixture(name="url", scope="module")
def url_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose agent says a word and then thinks for 200 ms."""
    script = tmp_path_factory.mktemp("agent") / "agent.json"
    script.write_text(json.dumps({"replies": [["Well", {"wait": "200ms"}]]}), encoding="utf-8")
    yield from served("--agent", str(script))


@pytest.fixture(name="silent")
def silent_fixture() -> Iterator[str]:
    """The address of a server on which no agent answers."""
    yield from served()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object, code: int = 0, key: str = KEY) -> None:
    monkeypatch.setenv("TRIGGER_SECRET_KEY", key)
    monkeypatch.setattr(sys, "argv", ["session-lab", "live", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == code


def test_without_send_nothing_is_sent_and_the_plan_is_told(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    nowhere = "http://127.0.0.1:9"
    run(monkeypatch, log, "--base-url", nowhere, "--json", "--speed", "2")
    told = json.loads(capsys.readouterr().out)
    assert told["sent"] is False
    assert told["duration_ms"] == 120
    assert {each["op"]: each["requests"] for each in told["requests"]} == {
        "start": 2,
        "message": 4,
        "close": 1,
    }
    run(monkeypatch, log, "--base-url", nowhere)
    out, err = capsys.readouterr()
    assert "nothing was sent: dry_run=False (--send) does" in " ".join(out.split())
    assert err == ""


def test_what_is_sent_is_measured_by_following_out_and_closed_at_the_end(
    log: Path,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    rows = tmp_path / "live.parquet"
    arguments = (log, "--send", "--base-url", url, "--rate", "100", "--prefix", "measured-")
    run(monkeypatch, *arguments, "--out", rows, "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["sent"] is True
    assert told["left_open"] == []
    assert told["turns_not_seen_complete"] == 0
    assert sum(each["requests"] for each in told["requests"] if each["error"]) == 1
    frame = pd.read_parquet(rows)
    seen = frame[frame["completed_at"].notna()]
    assert len(seen) == N_TURNS
    # The agent answers one word and then thinks for 200 ms.
    assert (seen["completed_at"] - seen["sent_at"]).min() >= pd.Timedelta("200ms")
    assert (seen["first_chunk_at"] <= seen["completed_at"]).all()
    assert told["complete_ms"]["max"] == (
        (seen["completed_at"] - seen["sent_at"]).max() // pd.Timedelta("1ms")
    )
    with sl.Client(KEY, url) as client:
        ours = [one for one in client.sessions.list() if one.external_id.startswith("measured-")]
    assert [one.closed_at is not None for one in ours] == [True, True]


def test_chats_are_left_open_and_out_is_not_followed_where_that_is_asked(
    log: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    arguments = (log, "--send", "--base-url", url, "--rate", "100", "--prefix", "open-")
    run(monkeypatch, *arguments, "--keep-open", "--follow", "none")
    out = capsys.readouterr().out
    assert "first chunk  " not in out
    with sl.Client(KEY, url) as client:
        assert client.sessions.retrieve("open-b").closed_at is None


def test_a_turn_that_nobody_answers_ends_with_3(
    log: Path,
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    arguments = (log, "--send", "--base-url", silent, "--rate", "100", "--follow", "0s")
    run(monkeypatch, *arguments, "--json", code=3)
    assert json.loads(capsys.readouterr().out)["turns_not_seen_complete"] == N_TURNS


@pytest.mark.parametrize("key", ["tr_prod_x", "tr_live", "whatever"])
def test_a_key_that_may_be_one_of_production_is_refused_without_a_flag(
    key: str, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run(monkeypatch, log, code=2, key=key)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("(--allow-production)")
    assert key not in line
    run(monkeypatch, log, "--allow-production", key=key)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "0"), "is not a rate"),
        (("--rate", "nan"), "is not a rate"),
        (("--speed", "-1"), "is not a speed"),
        (("--loop", "round"), "'round' is not a loop"),
        (("--concurrency", "0"), "is not a number of requests"),
        (("--prefix", " "), "keeps no chats apart"),
        (("--follow", "5"), "follow"),
        (("--out", "x.txt"), "does not end in one of"),
        (("--base-url", "ftp://x"), "ftp://x"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_sent(
    arguments: tuple[str, ...],
    said: str,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    run(monkeypatch, log, "--send", "--base-url", "http://127.0.0.1:9", *arguments, code=2)
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert said in line


def test_where_nobody_listens_it_says_so_and_how_far_it_got(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run(monkeypatch, log, "--send", "--base-url", "http://127.0.0.1:9", "--quiet", code=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert "0 of 7 events were answered" in line


def test_ctrl_c_closes_what_was_started_says_how_far_it_got_and_ends_with_130(
    log: Path, url: str, tmp_path: Path
):
    journal = tmp_path / "journal.ndjson"
    command = [*MAIN, "live", str(log), "--send", "--base-url", url, "--speed", "0.001"]
    with subprocess.Popen(
        [*command, "--prefix", "cut-", "--journal", str(journal)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TRIGGER_SECRET_KEY": KEY},
    ) as process:
        until = time.monotonic() + 60
        while not (journal.exists() and b'"answered"' in journal.read_bytes()):
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "1 of 7 events were answered" in err
    with sl.Client(KEY, url) as client:
        assert client.sessions.retrieve("cut-a").closed_at is not None
