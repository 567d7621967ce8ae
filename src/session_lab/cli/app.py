"""The ``session-lab`` command: its subcommands, and how errors and warnings are shown."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Annotated, Any, cast

import typer

from session_lab._version import __version__
from session_lab.cli.commands import Commands
from session_lab.errors import SessionLabError, SessionLabWarning

__all__ = ["app", "main"]

_UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])
"""The error of a command line that does not fit, which typer raises but does not name."""

app = typer.Typer(
    cls=Commands,
    name="session-lab",
    help="Wrap, simulate, replay and explain Trigger.dev chat sessions.",
    pretty_exceptions_enable=False,
    # Rich takes longer to import than all the rest that this list of commands needs.
    rich_markup_mode=None,
    epilog=(
        "Begin with: session-lab demo. "
        "Then: session-lab replay chats.ndjson --idle-timeout 60s --boot-time 2s --out results. "
        "Any option can also stand in session-lab.toml (a table for each command) or in the "
        "environment (SESSION_LAB_REPLAY_IDLE_TIMEOUT=60s). "
        "Exit codes: 0 done, 2 bad input or a failure, 3 done but not as it should be (a behaviour "
        "differs, a stated limit is met by no policy, a turn was not answered), 130 interrupted."
    ),
)


def _show_version(value: bool) -> None:  # noqa: FBT001 (typer calls it with the flag's value)
    if value:
        typer.echo(f"session-lab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Wrap, simulate, replay and explain Trigger.dev chat sessions."""


def main() -> None:
    """Run the command line; bad input ends it with one line and exit code 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", SessionLabWarning)
        warnings.showwarning = _show_warning
        # An argument or a tag that no encoding has a form for is shown by its number.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        if os.environ.get("COLUMNS") == "0":
            # So says a shell without a terminal, and nothing would fit.
            del os.environ["COLUMNS"]
        try:
            # Typer's own way of showing errors takes a box of several lines.
            sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
        except _UsageError as error:
            typer.echo(f"session-lab: {_usage(error)}", err=True)
            sys.exit(2)
        except (SessionLabError, OSError, MemoryError) as error:
            # What was noted on the way, such as how far it got, belongs to it.
            told = "; ".join([str(error), *getattr(error, "__notes__", ())])
            typer.echo(f"session-lab: {told}", err=True)
            sys.exit(2)


def _usage(error: Any) -> str:  # noqa: ANN401  see _UsageError
    context, parameter = error.ctx, cast("Any", getattr(error, "param", None))
    command = context.command_path if context else "session-lab"
    told = error.format_message().rstrip(".")
    source = context and parameter and context.get_parameter_source(parameter.name)
    if source and source.name == "ENVIRONMENT":
        told += f" (it is from {parameter.envvar})"
    elif source and source.name == "DEFAULT_MAP":
        told += " (it is from the settings file)"
    return f"{told}; see {command} --help"


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"session-lab: {message}", err=True)
