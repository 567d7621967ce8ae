"""Frames: the single definition of every table, and how to make, check and keep it.

What reads the API's rows (``loading``, ``reading``, ``polls``, ``joining``) loads with first use.
"""

from session_lab.frames.build import (
    NAT,
    Coded,
    build,
    empty,
    in_one_piece,
    milliseconds,
    to_instants,
)
from session_lab.frames.columns import check_frame, column_of, durations, instants
from session_lab.frames.digest import digest
from session_lab.frames.events.check_events import check_events
from session_lab.frames.events.event_columns import (
    UnusualError,
    event_array,
    event_cells,
    event_column,
    event_columns,
    table_of_rows,
    without_nothing,
)
from session_lab.frames.events.event_frames import join_events
from session_lab.frames.events.event_values import event_cell, event_value
from session_lab.frames.files.atomic_files import whole_file, write_parquet
from session_lab.frames.files.writing import write_frame
from session_lab.frames.kinds import check_kind, kind_of
from session_lab.frames.lifetime_columns import derive_lifetimes
from session_lab.frames.loaders.observation import observe, observed_at
from session_lab.frames.of_sessions import of_sessions, sessions_of_log
from session_lab.frames.problems import validate
from session_lab.frames.samples import sample_path
from session_lab.frames.schema import (
    EVENTS,
    OPERATIONS,
    RUNS,
    SCHEMAS,
    SESSIONS,
    TURNS,
    WAITS,
    Column,
    Kind,
    Schema,
)
from session_lab.frames.selection import Selection, select

__all__ = [
    "EVENTS",
    "NAT",
    "OPERATIONS",
    "RUNS",
    "SCHEMAS",
    "SESSIONS",
    "TURNS",
    "WAITS",
    "Coded",
    "Column",
    "Kind",
    "Schema",
    "Selection",
    "UnusualError",
    "build",
    "check_events",
    "check_frame",
    "check_kind",
    "column_of",
    "derive_lifetimes",
    "digest",
    "durations",
    "empty",
    "event_array",
    "event_cell",
    "event_cells",
    "event_column",
    "event_columns",
    "event_value",
    "in_one_piece",
    "instants",
    "join_events",
    "kind_of",
    "milliseconds",
    "observe",
    "observed_at",
    "of_sessions",
    "sample_path",
    "select",
    "sessions_of_log",
    "table_of_rows",
    "to_instants",
    "validate",
    "whole_file",
    "without_nothing",
    "write_frame",
    "write_parquet",
]


def __dir__() -> list[str]:
    return __all__
