"""The table of commands, each of which is imported when its name is asked for."""

from __future__ import annotations

import importlib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from session_lab.errors import DataError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["COMMANDS", "Commands", "module_of"]

COMMANDS = {
    "demo": "Replay the sample chats under four idle timeouts and compare wait with billed time.",
    "pull": "Pull what happened in an environment, or in session-lab serve, into a folder.",
    "fit": "Fit the run model to a recording: timeouts, boots, resumes, crashes, prices.",
    "calibrate": "Replay what was recorded, and tell how far that is from what happened.",
    "decide": "Choose a run policy from what was recorded, and write a page about it to be sent.",
    "replay": "Replay recorded chat traffic: what it would have cost, how long chats waited.",
    "sweep": "Replay recorded chat traffic under many policies, and recommend one.",
    "live": "Replay recorded chat traffic against an environment; nothing is sent without --send.",
    "report": "Write a report on sessions: tags, lifetimes and churn, with pictures.",
    "generate": "Generate chat traffic: starts, messages and closes, drawn from a workload.",
    "conformance": "Try whether an API behaves as the Sessions API does, one behaviour at a time.",
    "serve": "Serve a simulated Sessions API until Ctrl+C; its address is printed when it is ready.",
}
"""What ``session-lab --help`` lists: the first line of each command's own help."""

_FOLDERS: dict[str, str] = dict.fromkeys(("fit", "calibrate", "decide"), "environment.")
"""Where commands live that are not beside this module."""

_PREFIX = "SESSION_LAB"
_FILE = "session-lab.toml"
_INTERRUPTED = 130


class Commands(TyperGroup):
    """A group that knows its commands by name and help, and imports the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  typer's own types move
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Return a stand-in that has the name and the help, as lists of commands show them."""
        summary = COMMANDS.get(cmd_name)
        return None if summary is None else TyperCommand(cmd_name, short_help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Import the command that the arguments ask for, and give it what the settings say."""
        name, stub, rest = super().resolve_command(ctx, args)
        if name is None or stub is None:
            return name, stub, rest
        command = _imported(name)
        _obey_environment(command, name)
        # Whoever mends the settings is not kept from the help by them.
        if "--help" not in rest:
            _obey_settings(command, name, ctx)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command; Ctrl-C ends it with what was noted on the way, and no traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            for note in getattr(stopped, "__notes__", ()):
                typer.echo(f"session-lab: {note}", err=True)
            raise typer.Exit(_INTERRUPTED) from None


def module_of(name: str) -> ModuleType:
    """Import the module of a command."""
    return importlib.import_module(f"session_lab.cli.{_FOLDERS.get(name, '')}{name}")


def _imported(name: str) -> Any:  # noqa: ANN401
    module = module_of(name)
    # In a terminal a paragraph is laid out anew, however the source breaks its lines.
    alone = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
    )
    alone.command(name)(getattr(module, name))
    return typer.main.get_command(alone)


def _flags(command: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the options of a command by their flags, without dashes."""
    return {
        flag.removeprefix("--"): parameter
        for parameter in command.params
        for flag in parameter.opts
        if flag.startswith("--") and flag != "--help"
    }


def _obey_environment(command: Any, name: str) -> None:  # noqa: ANN401
    """Name the variable that each option is read from."""
    for flag, parameter in _flags(command).items():
        # An option that names a variable of its own keeps it, and its help shows that.
        if parameter.envvar is None:
            parameter.envvar = f"{_PREFIX}_{name}_{flag}".upper().replace("-", "_")
            parameter.show_envvar = False
    command.epilog = (
        f"Options may also stand in {_FILE}, under `[{name}]`, or in the environment, as "
        f"`{_PREFIX}_{name.upper()}_` and the option's name in capitals, with underscores."
    )


def _obey_settings(command: Any, name: str, ctx: Any) -> None:  # noqa: ANN401
    """Read defaults from the settings file."""
    flags = _flags(command)
    path, settings = _settings(name)
    for flag, value in settings.items():
        column = f"{name}.{flag}"
        if flag not in flags:
            message = f"session-lab {name} has no option --{flag}"
            raise DataError(message, source=path, column=column)
        wanted = _wanted(flags[flag], value)
        if wanted is not None:
            raise DataError(f"{value!r} is not {wanted}", source=path, column=column)
    ctx.default_map = {name: {flags[flag].name: value for flag, value in settings.items()}}


def _wanted(parameter: Any, value: object) -> str | None:  # noqa: ANN401
    """Return what an option takes of a settings file where a value is something else."""
    if parameter.is_flag:
        return None if isinstance(value, bool) else "true or false"
    if parameter.multiple:
        values = value if isinstance(value, list) else [{}]
        return "a list of texts or numbers" if any(map(_is_nested, values)) else None
    return "a text or a number" if _is_nested(value) else None


def _is_nested(value: object) -> bool:
    return isinstance(value, bool | list | dict)


def _settings(name: str) -> tuple[str, dict[str, Any]]:
    """Read the table of a command from the settings file, if there is one."""
    path = Path(os.environ.get(f"{_PREFIX}_CONFIG") or _FILE)
    if not path.exists() and str(path) == _FILE:
        return str(path), {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise DataError(f"cannot be read as TOML: {error}", source=str(path)) from error
    for table, values in tables.items():
        if table not in COMMANDS or not isinstance(values, dict):
            message = f"{table!r} is not a table of a command; there are {', '.join(COMMANDS)}"
            raise DataError(message, source=str(path))
    return str(path), tables.get(name, {})
