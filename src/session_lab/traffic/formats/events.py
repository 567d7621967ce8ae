"""The project's own event format, as NDJSON, CSV or Parquet.

One event a row. ``at``, ``op`` and ``external_id`` are required; ``turn_duration``,
``expires_at``, ``tags``, ``type``, ``task_identifier``, ``recorded_status`` and
``recorded_is_cached`` may be left out or null. Instants are ISO 8601 text with a zone or whole
milliseconds since 1970; durations are text with a unit (``"2.5s"``) or whole milliseconds; tags are
a list, in CSV a JSON list. Columns may go under other names, in other units.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from session_lab.frames import EVENTS, join_events
from session_lab.traffic.formats.format import Format, Head, in_first_line, in_header
from session_lab.traffic.parsing import parquet
from session_lab.traffic.parsing.event_reader import EventReader
from session_lab.traffic.parsing.text_rows import BadRows, csv_records, json_lines

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT", "event_tables"]

_REQUIRED = tuple(column.name for column in EVENTS.columns if not column.optional)


def event_tables(path: Path, options: ReadOptions, bad: BadRows) -> list[pa.Table]:
    """Read a file as tables of checked events, which follow each other.

    Parameters
    ----------
    path : Path
        A file ending in .parquet, .csv, or else NDJSON.
    options : ReadOptions
        How columns come from the file's.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    columns = options.columns
    if path.suffix == ".parquet":
        reader = EventReader(columns, path.name, "row", bad)
        table = parquet.table(path, columns)
        rows = partial(parquet.rows, path)
        events = reader.read_rows(rows()) if table is None else reader.read(table, rows)
    else:
        reader = EventReader(columns, path.name, "line", bad)
        is_table = path.suffix == ".csv"
        events = reader.read_rows(
            csv_records(path, bad, columns.cell) if is_table else json_lines(path, bad)
        )
    reader.check([events])
    return [events]


def _read(path: Path, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    return join_events(event_tables(path, options, bad))


def _recognise(head: Head) -> str | None:
    if head.suffix == ".parquet":
        return "its name ends in .parquet"
    return in_first_line(*_REQUIRED)(head) or in_header(*_REQUIRED)(head)


FORMAT = Format("events", _read, _recognise)
