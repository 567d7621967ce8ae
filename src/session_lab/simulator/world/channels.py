"""The record streams of sessions.

A session has two channels, ``in`` and ``out``, and named side channels with the same two directions;
each is one stream. Streams are append-only, but for what a trim removes from their beginning. A part
id makes an append idempotent for five minutes: a repeat within that time stores nothing.
(``apps/webapp/app/routes/realtime.v1.sessions.$session.$io.append.ts`` of the open-source server.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from session_lab.simulator.model.records import (
    TRIM_HEADERS,
    TURN_COMPLETE,
    NewRecord,
    Position,
    Record,
    metered_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from session_lab.simulator.world.turns import Output

__all__ = ["PART_ID_LIFE", "Stream"]

PART_ID_LIFE = 5 * 60_000
"""How long a part id is remembered, in milliseconds."""


@dataclass
class Stream:
    """One stream.

    Attributes
    ----------
    records : list of Record
        Those that are kept, in order.
    claims : dict of str to int
        When each part id was claimed.
    completed : int
        How much of what turns under a run policy bring it has taken.
    first : int
        The number of the first record that no trim has removed.
    fence : str
        The token that writers may be asked for.
    n_bytes : int
        What it holds, as the store meters it.
    """

    records: list[Record] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=dict)
    completed: int = 0
    first: int = 0
    fence: str = ""
    n_bytes: int = 0

    @property
    def next_seq(self) -> int:
        """The number that the next record gets."""
        return self.first + len(self.records)

    @property
    def tail(self) -> Position:
        """Where the stream ends."""
        return Position(self.next_seq, self.records[-1].at if self.records else 0)

    def is_repeat(self, part_id: str, at: int) -> bool:
        """Return whether a part id was claimed within its life."""
        claimed_at = self.claims.get(part_id)
        return claimed_at is not None and at < claimed_at + PART_ID_LIFE

    def add(self, body: str, at: int, headers: tuple[tuple[str, str], ...] = ()) -> int:
        """Store a record and return its number."""
        record = Record(self.next_seq, at, body, headers)
        self.records.append(record)
        self.n_bytes += metered_bytes(body, headers)
        return record.seq

    def write(self, records: Sequence[NewRecord], at: int) -> int:
        """Store records, obey the commands among them, and return the number of the first."""
        first = self.next_seq
        for record in records:
            tail = self.next_seq
            self.add(record.body.decode("utf-8", "replace"), at, record.headers)
            if record.command == "trim":
                self._trim(min(int.from_bytes(record.body, "big"), tail))
            elif record.command == "fence":
                self.fence = record.body.decode("utf-8", "replace")
        return first

    def take(self, output: Iterable[Output]) -> None:
        """Store what turns bring next; what ends a turn may trim what lies more than a turn back."""
        for each in output:
            self.completed += 1
            self.add(each.body, each.at, each.headers)
            if each.trims:
                ends = [record.seq for record in self.records if record.control == TURN_COMPLETE]
                if len(ends) > 1:
                    point = ends[-2].to_bytes(8, "big")
                    self.write([NewRecord(point, TRIM_HEADERS)], each.at)

    def since(self, start: int, most: int | None = None) -> list[Record]:
        """Return the kept records from a number on, at most so many."""
        place = max(start - self.first, 0)
        return self.records[place : None if most is None else place + most]

    def copy(self) -> Stream:
        """Copy the containers and share the records."""
        return Stream(
            self.records.copy(),
            self.claims.copy(),
            self.completed,
            self.first,
            self.fence,
            self.n_bytes,
        )

    def _trim(self, first: int) -> None:
        """Remove the records before a number; what is removed already stays so."""
        n_removed = max(first - self.first, 0)
        for record in self.records[:n_removed]:
            self.n_bytes -= metered_bytes(record.body, record.headers)
        del self.records[:n_removed]
        self.first += n_removed
