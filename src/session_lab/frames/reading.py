"""Frames from files: those this package writes, rows of the API, exports of the platform."""

from __future__ import annotations

import csv
import json
import warnings
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from session_lab.errors import DataError, DataWarning
from session_lab.frames.api_rows import (
    KEPT_RUNS,
    KEPT_SESSIONS,
    RUN_ROWS,
    SESSION_ROWS,
    Layout,
    Rows,
    table_of,
)
from session_lab.frames.file_kinds import RUN_FILES, SESSION_FILES, Kept, recognise
from session_lab.frames.from_arrow import Observation, runs_from, sessions_from
from session_lab.frames.loading import decoded
from session_lab.frames.run_sessions import join_runs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from session_lab.timing import Instant

__all__ = ["read_runs", "read_sessions"]

_BATCH = 2_000
_ENDINGS = (".parquet", ".csv", ".ndjson", ".jsonl")

Record = dict[str, Any]


def read_sessions(
    path: str | os.PathLike[str], *, observed_at: Instant | None = None
) -> pd.DataFrame:
    """Read sessions from a file.

    Parameters
    ----------
    path : path
        ``.parquet``, ``.csv``, ``.ndjson`` or ``.jsonl``. Its columns tell what it is: a frame that
        :func:`session_lab.write_frame` wrote, rows of the API, or an export of the platform's
        ``sessions_v1`` (ClickHouse) or ``Session`` (Postgres), whose times are UTC. Of several
        versions of a session in an export of ClickHouse the newest is taken, and what is marked as
        deleted is left out; a :class:`DataWarning` counts them.
    observed_at : str or datetime, optional
        When the rows were read from the platform; by default what the file says, else as for
        :func:`session_lab.sessions_frame`.

    Returns
    -------
    DataFrame
        A sessions frame.

    Raises
    ------
    DataError
        The file is of no known kind, or a row cannot be used; the error names line and column.
    """
    file = Path(path)
    kind, records = _open(file, SESSION_FILES)
    if kind.name == "a sessions frame":
        table, told = _kept(file, records, kind, KEPT_SESSIONS)
        return sessions_from(table, Observation(observed_at or told), file.name)
    if kind.name.startswith("ClickHouse"):
        records = _newest_versions(records, file.name)
    table = _table(records, kind, SESSION_ROWS, file.name)
    return sessions_from(table, Observation(observed_at), file.name)


def read_runs(
    path: str | os.PathLike[str],
    *,
    sessions: pd.DataFrame | None = None,
    tag: str = "chat:{external_id}",
    observed_at: Instant | None = None,
) -> pd.DataFrame:
    """Read runs from a file.

    Parameters
    ----------
    path : path
        As for :func:`read_sessions`: a runs frame, rows of the API, or an export of the platform's
        ``SessionRun`` (Postgres), which tells reasons and no statuses.
    sessions, tag
        For rows of the API, as for :func:`session_lab.runs_frame`.
    observed_at : str or datetime, optional
        As for :func:`read_sessions`.

    Returns
    -------
    DataFrame
        A runs frame.

    Raises
    ------
    DataError
        The file is of no known kind, or a row cannot be used.
    """
    file = Path(path)
    kind, records = _open(file, RUN_FILES)
    if kind.name == "a runs frame":
        table, told = _kept(file, records, kind, KEPT_RUNS)
        observation = Observation(observed_at or told) if observed_at or told else None
        return runs_from(table, observation, file.name)
    layout = RUN_ROWS if kind.name == "rows of the API" else KEPT_RUNS
    table = _table(records, kind, layout, file.name)
    if layout is RUN_ROWS:
        table = join_runs(table, sessions, tag)
    return runs_from(table, Observation(observed_at), file.name)


def _open(file: Path, kinds: tuple[Kept, ...]) -> tuple[Kept, Iterator[tuple[int, Record]]]:
    if file.suffix not in _ENDINGS:
        message = f"the ending {file.suffix!r} is none of {', '.join(_ENDINGS)}"
        raise DataError(message, source=file.name)
    reader = {".parquet": _parquet, ".csv": _csv}.get(file.suffix, _ndjson)
    records = reader(file)
    first = next(records, None)
    if first is None:
        columns = _columns_of_empty(file)
        return recognise(columns, kinds, file.name), iter(())
    return recognise(first[1], kinds, file.name), chain([first], records)


def _columns_of_empty(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        return list(pq.read_schema(file).names)
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return next(csv.reader(lines), [])
    message = "the file has no rows, so nothing tells what it is"
    raise DataError(message, source=file.name)


def _parquet(file: Path) -> Iterator[tuple[int, Record]]:
    try:
        opened = pq.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise DataError(f"this is not Parquet: {error}", source=file.name) from None
    with opened:
        place = 0
        for batch in opened.iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                yield place, row
                place += 1


def _csv(file: Path) -> Iterator[tuple[int, Record]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, restkey="", restval=None)
        for row in reader:
            if None in row.values() or "" in row:
                message = (
                    f"the line has not the {len(reader.fieldnames or ())} fields of the header"
                )
                raise DataError(message, source=file.name, row=reader.line_num, unit="line")
            # CSV cannot tell an empty text from a missing one; missing is what it nearly always is.
            yield reader.line_num, {name: value or None for name, value in row.items()}


def _ndjson(file: Path) -> Iterator[tuple[int, Record]]:
    with file.open("rb") as lines:
        for place, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                row = decoded(line)
            except ValueError as error:
                message = f"this is not JSON: {error}"
                raise DataError(message, source=file.name, row=place, unit="line") from None
            if not isinstance(row, dict):
                message = "a line holds one JSON object"
                raise DataError(message, source=file.name, row=place, unit="line")
            yield place, row


def _kept(
    file: Path, records: Iterator[tuple[int, Record]], kind: Kept, layout: Layout
) -> tuple[pa.Table, str | None]:
    """Read a frame that was kept, and find when it was observed."""
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        metadata = json.loads((table.schema.metadata or {}).get(b"session_lab", b"{}"))
        return table_of(table, layout, file.name), _known(metadata.get("observed_at"))
    first = next(records, None)
    if first is None:
        return _table((), kind, layout, file.name), None
    told = _known(first[1].get("observed_at"))
    return _table(chain([first], records), kind, layout, file.name), told


def _known(told: str | None) -> str | None:
    return None if told in {None, "NaT"} else told


def _newest_versions(
    records: Iterable[tuple[int, Record]], source: str
) -> Iterator[tuple[int, Record]]:
    newest: dict[str, tuple[int, Record]] = {}
    count = 0
    for place, row in records:
        count += 1
        held = newest.get(row["friendly_id"])
        if held is None or int(row.get("_version") or 0) >= int(held[1].get("_version") or 0):
            newest[row["friendly_id"]] = place, row
    kept = [held for held in newest.values() if str(held[1].get("_is_deleted") or 0) != "1"]
    if len(kept) < count:
        message = (
            f"{source}: of {count:,} rows {count - len(newest):,} are older versions of a session "
            f"and {len(newest) - len(kept):,} are deleted; both were left out"
        )
        warnings.warn(message, DataWarning, stacklevel=3)
    return iter(kept)


def _table(
    records: Iterable[tuple[int, Record]], kind: Kept, layout: Layout, source: str
) -> pa.Table:
    try:
        return _rows(records, kind, layout, source).table()
    except DataError as error:
        error.unit = "row" if source.endswith(".parquet") else "line"
        raise


def _rows(records: Iterable[tuple[int, Record]], kind: Kept, layout: Layout, source: str) -> Rows:
    rows = Rows(layout, source)
    batch: list[Record] = []
    places: list[int] = []
    for place, record in records:
        missing = kind.known_by - record.keys()
        if missing:
            message = f"the field is missing; this is taken for {kind.name}"
            raise DataError(message, source=source, row=place, column=min(missing))
        batch.append(kind.to_row(record))
        places.append(place)
        if len(batch) == _BATCH:
            rows.add(batch, places)
            batch, places = [], []
    rows.add(batch, places)
    return rows
