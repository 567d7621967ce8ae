"""Frames: the single definition of every table, and how to make, check and keep it."""

from session_lab.frames.build import NAT, Coded, build, empty
from session_lab.frames.schema import EVENTS, OPERATIONS, RUNS, SCHEMAS, SESSIONS, Kind, Schema

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
    "empty",
]
