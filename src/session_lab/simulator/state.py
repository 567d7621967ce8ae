"""The state of a world: plain values in dictionaries, so a copy is a fork."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from session_lab.simulator.journal import Entry
    from session_lab.simulator.machine import Session
    from session_lab.simulator.runs import Run

__all__ = ["RunRecord", "SessionRecord", "State"]


class SessionRecord(NamedTuple):
    """A session under its id."""

    session_id: str
    session: Session


class RunRecord(NamedTuple):
    """A run under its id, and the ordinal of its session."""

    run_id: str
    ordinal: int
    run: Run


@dataclass
class State:
    """All that a world knows.

    The values are immutable; only the containers change, so :meth:`copy` shares every value.

    Attributes
    ----------
    sessions : dict of int to SessionRecord
        By ordinal, in order of creation.
    external_ids : dict of str to int
        The ordinal behind each external id.
    runs : dict of tuple of int to RunRecord
        By session ordinal and number.
    rank : int
        How many sessions were created in the millisecond of the newest one before it.
    journal : list of Entry
        What was asked and answered, in order.
    """

    sessions: dict[int, SessionRecord] = field(default_factory=dict)
    external_ids: dict[str, int] = field(default_factory=dict)
    runs: dict[tuple[int, int], RunRecord] = field(default_factory=dict)
    rank: int = 0
    journal: list[Entry] = field(default_factory=list)

    def copy(self) -> State:
        """Copy the containers and share the values."""
        return replace(
            self,
            sessions=self.sessions.copy(),
            external_ids=self.external_ids.copy(),
            runs=self.runs.copy(),
            journal=self.journal.copy(),
        )
