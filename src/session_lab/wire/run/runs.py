"""Runs as the API answers with them.

Shapes follow ``apps/webapp/app/presenters/v3/ApiRunListPresenter.server.ts`` and
``ApiRetrieveRunPresenter.server.ts``. The names of the statuses are in
:mod:`session_lab.wire.run.run_status`.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from session_lab.wire.base import Moment, WireModel
from session_lab.wire.run.run_status import FINAL_STATUSES
from session_lab.wire.sessions import ListPage

__all__ = [
    "CanceledRun",
    "RelatedRun",
    "RelatedRuns",
    "RetrievedRun",
    "RunEnvironment",
    "RunPage",
    "RunRow",
]


class _RunFields(WireModel):
    """What every form of a run has.

    ``status`` is text, so that names newer than this version survive; those known are
    :data:`session_lab.wire.run.run_status.RunStatus`. ``is_completed`` is the API's own and false for
    ``EXPIRED`` and ``TIMED_OUT``; :attr:`is_final` covers every dead run.
    """

    id: str
    status: str
    task_identifier: str
    idempotency_key: str | None = None
    version: str | None = None
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None = None
    finished_at: Moment | None = None
    delayed_until: Moment | None = None
    expired_at: Moment | None = None
    ttl: str | None = None
    tags: list[str]
    cost_in_cents: float
    base_cost_in_cents: float
    duration_ms: float
    depth: int
    metadata: Any = None
    region: str | None = None
    is_test: bool
    is_queued: bool
    is_executing: bool
    is_waiting: bool
    is_completed: bool
    is_success: bool
    is_failed: bool
    is_cancelled: bool

    @property
    def is_final(self) -> bool:
        """Whether the run is over, however it ended."""
        return self.status in FINAL_STATUSES


class RunEnvironment(WireModel):
    """The environment a run belongs to."""

    id: str
    name: str
    user: str | None = None


class RunRow(_RunFields):
    """A run as a list shows it, without its payload."""

    env: RunEnvironment
    task_kind: str | None = None


class RunPage(ListPage[RunRow]):
    """One page of runs."""


class RelatedRun(_RunFields):
    """A run as its relatives show it."""

    trigger_function: str
    batch_id: str | None = None


class RelatedRuns(WireModel):
    """The runs around a run; session runs have none."""

    root: RelatedRun | None = None
    parent: RelatedRun | None = None
    children: list[RelatedRun] | None = None


class RetrievedRun(RelatedRun):
    """A run with its payload.

    A large payload or output is not in the reply; its presigned URL is.
    """

    payload: Any = None
    payload_presigned_url: str | None = None
    output: Any = None
    output_presigned_url: str | None = None
    error: Any = None
    schedule: Any = None
    attempt_count: int = 0
    attempts: list[Any] = Field(default_factory=list)
    related_runs: RelatedRuns


class CanceledRun(WireModel):
    """What a cancel answers."""

    id: str
