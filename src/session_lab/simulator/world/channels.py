"""The two record streams of a session, ``in`` and ``out``.

Each is append-only; its sequence numbers start at 0 and rise by one. A part id makes an append
idempotent for five minutes: a repeat within that time stores nothing.
(``apps/webapp/app/routes/realtime.v1.sessions.$session.$io.append.ts`` of the open-source server.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["CONTROL_HEADER", "PART_ID_LIFE", "Record", "Stream"]

CONTROL_HEADER = "trigger-control"
"""The header that names what a control record tells."""

PART_ID_LIFE = 5 * 60_000
"""How long a part id is remembered, in milliseconds."""


class Record(NamedTuple):
    """One record.

    Attributes
    ----------
    data : str
        Its text.
    part_id : str
        Its part id.
    at : int
        When it was stored, in milliseconds since 1970.
    headers : tuple of (str, str)
        What makes it a control record, which has neither text nor part id; empty on all others.
    """

    data: str
    part_id: str
    at: int
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def control(self) -> str | None:
        """What a control record tells, such as ``"turn-complete"``; None on all others."""
        return next((value for name, value in self.headers if name == CONTROL_HEADER), None)


@dataclass
class Stream:
    """One direction of one session.

    Attributes
    ----------
    records : list of Record
        In order; a record's place is its sequence number.
    claims : dict of str to int
        When each part id was claimed.
    completed : int
        How many of its records say of a turn under a run policy that it has ended.
    """

    records: list[Record] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=dict)
    completed: int = 0

    def is_repeat(self, part_id: str, at: int) -> bool:
        """Return whether a part id was claimed within its life."""
        claimed_at = self.claims.get(part_id)
        return claimed_at is not None and at < claimed_at + PART_ID_LIFE

    def write(self, record: Record) -> int:
        """Store a record, under its part id if it has one, and return its sequence number."""
        if record.part_id:
            self.claims[record.part_id] = record.at
        self.records.append(record)
        return len(self.records) - 1

    def copy(self) -> Stream:
        """Copy the containers and share the records."""
        return Stream(self.records.copy(), self.claims.copy(), self.completed)
