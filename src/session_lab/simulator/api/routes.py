"""The one table of endpoints.

Routing, scopes, validation and the API's description derive from it; names, methods and paths, which
fault rules and clients use too, stand in :mod:`session_lab.wire.endpoints`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from session_lab import wire
from session_lab.simulator.api import access
from session_lab.simulator.api.access import Access
from session_lab.simulator.api.checks import Route
from session_lab.simulator.api.handlers import agents, channels, query, runs, sessions
from session_lab.simulator.api.validation import (
    CHANNEL_PARAMS,
    LIST_QUERY,
    RECORDS_QUERY,
    RUNS_QUERY,
    SIDE_CHANNEL_PARAMS,
    TRANSCRIPT_QUERY,
)
from session_lab.wire import limits
from session_lab.wire.endpoints import ENDPOINTS

__all__ = ["ROUTES"]

_OF_SESSIONS: Final = (
    Route(
        ENDPOINTS["sessions.start"],
        "Create a session, or fetch it and make sure that a run lives",
        sessions.create,
        wire.StartedSession,
        Access("write", access.created_session),
        body=wire.StartBody,
        max_body_bytes=limits.MAX_SESSION_BODY_BYTES,
        failure="Something went wrong",
        statuses=(200, 201),
        refusals=(409, 422, 500),
    ),
    Route(
        ENDPOINTS["sessions.list"],
        "List sessions, newest first",
        sessions.list_,
        wire.SessionPage,
        Access("read", access.listed_sessions),
        query=LIST_QUERY,
    ),
    Route(
        ENDPOINTS["sessions.retrieve"],
        "Read a session",
        sessions.retrieve,
        wire.Session,
        Access("read", access.found_session),
        find=sessions.find,
        missing=sessions.missing,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["sessions.update"],
        "Replace tags and metadata",
        sessions.update,
        wire.Session,
        Access("admin", access.named_session),
        body=wire.UpdateBody,
        max_body_bytes=limits.MAX_SESSION_BODY_BYTES,
        refusals=(404, 422),
    ),
    Route(
        ENDPOINTS["sessions.close"],
        "Close a session for good",
        sessions.close,
        wire.Session,
        Access("admin", access.named_session),
        body=wire.CloseBody,
        max_body_bytes=limits.MAX_HANDOVER_BODY_BYTES,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["sessions.end_and_continue"],
        "Hand a session over to a new run",
        sessions.end_and_continue,
        wire.SwappedRun,
        Access("write", access.session_by_any_name),
        body=wire.EndAndContinueBody,
        max_body_bytes=limits.MAX_HANDOVER_BODY_BYTES,
        refusals=(404, 500),
    ),
    Route(
        ENDPOINTS["sessions.append"],
        "Append a record to a channel",
        channels.append,
        wire.AppendReply,
        Access("write", access.appended_channel),
        params=CHANNEL_PARAMS,
        takes_text=True,
        max_body_bytes=limits.MAX_APPEND_BODY_BYTES,
        headers=("X-Part-Id",),
        refusals=(404, 409),
    ),
    Route(
        ENDPOINTS["sessions.records"],
        "Read the records of a channel",
        channels.records,
        wire.RecordsReply,
        Access("read", access.read_channel),
        params=CHANNEL_PARAMS,
        query=RECORDS_QUERY,
        find=channels.find,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["sessions.stream"],
        "Follow a channel as server-sent events",
        channels.stream,
        None,
        Access("read", access.read_channel),
        params=CHANNEL_PARAMS,
        find=channels.find,
        headers=("Last-Event-ID", "Timeout-Seconds", "X-Peek-Settled", "X-Trigger-Stream-Start"),
        refusals=(404,),
        text_refusals=(400,),
    ),
    Route(
        ENDPOINTS["channels.open"],
        "Open a channel for writing past the API",
        channels.open_,
        wire.OpenedChannel,
        Access("write", access.opened_channel),
        params=CHANNEL_PARAMS,
        statuses=(202,),
        refusals=(404,),
        text_refusals=(400, 403, 404),
    ),
    Route(
        ENDPOINTS["sessions.transcript"],
        "Read the transcript that an agent has kept",
        sessions.transcript,
        wire.TranscriptReply,
        query=TRANSCRIPT_QUERY,
        find=sessions.find,
        takes_tokens=False,
        is_newer=True,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["snapshots.read"],
        "Ask where the chat's snapshot is read",
        sessions.read_snapshot,
        wire.SnapshotUrl,
        Access("read", access.session_by_any_name),
        find=sessions.find,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["snapshots.write"],
        "Ask where the chat's snapshot is written",
        sessions.write_snapshot,
        wire.SnapshotUrl,
        Access("write", access.session_by_any_name),
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["runs.list"],
        "List runs, newest first",
        runs.list_,
        wire.RunPage,
        Access("read", access.listed_runs),
        query=RUNS_QUERY,
    ),
    Route(
        ENDPOINTS["runs.retrieve"],
        "Read a run with its payload",
        runs.retrieve,
        wire.RetrievedRun,
        Access("read", access.retrieved_run),
        find=runs.find,
        missing=runs.missing,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["runs.trace"],
        "Read what a run did, as spans",
        runs.trace,
        wire.TraceReply,
        Access("read", access.retrieved_run),
        find=runs.find,
        missing=runs.missing,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["query"],
        "Ask the table of runs in SQL",
        query.query,
        wire.QueryReply,
        Access("read", access.queried),
        body=wire.QueryBody,
        has_cors=False,
        refusals=(501,),
    ),
    Route(
        ENDPOINTS["runs.cancel"],
        "Cancel a run",
        runs.cancel,
        wire.CanceledRun,
        Access("write", access.named_run),
        has_cors=False,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["runs.wait"],
        "Wait for a record of a channel",
        agents.wait,
        wire.WaitReply,
        body=wire.WaitBody,
        max_body_bytes=limits.MAX_WAIT_BODY_BYTES,
        takes_tokens=False,
        has_cors=False,
        failure="Something went wrong",
        refusals=(404, 422, 500),
    ),
    Route(
        ENDPOINTS["waitpoints.retrieve"],
        "Read whether a waitpoint is complete",
        agents.retrieve_waitpoint,
        wire.RetrievedWaitpoint,
        find=agents.find_waitpoint,
        takes_tokens=False,
        has_cors=False,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["waitpoints.block"],
        "Block a run on a waitpoint",
        agents.block,
        wire.BlockedRun,
        takes_tokens=False,
        has_cors=False,
        refusals=(404,),
    ),
    Route(
        ENDPOINTS["tokens.claims"],
        "Ask what a public token must claim",
        agents.claims,
        wire.TokenClaims,
        takes_tokens=False,
        has_cors=False,
    ),
)


def _beside(route: Route, name: str, summary: str) -> Route:
    """Return the route of side channels that is like one of the session's own two channels."""
    return replace(
        route,
        endpoint=ENDPOINTS[name],
        summary=summary,
        params=SIDE_CHANNEL_PARAMS,
        is_newer=True,
    )


_BY_NAME: Final = {route.endpoint.name: route for route in _OF_SESSIONS}
ROUTES: Final = (
    *_OF_SESSIONS,
    _beside(
        _BY_NAME["sessions.append"],
        "side_channels.append",
        "Append a record to a side channel, which wakes no run",
    ),
    _beside(
        _BY_NAME["sessions.records"], "side_channels.records", "Read the records of a side channel"
    ),
    _beside(
        _BY_NAME["sessions.stream"],
        "side_channels.stream",
        "Follow a side channel as server-sent events",
    ),
    _beside(
        _BY_NAME["channels.open"],
        "side_channels.open",
        "Open a side channel for writing past the API",
    ),
)
"""Every endpoint that is served."""
