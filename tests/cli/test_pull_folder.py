"""``session-lab pull DIR``: from a server over HTTP to a recording that replays as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app
from session_lab.timing import to_instant
from tests.environments import SECRET, World, play

if TYPE_CHECKING:
    from pathlib import Path

RUNS = ["triggered_at", "ended_at", "reason", "end_cause", "turns", "resumes", "active", "idle"]


def pull(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["pull", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def runs_of(frame: Any) -> list[tuple[Any, ...]]:
    plain = frame[RUNS].astype(object)
    return sorted(plain.where(plain.notna(), None).itertuples(index=False, name=None), key=repr)


def test_what_happened_behind_a_port_is_pulled_and_replays_as_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world = World(12, chats_per_hour=6)
    with sl.LocalServer(seed=world.seed, **world.settings) as server:
        with server.client() as client:
            play(world.events, client, server.now(), server.advance)
        server.advance(f"{61_000 - to_instant(server.now()) % 1000}ms")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        told = pull(str(tmp_path / "week"), "--rate", "1000", "--concurrency", "4")
        again = pull(str(tmp_path / "week"), "--rate", "1000")
        now = server.now()
    assert told == again
    recording = sl.read_recording(tmp_path / "week")
    assert told["turns"] == len(recording.turns) > 0
    replay, truth = (world.replay(events, until=now) for events in (recording.events, None))
    assert runs_of(replay.runs) == runs_of(truth.runs)
    assert runs_of(recording.runs) == runs_of(truth.runs)
    texts = [path.read_bytes() for path in (tmp_path / "week").iterdir()]
    assert not any(SECRET.encode() in text or b"tr_dev" in text for text in texts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--status", "CLOSED"],
        ["--runs", "runs.parquet"],
        ["--task-identifier", "a", "--task-identifier", "b"],
        ["--rate", "0"],
        ["--period", "7d", "--from", "2026-01-01T00:00:00Z"],
        ["--follow", "--observed-at", "2026-01-01T00:00:00Z"],
    ],
)
def test_what_a_folder_does_not_take_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    monkeypatch.setenv("TRIGGER_SECRET_KEY", "tr_dev_nothing")
    with pytest.raises(sl.DataError):
        CliRunner().invoke(
            app, ["pull", str(tmp_path / "week"), *arguments], catch_exceptions=False
        )
    assert not (tmp_path / "week").exists()
