"""Frames: the single definition of every table, and how to make, check and keep it."""

from session_lab.frames.build import NAT, Coded, build, empty, milliseconds, to_instants
from session_lab.frames.check import check_events
from session_lab.frames.derive import derive_lifetimes
from session_lab.frames.digest import digest
from session_lab.frames.samples import sample_path
from session_lab.frames.schema import EVENTS, OPERATIONS, RUNS, SCHEMAS, SESSIONS, Kind, Schema
from session_lab.frames.store import whole_file, write_parquet

__all__ = [
    "EVENTS",
    "NAT",
    "OPERATIONS",
    "RUNS",
    "SCHEMAS",
    "SESSIONS",
    "Coded",
    "Kind",
    "Schema",
    "build",
    "check_events",
    "derive_lifetimes",
    "digest",
    "empty",
    "milliseconds",
    "sample_path",
    "to_instants",
    "whole_file",
    "write_parquet",
]
