"""The flags of a grid of policies: the values to try of each field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from session_lab.cli.shared.numbers import values

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ConcurrencyLimits",
    "Expiries",
    "IdleTimeouts",
    "MaxDurations",
    "MaxTurns",
    "OnDeploy",
    "PreloadIdleTimeouts",
    "PreloadTimeouts",
    "TurnTimeouts",
    "grid_of",
]

_FIELDS = (
    "idle_timeout",
    "turn_timeout",
    "max_turns",
    "max_duration",
    "preload_idle_timeout",
    "preload_timeout",
    "on_deploy",
    "expiry",
    "concurrency_limit",
)


def _flag(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, help=text, rich_help_panel="Grid: values to try, with commas between"
    )
    return option


IdleTimeouts = Annotated[
    str | None, _flag("--idle-timeout", "Awake with nothing to do, then suspended.")
]
TurnTimeouts = Annotated[
    str | None, _flag("--turn-timeout", "Suspended without a message, then ended.")
]
MaxTurns = Annotated[str | None, _flag("--max-turns", "Turns a run serves.")]
MaxDurations = Annotated[
    str | None, _flag("--max-duration", "Cap on a run's active time, or none.")
]
PreloadIdleTimeouts = Annotated[
    str | None, _flag("--preload-idle-timeout", "The same until a preload's first turn.")
]
PreloadTimeouts = Annotated[
    str | None, _flag("--preload-timeout", "The same until a preload's first turn.")
]
OnDeploy = Annotated[str | None, _flag("--on-deploy", "stay, hand_over.")]
Expiries = Annotated[
    str | None, _flag("--expiry", "From a session's first start to its expiry, or none.")
]
ConcurrencyLimits = Annotated[
    str | None, _flag("--concurrency-limit", "Runs that may execute at once, or none; others wait.")
]


def grid_of(context: typer.Context) -> Mapping[str, list[Any]]:
    """Return the values of every field that a command line asks to try."""
    given = {name: context.params.get(name) for name in _FIELDS}
    return {name: values(name, text) for name, text in given.items() if text is not None}
