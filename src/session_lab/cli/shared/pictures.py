"""Results drawn into files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

import session_lab as sl

if TYPE_CHECKING:
    from pathlib import Path

    from session_lab.analysis.results import Result

__all__ = ["check_suffix", "draw"]

_PICTURES = (".png", ".svg", ".pdf")


def check_suffix(
    path: Path | str | None, flag: str = "--plot", suffixes: tuple[str, ...] = _PICTURES
) -> None:
    """Raise a DataError where the file that a flag names is of another kind: by default a picture."""
    from session_lab.frames.files.places import written_suffix

    if path is not None and written_suffix(path) not in suffixes:
        raise sl.DataError(f"{path} does not end in one of {', '.join(suffixes)}", column=flag)


def draw(result: Result, path: Path, what: str = "a picture") -> None:
    """Draw a result into a file, and print where it is."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    result.plot(figure.subplots())
    figure.savefig(path, dpi=150)
    typer.echo(f"wrote {what} to {path}", err=True)
