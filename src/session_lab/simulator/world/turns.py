"""The turns that a session's runs have served, one by one, from the requests that asked for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.model import run_rules
from session_lab.simulator.model.records import CONTROL_HEADER, TURN_COMPLETE, enveloped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from session_lab.simulator.agent.answers import Answer
    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.state import RunRecord

__all__ = ["Output", "ServedTurn", "Written", "output_of", "served_turns"]

_UPGRADE_REQUIRED = "upgrade-required"
_EVENT_ID_HEADER = "session-in-event-id"
_FRESH_TOKEN = "public-access-token"  # noqa: S105  a header's name


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
    seq : int
        The place in the journal of the request that asked for it.
    answer : Answer or None
        What a scripted agent does in it.
    is_begun : bool
        Whether its run lived to begin it.
    """

    run_id: str
    number: int
    arrived_at: int
    started_at: int
    ended_at: int
    start_kind: str
    event_id: int | None
    is_complete: bool
    seq: int
    answer: Answer | None = None
    is_begun: bool = True


class Output(NamedTuple):
    """A record that a turn brings onto ``out``.

    Attributes
    ----------
    at : int
        When, in milliseconds since 1970.
    body : str
        Its text.
    headers : tuple of (str, str)
        Those of a control record.
    trims : bool
        Whether the agent then has the store forget what lies before the turn-complete before.
    """

    at: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    trims: bool = False


class Written(NamedTuple):
    """What a turn brings onto ``out``, and what that follows from."""

    turn: ServedTurn
    triggered_at: int
    output: list[Output]


def served_turns(
    entries: Iterable[Entry],
    records: dict[str, RunRecord],
    timings: dict[str, Timings],
    name: str,
    answers: Mapping[int, Answer],
) -> list[ServedTurn]:
    """Return a session's turns in the order in which they were accepted.

    One at whose very start its run was ended from outside is there too.

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
    answers : mapping of int to Answer
        What scripted agents do in turns, by the places of their requests in the journal.
    """
    turns: list[ServedTurn] = []
    served: dict[str, tuple[int, int]] = {}
    for accepted, entry in enumerate(entries):
        run_id, start, kind = entry.run_id, entry.reply.start, entry.reply.start_kind
        if run_id is None or start is None or kind is None:
            continue
        rules, run = timings[run_id], records[run_id].run
        answer = answers.get(entry.seq)
        given = dict(entry.asked).get("turn_duration")
        if answer is not None:
            start, given = answer.start, answer.duration
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
        is_cut = answer is not None and duration < answer.duration
        if start > last:
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
                is_complete=end <= last and not crashes and not is_cut,
                seq=entry.seq,
                answer=answer,
                is_begun=not start == last < end,
            )
        )
    return turns


def output_of(
    turns: Iterable[ServedTurn],
    records: Mapping[str, RunRecord],
    written: dict[int, Written],
    mint: Callable[[int], str | None] | None,
) -> list[Output]:
    """Return what the turns of a session bring onto ``out``, in order, what lies ahead included.

    That is what a scripted agent writes, and of every turn that ends, that it has.

    Parameters
    ----------
    turns : iterable of ServedTurn
        In the order in which they were accepted.
    records : mapping of str to RunRecord
        The session's runs, by their ids.
    written : dict of int to Written
        What was returned before, by the places of requests in the journal; what has not changed is
        taken from it, and the rest is put into it.
    mint : callable, optional
        Makes a public token of the session at an instant, which scripted agents hand out.
    """
    output: list[Output] = []
    for turn in turns:
        triggered_at = records[turn.run_id].run.triggered_at
        known = written.get(turn.seq)
        if known is None or (known.turn, known.triggered_at) != (turn, triggered_at):
            known = Written(turn, triggered_at, _write(turn, triggered_at, mint))
            written[turn.seq] = known
        output += known.output
    output.sort(key=lambda record: record.at)
    return output


def _write(
    turn: ServedTurn, triggered_at: int, mint: Callable[[int], str | None] | None
) -> list[Output]:
    """Return what a turn brings onto ``out``, as far as its run lives to write it."""
    output: list[Output] = []
    if turn.answer is not None:
        if turn.start_kind == "upgrade":
            output.append(_control(_UPGRADE_REQUIRED, triggered_at))
        for n, part in enumerate(turn.answer.parts):
            at = turn.started_at + part.after
            if at <= turn.ended_at:
                output.append(Output(at, enveloped(json.loads(part.chunk), f"{turn.seq}-{n}")))
    if turn.is_complete and turn.is_begun:
        headers = [] if turn.event_id is None else [(_EVENT_ID_HEADER, str(turn.event_id))]
        has_agent = turn.answer is not None
        token = mint(turn.ended_at) if has_agent and mint is not None else None
        if token is not None:
            headers.insert(0, (_FRESH_TOKEN, token))
        output.append(_control(TURN_COMPLETE, turn.ended_at, *headers)._replace(trims=has_agent))
    return output


def _control(control: str, at: int, *headers: tuple[str, str]) -> Output:
    return Output(at, "", ((CONTROL_HEADER, control), *headers))
