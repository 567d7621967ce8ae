"""Command lines that make no sense: one line that says why, exit code 2, and nothing printed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import session_lab as sl
from session_lab.cli import main

if TYPE_CHECKING:
    from pathlib import Path

LOG = sl.traffic.sample_path("chats.ndjson")
MAIN = [sys.executable, "-c", "from session_lab.cli import main; main()"]
FILES = {
    "deep.json": "[" * 100_000,
    "list.json": "[1, 2]",
    "nan.json": '{"policy": {"max_turns": NaN}}',
    "null.json": '{"policy": {"idle_timeout": null}}',
    "promise.json": '{"promised": {"wait_p95": {"value": NaN, "lower": 0, "upper": 1}}}',
    "picture.png": "\x89PNG\r\n\x00\x01",
    "keys.ndjson": '{"a": 1}\n',
}


@pytest.fixture(name="room", scope="module")
def room_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of the wrong kinds, and a recording."""
    room = tmp_path_factory.mktemp("room")
    for name, text in FILES.items():
        (room / name).write_text(text, encoding="utf-8")
    (room / "folder").mkdir()
    events = sl.traffic.generate(sl.ChatWorkload(duration="3h", chats_per_hour=20), seed=1)
    replay = sl.replay(events, until="2026-01-01T09:00:00Z")
    sl.Recording.of_replay(replay, events).save(room / "week")
    return room


@pytest.mark.parametrize(
    "line",
    [
        "replay nothere.ndjson",
        "replay folder",
        "replay picture.png",
        "replay keys.ndjson",
        "replay foo://x/y",
        "replay {log} --idle-timeout nan",
        "replay {log} --idle-timeout 99999999999999999999d",
        "replay {log} --crash-rate nan",
        "replay {log} --tokens-per-second nan",
        "replay {log} --column at=at:furlong",
        "replay {log} --zone Mars/Base",
        "replay {log} --policy deep.json",
        "replay {log} --policy list.json",
        "replay {log} --policy nan.json",
        "replay {log} --policy null.json",
        "replay {log} --policy folder",
        "replay {log} --out keys.ndjson",
        "sweep {log} --idle-timeout ,",
        "sweep {log} --max-turns 1e400",
        "sweep {log} --idle-timeout 5s --wait cold_starts --at-most nan",
        "sweep {log} --idle-timeout 5s --price small-1x=inf",
        "sweep {log} --idle-timeout 5s --price-per-run 1",
        "sweep {log} --idle-timeout 5s --out x.txt",
        "sweep {log} --idle-timeout 5s --plot nothere/x.png",
        "sweep folder --sharded --idle-timeout 5s --zone Europe/Berlin",
        "sweep {log} --shard-into new --idle-timeout 5s --adopt",
        "sweep folder --sharded --shard-into new --idle-timeout 5s",
        "fit folder",
        "fit week --level nan",
        "fit week --out folder",
        "calibrate week --tolerance nan",
        "calibrate week --held-out -1d",
        "calibrate week --decision deep.json",
        "calibrate week --decision promise.json",
        "decide week --at-most nan",
        "decide week --budget nan",
        "decide week --resamples 99999999999999",
        "generate x.txt",
        "generate folder",
        "generate x.ndjson --chats-per-hour inf",
        "generate x.ndjson --hourly 1,2",
        "generate x.ndjson --tokens-per-second 3",
        "generate x.ndjson --format burstgpt",
        "fit s3://bucket/week",
        "pull s3://bucket/week --base-url http://127.0.0.1:9",
        "calibrate week --decision s3://bucket/decision.json",
        "replay {log} --out s3://bucket/week",
        "replay {log} --tokens-per-second inf",
        "sweep {log} --idle-timeout 5s --shard-into s3://bucket/shards",
        "sweep {log} --max-turns 99999999999999999999999",
        "serve --state s3://bucket/world",
        "report file:///nothere/x.parquet",
        "report picture.png",
        "report week/events.parquet",
        "serve --port 99999",
        "serve --agent deep.json",
        "serve --clock real --speed nan",
        "conformance http://[::1",
        "conformance http://127.0.0.1:99999",
        "pull folder --rate nan --base-url http://127.0.0.1:9",
        "pull x.parquet --base-url nope",
        "live {log} --longest-gap nan",
        "live {log} --speed 1e-300",
        "live {log} --journal keys.ndjson",
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    line: str, room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(room)
    monkeypatch.setenv("TRIGGER_SECRET_KEY", "tr_dev_x")
    monkeypatch.setattr(sys, "argv", ["session-lab", *line.format(log=LOG).split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    (said,) = err.splitlines()
    assert said.startswith("session-lab: ")


@pytest.mark.parametrize(
    "line",
    ["fit", "pull", "report", "replay", "replay {log} --out", "report week/sessions.parquet --out"],
)
def test_an_empty_path_is_not_the_folder_one_is_in(
    line: str, room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(room)
    before = sorted(room.iterdir())
    monkeypatch.setattr(sys, "argv", ["session-lab", *line.format(log=LOG).split(), ""])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "the path is empty" in capsys.readouterr().err
    assert sorted(room.iterdir()) == before


def test_a_report_is_made_of_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = (tmp_path / "a b").as_uri()
    run(monkeypatch, "replay", str(LOG), "--out", folder, "--quiet")
    parts = ["--runs", f"{folder}/runs.parquet", "--operations", f"{folder}/operations.parquet"]
    out = ["--out", f"{folder}/report.html", "--json"]
    capsys.readouterr()
    run(monkeypatch, "report", f"{folder}/sessions.parquet", *parts, *out, "--quiet")
    assert json.loads(capsys.readouterr().out)["path"] == f"{folder}/report.html"
    assert (tmp_path / "a b" / "report.html").exists()


def run(monkeypatch: pytest.MonkeyPatch, *line: str) -> None:
    monkeypatch.setattr(sys, "argv", ["session-lab", *line])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {None, 0}


def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes(tmp_path: Path):
    command = [*MAIN, "replay", os.fsencode(tmp_path / "log") + b"\xff.ndjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("session-lab: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("redirected", ["| true", ">&-", "2>&-", ">/dev/full"])
def test_an_output_that_is_closed_or_full_leaves_no_traceback(redirected: str):
    command = f"{sys.executable} -c '{MAIN[2]}' replay {LOG} {redirected}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_log_goes_through_a_pipe_from_command_to_command():
    session_lab = f"{sys.executable} -c '{MAIN[2]}'"
    command = (
        f"{session_lab} generate - --duration 5m --seed 3 2>/dev/null"
        f" | {session_lab} replay - --json"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    events = sl.traffic.generate(sl.ChatWorkload(duration="5m"), seed=3)
    assert json.loads(done.stdout)["totals"]["events"] == len(events)


def test_what_a_shell_unpacks_on_the_way_is_read_as_the_file_is(tmp_path: Path):
    packed = tmp_path / "log.ndjson.gz"
    packed.write_bytes(gzip.compress(LOG.read_bytes()))
    command = f"{sys.executable} -c '{MAIN[2]}' replay <(zcat {packed}) --json"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["totals"]["events"] == len(sl.traffic.read(LOG))
