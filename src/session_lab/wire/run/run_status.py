"""The statuses of a run: what the server stores, what the API shows, and which are final.

The server stores more statuses than the API shows. The request header ``x-trigger-api-version``
decides which names come back: exactly ``2025-07-16`` gives the current names, anything else the
old ones. (``apps/webapp/app/v3/taskStatus.ts`` and
``apps/webapp/app/presenters/v3/ApiRetrieveRunPresenter.server.ts``)

Plain tables: importing this module costs nothing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CURRENT_STATUSES",
    "FINAL_INTERNAL_STATUSES",
    "FINAL_STATUSES",
    "OLD_STATUSES",
    "InternalRunStatus",
    "RunStatus",
]

InternalRunStatus = Literal[
    "DELAYED",
    "PENDING",
    "PENDING_VERSION",
    "WAITING_FOR_DEPLOY",
    "DEQUEUED",
    "EXECUTING",
    "RETRYING_AFTER_FAILURE",
    "WAITING_TO_RESUME",
    "PAUSED",
    "COMPLETED_SUCCESSFULLY",
    "COMPLETED_WITH_ERRORS",
    "INTERRUPTED",
    "CANCELED",
    "CRASHED",
    "SYSTEM_FAILURE",
    "EXPIRED",
    "TIMED_OUT",
]
"""What the server stores."""

RunStatus = Literal[
    "DELAYED",
    "QUEUED",
    "PENDING_VERSION",
    "DEQUEUED",
    "EXECUTING",
    "WAITING",
    "COMPLETED",
    "FAILED",
    "CANCELED",
    "CRASHED",
    "SYSTEM_FAILURE",
    "EXPIRED",
    "TIMED_OUT",
]
"""What the API shows under its current names."""

CURRENT_STATUSES: Final[Mapping[str, RunStatus]] = MappingProxyType(
    {
        "DELAYED": "DELAYED",
        "PENDING": "QUEUED",
        "PENDING_VERSION": "PENDING_VERSION",
        "WAITING_FOR_DEPLOY": "PENDING_VERSION",
        "DEQUEUED": "DEQUEUED",
        "EXECUTING": "EXECUTING",
        "RETRYING_AFTER_FAILURE": "EXECUTING",
        "WAITING_TO_RESUME": "WAITING",
        "PAUSED": "WAITING",
        "COMPLETED_SUCCESSFULLY": "COMPLETED",
        "COMPLETED_WITH_ERRORS": "FAILED",
        "INTERRUPTED": "FAILED",
        "CANCELED": "CANCELED",
        "CRASHED": "CRASHED",
        "SYSTEM_FAILURE": "SYSTEM_FAILURE",
        "EXPIRED": "EXPIRED",
        "TIMED_OUT": "TIMED_OUT",
    }
)
"""Stored status to current name."""

OLD_STATUSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DELAYED": "DELAYED",
        "PENDING": "QUEUED",
        "PENDING_VERSION": "PENDING_VERSION",
        "WAITING_FOR_DEPLOY": "WAITING_FOR_DEPLOY",
        "DEQUEUED": "EXECUTING",
        "EXECUTING": "EXECUTING",
        "RETRYING_AFTER_FAILURE": "REATTEMPTING",
        "WAITING_TO_RESUME": "FROZEN",
        "PAUSED": "FROZEN",
        "COMPLETED_SUCCESSFULLY": "COMPLETED",
        "COMPLETED_WITH_ERRORS": "FAILED",
        "INTERRUPTED": "INTERRUPTED",
        "CANCELED": "CANCELED",
        "CRASHED": "CRASHED",
        "SYSTEM_FAILURE": "SYSTEM_FAILURE",
        "EXPIRED": "EXPIRED",
        "TIMED_OUT": "TIMED_OUT",
    }
)
"""Stored status to the name that requests without the current API version get."""

FINAL_INTERNAL_STATUSES: Final[frozenset[str]] = frozenset(
    {
        "COMPLETED_SUCCESSFULLY",
        "COMPLETED_WITH_ERRORS",
        "INTERRUPTED",
        "CANCELED",
        "CRASHED",
        "SYSTEM_FAILURE",
        "EXPIRED",
        "TIMED_OUT",
    }
)
"""Stored statuses of a dead run. A suspended run (``WAITING_TO_RESUME``) is alive."""

FINAL_STATUSES: Final[frozenset[str]] = frozenset(
    CURRENT_STATUSES[status] for status in FINAL_INTERNAL_STATUSES
)
"""The same in current names; no name stands for both a live and a dead run."""
