"""``session-lab report``: what the analyses say of some sessions, in one HTML file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

import session_lab as sl
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["report"]


def report(
    sessions: Annotated[
        str, typer.Argument(help="Sessions: .parquet, .csv or .ndjson.", show_default=False)
    ],
    *,
    runs: Annotated[str | None, typer.Option("--runs", help="Their runs, likewise.")] = None,
    operations: Annotated[
        str | None,
        typer.Option("--operations", help="The operations.parquet of a replay that was saved."),
    ] = None,
    out: Annotated[str, typer.Option("--out", help="The HTML file to write.")] = "report.html",
    title: Annotated[str, typer.Option("--title", help="The heading.")] = "Sessions",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a report on sessions: tags, lifetimes and churn, with pictures.

    The file needs nothing else: it can be sent, printed, and read on a phone or offline.

    Example: session-lab report sessions.parquet --runs runs.parquet --out report.html

    Example: session-lab replay chats.ndjson --out week && session-lab report week/sessions.parquet
    --runs week/runs.parquet --operations week/operations.parquet
    """
    from session_lab import reports

    progress = shows_progress(quiet=quiet)
    frame = sl.read_sessions(sessions, progress=progress)
    their_runs = None if runs is None else sl.read_runs(runs, sessions=frame, progress=progress)
    asked = None if operations is None else _operations(operations)
    reports.report(out, frame, their_runs, asked, title=title, progress=progress)
    if as_json:
        typer.echo(json.dumps({"path": out, "sessions": len(frame)}, indent=2))
    else:
        typer.echo(f"wrote a report on {len(frame):,} sessions to {out}")


def _operations(path: str) -> pd.DataFrame:
    import pandas as pd

    from session_lab.frames import OPERATIONS, column_of
    from session_lab.frames.files.places import reading
    from session_lab.frames.files.sources import Source

    source = Source(path)
    try:
        with reading(source.name), source.random_access() as file:
            frame = pd.read_parquet(file)
    except sl.DataError as error:
        message = f"this is not a Parquet file of operations: {error.args[0]}"
        raise sl.DataError(message, source=source.name) from error
    for column in OPERATIONS.columns:
        if not column.optional:
            column_of(frame, column.name, source=source.name)
    return frame
