"""What agents and their runs ask of a world beside the requests to sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.errors import SimulationError
from session_lab.simulator.model import machine
from session_lab.simulator.model.ids import base36
from session_lab.simulator.model.machine import Step, WorldReply
from session_lab.simulator.model.records import (
    NewRecord,
    control_record,
    enveloped,
    write_refusal,
)
from session_lab.simulator.model.run_payload import overrides_of
from session_lab.simulator.world.journal import Command
from session_lab.simulator.world.reads import ENVIRONMENT, WorldReads
from session_lab.simulator.world.state import ChatSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.simulator.agent.answers import Answer
    from session_lab.simulator.model.machine import Row, SessionState
    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.world.journal import Entry

__all__ = ["AgentRequests"]


class AgentRequests(WorldReads):
    """What agents and their runs ask of a world beside the requests to sessions."""

    def write(
        self,
        key: str,
        records: Sequence[NewRecord],
        *,
        io: str = "out",
        channel: str | None = None,
        match_seq_num: int | None = None,
        fencing_token: str | None = None,
        environment: str = ENVIRONMENT,
    ) -> Entry:
        """Write records as an agent does: past the API, straight to the stream store.

        Answers 200 with the ``seq`` of the first; 400 or 413 where the store does not take them,
        and 412 where a condition does not hold. All or none are stored. In every state of a
        session, and under names that nothing was ever started under, records can be written.

        Parameters
        ----------
        records : sequence of NewRecord
            The batch; commands among it are obeyed.
        io : {"in", "out"}
            Which direction.
        channel : str, optional
            The name of a side channel.
        match_seq_num : int, optional
            Write only where this is the number of the next record.
        fencing_token : str, optional
            Write only where this is the token that was set last.
        environment : str
            Which environment the agent runs in.
        """
        now = self.now
        ordinal, session, _ = self._look_up(key, environment)
        place = self.stream_key(key, environment, io, channel)
        stream = self._store.stream(place)
        reply = write_refusal(
            records,
            next_seq=self.tail(place).seq,
            fence=stream.fence,
            n_bytes=stream.n_bytes,
            match_seq_num=match_seq_num,
            fencing_token=fencing_token,
        )
        if reply is None:
            reply = WorldReply(200, seq=self._store.open_stream(place, now).write(records, now))
        asked = {"io": io, "channel": channel, "records": len(records)}
        if len(records) == 1:
            asked["control"] = records[0].control
        command = Command("write", key, environment, asked)
        return self._commit(command, Step(session, reply), ordinal)

    def write_control(
        self,
        key: str,
        control: str,
        headers: Mapping[str, str] | None = None,
        *,
        io: str = "out",
        channel: str | None = None,
        environment: str = ENVIRONMENT,
    ) -> Entry:
        """Write a control record, as an agent does past the API, straight to the stream store.

        Parameters
        ----------
        control : str
            What the record tells, such as ``"turn-complete"``.
        headers : mapping, optional
            Further headers.
        io : {"in", "out"}
            Which direction.
        channel : str, optional
            The name of a side channel.
        environment : str
            Which environment the agent runs in.

        Raises
        ------
        SimulationError
            The world has no session of this key.
        """
        record = control_record(control, tuple((headers or {}).items()))
        return self._write_to_session(key, record, io, channel, environment)

    def write_data(
        self,
        key: str,
        data: object,
        *,
        io: str = "out",
        channel: str | None = None,
        environment: str = ENVIRONMENT,
    ) -> Entry:
        """Write a record that holds any JSON, as an agent does past the API.

        Parameters
        ----------
        data : JSON value
            What readers get.
        io : {"in", "out"}
            Which direction.
        channel : str, optional
            The name of a side channel.
        environment : str
            Which environment the agent runs in.

        Raises
        ------
        SimulationError
            The world has no session of this key.
        """
        body = enveloped(data, self._new_part_id()).encode()
        return self._write_to_session(key, NewRecord(body), io, channel, environment)

    def wait(
        self,
        run_id: str,
        key: str,
        *,
        io: str = "in",
        after: float | None = None,
        timeout_at: int | None = None,
        tags: Sequence[str] = (),
        idempotency_key: str | None = None,
        remembered: int | None = None,
        environment: str = ENVIRONMENT,
    ) -> tuple[str, bool]:
        """Register a waitpoint, as a run does that waits for a record of a channel.

        A record that the run has not seen completes it at once, and otherwise the next append does.
        How runs suspend is the matter of the run policy.

        Parameters
        ----------
        run_id : str
            The run that waits.
        key : str
            The session whose channel it waits for; nothing need have been started under it.
        io : {"in", "out"}
            Which channel.
        after : float, optional
            The number of the last record that the run has seen.
        timeout_at : int, optional
            When the wait ends without a record, in milliseconds since 1970.
        tags : sequence of str
            What the waitpoint is tagged with.
        idempotency_key : str, optional
            What brings the same waitpoint again.
        remembered : int, optional
            For how many milliseconds the key does that; without it, for ever.

        Returns
        -------
        tuple of (str, bool)
            The waitpoint's id, and whether its key was known.
        """
        known = self._store.keyed_waitpoint(environment, idempotency_key, self.now)
        if known is not None:
            return known, True
        made = self._store.new_waitpoint(
            run_id,
            self.stream_key(key, environment, io),
            -1 if after is None else after,
            self.now,
            timeout_at=timeout_at,
            tags=tuple(tags),
            idempotency_key=idempotency_key,
            key_until=None if remembered is None else self.now + remembered,
        )
        return made, False

    def write_chat_snapshot(
        self, key: str, body: bytes, content_type: str, *, environment: str = ENVIRONMENT
    ) -> Entry:
        """Keep what an agent wants to know of a chat when its next run begins.

        Answers 200, or 404 without a session. What was kept before is gone.

        Parameters
        ----------
        body : bytes
            Anything; the agent alone reads it.
        content_type : str
            What it says it is.
        """
        ordinal, session, _ = self._look_up(key, environment)
        step = machine.retrieve(session)
        if session is not None:
            kept = ChatSnapshot(self.now, content_type, body)
            self._store.state.chat_snapshots[session.row.session_id] = kept
        command = Command("write_chat_snapshot", key, environment, {"bytes": len(body)})
        return self._commit(command, step, ordinal)

    def _write_to_session(
        self, key: str, record: NewRecord, io: str, channel: str | None, environment: str
    ) -> Entry:
        if self._store.find(key, environment) is None:
            raise SimulationError(f"there is no session {key!r} in this world")
        return self.write(key, [record], io=io, channel=channel, environment=environment)

    def _new_part_id(self) -> str:
        return base36(len(self.journal), 8)[1:]

    def _look_up(
        self, key: str, environment: str
    ) -> tuple[int | None, SessionState | None, Timings | None]:
        ordinal = self._store.find(key, environment)
        return ordinal, *self._meet(ordinal)

    def _meet(
        self, ordinal: int | None, request: Row | None = None
    ) -> tuple[SessionState | None, Timings | None]:
        """Return a session as a request meets it, and the policy that its next turn follows."""
        if ordinal is not None:
            session, overrides = self._store.meet(ordinal, self.now)
            return session, self._store.timings(overrides)
        config = None if request is None else request.trigger_config
        return None, self._store.timings(overrides_of(config))

    def _commit(
        self,
        command: Command,
        step: Step,
        ordinal: int | None,
        calling_run_id: str | None = None,
        *,
        answer: Answer | None = None,
    ) -> Entry:
        return self._store.commit(
            command, step, ordinal, self.now, calling_run_id=calling_run_id, answer=answer
        )
