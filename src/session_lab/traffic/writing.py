"""Writing events in the project's own format, and journals in theirs."""

from __future__ import annotations

import csv
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames import (
    EVENTS,
    Kind,
    check_events,
    milliseconds,
    whole_file,
    write_parquet,
)
from session_lab.frames.files.places import shown_name, written_suffix
from session_lab.mistyped import answer_mistyped
from session_lab.simulator.world.journal import to_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from session_lab.simulator.world.journal import Entry

__all__ = ["write", "write_journal"]

_to_json = json.JSONEncoder(ensure_ascii=False).encode


@answer_mistyped
def write(events: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write an events frame so that :func:`read` gives it back.

    The file is written whole or not at all. Rows keep their order; columns that are no part of an
    events frame are left out. In NDJSON and CSV instants are ISO 8601 text in UTC and durations
    are whole milliseconds; NDJSON leaves out what is missing; CSV has a JSON list for tags and an
    empty cell for what is missing or empty. The traces of chat services count tokens and HTTP
    archives hold whole requests, neither of which events have, so those formats are only read.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    path : path
        Where to; its ending says how: .ndjson or .jsonl, .csv, or .parquet, and after that .gz,
        .zst, .bz2 or .lz4 if it is to be packed. Also an address, or ``"-"`` for standard output,
        which gets NDJSON.

    Raises
    ------
    DataError
        The ending is not known, or the frame is not an events frame.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00:00Z"]),
    ...     "op": ["start"],
    ...     "external_id": ["chat-1"],
    ...     "turn_duration": pd.to_timedelta(["2s"]),
    ... })
    >>> path = Path(tempfile.mkdtemp()) / "events.ndjson"
    >>> write(events, path)
    >>> print(path.read_text(), end="")
    {"at": "2026-01-01T09:00:00.000Z", "op": "start", "external_id": "chat-1", "turn_duration": 2000}
    """
    suffix = written_suffix(path)
    writer = _WRITERS.get(suffix)
    if writer is None:
        message = f"the ending {suffix!r} is none of {', '.join(_WRITERS)}"
        raise DataError(message, source=shown_name(os.fspath(path)))
    writer(check_events(events), path)


@answer_mistyped
def write_journal(entries: Iterable[Entry], path: str | os.PathLike[str]) -> None:
    """Write a simulator's journal as ``GET /_lab/journal`` gives it, for :func:`read`.

    Parameters
    ----------
    entries : iterable of Entry
        Such as ``Simulator.journal``.
    path : path
        Where to; the file is written whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from session_lab.simulator import World
    >>> world = World()
    >>> _ = world.start(external_id="chat-1", type="chat.agent", task_identifier="support")
    >>> path = Path(tempfile.mkdtemp()) / "journal.ndjson"
    >>> write_journal(world.journal, path)
    >>> from session_lab.traffic import read
    >>> read(path)["recorded_status"].tolist()
    [201]
    """
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(to_line(entry) + "\n" for entry in entries)


def _write_ndjson(events: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    names = list(events.columns)
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for row in _rows(events):
            given = {
                name: value for name, value in zip(names, row, strict=True) if value is not None
            }
            file.write(_to_json(given) + "\n")


def _write_csv(events: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(events.columns)
        for row in _rows(events):
            writer.writerow(
                _to_json(cell) if isinstance(cell, (bool, list)) else cell for cell in row
            )


_WRITERS: dict[str, Callable[[pd.DataFrame, str | os.PathLike[str]], None]] = {
    ".ndjson": _write_ndjson,
    ".jsonl": _write_ndjson,
    ".csv": _write_csv,
    ".parquet": write_parquet,
}


def _rows(events: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Yield each event's values as JSON has them; None is missing."""
    columns = [_plain(events[name], EVENTS.column(name).kind) for name in events.columns]
    return zip(*columns, strict=True)


def _plain(column: pd.Series, kind: Kind) -> list[Any]:
    values: list[Any]
    if kind is Kind.INSTANT:
        # What instant_text writes, for all at once.
        instants = milliseconds(column).view("datetime64[ms]")
        values = np.datetime_as_string(instants, timezone="UTC").tolist()
    elif kind is Kind.DURATION:
        values = milliseconds(column).tolist()
    elif kind is Kind.TAGS:
        values = pa.array(column.array).to_pylist()
    else:
        values = column.astype(object).tolist()
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]
