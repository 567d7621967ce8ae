"""Sentences, lists and tables as wide as the terminal, and whole where nobody watches."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Literal

import typer

from session_lab.cli.shared.output import is_watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from rich.console import RenderableType
    from rich.table import Table

__all__ = ["show"]

_NO_LIMIT = 1_000_000
_GAPS = (2, 1)


def show(*parts: str | tuple[str, ...] | pd.DataFrame, err: bool = False) -> None:
    """Print sentences, lists of sentences and tables below each other.

    On a terminal they are wrapped between words, the widest columns of a table first; a table that
    does not fit even so becomes a paragraph for each row, under what stands in its first column.
    Through a pipe or into a file every sentence and every row is one line. With ``err`` it goes to
    standard error, where the result itself goes to standard output.
    """
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=None if is_watched(sys.stderr if err else sys.stdout) else _NO_LIMIT,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        with console.capture() as caught:
            if isinstance(part, str):
                console.print(part)
            elif isinstance(part, tuple):
                console.print(_grid(("-", sentence) for sentence in part))
            else:
                console.print(*_fitted(part, console.width), sep="\n")
        for line in caught.get().splitlines():
            typer.echo(line.rstrip(), err=err)


def _grid(rows: Iterable[tuple[str, ...]]) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    for row in rows:
        grid.add_row(*row)
    return grid


def _fitted(frame: pd.DataFrame, width: int) -> Iterator[RenderableType]:
    """Lay a table out within a width."""
    from rich.padding import Padding
    from rich.table import Table

    from session_lab.analysis.display import cell_texts

    blank = frame.replace("", None)
    texts = [cell_texts(blank.iloc[:, place], sys.maxsize) for place in range(frame.shape[1])]
    names = [str(name) for name in frame.columns]
    columns = [[name, *cells] for name, cells in zip(names, texts, strict=True)]
    gap = next((gap for gap in _GAPS if _least(columns, gap) <= width), None)
    if gap is None:
        for first, *others in zip(*texts, strict=True):
            yield first
            told = [f"{name}: {text}" for name, text in zip(names[1:], others, strict=True) if text]
            yield Padding("; ".join(told), (0, 0, 0, 2))
        return
    widths = _widths(columns, width - gap * (len(columns) - 1))
    table = Table(box=None, pad_edge=False, padding=0, header_style="")
    for place, (name, own, dtype) in enumerate(zip(names, widths, frame.dtypes, strict=True)):
        if place:  # A column of its own: versions of rich differ in whether widths hold padding.
            table.add_column("", width=gap)
        side: Literal["left", "right"] = "right" if dtype.kind in "iufmb" else "left"
        # Rich counts a wide character once when it strips a line, and would then shorten words.
        table.add_column(name, width=own, justify=side, overflow="fold")
    for first, *others in zip(*texts, strict=True):
        table.add_row(first, *(cell for text in others for cell in ("", text)))
    yield table


def _longest_word(cells: list[str]) -> int:
    from rich.cells import cell_len

    return max(cell_len(word) for text in cells for word in text.split() or [""])


def _least(columns: list[list[str]], gap: int) -> int:
    """Compute the width of a table in which no word is broken."""
    return sum(map(_longest_word, columns)) + gap * (len(columns) - 1)


def _widths(columns: list[list[str]], room: int) -> list[int]:
    """Choose the widths of columns: what is too much is taken from the widest, down to its words."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, cells)) for cells in columns]
    least = list(map(_longest_word, columns))
    while sum(widths) > room:
        wrapped = [place for place, width in enumerate(widths) if width > least[place]]
        widths[max(wrapped, key=widths.__getitem__)] -= 1
    return widths
