"""``session-lab`` itself: its help, its completion, and how it refuses a command line."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from session_lab.cli.app import app, main

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


def ended(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sys, "argv", ["session-lab", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "log.ndjson", "--nope"], "No such option: --nope"),
        (["replay", "log.ndjson", "--max-turns", "many"], "Invalid value for '--max-turns'"),
        (["replay", "log.ndjson", "other.ndjson"], "unexpected extra argument"),
        (["replay"], "Missing argument"),
        (["replai"], "No such command 'replai'"),
    ],
)
def test_a_command_line_that_does_not_fit_ends_with_one_line_and_code_2(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert ended(arguments, monkeypatch) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    assert line.startswith("session-lab: ")
    assert said in line
    assert line.endswith("--help")


def test_without_a_command_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert ended([], monkeypatch) in {None, 0}
    out = capsys.readouterr().out
    assert "Begin with: session-lab demo" in out
    for command in COMMANDS:
        assert command in out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example_of_it(command: str):
    told = CliRunner().invoke(app, [command, "--help"], catch_exceptions=False).stdout
    assert f"Example: session-lab {command}" in " ".join(told.split())


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("session-lab re", {"replay"}),
        ("session-lab replay --idle", {"--idle-timeout"}),
        ("session-lab replay --format b", {"burstgpt", "bailian"}),
    ],
)
def test_the_shell_completes_commands_options_and_formats(typed: str, completed: set[str]):
    environment = {
        "_SESSION_LAB_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="session-lab")
    assert set(result.stdout.split()) >= completed
    assert "sweep" not in result.stdout
