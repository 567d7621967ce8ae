"""What travels between a client and the Sessions API.

- models of sessions, runs, channel records, request bodies and errors: snake_case in Python,
  camelCase on the wire, unknown fields kept;
- :mod:`~session_lab.wire.limits`, the documented bounds;
- :mod:`~session_lab.wire.listing`, list parameters and how they are written into a query;
- :mod:`~session_lab.wire.run.run_status`, the statuses of a run;
- :mod:`~session_lab.wire.endpoints`, the name, method and path of each call;
- :mod:`~session_lab.wire.text`, text as the server measures and trims it.

The models load with first use, so that the plain tables cost no import of pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from session_lab.wire.base import Moment, WireModel
    from session_lab.wire.bodies import (
        CloseBody,
        EndAndContinueBody,
        StartBody,
        TriggerConfigBody,
        UpdateBody,
    )
    from session_lab.wire.channels import (
        AppendReply,
        ChannelName,
        ChannelRecord,
        RecordsReply,
        StreamBatch,
    )
    from session_lab.wire.errors import ErrorBody, Problem
    from session_lab.wire.listing import RunQuery, SessionQuery, SessionStatus, encode_query
    from session_lab.wire.run.queries import QueryBody, QueryReply
    from session_lab.wire.run.run_status import FINAL_STATUSES, InternalRunStatus, RunStatus
    from session_lab.wire.run.runs import CanceledRun, RetrievedRun, RunPage, RunRow
    from session_lab.wire.run.traces import TraceReply
    from session_lab.wire.sessions import (
        Pagination,
        Session,
        SessionPage,
        SessionRow,
        StartedSession,
        SwappedRun,
        TriggerConfig,
    )
    from session_lab.wire.waitpoints import (
        BlockedRun,
        OpenedChannel,
        RetrievedWaitpoint,
        SnapshotUrl,
        TokenClaims,
        TranscriptReply,
        WaitBody,
        WaitReply,
    )
else:
    # Type checkers read the imports above; at run time this table stands for them.
    import importlib

    _HOMES = {
        "waitpoints": (
            "BlockedRun",
            "OpenedChannel",
            "RetrievedWaitpoint",
            "SnapshotUrl",
            "TokenClaims",
            "TranscriptReply",
            "WaitBody",
            "WaitReply",
        ),
        "base": ("Moment", "WireModel"),
        "bodies": (
            "CloseBody",
            "EndAndContinueBody",
            "StartBody",
            "TriggerConfigBody",
            "UpdateBody",
        ),
        "channels": (
            "AppendReply",
            "ChannelName",
            "ChannelRecord",
            "RecordsReply",
            "StreamBatch",
        ),
        "listing": ("RunQuery", "SessionQuery", "SessionStatus", "encode_query"),
        "errors": ("ErrorBody", "Problem"),
        "run.queries": ("QueryBody", "QueryReply"),
        "run.traces": ("TraceReply",),
        "run.runs": ("CanceledRun", "RetrievedRun", "RunPage", "RunRow"),
        "run.run_status": ("FINAL_STATUSES", "InternalRunStatus", "RunStatus"),
        "sessions": (
            "Pagination",
            "Session",
            "SessionPage",
            "SessionRow",
            "StartedSession",
            "SwappedRun",
            "TriggerConfig",
        ),
    }
    _HOME = {name: home for home, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


__all__ = [
    "FINAL_STATUSES",
    "AppendReply",
    "BlockedRun",
    "CanceledRun",
    "ChannelName",
    "ChannelRecord",
    "CloseBody",
    "EndAndContinueBody",
    "ErrorBody",
    "InternalRunStatus",
    "Moment",
    "OpenedChannel",
    "Pagination",
    "Problem",
    "QueryBody",
    "QueryReply",
    "RecordsReply",
    "RetrievedRun",
    "RetrievedWaitpoint",
    "RunPage",
    "RunQuery",
    "RunRow",
    "RunStatus",
    "Session",
    "SessionPage",
    "SessionQuery",
    "SessionRow",
    "SessionStatus",
    "SnapshotUrl",
    "StartBody",
    "StartedSession",
    "StreamBatch",
    "SwappedRun",
    "TokenClaims",
    "TraceReply",
    "TranscriptReply",
    "TriggerConfig",
    "TriggerConfigBody",
    "UpdateBody",
    "WaitBody",
    "WaitReply",
    "WireModel",
    "encode_query",
]
