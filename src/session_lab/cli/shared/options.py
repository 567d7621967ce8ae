"""Options in panels, and groups of options that several commands take."""

from __future__ import annotations

import functools
import inspect
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["flag_of", "local_path", "option", "takes"]


def option(panel: str, name: str, text: str, **more: Any) -> Any:  # noqa: ANN401 (what typer makes of it)
    """Make an option that the help lists in a panel."""
    return typer.Option(name, help=text, rich_help_panel=panel, **more)


def local_path(text: str) -> Path:
    """Return a path of this machine; typer shows the error with the name of the option."""
    # It loads Arrow.
    from session_lab.frames.files.places import is_address, path_text

    try:
        path = path_text(text)
    except DataError as error:
        raise typer.BadParameter(str(error.args[0])) from None
    if is_address(path):
        raise typer.BadParameter(f"{text} is an address; give a path of this machine")
    return Path(path)


local_path.__name__ = "path"  # What the help calls it.


def flag_of(group: type, field: str) -> str:
    """Return the flag of a field of a group of options.

    Examples
    --------
    >>> from session_lab.cli.shared.grid import Grid
    >>> flag_of(Grid, "idle_timeout")
    '--idle-timeout'
    """
    # Typer takes the first argument for a default until it sees the Annotated around.
    flag: str = get_type_hints(group, include_extras=True)[field].__metadata__[0].default
    return flag


def takes(**groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of groups, each in the place of the parameter of its name.

    A group is a dataclass; each of its fields is an option with a default.
    """

    def give(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        given = {name: _options_of(group) for name, group in groups.items()}

        @functools.wraps(command)
        def wrapper(*arguments: Any, **told: Any) -> None:  # noqa: ANN401 (as typer calls it)
            made = {
                name: group(**{field: told.pop(field) for field in given[name]})
                for name, group in groups.items()
            }
            command(*arguments, **told, **made)

        parameters = [
            found
            for name, one in own.items()
            for found in (given[name].values() if name in given else [one])
        ]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {one.name: one.annotation for one in parameters}
        return wrapper

    return give


def _options_of(group: Any) -> dict[str, inspect.Parameter]:  # noqa: ANN401  a dataclass
    hints = get_type_hints(group, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return {
        field.name: inspect.Parameter(
            field.name, keyword, default=field.default, annotation=hints[field.name]
        )
        for field in fields(group)
    }
