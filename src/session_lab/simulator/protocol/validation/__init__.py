"""Validation of bodies, queries and paths, with the server's own error texts."""

from __future__ import annotations

from session_lab.simulator.protocol.validation.issues import Issue, body_error
from session_lab.simulator.protocol.validation.schema import Flawed, Schema
from session_lab.simulator.protocol.validation.schemas import (
    BODIES,
    CHANNEL_PARAMS,
    LIST_QUERY,
    RECORDS_QUERY,
    RUNS_QUERY,
    Bodies,
)

__all__ = [
    "BODIES",
    "CHANNEL_PARAMS",
    "LIST_QUERY",
    "RECORDS_QUERY",
    "RUNS_QUERY",
    "Bodies",
    "Flawed",
    "Issue",
    "Schema",
    "body_error",
]
