"""What agents and their tools ask for beside sessions and records.

They open channels for writing, wait for records, keep a snapshot of the chat in an object store,
and sign tokens by themselves.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from session_lab.wire import limits
from session_lab.wire.base import Moment, OmittingModel, WireModel
from session_lab.wire.channels import ChannelName

__all__ = [
    "BlockedRun",
    "OpenedChannel",
    "RetrievedWaitpoint",
    "SnapshotUrl",
    "TokenClaims",
    "TranscriptReply",
    "WaitBody",
    "WaitReply",
]

_Tags = Annotated[list[str], Field(max_length=limits.MAX_WAITPOINT_TAGS)]
_IdempotencyKey = Annotated[str, Field(max_length=limits.MAX_IDEMPOTENCY_KEY_LENGTH)]


class OpenedChannel(WireModel):
    """What opening a channel answers; the way to its stream store stands in headers."""

    version: str


class SnapshotUrl(WireModel):
    """Where a chat's snapshot is read or written; the address holds a credential."""

    presigned_url: str = Field(repr=False)


class TokenClaims(WireModel):
    """What a public token that a client signs by itself must claim."""

    sub: str
    pub: bool


class WaitBody(OmittingModel):
    """The body of ``POST /api/v1/runs/{run}/session-streams/wait``.

    ``last_seq_num`` is the last record that the run has seen; an earlier one does not wake it.
    """

    session: str
    io: ChannelName
    timeout: str | None = None
    idempotency_key: _IdempotencyKey | None = None
    idempotency_key_ttl: Annotated[str | None, Field(alias="idempotencyKeyTTL")] = None
    tags: str | _Tags | None = None
    last_seq_num: float | None = None


class WaitReply(WireModel):
    """What a run that waits for a record is given to wait on."""

    waitpoint_id: str
    is_cached: bool


class RetrievedWaitpoint(WireModel):
    """What a run waits on.

    ``status`` is ``WAITING``, ``COMPLETED`` or ``TIMED_OUT``; ``output`` is the data of the record
    that completed it.
    """

    id: str
    url: str
    status: str
    tags: list[str]
    created_at: Moment
    timeout_at: Moment | None = None
    completed_at: Moment | None = None
    idempotency_key: str | None = None
    idempotency_key_expires_at: Moment | None = None
    output: str | None = None
    output_type: str | None = None
    output_is_error: bool | None = None


class BlockedRun(WireModel):
    """What a run that blocks on a waitpoint is told."""

    success: bool


class TranscriptReply(WireModel):
    """A page of the messages that an agent has kept of a chat, the newest last.

    ``next_cursor`` leads to the page before it; ``cursors`` say how far the agent had come.
    """

    messages: list[Any]
    cursors: dict[str, str] | None = None
    next_cursor: str | None = None
