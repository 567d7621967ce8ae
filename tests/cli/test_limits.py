"""Limits on executing runs on the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app
from session_lab.frames import sample_path

LOG = str(sample_path("chats.ndjson"))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("flags", "limits"),
    [
        (("--concurrency-limit", "2"), sl.ConcurrencyLimits(2, 1)),
        (("--limits", "2"), sl.ConcurrencyLimits(2, 1)),
        (("--plan", "hobby"), sl.ConcurrencyLimits(50)),
        (("--plan", "free:staging"), sl.ConcurrencyLimits(10)),
    ],
)
def test_a_replay_takes_a_number_or_a_plan(flags: tuple[str, ...], limits: sl.ConcurrencyLimits):
    told = json.loads(run("replay", LOG, "--boot-time", "3s", "--json", *flags))
    replay = sl.replay(sl.traffic.read(LOG), platform=sl.Platform(boot_time="3s"), limits=limits)
    assert told == replay.to_dict()
    assert told["limits"] == limits.to_dict()


def test_the_text_has_a_section_on_slots():
    told = run("replay", LOG, "--boot-time", "3s", "--limits", "2")
    assert "\nslots " in told
    assert "never rank limits by cost without the wait" in told


def test_a_sweep_tries_limits_and_none():
    told = json.loads(run("sweep", LOG, "--concurrency-limit", "2, 5,none", "--json"))
    rows = told["policies"]
    assert [row["concurrency_limit"] for row in rows] == [2, 5, None]
    frame = sl.sweep(sl.traffic.read(LOG), {"concurrency_limit": [2, 5, None]})
    assert [row["drained"] for row in rows] == frame["drained"].tolist()
    assert [row["peak_executing"] for row in rows] == frame["peak_executing"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", LOG, "--limits", "0"), "a limit of 0 would let no run execute"),
        (("replay", LOG, "--plan", "team"), "'team' is not a known plan"),
        (("replay", LOG, "--plan", "hobby:prod"), "'prod' is not an environment of a plan"),
        (("replay", LOG, "--plan", "pro", "--limits", "3"), "give one of --plan and"),
        (("sweep", LOG, "--concurrency-limit", "many"), "'many' is not a number"),
        (("sweep", LOG, "--concurrency-limit", "0"), "a limit of 0 would let no run execute"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], message: str):
    with pytest.raises(sl.DataError, match=message):
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
