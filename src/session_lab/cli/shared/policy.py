"""The flags of run policies and platforms, shared by the commands that take them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import session_lab as sl
from session_lab.cli.shared.json_file import read_json
from session_lab.cli.shared.options import option

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

    Policy = sl.RunPolicy | dict[str, sl.RunPolicy]

__all__ = [
    "CHOICES",
    "BootTime",
    "CrashRate",
    "Deploys",
    "ExitAfterPreloadIdle",
    "IdleTimeout",
    "MaxDuration",
    "MaxTurns",
    "OnDeploy",
    "PolicyFile",
    "PreloadIdleTimeout",
    "PreloadTimeout",
    "ResumeTime",
    "TurnDuration",
    "TurnTimeout",
    "platform_of",
    "policy_of",
]

CHOICES = (
    "idle_timeout",
    "turn_timeout",
    "max_turns",
    "max_duration",
    "preload_idle_timeout",
    "preload_timeout",
    "exit_after_preload_idle",
    "on_deploy",
)
_ASSUMPTIONS = ("boot_time", "resume_time", "turn_duration", "crash_rate", "deploys")
_FILE = "--policy"


_choice = partial(option, "Run policy: what a team chooses", show_default=False)
_assumption = partial(option, "Platform: what the environment does", show_default=False)

PolicyFile = Annotated[
    str | None,
    _choice(
        _FILE,
        'JSON file: the fields of a policy, or {"policy": ..., "platform": ...}; flags win.',
    ),
]
IdleTimeout = Annotated[
    str | None, _choice("--idle-timeout", "Awake with nothing to do, then suspended. [30s]")
]
TurnTimeout = Annotated[
    str | None, _choice("--turn-timeout", "Suspended without a message, then ended. [1h]")
]
MaxTurns = Annotated[int | None, _choice("--max-turns", "Turns a run serves, then ends. [100]")]
MaxDuration = Annotated[
    str | None, _choice("--max-duration", "Cap on a run's active time, or none. [none]")
]
PreloadIdleTimeout = Annotated[
    str | None,
    _choice("--preload-idle-timeout", "The same as --idle-timeout until a preload's first turn."),
]
PreloadTimeout = Annotated[
    str | None,
    _choice("--preload-timeout", "The same as --turn-timeout until a preload's first turn."),
]
ExitAfterPreloadIdle = Annotated[
    bool | None,
    _choice("--exit-after-preload-idle", "End a preload after its idle time, not suspend it."),
]
OnDeploy = Annotated[
    str | None, _choice("--on-deploy", "stay on the version, or hand_over the next turn. [stay]")
]
BootTime = Annotated[
    str | None, _assumption("--boot-time", "From a run's trigger to its being ready. [0s]")
]
ResumeTime = Annotated[str | None, _assumption("--resume-time", "To wake a suspended run. [0s]")]
TurnDuration = Annotated[
    str | None, _assumption("--turn-duration", "Of a turn whose event does not say. [0s]")
]
Deploys = Annotated[
    list[str] | None, _assumption("--deploy", "Instant of a deploy; may be repeated.")
]
CrashRate = Annotated[
    float | None, _assumption("--crash-rate", "Probability that a turn crashes its run. [0]")
]


def policy_of(context: typer.Context, names: tuple[str, ...] = CHOICES) -> Policy | None:
    """Return the policy that a command line asks for; None where it asks for none.

    It is that of the file, if there is one, with the flags of these names in place of its fields.
    """
    given = _given(context, names)
    document = _document(context.params.get("policy"))
    written = document.get("policy", {})
    if written and all(isinstance(value, dict) for value in written.values()):
        return {str(task): sl.RunPolicy(**_known(one) | given) for task, one in written.items()}
    if not (given or "policy" in document):
        return None
    return sl.RunPolicy(**_known(written) | given)


def platform_of(context: typer.Context) -> sl.Platform | None:
    """Return the platform that a command line asks for; None where it asks for none."""
    given = _given(context, _ASSUMPTIONS)
    document = _document(context.params.get("policy"))
    if not (given or "platform" in document):
        return None
    return sl.Platform(**_known(document.get("platform", {}), _ASSUMPTIONS) | given)


def _given(context: typer.Context, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the flags that were given, as fields."""
    given = {name: context.params.get(name) for name in names}
    # A flag that is not there is False; a rate of 0 is given.
    kept = {
        name: value
        for name, value in given.items()
        if value not in (None, (), []) and value is not False
    }
    if kept.get("max_duration") == "none":
        kept["max_duration"] = None
    return kept


def _document(path: str | None) -> dict[str, Any]:
    """Read a policy file; plain fields of a policy stand for a policy alone."""
    if path is None:
        return {}
    document = read_json(path)
    if not isinstance(document, dict):
        raise sl.DataError("the file does not hold a JSON object", source=str(path))
    whole = document if {"policy", "platform"} & set(document) else {"policy": document}
    parts = {name: whole.get(name, {}) for name in ("policy", "platform") if name in whole}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise sl.DataError("is not a JSON object", source=str(path), column=name)
    return parts


def _known(fields: Mapping[str, Any], names: tuple[str, ...] = CHOICES) -> dict[str, Any]:
    """Return the fields of a file, which are to have the names of a policy or a platform."""
    for name in fields:
        if name not in names:
            message = f"{name!r} is not one of {', '.join(names)}"
            raise sl.DataError(message, column=_FILE)
    return dict(fields)
