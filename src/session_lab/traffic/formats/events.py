"""The project's own event format, as NDJSON, CSV or Parquet.

One event a row. ``at``, ``op`` and ``external_id`` are required; ``turn_duration``,
``expires_at``, ``tags``, ``type``, ``task_identifier``, ``recorded_status`` and
``recorded_is_cached`` may be left out or null. Instants are ISO 8601 text with a zone or whole
milliseconds since 1970; durations are text with a unit (``"2.5s"``) or whole milliseconds; tags are
a list, in CSV a JSON list. Columns may go under other names, in other units.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from session_lab.frames import EVENTS, join_events
from session_lab.traffic.formats.format import Format, Head, in_first_line, in_header
from session_lab.traffic.parsing import parquet
from session_lab.traffic.parsing.event_reader import EventReader
from session_lab.traffic.parsing.text_rows import BadRows, csv_pieces, json_pieces

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT", "event_tables"]

_TABLES = (".csv", ".tsv")
_REQUIRED = tuple(column.name for column in EVENTS.columns if not column.optional)


def event_tables(source: Source, options: ReadOptions, bad: BadRows) -> list[pa.Table]:
    """Read a file as tables of checked events, which follow each other.

    Parameters
    ----------
    source : Source
        A file ending in .parquet, .csv, .tsv, or else NDJSON.
    options : ReadOptions
        How columns come from the file's.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    columns = options.columns
    if source.partition and source.suffix == ".parquet":
        given = parquet.footer_of(source).columns
        columns = columns.with_partition(source.partition, given, source.name)
    is_text = source.suffix in _TABLES
    unit = "row" if source.suffix == ".parquet" else "line"
    reader = EventReader(columns, source.name, unit, bad, is_text=is_text)
    if source.suffix == ".parquet":
        pieces = parquet.pieces(source, columns)
    elif is_text:
        pieces = csv_pieces(source, bad, columns.cell, columns.present)
    else:
        pieces = json_pieces(source, bad, columns.json_types)
    # Closed at once when a row is refused: blocks are read ahead in threads.
    with closing(pieces):
        events = [reader.read(piece.table, piece.rows) for piece in pieces]
    reader.check(events)
    return events


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    return join_events(event_tables(source, options, bad))


def _recognise(head: Head) -> str | None:
    if head.suffix == ".parquet":
        return "its name ends in .parquet"
    return in_first_line(*_REQUIRED)(head) or in_header(*_REQUIRED)(head)


FORMAT = Format("events", _read, _recognise)
