"""``session-lab fit``: the run model fitted to what was pulled from an environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import session_lab as sl
from session_lab.cli.shared.environment import (
    Between,
    Directory,
    Task,
    Until,
    part_of,
    plain,
    policy_document,
)
from session_lab.cli.shared.output import AsJson
from session_lab.cli.shared.pictures import check_suffix, draw
from session_lab.cli.shared.tables import show

__all__ = ["fit"]


def fit(
    directory: Directory,
    *,
    from_: Between = None,
    to: Until = None,
    task: Task = None,
    level: Annotated[
        float, typer.Option("--level", help="Of intervals that express an error of sampling.")
    ] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Of the resamples.")] = 0,
    out: Annotated[
        str | None,
        typer.Option("--out", help="JSON file of policy and platform, for --policy elsewhere."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="What was fitted as a picture: .png, .svg, .pdf.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the run model to a recording: timeouts, boots, resumes, crashes, prices.

    Every number comes with its interval, how many observations it rests on and the columns it is
    from. What the recording does not identify has no number.

    Example: session-lab fit week --out week/model.json

    Example: session-lab replay week/events.parquet --policy week/model.json
    """
    check_suffix(plot)
    found = sl.fit(part_of(directory, from_, to, task), level=level, seed=seed)
    if out is not None:
        document = policy_document(found.policy, found.platform)
        from session_lab.frames import whole_file

        with whole_file(out) as draft:
            draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        typer.echo(f"wrote policy and platform to {out}", err=True)
    if plot is not None:
        draw(found, plot)
    if as_json:
        told = policy_document(found.policy, found.platform)
        told |= {"parameters": plain(found.parameters), "notes": list(found.notes)}
        typer.echo(json.dumps(told, indent=2))
        return
    show(found.summary(), found.notes)
