"""The examples of the README, as they stand there."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app
from tests.environments import play

if TYPE_CHECKING:
    import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def printed(code: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})  # noqa: S102  the README's own code
    return out.getvalue()


def test_the_first_example_trades_waits_for_billed_time_in_about_ten_lines():
    code = blocks("python")[0]
    assert code.count("\n") <= 10
    lines = printed(code).splitlines()
    assert [line.split()[0] for line in lines] == ["10s", "30s", "2m"]
    waits = [re.findall(r"\d+:\d+:[\d.]+", line)[0] for line in lines]
    assert waits == sorted(set(waits), reverse=True)


def test_the_example_of_the_simulator_explains_a_refusal():
    assert printed(blocks("python")[1]).startswith("409: the session was closed at 2026-01-01")


def test_the_example_of_understanding_sessions_estimates_and_explores():
    names: dict[str, object] = {}
    exec(blocks("python")[2], names)  # noqa: S102  the README's own code
    assert isinstance(names["replay"], sl.Replay)


def test_the_commands_that_pull_and_report_fit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lab = sl.Simulator()
    for number in range(3):
        lab.client().sessions.start(
            type="chat",
            task_identifier="agent",
            trigger_config={"base_payload": {}, "tags": [f"chat:chat-{number}"]},
            external_id=f"chat-{number}",
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIGGER_SECRET_KEY", "tr_dev_simulated")
    over_network = sl.Client
    monkeypatch.setattr(
        sl, "Client", lambda **options: over_network(**options, transport=lab.transport)
    )
    pattern = r"session-lab ((?:pull|report) [^`\n]*parquet[^`\n]*)"
    commands = re.findall(pattern, README)
    assert [command.split()[0] for command in commands] == ["pull", "report"]
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command), catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert Path("report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_journey_from_an_environment_to_a_decision_works_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    section = README.split("## From your environment to a decision")[1].split("\n## ")[0]
    commands = re.findall(r"^session-lab ([^`\n]*)", section, re.MULTILINE)
    assert [command.split()[0] for command in commands] == [
        "pull",
        "fit",
        "calibrate",
        "decide",
        "pull",
        "calibrate",
        "serve",
    ]
    assert commands.pop() == "serve --policy policy.json --clock real --speed 60"
    told = json.loads(re.findall(r"^echo '(.*)' > policy.json$", section, re.MULTILINE)[0])
    assert sl.RunPolicy(**told["policy"]).idle_timeout == "30 s"
    assert sl.Platform(**told["platform"]).turn_duration == "6 s"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIGGER_SECRET_KEY", "tr_dev_simulated")
    over_network = sl.Client
    people = sl.ChatWorkload(duration="6h", chats_per_hour=12, return_share=0)
    policy = sl.RunPolicy()
    for command in commands:
        name, *arguments = shlex.split(command)
        if name == "pull":
            sim = sl.Simulator(seed=2, policy=policy, platform=sl.Platform(boot_time="3s"))
            with sim.client() as client:
                play(sl.traffic.generate(people, seed=2), client, sim.clock.now, sim.clock.advance)
            transport = sim.transport
            monkeypatch.setattr(
                sl,
                "Client",
                lambda transport=transport, **options: over_network(**options, transport=transport),
            )
            arguments += ["--rate", "1000"]
        if name == "decide":
            arguments += ["--draws", "2", "--resamples", "100"]
        result = CliRunner().invoke(app, [name, *arguments], catch_exceptions=False)
        # What was promised need not be kept in so short a time.
        assert result.exit_code in ((0, 3) if "--decision" in command else (0,)), result.output
        if name == "decide":
            kept = json.loads(Path("week/decision.json").read_text(encoding="utf-8"))
            policy = sl.RunPolicy(**kept["policy"])
    assert Path("week/decision.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_commands_on_traffic_work_on_the_events_that_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("chats.ndjson").write_text(blocks("json")[0], encoding="utf-8")
    commands = re.findall(r"session-lab ((?:replay|generate) [^`\n]*[.]ndjson[^`\n]*)", README)
    assert [command.split()[0] for command in commands] == ["replay", "generate"]
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command), catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert len(sl.traffic.read("chats.ndjson")) == 3
    assert len(sl.traffic.read("generated.ndjson")) > 1000
    assert sorted(path.name for path in Path("results").iterdir()) == [
        "operations.parquet",
        "runs.parquet",
        "sessions.parquet",
        "summary.json",
    ]


def test_every_file_that_is_linked_is_there():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    top = Path(__file__).parents[1]
    assert [link for link in links if not (top / link).exists()] == []
