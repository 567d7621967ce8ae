"""The turns that a session's runs have served, one by one, from the requests that asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.model import run_rules
from session_lab.simulator.model.records import CONTROL_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.state import RunRecord

__all__ = ["TURN_COMPLETE", "ServedTurn", "completion_headers", "completions", "served_turns"]

TURN_COMPLETE = "turn-complete"
"""The control record that an agent writes on ``out`` when a turn has ended."""

_EVENT_ID_HEADER = "session-in-event-id"


class ServedTurn(NamedTuple):
    """One turn of a run.

    Attributes
    ----------
    run_id : str
        The run that serves it.
    number : int
        Its place in the run, from 1.
    arrived_at, started_at, ended_at : int
        In milliseconds since 1970; those of a turn that lies ahead are known too.
    start_kind : str
        How it started.
    event_id : int or None
        The sequence number of its record on ``in``; None where it came with the start.
    is_complete : bool
        Whether its run gets to its end and lives on, or ends of its own accord.
    """

    run_id: str
    number: int
    arrived_at: int
    started_at: int
    ended_at: int
    start_kind: str
    event_id: int | None
    is_complete: bool


def served_turns(
    entries: Iterable[Entry],
    records: dict[str, RunRecord],
    timings: dict[str, Timings],
    name: str,
) -> list[ServedTurn]:
    """Return a session's turns in the order in which they were accepted.

    Parameters
    ----------
    entries : iterable of Entry
        The requests to the session whose turns were accepted, in order.
    records : dict of str to RunRecord
        The session's runs as they are stored, by their ids.
    timings : dict of str to Timings
        What each of them follows.
    name : str
        What the session's random numbers are drawn by.
    """
    turns: list[ServedTurn] = []
    served: dict[str, tuple[int, int]] = {}
    for accepted, entry in enumerate(entries):
        run_id, start, kind = entry.run_id, entry.reply.start, entry.reply.start_kind
        if run_id is None or start is None or kind is None:
            continue
        rules, run = timings[run_id], records[run_id].run
        given = dict(entry.asked).get("turn_duration")
        duration = rules.duration(name, accepted) if given is None else given
        number, active = served.get(run_id, (0, 0))
        duration, _ = run_rules.serve(
            duration,
            active,
            number,
            False,  # noqa: FBT003  a crash leaves its turn as long as it is
            rules.max_duration,
            rules.max_turns,
        )
        served[run_id] = number + 1, active + duration
        end = start + duration
        last = end if run.ended_at is None else run.ended_at
        crashes = run.end_cause == "crash" and end >= last
        if start > last or (start == last < end):
            continue  # Its run was ended from outside before it began.
        turns.append(
            ServedTurn(
                run_id,
                number + 1,
                entry.at,
                start,
                min(end, last),
                kind,
                entry.reply.seq,
                is_complete=end <= last and not crashes,
            )
        )
    return turns


def completions(turns: Iterable[ServedTurn], now: int) -> list[ServedTurn]:
    """Return the turns that have ended by now and whose agent says so, in order of their end."""
    ended = [turn for turn in turns if turn.is_complete and turn.ended_at <= now]
    return sorted(ended, key=lambda turn: turn.ended_at)


def completion_headers(turn: ServedTurn) -> tuple[tuple[str, str], ...]:
    """Return the headers of the record on ``out`` that says that a turn has ended."""
    complete = (CONTROL_HEADER, TURN_COMPLETE)
    if turn.event_id is None:
        return (complete,)
    return complete, (_EVENT_ID_HEADER, str(turn.event_id))
