"""Sessions and runs as the control API shows them: all that the world knows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.api.lists.session_list import status_at
from session_lab.simulator.api.views.json_rows import retrieved_session
from session_lab.timing import instant_text
from session_lab.wire.run.run_status import CURRENT_STATUSES, FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.world.state import RunRecord
    from session_lab.simulator.world.stored_world import Shown

__all__ = ["run_view", "session_view", "status_warning"]


def session_view(shown: Shown, now: int) -> dict[str, Json]:
    """Show a session as the API does, with its environment and its status now."""
    row = shown.row
    return retrieved_session(shown) | {
        "environment": row.environment,
        "status": status_at(row, now),
    }


def run_view(record: RunRecord) -> dict[str, Json]:
    """Show a run with what it was given; its status has the platform's internal name.

    ``reason`` is what the platform records: null for a run that lost its claim.
    """
    run = record.run
    return {
        "id": record.run_id,
        "sessionId": record.payload["sessionId"],
        "taskIdentifier": record.task_identifier,
        "reason": record.reason,
        "status": run.status,
        "isFinal": run.status in FINAL_INTERNAL_STATUSES,
        "payload": record.payload,
        "options": record.options,
        "triggeredAt": instant_text(run.triggered_at),
        "endedAt": None if run.ended_at is None else instant_text(run.ended_at),
        "endCause": run.end_cause,
        "turns": run.turns,
        "resumes": run.resumes,
        "activeMs": run.active,
        "idleMs": run.idle,
        "suspendedMs": run.suspended,
    }


def status_warning(status: str) -> str | None:
    """Describe what becomes of a run that is put into a status which the platform does not store.

    Examples
    --------
    >>> status_warning("CRASHED") is None
    True
    >>> print(status_warning("COMPLETED"))
    the platform stores no status COMPLETED, so the run counts as alive; the API shows \
COMPLETED_SUCCESSFULLY as COMPLETED
    """
    if status in CURRENT_STATUSES:
        return None
    warning = f"the platform stores no status {status}, so the run counts as alive"
    meant = [stored for stored, shown in CURRENT_STATUSES.items() if shown == status]
    return f"{warning}; the API shows {' and '.join(meant)} as {status}" if meant else warning
