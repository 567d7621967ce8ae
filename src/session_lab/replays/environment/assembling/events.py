"""What users did, as events that can be replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from session_lab.replays.environment.assembling.chats import Chat
    from session_lab.replays.environment.assembling.runs import Inferred
    from session_lab.replays.environment.assembling.turns import ServedChat, Turn

__all__ = ["Event", "events_of"]

_RANK = {"start": 0, "message": 1, "close": 2}


class Event(NamedTuple):
    """One event; milliseconds since 1970, and the row of its session."""

    at: int
    op: str
    session: int
    turn_duration: int | None
    is_first: bool = False


def events_of(
    chat: Chat, served: ServedChat, why: list[Inferred], first: int | None
) -> list[Event]:
    """Return the events of a session, in order of time.

    Refused requests and reads leave no trace, nor does a start that found its session and a live
    run; one that had to trigger a run does.

    Parameters
    ----------
    first : int or None
        How long a first turn is taken to last that was never served.
    """
    row, own = chat.row, served.own
    duration = None
    if served.carries:
        duration = (first or 0) if own is None else _duration(own)
    # Of one instant, what a run served comes before the start that triggered the next one.
    last = len(chat.runs)
    placed = [(0, Event(chat.created_at, "start", row, duration, is_first=True))]
    placed += [
        (turn.run, Event(turn.arrived_at, "message", row, _duration(turn)))
        for turn in served.turns
        if turn is not own
    ]
    placed += [(last, Event(one.at, "message", row, None)) for one in served.waiting]
    placed += [(place, Event(at, "start", row, None)) for place, at in _restarts(chat, served, why)]
    if chat.closed_at is not None:
        placed.append((last, Event(chat.closed_at, "close", row, None)))
    placed.sort(key=lambda each: (each[1].at, not each[1].is_first, each[0], _RANK[each[1].op]))
    return [event for _, event in placed]


def _duration(turn: Turn) -> int | None:
    return None if turn.ended_at is None else turn.ended_at - turn.started_at


def _restarts(chat: Chat, served: ServedChat, why: list[Inferred]) -> list[tuple[int, int]]:
    """Return which runs a start had to trigger, as no message called for them, and when."""
    found = []
    for place, run in enumerate(chat.runs):
        if why[place][0] != "continuation":
            continue
        before = chat.runs[place - 1].ended_at if place else chat.created_at
        if before is None or before > run.triggered_at:
            continue
        own = next((turn for turn in served.turns if turn.run == place), None)
        called = own is not None and own.arrived_at <= run.triggered_at
        waits = own is None and any(one.at <= run.triggered_at for one in served.waiting)
        if not called and not waits:
            found.append((place, run.triggered_at))
    return found
