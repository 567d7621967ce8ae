"""What the commands about a team's own environment share: the recording, and tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import session_lab as sl
from session_lab.cli.shared.options import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["Between", "Directory", "Task", "Until", "part_of", "plain", "policy_document"]

Directory = Annotated[
    Path,
    typer.Argument(help="The recording: a folder that session-lab pull wrote.", parser=local_path),
]
Between = Annotated[
    str | None, typer.Option("--from", help="Only sessions created from this instant on.")
]
Until = Annotated[str | None, typer.Option("--to", help="Only sessions created before this.")]
Task = Annotated[
    str | None, typer.Option("--task", help="Only sessions of this agent: its task identifier.")
]

_BEGINNING, _END = "1970-01-01T00:00:00Z", "9999-12-31T00:00:00Z"


def part_of(directory: Path, from_: str | None, to: str | None, task: str | None) -> sl.Recording:
    """Read a recording, or the part of it that was asked for."""
    recording = sl.read_recording(directory)
    if task is not None:
        recording = recording.of_task(task)
    if from_ is None and to is None:
        return recording
    return recording.between(from_ or _BEGINNING, to or _END)


def policy_document(
    policy: sl.RunPolicy | Mapping[str, sl.RunPolicy], platform: sl.Platform
) -> dict[str, Any]:
    """Return policy and platform as ``--policy`` takes them."""
    if isinstance(policy, sl.RunPolicy):
        fields: dict[str, Any] = policy.to_dict()
    else:
        fields = {task: one.to_dict() for task, one in policy.items()}
    return {"policy": fields, "platform": platform.to_dict()}


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain JSON values; times are ISO 8601 text, what is missing is None."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso"))
    return rows
