"""The flags of a run policy, shared by the commands that take one."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "BootTime",
    "CrashRate",
    "Deploys",
    "IdleTimeout",
    "MaxDuration",
    "MaxTurns",
    "ResumeTime",
    "TurnDuration",
    "TurnTimeout",
]

_PANEL = "Run policy"


def _flag(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=text, rich_help_panel=_PANEL)
    return option


IdleTimeout = Annotated[str, _flag("--idle-timeout", "Awake with nothing to do, then suspended.")]
TurnTimeout = Annotated[str, _flag("--turn-timeout", "Suspended without a message, then ended.")]
MaxTurns = Annotated[int, _flag("--max-turns", "Turns a run serves before it ends.")]
MaxDuration = Annotated[str | None, _flag("--max-duration", "Cap on a run's active time.")]
BootTime = Annotated[str, _flag("--boot-time", "From a run's trigger to its being ready.")]
ResumeTime = Annotated[str, _flag("--resume-time", "To wake a suspended run.")]
TurnDuration = Annotated[str, _flag("--turn-duration", "Of a turn whose event does not say.")]
Deploys = Annotated[list[str] | None, _flag("--deploy", "Instant of a deploy; may be repeated.")]
CrashRate = Annotated[float, _flag("--crash-rate", "Probability that a turn crashes its run.")]
