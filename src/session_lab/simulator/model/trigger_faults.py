"""Triggers of runs that are made to fail, and what the requests that asked for them then do.

A start answers with the failure, and its row stays; an append is answered 200 all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.model import machine
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.machine import Row, SessionState, Step, WorldReply

if TYPE_CHECKING:
    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.model.settings.profiles import Profile

__all__ = ["TRIGGER_FAULTS", "failing_start", "swallowing"]

TRIGGER_FAULTS = {
    "svc_error": WorldReply(422, "oracle: stubbed trigger validation failure"),
    "throw": WorldReply(500, "Something went wrong"),
}
"""What a start answers whose trigger is refused, or crashes."""


def failing_start(
    fault: str,
    session: SessionState | None,
    request: Row,
    at: int,
    timings: Timings | None,
    *,
    profile: Profile,
) -> Step | None:
    """Return the step of a start whose trigger fails; None where no trigger is due, or none fails."""
    step = machine.upsert(session, request, at, profile)
    if step.session is None or step.reply.error is not None or _is_alive(step.session, at, timings):
        return None
    return step._replace(reply=TRIGGER_FAULTS[fault])


def swallowing(
    fault: str | None, session: SessionState, step: Step, at: int, timings: Timings | None
) -> Step:
    """Undo the step of an append whose trigger fails, which the API does not let be seen."""
    if fault is None or _is_alive(session, at, timings):
        return step
    return Step(session, WorldReply(200))


def _is_alive(session: SessionState, at: int, timings: Timings | None) -> bool:
    return session.run is not None and run_model.is_live(session.run, at, timings)
