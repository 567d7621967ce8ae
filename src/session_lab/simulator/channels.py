"""The two record streams of a session, ``in`` and ``out``.

Each is append-only; its sequence numbers start at 0 and rise by one. A part id makes an append
idempotent for five minutes: a repeat within that time stores nothing.
(``apps/webapp/app/routes/realtime.v1.sessions.$session.$io.append.ts`` of the open-source server.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["PART_ID_LIFE", "Record", "Stream"]

PART_ID_LIFE = 5 * 60_000
"""How long a part id is remembered, in milliseconds."""


class Record(NamedTuple):
    """One record: its text, its part id, and when it was stored (milliseconds since 1970)."""

    data: str
    part_id: str
    at: int


@dataclass
class Stream:
    """One direction of one session.

    Attributes
    ----------
    records : list of Record
        In order; a record's place is its sequence number.
    claims : dict of str to int
        When each part id was claimed.
    """

    records: list[Record] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=dict)

    def is_repeat(self, part_id: str, at: int) -> bool:
        """Tell whether a part id was claimed within its life."""
        claimed_at = self.claims.get(part_id)
        return claimed_at is not None and at < claimed_at + PART_ID_LIFE

    def write(self, record: Record) -> int:
        """Store a record under its part id and return its sequence number."""
        self.claims[record.part_id] = record.at
        self.records.append(record)
        return len(self.records) - 1

    def copy(self) -> Stream:
        """Copy the containers and share the records."""
        return Stream(self.records.copy(), self.claims.copy())
