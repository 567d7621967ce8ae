"""The journal: an append-only record of what was asked, what was answered, and what it set off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.timing import instant_text

if TYPE_CHECKING:
    from session_lab.simulator.model.machine import Row, WorldReply

__all__ = ["Command", "Entry", "RunEvent", "to_line"]


class Command(NamedTuple):
    """A request: what is asked, of which session or run, with which environment's key."""

    op: str
    key: str
    environment: str
    asked: dict[str, Any]


class RunEvent(NamedTuple):
    """Something that a request did to a run: it triggered it, or it fixed its end."""

    event: str
    run_id: str
    at: int
    cause: str


class Entry(NamedTuple):
    """One request and its answer.

    Attributes
    ----------
    seq : int
        Its place in the journal, from 0; requests of the same instant are told apart by it.
    at : int
        When, in milliseconds since 1970.
    op : str
        What was asked, as the world's method is called.
    key : str
        Of which session, by external id or session id, as it was asked; or of which run.
    environment : str
        With which environment's key.
    asked : tuple of (str, object)
        The further arguments that were given, durations in milliseconds.
    reply : WorldReply
        The answer.
    session_id, run_id : str or None
        The session, and the run that the reply names.
    before : Row or None
        The session's row when the request arrived.
    events : tuple of RunEvent
        What became of runs.
    """

    seq: int
    at: int
    op: str
    key: str
    environment: str
    asked: tuple[tuple[str, Any], ...]
    reply: WorldReply
    session_id: str | None
    run_id: str | None
    before: Row | None
    events: tuple[RunEvent, ...]

    def __repr__(self) -> str:
        """Show the request and its answer on one line; the fields hold the rest."""
        reply = self.reply
        why = "" if reply.error is None else f" {reply.error}"
        return f"Entry({self.seq}, {instant_text(self.at)}, {self.op} {self.key}: {reply.status_code}{why})"


def to_line(entry: Entry) -> str:
    """Write an entry as one line of JSON."""
    reply = entry.reply
    record = {
        "seq": entry.seq,
        "at": instant_text(entry.at),
        "op": entry.op,
        "external_id": entry.key,
        "environment": entry.environment,
        **dict(entry.asked),
        "status_code": reply.status_code,
        "error": reply.error,
        "is_cached": reply.is_cached,
        "session_id": entry.session_id,
        "run_id": entry.run_id,
        "start_kind": reply.start_kind,
        "waited": None if reply.start is None else reply.start - entry.at,
        "swapped": reply.swapped,
        "record": reply.seq,
        "events": [
            {"event": name, "run_id": run_id, "at": instant_text(at), "cause": cause}
            for name, run_id, at, cause in entry.events
        ],
    }
    given = {name: value for name, value in record.items() if value is not None}
    return json.dumps(given, separators=(",", ":"))
