"""``session-lab`` itself: its help, its completion, and how it refuses a command line."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from session_lab.cli.app import app, main
from session_lab.cli.commands import COMMANDS, module_of
from session_lab.cli.shared.output import shows_progress

HEAVY = {"matplotlib", "numpy", "pandas", "pyarrow", "httpx", "numba"}

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(command: str):
    function = getattr(module_of(command), command)
    assert (function.__doc__ or "").splitlines()[0] == COMMANDS[command]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["replay", "--help"]])
def test_what_only_prints_text_loads_nothing_heavy(arguments: list[str]):
    code = (
        "import sys; from session_lab.cli import main\n"
        f"sys.argv = ['session-lab', *{arguments}]\n"
        "try: main()\n"
        f"except SystemExit: print('loaded', sorted({HEAVY} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert printed.splitlines()[-1] == "loaded []"


def settings(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "session-lab.toml").write_text(text)
    monkeypatch.chdir(folder)


def test_an_option_may_stand_in_a_settings_file_and_the_command_line_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings('[generate]\nduration = "5m"\nchats-per-hour = 600.0\n', tmp_path, monkeypatch)
    run = CliRunner().invoke
    first = run(app, ["generate", "a.ndjson", "--seed", "1"], catch_exceptions=False)
    again = run(
        app,
        ["generate", "b.ndjson", "--seed", "1", "--duration", "5m", "--chats-per-hour", "600"],
        catch_exceptions=False,
    )
    assert first.stdout.splitlines()[-1] == again.stdout.splitlines()[-1]
    other = run(app, ["generate", "c.ndjson", "--chats-per-hour", "6"], catch_exceptions=False)
    assert other.stdout.splitlines()[-1] != first.stdout.splitlines()[-1]


def test_an_option_may_stand_in_the_environment_and_wins_over_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings('[generate]\nduration = "5m"\n', tmp_path, monkeypatch)
    monkeypatch.setenv("SESSION_LAB_GENERATE_DURATION", "10m")
    by_name = CliRunner().invoke(app, ["generate", "a.ndjson"], catch_exceptions=False)
    by_flag = CliRunner().invoke(
        app, ["generate", "b.ndjson", "--duration", "10m"], catch_exceptions=False
    )
    assert by_name.stdout.splitlines()[-1] == by_flag.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[replay]\nidle = "5m"\n', "session-lab replay has no option --idle"),
        ('[replai]\nidle-timeout = "5m"\n', "'replai' is not a table of a command"),
        ('idle-timeout = "5m"\n', "'idle-timeout' is not a table of a command"),
        ("[replay\n", "cannot be read as TOML"),
        ("[replay]\nboot-time = true\n", "replay.boot-time: True is not a text or a number"),
        ('[replay]\nboot-time = ["2s"]\n', "replay.boot-time: ['2s'] is not a text or a number"),
        ("[replay]\nmax-turns = true\n", "replay.max-turns: True is not a text or a number"),
        ("[replay]\njson = 7\n", "replay.json: 7 is not true or false"),
        ('[replay]\ncolumn = "at=t"\n', "replay.column: 'at=t' is not a list of texts or numbers"),
        ('[replay]\ncolumn = [["at=t"]]\n', "[['at=t']] is not a list of texts or numbers"),
    ],
)
def test_a_settings_file_that_says_what_nobody_understands_is_refused(
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    settings(text, tmp_path, monkeypatch)
    assert ended(["replay", "log.ndjson"], monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("session-lab: session-lab.toml")
    assert said in line


def test_settings_may_begin_with_a_mark_and_bad_ones_keep_nobody_from_the_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    settings("\ufeff[replay]\r\nbogus = 1\r\n", tmp_path, monkeypatch)
    monkeypatch.setenv("SESSION_LAB_CONFIG", "")
    assert ended(["replay", "log.ndjson"], monkeypatch) == 2
    assert "session-lab replay has no option --bogus" in capsys.readouterr().err
    assert ended(["replay", "--help"], monkeypatch) in {None, 0}
    assert "--idle-timeout" in capsys.readouterr().out


def test_a_value_of_the_wrong_kind_is_told_with_where_it_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    settings('[replay]\nseed = "a"\n', tmp_path, monkeypatch)
    monkeypatch.setenv("SESSION_LAB_REPLAY_MAX_TURNS", "b")
    for options, said in (
        ([], "'--max-turns': .* (it is from SESSION_LAB_REPLAY_MAX_TURNS)"),
        (["--max-turns", "5"], "'--seed': .* (it is from the settings file)"),
        (["--max-turns", "c"], "unable to parse string as an integer"),
    ):
        assert ended(["replay", "log.ndjson", *options], monkeypatch) == 2
        pattern = re.escape(said).replace(r"\.\*", ".*") + "; see session-lab replay --help\n$"
        assert re.search(pattern, capsys.readouterr().err)


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_in_the_help_of_a_command_is_cut_off_at_eighty_columns(
    command: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    told = CliRunner().invoke(app, [command, "--help"], catch_exceptions=False).stdout
    assert "…" not in told
    variable = f"SESSION_LAB_{command.upper()}_ and the option's name"
    assert variable in " ".join(told.replace("`", "").split())


def test_a_terminal_without_columns_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "0")
    assert ended(["replay", "--help"], monkeypatch) in {None, 0}
    assert "--idle-timeout" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "stream", "said"),
    [
        (["replay", "-"], "stdin", "session-lab: standard input: it is closed"),
        (["generate", "-"], "stdout", "session-lab: standard output is closed"),
    ],
)
def test_a_stream_that_is_closed_is_told(
    arguments: list[str],
    stream: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    with monkeypatch.context() as patch:
        patch.setattr(sys, stream, None)
        assert ended(arguments, patch) == 2
    assert capsys.readouterr().err.splitlines() == [said]


def test_progress_is_shown_to_terminals_only_and_not_where_it_is_unwanted(
    monkeypatch: pytest.MonkeyPatch,
):
    assert not shows_progress(quiet=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert shows_progress(quiet=False)
    assert not shows_progress(quiet=True)


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
