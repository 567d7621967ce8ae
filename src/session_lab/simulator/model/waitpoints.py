"""What a run waits on: the next record of a channel.

A waitpoint is completed by a record that is there already, or by the next append to its channel
through the API; what agents write to the stream store goes past the server that would notice.
(``apps/webapp/app/routes/api.v1.runs.$runFriendlyId.session-streams.wait.ts`` and
``apps/webapp/app/services/sessionStreamWaitpointCache.server.ts`` of the open-source server.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from session_lab.simulator.model.records import StreamKey

__all__ = ["REGISTRATION_LIFE", "Waitpoint"]

REGISTRATION_LIFE = 7 * 24 * 3_600_000
"""For how many milliseconds appends complete a waitpoint."""


class Waitpoint(NamedTuple):
    """What a run waits on.

    Attributes
    ----------
    waitpoint_id : str
        The platform's id.
    run_id : str
        The run that waits.
    stream : StreamKey
        The channel whose next record it waits for.
    created_at : int
        In milliseconds since 1970, as all instants here.
    timeout_at : int or None
        When the wait ends without a record; None: never.
    tags : tuple of str
        What it was tagged with.
    idempotency_key : str or None
        What brings the same waitpoint again.
    key_until : int or None
        Until when the key does that; None: for ever.
    completed_at : int or None
        When a record completed it.
    output : str or None
        The data of that record.
    """

    waitpoint_id: str
    run_id: str
    stream: StreamKey
    created_at: int
    timeout_at: int | None = None
    tags: tuple[str, ...] = ()
    idempotency_key: str | None = None
    key_until: int | None = None
    completed_at: int | None = None
    output: str | None = None

    def status(self, now: int) -> str:
        """Return ``"COMPLETED"``, ``"TIMED_OUT"`` or ``"WAITING"``."""
        if self.completed_at is not None:
            return "COMPLETED"
        return "TIMED_OUT" if self.timeout_at is not None and self.timeout_at <= now else "WAITING"

    def hears(self, at: int) -> bool:
        """Return whether an append at an instant completes it."""
        return self.status(at) == "WAITING" and at < self.created_at + REGISTRATION_LIFE

    def is_known_by(self, key: str, at: int) -> bool:
        """Return whether an idempotency key brings this waitpoint at an instant."""
        lives = self.key_until is None or self.key_until >= at
        return key == self.idempotency_key and lives
