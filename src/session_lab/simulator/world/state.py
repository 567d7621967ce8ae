"""The state of a world: plain values in dictionaries, so a copy is a fork."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from session_lab.simulator.agent.answers import Answer
    from session_lab.simulator.model.machine import SessionState
    from session_lab.simulator.model.records import StreamKey
    from session_lab.simulator.model.runs import Run
    from session_lab.simulator.model.waitpoints import Waitpoint
    from session_lab.simulator.world.channels import Stream
    from session_lab.simulator.world.journal import Entry

__all__ = ["ChatSnapshot", "RunRecord", "State"]


class RunRecord(NamedTuple):
    """A run under its id, with what it was given.

    Attributes
    ----------
    run_id : str
        The platform's id.
    ordinal : int
        Which session it serves.
    run : Run
        What it does.
    reason : str or None
        The reason that the platform records; None for a run that lost its claim.
    task_identifier : str or None
        The task that it executes.
    payload, options : dict
        What it was triggered with.
    overrides : dict
        What holds for it in the place of the run policy's own, in milliseconds.
    """

    run_id: str
    ordinal: int
    run: Run
    reason: str | None
    task_identifier: str | None
    payload: dict[str, Any]
    options: dict[str, Any]
    overrides: dict[str, int]


class ChatSnapshot(NamedTuple):
    """What an agent has kept of a chat: when, in milliseconds since 1970, as what, and the bytes."""

    at: int
    content_type: str
    body: bytes


@dataclass
class State:
    """All that a world knows.

    Only containers change, values never do, so :meth:`copy` shares every value.

    Attributes
    ----------
    sessions : list of SessionState
        In order of creation; a session's place is its ordinal.
    session_ids : dict of str to int
        The ordinal behind each session id.
    external_ids : dict of (str, str) to int
        The ordinal behind each environment and external id.
    runs : dict of (int, int) to RunRecord
        By session ordinal and number in the session.
    run_ids : dict of str to (int, int)
        The key of each run.
    streams : dict of StreamKey to Stream
        Every stream that was ever written to.
    rank : int
        How many sessions were created before the newest one in its millisecond.
    waitpoints : dict of str to Waitpoint
        By their ids, in order of creation.
    chat_snapshots : dict of str to ChatSnapshot
        By the ids of their sessions.
    answers : dict of int to Answer
        What an agent does in a turn, by the place in the journal of the request that asked for it.
    journal : list of Entry
        What was asked and answered, in order.
    """

    sessions: list[SessionState] = field(default_factory=list)
    session_ids: dict[str, int] = field(default_factory=dict)
    external_ids: dict[tuple[str, str], int] = field(default_factory=dict)
    runs: dict[tuple[int, int], RunRecord] = field(default_factory=dict)
    run_ids: dict[str, tuple[int, int]] = field(default_factory=dict)
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    rank: int = 0
    waitpoints: dict[str, Waitpoint] = field(default_factory=dict)
    chat_snapshots: dict[str, ChatSnapshot] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)

    def copy(self) -> State:
        """Copy the containers and share the values."""
        return replace(
            self,
            sessions=self.sessions.copy(),
            session_ids=self.session_ids.copy(),
            external_ids=self.external_ids.copy(),
            runs=self.runs.copy(),
            run_ids=self.run_ids.copy(),
            streams={key: stream.copy() for key, stream in self.streams.items()},
            waitpoints=self.waitpoints.copy(),
            chat_snapshots=self.chat_snapshots.copy(),
            answers=self.answers.copy(),
            journal=self.journal.copy(),
        )
