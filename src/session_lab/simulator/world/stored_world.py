"""What a world knows, and how it is looked up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.simulator.agent.agent_turn import turn_of_payload, turn_of_record
from session_lab.simulator.agent.chat_history import add_turn, write_history
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.ids import IdScheme
from session_lab.simulator.model.records import TURN_COMPLETE, Position, Record, StreamKey
from session_lab.simulator.model.run_payload import overrides_of
from session_lab.simulator.model.transcripts import read_transcript
from session_lab.simulator.world.channels import Stream
from session_lab.simulator.world.lists.indexes import RunIndex, SessionIndex
from session_lab.simulator.world.state import ChatSnapshot
from session_lab.simulator.world.turns import output_of, served_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from session_lab.simulator.agent.agent_turn import AgentTurn
    from session_lab.simulator.model.machine import Row, SessionState
    from session_lab.simulator.model.settings.platform import Platform
    from session_lab.simulator.model.settings.policy import RunPolicy, Timings
    from session_lab.simulator.model.waitpoints import Waitpoint
    from session_lab.simulator.world.state import RunRecord, State
    from session_lab.simulator.world.turns import Output, ServedTurn, Written

__all__ = ["Mint", "Shown", "StoredWorld"]

Mint = Callable[[str, str, int], str | None]
"""What makes public tokens: of an environment, for a session's key, at an instant."""


class Shown(NamedTuple):
    """A session as it is read: its row, and the last run that claimed it, dead or alive."""

    row: Row
    run_id: str | None


class StoredWorld:
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
    mint : callable, optional
        Makes the public token of an environment's session, by its key, at an instant.
    """

    def __init__(
        self,
        seed: int,
        policy: RunPolicy | None,
        platform: Platform | None,
        state: State,
        mint: Mint | None = None,
    ) -> None:
        self.state = state
        self._mint = mint
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
        self._seen: dict[int, Stream] = {}
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

    def turns(self, ordinal: int) -> list[ServedTurn]:
        """Return a session's turns in the order in which they were accepted."""
        return [turn for turn in self._turns(ordinal) if turn.is_begun]

    def records(
        self, key: StreamKey, now: int, start: int = 0, most: int | None = None
    ) -> Sequence[Record]:
        """Return a stream's records from a number on; what turns brought by now is on ``out``."""
        return self._stream_by(key, now).since(start, most)

    def tail(self, key: StreamKey, now: int) -> Position:
        """Return where a stream ends."""
        return self._stream_by(key, now).tail

    def next_record_at(self, key: StreamKey, now: int) -> int | None:
        """Return when the next record comes into a stream by time alone; None: none does."""
        output = self._output_of(key)
        place = bisect_right(output, now, key=_at)
        return output[place].at if place < len(output) else None

    def chat_snapshot(self, ordinal: int, now: int) -> ChatSnapshot | None:
        """Return what agents have kept of a session's chat: the last that was put, and what followed."""
        row = self.state.sessions[ordinal].row
        kept = self.state.chat_snapshots.get(row.session_id)
        messages, last = [] if kept is None else list(read_transcript(kept.body).messages), None
        for number, turn in enumerate(self._turns(ordinal), start=1):
            is_written = turn.is_complete and turn.is_begun and turn.ended_at <= now
            is_newer = kept is None or kept.at < turn.ended_at
            if turn.answer is not None and turn.answer.parts and is_written and is_newer:
                asked = self._asked(row, number, turn)
                messages = add_turn(messages, asked, [part.chunk for part in turn.answer.parts])
                last = turn
        if last is None:
            return kept
        out = self.records(self.stream_key(row.session_id, row.environment, "out", None), now)
        ends = [each for each in out if each.control == TURN_COMPLETE and each.at <= last.ended_at]
        body = write_history(
            messages,
            saved_at=last.ended_at,
            last_out=ends[-1].seq if ends else None,
            last_in=last.event_id,
        )
        return ChatSnapshot(last.ended_at, "application/json", body)

    def _asked(self, row: Row, number: int, turn: ServedTurn) -> AgentTurn:
        """Return a turn as its agent got to see it."""
        given: dict[str, Any] = {"external_id": row.external_id, "session_id": row.session_id}
        given |= {"number": number, "previous": ""}
        if turn.event_id is None:
            payload = self.state.runs[self.state.run_ids[turn.run_id]].payload
            return turn_of_payload(payload, **given)
        heard = self.stream(self.stream_key(row.session_id, row.environment, "in", None))
        texts = [str(record.data) for record in heard.since(turn.event_id, 1)]
        return turn_of_record(texts[0] if texts else "", **given)

    def last_heard(self, ordinal: int) -> str:
        """Return what the user wrote last, as far as an agent has heard it."""
        for seq in reversed(self._accepted.get(ordinal, ())):
            if seq in self.state.answers:
                return self.state.answers[seq].heard
        return ""

    def keyed_waitpoint(self, environment: str, key: str | None, now: int) -> str | None:
        """Return the waitpoint that an idempotency key brings now, if it does."""
        found = None if key is None else self._keyed_waitpoints.get((environment, key))
        if found is None or key is None:
            return None
        return found if self.state.waitpoints[found].is_known_by(key, now) else None

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

    def _fresh(self, key: StreamKey, stream: Stream, now: int) -> list[Output]:
        """Return what turns have brought onto ``out`` by now and is not stored yet."""
        output = self._output_of(key)
        return output[stream.completed : bisect_right(output, now, key=_at)]

    def _stream_by(self, key: StreamKey, now: int) -> Stream:
        """Return a stream as it is read: with what turns have brought by now, stored or not."""
        stream = self.stream(key)
        fresh, ordinal = self._fresh(key, stream, now), self.find(key.session, key.environment)
        if not fresh or ordinal is None:
            return stream
        seen = self._seen.get(ordinal)
        if seen is None:
            seen = self._seen[ordinal] = stream.copy()
        seen.take(fresh[seen.completed - stream.completed :])
        return seen

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
            mint = self._mint and partial(self._mint, key.environment, key.session)
            output = output_of(self._turns(ordinal), records, self._written, mint)
            self._output[ordinal] = output
        return output

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


def _at(record: Output) -> int:
    return record.at
