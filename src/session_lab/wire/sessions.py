"""Sessions as the API answers with them.

Shapes follow the published OpenAPI description and ``packages/core/src/v3/schemas/api.ts``.
Replies are read generously: limits are not checked here and unknown fields are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import Field

from session_lab.timing import Instant, to_instant
from session_lab.wire.base import Moment, OmittingModel, WireModel, read_moment

if TYPE_CHECKING:
    from session_lab.wire.listing import SessionStatus

__all__ = [
    "ListPage",
    "Pagination",
    "Session",
    "SessionPage",
    "SessionRow",
    "StartedSession",
    "SwappedRun",
    "TriggerConfig",
]

Row = TypeVar("Row")


class TriggerConfig(OmittingModel):
    """How the runs of a session are triggered.

    Numbers are JavaScript's: a whole one may come as a float, such as ``1e21``.
    ``concurrency``, ``concurrency_key``, ``external_deployment_id`` and ``ttl`` are newer than the
    other fields; older servers drop them silently.
    """

    base_payload: dict[str, Any]
    machine: str | None = None
    queue: str | None = None
    tags: list[str] | None = None
    max_attempts: int | float | None = None
    max_duration: int | float | None = None
    lock_to_version: str | None = None
    region: str | None = None
    idle_timeout_in_seconds: int | float | None = None
    concurrency: list[str] | None = None
    concurrency_key: str | int | float | None = None
    external_deployment_id: str | None = None
    ttl: str | int | float | None = None


class SessionRow(WireModel):
    """A session as a list shows it, without its ``trigger_config``.

    ``current_run_id`` is the last run that was started for the session, alive or dead.
    """

    id: str
    external_id: str | None
    type: str
    task_identifier: str
    current_run_id: str | None = None
    tags: list[str]
    metadata: dict[str, Any] | None
    closed_at: Moment | None
    closed_reason: str | None
    expires_at: Moment | None
    created_at: Moment
    updated_at: Moment

    def status_at(self, instant: Instant) -> SessionStatus:
        """Compute the status at an instant; the API computes it and never sends it.

        Closed wins over expired, and a session is expired once ``expires_at`` lies in the past,
        not at the very millisecond. (``apps/webapp/app/services/realtime/sessions.server.ts``)
        """
        if self.closed_at is not None:
            return "CLOSED"
        now = read_moment(to_instant(instant, name="instant"))
        return "EXPIRED" if self.expires_at is not None and self.expires_at < now else "ACTIVE"


class Session(SessionRow):
    """A session as retrieve, update and close answer with it."""

    trigger_config: TriggerConfig


class StartedSession(Session):
    """What a start answers: the session, its run, and a token for this session alone.

    ``is_cached`` is true where the external id was known: then of the request only
    ``trigger_config`` was taken, and everything else is as it was stored before.
    """

    run_id: str
    public_access_token: str = Field(repr=False)
    is_cached: bool
    pending_version: Any = None


class SwappedRun(WireModel):
    """What an end-and-continue answers: the session's run, and whether this call changed it."""

    run_id: str
    swapped: bool
    pending_version: Any = None


class Pagination(OmittingModel):
    """Opaque cursors; an absent one means that there is no such page."""

    next: str | None = None
    previous: str | None = None


class ListPage(WireModel, Generic[Row]):
    """One page of a list, newest row first whichever way it was reached."""

    data: list[Row]
    pagination: Pagination


class SessionPage(ListPage[SessionRow]):
    """One page of sessions."""
