"""Rows of text formats: where they stand, and what to do with those that cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BadRows", "json_lines"]


class BadRows:
    """What becomes of rows that cannot be used: the first one raises, or all are collected.

    Parameters
    ----------
    collect : bool
        Whether to go on and collect the errors.
    """

    def __init__(self, *, collect: bool) -> None:
        self._collect = collect
        self.errors: list[DataError] = []

    def report(self, error: DataError, *, source: str, row: int) -> None:
        """Place an error in its file, and raise or keep it."""
        error.source, error.row = source, row
        if not self._collect:
            raise error
        self.errors.append(error)


def json_lines(path: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number, from 1, and its JSON object; empty lines are passed over."""
    with path.open(encoding="utf-8", errors="strict") as lines:
        for number, line in enumerate(_decoded(lines, path), start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                problem = DataError(f"not JSON ({error.msg} at character {error.pos + 1})")
                bad.report(problem, source=path.name, row=number)
                continue
            if isinstance(record, dict):
                yield number, record
            else:
                problem = DataError(f"a {type(record).__name__} where an object is expected")
                bad.report(problem, source=path.name, row=number)


def _decoded(lines: Iterator[str], path: Path) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start} is {error.object[error.start]:#04x})"
        raise DataError(message, source=path.name) from None
