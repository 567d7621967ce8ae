"""``session-lab report``: files in, one HTML file out."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app, main
from session_lab.reports import report_html

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))).save(tmp_path / "in")


def test_the_report_of_a_saved_replay_is_that_of_its_frames(saved: Path, tmp_path: Path):
    out = tmp_path / "report.html"
    arguments = [str(saved / "sessions.parquet"), "--runs", str(saved / "runs.parquet")]
    more = ["--operations", str(saved / "operations.parquet"), "--out", str(out), "--title", "Week"]
    result = CliRunner().invoke(
        app, ["report", *arguments, *more, "--json"], catch_exceptions=False
    )
    assert json.loads(result.stdout)["path"] == str(out)
    replay = sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson")))
    expected = report_html(replay.sessions, replay.runs, replay.operations, title="Week")
    assert out.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.parquet"], "nowhere.parquet"),
        (["{sessions}", "--runs", "{sessions}"], "sessions.parquet"),
        (["{sessions}", "--operations", "{summary}"], "not a Parquet file of operations"),
        (
            ["{sessions}", "--operations", "{sessions}"],
            "sessions.parquet, at: the column is missing",
        ),
    ],
)
def test_bad_input_ends_with_one_line_and_leaves_no_file(
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
):
    names = {"sessions": saved / "sessions.parquet", "summary": saved / "summary.json"}
    filled = [argument.format(**names) for argument in arguments]
    out = saved / "report.html"
    monkeypatch.setattr(sys, "argv", ["session-lab", "report", *filled, "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert reason in message
    assert message.count("\n") == 1
    assert not out.exists()
