"""What a world knows, how it is looked up, and the one place where it changes."""

from __future__ import annotations

import json
import math
import sys
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.simulator.agent.answers import cut_short
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.ids import IdScheme
from session_lab.simulator.model.machine import Step, WorldReply
from session_lab.simulator.model.records import Position, Record, StreamKey
from session_lab.simulator.model.run_payload import options_of, overrides_of, payload_of
from session_lab.simulator.model.waitpoints import Waitpoint
from session_lab.simulator.world.channels import Stream
from session_lab.simulator.world.indexes import RunIndex, SessionIndex
from session_lab.simulator.world.journal import Command, Entry, RunEvent
from session_lab.simulator.world.state import RunRecord, State
from session_lab.simulator.world.turns import output_of, served_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from session_lab.simulator.agent.answers import Answer
    from session_lab.simulator.model.machine import Row, SessionState
    from session_lab.simulator.model.runs import Run
    from session_lab.simulator.model.settings.platform import Platform
    from session_lab.simulator.model.settings.policy import RunPolicy, Timings
    from session_lab.simulator.world.turns import Output, ServedTurn, Written

__all__ = ["Shown", "Store"]


class Shown(NamedTuple):
    """A session as it is read: its row, and the last run that claimed it, dead or alive."""

    row: Row
    run_id: str | None


class Store:
    """The state of a world under its seed, policy and platform.

    Parameters
    ----------
    seed : int
        What identifiers and crashes draw on.
    policy : RunPolicy or None
        How runs behave.
    platform : Platform or None
        What the environment does to them.
    state : State
        What is known already.
    """

    def __init__(
        self, seed: int, policy: RunPolicy | None, platform: Platform | None, state: State
    ) -> None:
        self.state = state
        self._scheme = IdScheme.from_seed(seed)
        self._timings = None if policy is None else policy.timings(platform, seed)
        self._sessions: dict[str, SessionIndex] = {}
        self._runs: dict[str, RunIndex] = {}
        for ordinal, session in enumerate(state.sessions):
            self.session_index(session.row.environment).append(ordinal, session.row)
        for record in state.runs.values():
            self._list_run(record)
        self._waiting: dict[StreamKey, list[str]] = {}
        self._keyed_waitpoints: dict[tuple[str, str], str] = {}
        for waitpoint in state.waitpoints.values():
            self._list_waitpoint(waitpoint)
        self._output: dict[int, list[Output]] = {}
        self._written: dict[int, Written] = {}
        self._accepted: dict[int, list[int]] = {}
        for entry in state.journal:
            if entry.reply.start is not None:
                self._accepted.setdefault(state.session_ids[entry.session_id or ""], []).append(
                    entry.seq
                )

    def find(self, key: str, environment: str) -> int | None:
        """Return the ordinal of a session.

        A key that begins like a session id is one; any other is an external id.
        """
        if not key.startswith("session_"):
            return self.state.external_ids.get((environment, key))
        ordinal = self.state.session_ids.get(key)
        if ordinal is None or self.state.sessions[ordinal].row.environment != environment:
            return None
        return ordinal

    def session(self, ordinal: int | None) -> SessionState | None:
        """Return a session as it is stored."""
        return None if ordinal is None else self.state.sessions[ordinal]

    def row(self, ordinal: int, now: int) -> Row:
        """Return a session's row as it is read; the claim of a run has moved its ``updated_at``."""
        return self.shown(ordinal, now).row

    def shown(self, ordinal: int, now: int) -> Shown:
        """Return a session as it is read, with its current run."""
        row, record = self.state.sessions[ordinal].row, self._claimant(ordinal, now)
        if record is None:
            return Shown(row, None)
        if record.run.triggered_at > row.updated_at:
            row = row._replace(updated_at=record.run.triggered_at)
        return Shown(row, record.run_id)

    def session_index(self, environment: str) -> SessionIndex:
        """Return the index of an environment's sessions."""
        index = self._sessions.get(environment)
        if index is None:
            index = self._sessions[environment] = SessionIndex()
        return index

    def run_index(self, environment: str) -> RunIndex:
        """Return the index of an environment's runs."""
        index = self._runs.get(environment)
        if index is None:
            index = self._runs[environment] = RunIndex(has_policy=self._timings is not None)
        return index

    def stored_runs(self, run_ids: Iterable[str]) -> Iterator[RunRecord]:
        """Iterate over runs as they are stored, by their ids."""
        for run_id in run_ids:
            yield self.state.runs[self.state.run_ids[run_id]]

    def current_run(self, ordinal: int, now: int) -> RunRecord | None:
        """Return the last run that has claimed a session by now, dead or alive."""
        record = self._claimant(ordinal, now)
        return None if record is None else self.as_of(record, now)

    def runs_of(self, ordinal: int, now: int) -> list[RunRecord]:
        """Return a session's runs that were triggered by now, in order of trigger."""
        records: list[RunRecord] = []
        while (record := self.state.runs.get((ordinal, len(records)))) is not None:
            records.append(record)
        return [self.as_of(record, now) for record in records if record.run.triggered_at <= now]

    def run(self, run_id: str, environment: str, now: int) -> RunRecord | None:
        """Return a run as it stands; None when the environment has none of that id by now."""
        key = self.state.run_ids.get(run_id)
        if key is None or self.state.sessions[key[0]].row.environment != environment:
            return None
        record = self.state.runs[key]
        return None if record.run.triggered_at > now else self.as_of(record, now)

    def runs(self, now: int) -> list[RunRecord]:
        """Return the runs that were triggered by now, by session, then in order of trigger."""
        records = (record for _, record in sorted(self.state.runs.items()))
        return [self.as_of(record, now) for record in records if record.run.triggered_at <= now]

    def as_of(self, record: RunRecord, now: int) -> RunRecord:
        """Return a run as it stands at an instant."""
        timings = self.timings(record.overrides)
        return record._replace(run=run_model.as_of(record.run, now, timings))

    def timings(self, overrides: Mapping[str, int]) -> Timings | None:
        """Return the policy with what holds in the place of its own."""
        timings = self._timings
        if timings is None or not overrides:
            return timings
        return timings._replace(
            idle_timeout=overrides.get("idle_timeout", timings.idle_timeout),
            max_duration=overrides.get("max_duration", timings.max_duration),
        )

    def first_turn(self, name: str) -> int | None:
        """Return how long the first turn of a session lasts; None without a policy."""
        return None if self._timings is None else self._timings.duration(name, 0)

    def meet(self, ordinal: int, now: int) -> tuple[SessionState, dict[str, int]]:
        """Return a session as a request meets it, and the overrides that hold for its next turn.

        A run keeps those of its trigger, and the session's row has those of runs to come. A run
        that died of its timeout under others than the row's is met with its end.
        """
        session = self.state.sessions[ordinal]
        run, to_come = session.run, overrides_of(session.row.trigger_config)
        if run is None or run.ended_at is not None:
            return session, to_come
        own = self.state.runs[ordinal, run.number].overrides
        if own == to_come or run_model.is_live(run, now, self.timings(own)):
            return session, own
        return session._replace(run=run_model.settle(run, self.timings(own))), to_come

    def forced(self, record: RunRecord, status: str, now: int, *, final: bool) -> Step:
        """Return the step that forces a run into a status."""
        session, timings = self.state.sessions[record.ordinal], self.timings(record.overrides)
        number = record.run.number
        run = self.state.runs[record.ordinal, number].run
        run = run_model.force(run, status, now, timings, final=final)
        step = Step(session, WorldReply(200, run=number))
        if session.run is not None and session.run.number == number:
            return step._replace(session=session._replace(run=run))
        return step._replace(superseded=(run,))

    def stream_key(self, key: str, environment: str, io: str, channel: str | None) -> StreamKey:
        """Return the key of a stream by either id of its session, or by a name that has none."""
        ordinal = self.find(key, environment)
        if ordinal is not None:
            row = self.state.sessions[ordinal].row
            key = row.external_id or row.session_id
        return StreamKey(environment, key, io, channel or "")

    def stream(self, key: StreamKey) -> Stream:
        """Return a stream as it is stored; to look at one that has no records makes none."""
        return self.state.streams.get(key) or Stream()

    def open_stream(self, key: StreamKey, now: int) -> Stream:
        """Return a stream to write to; what has been read from it by now is stored first."""
        stream = self.state.streams.setdefault(key, Stream())
        for record in self._fresh(key, stream, now):
            stream.add(record.body, record.at, record.headers)
            stream.completed += 1
        return stream

    def turns(self, ordinal: int) -> list[ServedTurn]:
        """Return a session's turns in the order in which they were accepted."""
        return [turn for turn in self._turns(ordinal) if turn.is_begun]

    def _turns(self, ordinal: int) -> list[ServedTurn]:
        accepted = self._accepted.get(ordinal)
        if accepted is None:
            return []
        session, records, timings = self.state.sessions[ordinal], {}, {}
        for number in range(session.n_runs):
            record = self.state.runs[ordinal, number]
            rules = self.timings(record.overrides)
            if rules is not None:
                records[record.run_id], timings[record.run_id] = record, rules
        entries = [self.state.journal[seq] for seq in accepted]
        name = session.row.external_id or session.row.session_id
        return served_turns(entries, records, timings, name, self.state.answers)

    def records(
        self, key: StreamKey, now: int, start: int = 0, most: int | None = None
    ) -> Sequence[Record]:
        """Return a stream's records from a number on; what turns brought by now is on ``out``."""
        stream = self.stream(key)
        found = stream.since(start, most)
        fresh = self._fresh(key, stream, now)
        if not fresh:
            return found
        first = max(start - stream.next_seq, 0)
        last = None if most is None else first + most - len(found)
        seqs = range(stream.next_seq + first, stream.next_seq + len(fresh))
        return found + [
            Record(seq, *new) for seq, new in zip(seqs, fresh[first:last], strict=False)
        ]

    def tail(self, key: StreamKey, now: int) -> Position:
        """Return where a stream ends."""
        stream = self.stream(key)
        fresh = self._fresh(key, stream, now)
        return Position(stream.next_seq + len(fresh), fresh[-1].at) if fresh else stream.tail

    def next_record_at(self, key: StreamKey, now: int) -> int | None:
        """Return when the next record comes into a stream by time alone; None: none does."""
        output = self._output_of(key)
        place = bisect_right(output, now, key=_at)
        return output[place].at if place < len(output) else None

    def _fresh(self, key: StreamKey, stream: Stream, now: int) -> list[Output]:
        """Return what turns have brought onto ``out`` by now and is not stored yet."""
        output = self._output_of(key)
        return output[stream.completed : bisect_right(output, now, key=_at)]

    def _output_of(self, key: StreamKey) -> list[Output]:
        """Return all that turns bring into a stream, kept until a request changes it."""
        ordinal = self.find(key.session, key.environment)
        if key.io != "out" or key.channel or ordinal is None or ordinal not in self._accepted:
            return []
        output = self._output.get(ordinal)
        if output is None:
            n_runs = self.state.sessions[ordinal].n_runs
            runs = (self.state.runs[ordinal, number] for number in range(n_runs))
            records = {record.run_id: record for record in runs}
            output = output_of(self._turns(ordinal), records, self._written)
            self._output[ordinal] = output
        return output

    def last_heard(self, ordinal: int) -> str:
        """Return what the user wrote last, as far as an agent has heard it."""
        for seq in reversed(self._accepted.get(ordinal, ())):
            if seq in self.state.answers:
                return self.state.answers[seq].heard
        return ""

    def stop(self, ordinal: int, step: Step, now: int) -> Step:
        """Stop the turn that a scripted agent is serving, if there is one."""
        turns = self._turns(ordinal)
        served = next((turn for turn in turns if turn.started_at <= now < turn.ended_at), None)
        if served is None or served.answer is None or step.session is None:
            return step
        behind = [t for t in turns if t.run_id == served.run_id and t.started_at > now]
        record = self.state.runs[self.state.run_ids[served.run_id]]
        timings, newest = self.timings(record.overrides), step.session.run
        if timings is None or any(turn.answer is None for turn in behind):
            return step  # The agent is gone, and others have what followed.
        answers, saved = self.state.answers, served.ended_at - now
        answers[served.seq] = cut_short(served.answer, now)
        for turn in behind:
            answers[turn.seq] = answers[turn.seq]._replace(start=turn.started_at - saved)
        is_newest = newest is not None and newest.number == record.run.number
        run = run_model.stop(record.run, now, timings, is_newest=is_newest)
        if is_newest:
            return step._replace(session=step.session._replace(run=run))
        return step._replace(superseded=(*step.superseded, run))

    def next_session_id(self, now: int) -> str:
        """Return the id that a session created now would get."""
        ordinal = len(self.state.sessions)
        return self._scheme.session(ordinal, created_at=now, rank=self._rank(now))

    def keyed_waitpoint(self, environment: str, key: str | None, now: int) -> str | None:
        """Return the waitpoint that an idempotency key brings now, if it does."""
        found = None if key is None else self._keyed_waitpoints.get((environment, key))
        if found is None or key is None:
            return None
        return found if self.state.waitpoints[found].is_known_by(key, now) else None

    def new_waitpoint(
        self,
        run_id: str,
        stream: StreamKey,
        after: float,
        now: int,
        **given: Any,  # noqa: ANN401  further fields of Waitpoint
    ) -> str:
        """Make a waitpoint and return its id; a record beyond a number completes it at once."""
        waitpoint_id = self._scheme.waitpoint(len(self.state.waitpoints), created_at=now)
        made = Waitpoint(waitpoint_id, run_id, stream, now, **given)
        start = math.floor(min(max(after, -1), sys.maxsize)) + 1
        for record in self.records(stream, now, start, 1):
            made = made._replace(completed_at=now, output=_text_of(record))
        self.state.waitpoints[waitpoint_id] = made
        self._list_waitpoint(made)
        return waitpoint_id

    def wake(self, stream: StreamKey, data: str, now: int) -> None:
        """Complete what waits for a record of a stream."""
        for waitpoint_id in self._waiting.pop(stream, ()):
            waitpoint = self.state.waitpoints[waitpoint_id]
            if waitpoint.hears(now):
                waitpoint = waitpoint._replace(completed_at=now, output=data)
                self.state.waitpoints[waitpoint_id] = waitpoint

    def commit(
        self,
        command: Command,
        step: Step,
        ordinal: int | None,
        now: int,
        *,
        calling_run_id: str | None = None,
        answer: Answer | None = None,
    ) -> Entry:
        """Apply a step to the state and write it into the journal.

        Parameters
        ----------
        command : Command
            The request.
        step : Step
            What the machine made of it.
        ordinal : int or None
            The session it was about; None inserts the step's session, if it has one.
        now : int
            The instant.
        calling_run_id : str, optional
            The run that a new run follows, where that is not the session's current one.
        answer : Answer, optional
            What a scripted agent does in the turn that is asked for, if it is accepted.
        """
        before = self.session(ordinal)
        session_id, run_id, events = None, None, []
        if step.session is not None:
            ordinal = self._insert(step.session) if ordinal is None else ordinal
            session = _with_open_end(step.session, before)
            self.state.sessions[ordinal] = session
            if before is not None and before.row is not session.row:
                self.session_index(session.row.environment).change(ordinal, before.row, session.row)
            session_id = session.row.session_id
            events = self._keep_runs(ordinal, step, before, calling_run_id)
            if step.reply.run is not None:
                run_id = self.state.runs[ordinal, step.reply.run].run_id
        entry = Entry(
            seq=len(self.state.journal),
            at=now,
            op=command.op,
            key=command.key,
            environment=command.environment,
            asked=tuple([pair for pair in command.asked.items() if pair[1] is not None]),
            reply=step.reply,
            session_id=session_id,
            run_id=run_id,
            before=None if before is None else before.row,
            events=tuple(events),
        )
        self.state.journal.append(entry)
        if ordinal is not None:
            self._output.pop(ordinal, None)
        if step.reply.start is not None and ordinal is not None:
            self._accepted.setdefault(ordinal, []).append(entry.seq)
            if answer is not None:
                self.state.answers[entry.seq] = answer._replace(start=step.reply.start)
        return entry

    def _keep_runs(
        self, ordinal: int, step: Step, before: SessionState | None, calling_run_id: str | None
    ) -> list[RunEvent]:
        """Store the runs that a step changed, in order; each new one follows the one before."""
        previous = calling_run_id
        if previous is None and before is not None and before.run is not None:
            previous = self.state.runs[ordinal, before.run.number].run_id
        row, newest = self.state.sessions[ordinal].row, self.state.sessions[ordinal].run
        changed = [run for run in (newest, *step.superseded) if run is not None]
        changed.sort(key=_run_number)
        events: list[RunEvent] = []
        for run in changed:
            known = self.state.runs.get((ordinal, run.number))
            if known is None:
                record = self._new_run(ordinal, row, run, previous)
                previous = record.run_id
                events += self._keep_new(record)
            else:
                events += self._keep_known(known, run)
        return events

    def _keep_new(self, record: RunRecord) -> list[RunEvent]:
        """Store a run that was triggered, and return what the journal says of it."""
        run, key = record.run, (record.ordinal, record.run.number)
        self.state.runs[key] = record
        self.state.run_ids[record.run_id] = key
        self._list_run(record)
        triggered = RunEvent("run_triggered", record.run_id, run.triggered_at, run.reason)
        if run.ended_at is None:
            return [triggered]
        return [triggered, RunEvent("run_ends", record.run_id, run.ended_at, run.end_cause)]

    def _keep_known(self, record: RunRecord, run: Run) -> list[RunEvent]:
        """Store a run as it is now, and return its end where that is new."""
        self.state.runs[record.ordinal, run.number] = record._replace(run=run)
        environment = self.state.sessions[record.ordinal].row.environment
        self.run_index(environment).change(record, run)
        if run.ended_at is None or run.ended_at == record.run.ended_at:
            return []
        return [RunEvent("run_ends", record.run_id, run.ended_at, run.end_cause)]

    def _new_run(self, ordinal: int, row: Row, run: Run, previous: str | None) -> RunRecord:
        overrides = overrides_of(row.trigger_config)
        if previous is not None and run.reason == "upgrade" and run.turns:
            # A deploy moved its turn, which was accepted by what held for the run before it.
            overrides = self.state.runs[self.state.run_ids[previous]].overrides
        return RunRecord(
            run_id=self._scheme.run(ordinal, number=run.number, triggered_at=run.triggered_at),
            ordinal=ordinal,
            run=run,
            reason=None if run.end_cause == "cancelled" else run.reason,
            task_identifier=row.task_identifier,
            payload=payload_of(row, previous_run_id=previous),
            options=options_of(row.trigger_config),
            overrides=overrides,
        )

    def _claimant(self, ordinal: int, now: int) -> RunRecord | None:
        newest = self.state.sessions[ordinal].run
        for number in range(-1 if newest is None else newest.number, -1, -1):
            record = self.state.runs[ordinal, number]
            if record.reason is not None and record.run.triggered_at <= now:
                return record
        return None

    def _list_run(self, record: RunRecord) -> None:
        environment = self.state.sessions[record.ordinal].row.environment
        self.run_index(environment).append(record)

    def _list_waitpoint(self, waitpoint: Waitpoint) -> None:
        if waitpoint.completed_at is None:
            self._waiting.setdefault(waitpoint.stream, []).append(waitpoint.waitpoint_id)
        if waitpoint.idempotency_key is not None:
            key = waitpoint.stream.environment, waitpoint.idempotency_key
            self._keyed_waitpoints[key] = waitpoint.waitpoint_id

    def _insert(self, session: SessionState) -> int:
        state, row, ordinal = self.state, session.row, len(self.state.sessions)
        self.session_index(row.environment).append(ordinal, row)
        state.rank = self._rank(row.created_at)
        state.sessions.append(session)
        state.session_ids[row.session_id] = ordinal
        if row.external_id is not None:
            state.external_ids[row.environment, row.external_id] = ordinal
        return ordinal

    def _rank(self, now: int) -> int:
        sessions = self.state.sessions
        same_instant = bool(sessions) and sessions[-1].row.created_at == now
        return self.state.rank + 1 if same_instant else 0


def _with_open_end(session: SessionState, before: SessionState | None) -> SessionState:
    """Forget again that a run died of its timeout, unless another run has followed it."""
    if before is None or before.run is None or session.run is None:
        return session
    settled = (
        session.run.end_cause in run_model.TIMEOUTS and session.run.number == before.run.number
    )
    return session._replace(run=before.run) if settled else session


def _run_number(run: Run) -> int:
    return run.number


def _text_of(record: Record) -> str:
    """Return the data of a record as text: as it was appended, or its JSON."""
    data = record.data
    return data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))


def _at(record: Output) -> int:
    return record.at
