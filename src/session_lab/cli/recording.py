"""The flags of a recording, shared by the commands that read one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

import session_lab as sl

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = [
    "FORMATS",
    "Columns",
    "Format",
    "Origin",
    "SkipBadRows",
    "TokensPerSecond",
    "read_recording",
]

FORMATS = ("bailian", "burstgpt", "events", "har", "journal", "mooncake")
"""The names of the formats that ``session_lab.traffic`` reads, which is too heavy for a help."""

_PANEL = "Recording"


def _formats(incomplete: str) -> list[str]:
    return [name for name in ("auto", *FORMATS) if name.startswith(incomplete)]


Format = Annotated[
    str,
    typer.Option(
        "--format",
        help=f"auto, {', '.join(FORMATS)}.",
        autocompletion=_formats,
        rich_help_panel=_PANEL,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="OURS=THEIRS: a column by another name; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
Origin = Annotated[
    str,
    typer.Option(
        "--origin", help="Instant of time zero, for relative times.", rich_help_panel=_PANEL
    ),
]
TokensPerSecond = Annotated[
    float,
    typer.Option(
        "--tokens-per-second", help="Speed of answers given in tokens.", rich_help_panel=_PANEL
    ),
]
SkipBadRows = Annotated[
    bool,
    typer.Option(
        "--skip-bad-rows", help="Report bad rows and go on without them.", rich_help_panel=_PANEL
    ),
]


def read_recording(
    path: Path,
    format: str,
    *,
    columns: list[str] | None,
    origin: str,
    tokens_per_second: float,
    skip_bad_rows: bool,
) -> pd.DataFrame:
    """Read what the flags name, and warn on standard error if it holds nothing."""
    events = sl.traffic.read(
        path,
        format,
        columns=dict(map(_pair, columns or [])),
        origin=origin,
        tokens_per_second=tokens_per_second,
        skip_bad_rows=skip_bad_rows,
    )
    if events.empty:
        typer.echo(f"session-lab: {path}: there are no events to replay", err=True)
    return events


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        message = f"{text!r} is not OURS=THEIRS, as in at=timestamp"
        raise sl.DataError(message, column="--column")
    return ours, theirs
