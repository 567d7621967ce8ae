"""``session-lab decide``: pages, promises and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

FEW = ("--resamples", "100", "--draws", "2", "--wait", "wait_mean", "--idle-timeout", "5s,2m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = sl.traffic.generate(sl.ChatWorkload(duration="6h", chats_per_hour=8), seed=3)
    platform = sl.Platform(boot_time="3s", resume_time="700ms")
    recording = sl.Recording.of_replay(sl.replay(events, platform=platform), events)
    return recording.save(tmp_path_factory.mktemp("week"))


def run(folder: Path, *arguments: str) -> Result:
    called = ["decide", str(folder), *arguments]
    return CliRunner().invoke(app, called, catch_exceptions=False)


def test_a_page_and_a_promise_are_written_beside_the_recording(folder: Path):
    result = run(folder, *FEW, "--at-most", "10s", "--title", "Our agent")
    assert result.exit_code == 0
    assert "Set idle_timeout from 30 s to 5 s" in result.stdout
    assert "<h1>Our agent</h1>" in (folder / "decision.html").read_text(encoding="utf-8")
    kept = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    assert kept["settings"] == {"idle_timeout": "5 s"}


def test_the_exit_code_says_that_no_policy_meets_a_limit(folder: Path):
    for asked in (("--at-most", "1ms"), ("--budget", "0.0001")):
        result = run(folder, *FEW, *asked)
        assert result.exit_code == 3
        assert result.stdout.startswith("No policy that was tried comes to")


def test_json_and_markdown(folder: Path, tmp_path: Path):
    page = tmp_path / "page.md"
    asked = ("--at-most", "0.9", "--out", str(page), "--json")
    result = run(folder, *FEW[:4], "--wait", "resumed", *FEW[6:], *asked)
    told = json.loads(result.stdout)
    assert told["question"] == "the cheapest policy with resumed of at most 0.9"
    assert page.read_text(encoding="utf-8").startswith("# Run policy\n")


def test_what_it_wrote_is_a_policy_file(folder: Path):
    run(folder, *FEW, "--at-most", "10s")
    log, kept = str(folder / "events.parquet"), str(folder / "decision.json")
    called = ["replay", log, "--policy", kept, "--json"]
    result = CliRunner().invoke(app, called, catch_exceptions=False)
    assert json.loads(result.stdout)["policy"]["idle_timeout"] == "5 s"


def test_bad_input_is_refused_by_its_name(folder: Path, tmp_path: Path):
    for asked, said in (
        (("--out", "page.pdf"), "does not end in .html or .md"),
        (("--wait", "resumed", "--at-most", "2s"), "'2s' is not a number"),
        (("--price", "small-1x"), "not MACHINE=PRICE"),
    ):
        with pytest.raises(sl.DataError, match=said):
            run(folder, *FEW[:4], *asked)
    with pytest.raises(sl.DataError, match="there is no recording"):
        run(tmp_path)


def test_one_command_leads_from_a_log_beside_a_recording_to_a_decision(
    folder: Path, tmp_path: Path
):
    log, shards = tmp_path / "log", tmp_path / "shards"
    events = sl.traffic.generate(sl.ChatWorkload(duration="6h", chats_per_hour=20), seed=4)
    for hour, some in events.groupby(events["at"].dt.floor("1h")):
        part = log / f"hour={hour:%d-%H}"
        part.mkdir(parents=True)
        some.to_parquet(part / "part-0.parquet", index=False)
    asked = (*FEW, "--at-most", "10s", "--json")
    made = run(folder, *asked, "--events", str(log), "--shard-into", str(shards))
    told = json.loads(made.stdout)
    assert told["recorded"]["sessions"] == events["external_id"].nunique()
    assert run(folder, *asked, "--events", str(shards)).stdout == made.stdout
    found = sl.decide(
        sl.read_recording(folder),
        {"idle_timeout": ["5s", "2m"]},
        events=events,
        at_most="10s",
        wait="wait_mean",
        resamples=100,
        draws=2,
    )
    assert json.loads(json.dumps(found.promise())) == told
    without = CliRunner().invoke(app, ["decide", str(folder), *FEW, "--shard-into", str(shards)])
    assert isinstance(without.exception, sl.DataError)
    assert "without --events" in str(without.exception)
