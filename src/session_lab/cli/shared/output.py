"""The flags of what a command prints, and when it shows progress."""

from __future__ import annotations

import sys
from typing import IO, Annotated

import typer

__all__ = ["AsJson", "Quiet", "is_watched", "shows_progress"]

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def shows_progress(*, quiet: bool) -> bool:
    """Check whether someone watches: standard error is a terminal, and progress is wanted."""
    return not quiet and is_watched(sys.stderr)


def is_watched(stream: IO[str] | None) -> bool:
    """Check whether a stream is a terminal; one that is closed is None."""
    return stream is not None and stream.isatty()
