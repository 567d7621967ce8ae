"""``session-lab sweep``: what it prints, writes and refuses."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app, main
from session_lab.errors import DataWarning
from session_lab.frames import sample_path

if TYPE_CHECKING:
    from pathlib import Path

LOG = str(sample_path("chats.ndjson"))
GRID = ("--idle-timeout", "5s, 1m", "--max-turns", "2,100", "--expiry", "none")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["sweep", LOG, *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def expected() -> pd.DataFrame:
    grid = {"idle_timeout": ["5s", "1m"], "max_turns": [2, 100], "expiry": [None]}
    return sl.sweep(sl.traffic.read(LOG), grid)


def test_the_result_as_json_has_times_in_milliseconds():
    told = json.loads(run(*GRID, "--json"))
    frame = expected()
    assert [row["max_turns"] for row in told["policies"]] == [2, 100, 2, 100]
    assert [row["idle_timeout_ms"] for row in told["policies"]] == [5_000, 5_000, 60_000, 60_000]
    assert [row["expiry_ms"] for row in told["policies"]] == [None] * 4
    billed = [billed.total_seconds() * 1000 for billed in frame["billed"]]
    assert [row["billed_ms"] for row in told["policies"]] == billed
    assert told["settings"] == sl.recommend(frame).settings


def test_rows_and_picture_are_written(tmp_path: Path):
    parquet, csv, picture = tmp_path / "rows.parquet", tmp_path / "rows.csv", tmp_path / "front.svg"
    run(*GRID, "--out", str(parquet), "--plot", str(picture))
    run(*GRID, "--out", str(csv))
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), expected())
    assert pd.read_csv(csv)["idle_timeout_ms"].tolist() == [5_000, 5_000, 60_000, 60_000]
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_a_recording_is_read_as_its_flags_say(tmp_path: Path):
    log = tmp_path / "log.csv"
    header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
    rows = ("0,m,1,100,101,Conversation log", "oops,m,1,1,2,Conversation log")
    log.write_text("\n".join([header, *rows]), encoding="utf-8")
    flags = ("--format", "burstgpt", "--tokens-per-second", "10", "--skip-bad-rows")
    grid = ("--idle-timeout", "0s,1s", "--origin", "2026-03-01T00:00:00Z", "--json")
    arguments = ["sweep", str(log), *flags, *grid, "--until", "2026-03-01T00:00:05Z"]
    with pytest.warns(DataWarning, match=r"log\.csv, line 3, Timestamp: 'oops'"):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    # The turn of ten seconds has run for five of them.
    assert [row["billed_ms"] for row in json.loads(result.stdout)["policies"]] == [5_000, 5_000]


def test_the_recommendation_follows_the_choice():
    limit = ("--at-most", "1h", "--wait", "wait_mean", "--price", "micro=0.5")
    said = run(*GRID, *limit)
    assert "the smallest price_micro with wait_mean of at most 1 h" in said
    assert "cold_starts of at most 0.9" in run(*GRID, "--wait", "cold_starts", "--at-most", "0.9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to try"),
        (("--idle-timeout", "5"), "grid, idle_timeout: '5' "),
        (("--max-turns", "1.5"), "grid, max_turns: 1.5 is not a whole number"),
        (("--max-turns", "many"), "--max-turns: 'many' is not a number"),
        (("--expiry", ","), "grid, expiry: there is no value"),
        (("--expiry", "1h", "--price", "micro"), "--price: 'micro' is not MACHINE=PRICE"),
        (("--expiry", "1h", "--out", "rows.txt"), "--out: rows.txt does not end in"),
        (("--expiry", "1h", "--plot", "front.gif"), "--plot: front.gif does not end in"),
    ],
)
def test_bad_input_ends_with_one_line_and_code_2(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys, "argv", ["session-lab", "sweep", LOG, *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("session-lab: ")
    assert said in line
