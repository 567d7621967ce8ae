"""The one place where a world changes."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from session_lab.simulator.agent.answers import cut_short
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.machine import Step, WorldReply
from session_lab.simulator.model.run_payload import options_of, overrides_of, payload_of
from session_lab.simulator.model.waitpoints import Waitpoint
from session_lab.simulator.world.channels import Stream
from session_lab.simulator.world.journal import Command, Entry, RunEvent
from session_lab.simulator.world.state import RunRecord
from session_lab.simulator.world.stored_world import StoredWorld

if TYPE_CHECKING:
    from session_lab.simulator.agent.answers import Answer
    from session_lab.simulator.model.machine import Row, SessionState
    from session_lab.simulator.model.records import Record, StreamKey
    from session_lab.simulator.model.runs import Run

__all__ = ["Store"]


class Store(StoredWorld):
    """The state of a world, with what changes it."""

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

    def open_stream(self, key: StreamKey, now: int) -> Stream:
        """Return a stream to write to; what has been read from it by now is stored first."""
        stream = self.state.streams.setdefault(key, Stream())
        stream.take(self._fresh(key, stream, now))
        return stream

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
            self._seen.pop(ordinal, None)
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
