"""``session-lab demo``: what a newcomer sees first."""

from __future__ import annotations

import json
import re
import shlex

from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_longer_idle_timeouts_cost_more_and_wait_less():
    lines = [line for line in run("demo").splitlines() if re.match(r" *\d+ (s|min) ", line)]
    rows = [re.split(r" {2,}", line.strip()) for line in lines]
    assert [row[0] for row in rows] == ["10 s", "30 s", "2 min", "10 min"]
    hours = [float(row[3]) for row in rows]
    assert hours == sorted(set(hours))
    replays = json.loads(run("demo", "--json"))
    waits = [replay["waits_ms"]["mean"] for replay in replays.values()]
    assert waits == sorted(set(waits), reverse=True)


def test_the_numbers_are_those_of_a_replay_of_the_sample():
    events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    policy, platform = (
        sl.RunPolicy(idle_timeout="2m"),
        sl.Platform(boot_time="3s", resume_time="1s"),
    )
    assert (
        json.loads(run("demo", "--json"))["2 min"] == sl.replay(events, policy, platform).to_dict()
    )


def test_it_ends_with_commands_that_work():
    _, _, told = run("demo").partition("What to open next")
    full, help_of_replay = re.findall(r"session-lab (replay .*)$", told, re.MULTILINE)
    assert run(*shlex.split(full)).splitlines()[-1].startswith("digest ")
    assert "Usage: " in run(*shlex.split(help_of_replay))
