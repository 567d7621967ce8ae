"""Validation of bodies, queries and paths, with the server's own error texts."""

from __future__ import annotations

from session_lab.simulator.api.validation.bodies import (
    BODIES,
    CHANNEL_PARAMS,
    LIST_QUERY,
    RECORDS_QUERY,
    RUNS_QUERY,
    SIDE_CHANNEL_PARAMS,
    TRANSCRIPT_QUERY,
)
from session_lab.simulator.api.validation.issues import Issue, body_error
from session_lab.simulator.api.validation.zod import Invalid, ZodType

__all__ = [
    "BODIES",
    "CHANNEL_PARAMS",
    "LIST_QUERY",
    "RECORDS_QUERY",
    "RUNS_QUERY",
    "SIDE_CHANNEL_PARAMS",
    "TRANSCRIPT_QUERY",
    "Invalid",
    "Issue",
    "ZodType",
    "body_error",
]
