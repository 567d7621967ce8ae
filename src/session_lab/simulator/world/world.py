"""A deterministic world of sessions and runs.

A world takes requests one after the other at the instant its clock shows. Nothing in it depends on
the machine: the same seed and the same requests give the same identifiers, replies, journal and
digest, byte for byte.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from session_lab.errors import SimulationError
from session_lab.simulator.agent.agent_turn import turn_of_payload, turn_of_record
from session_lab.simulator.agent.scripted_agent import ScriptedAgent
from session_lab.simulator.model import machine
from session_lab.simulator.model.calendar import date_text
from session_lab.simulator.model.machine import Row, Step, WorldReply
from session_lab.simulator.model.randomness import to_seed
from session_lab.simulator.model.records import (
    append_refusal,
    enveloped,
)
from session_lab.simulator.model.run_payload import (
    carries_turn,
    is_close,
    is_stop,
    turn_duration_of,
)
from session_lab.simulator.model.settings.policy import RunPolicy
from session_lab.simulator.model.settings.profiles import profile_named
from session_lab.simulator.model.trigger_faults import failing_start, swallowing
from session_lab.simulator.world import arguments
from session_lab.simulator.world.agent_requests import AgentRequests
from session_lab.simulator.world.explain import explain
from session_lab.simulator.world.journal import Command
from session_lab.simulator.world.reads import ENVIRONMENT
from session_lab.simulator.world.snapshots.diff import Difference, differences
from session_lab.simulator.world.snapshots.snapshot import Snapshot
from session_lab.simulator.world.state import State
from session_lab.simulator.world.store import Store
from session_lab.timing import VirtualClock, instant_text
from session_lab.wire.limits import RESERVED_ID_PREFIX
from session_lab.wire.run.run_status import FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.simulator.agent.answers import Answer
    from session_lab.simulator.model.machine import SessionState
    from session_lab.simulator.model.settings.platform import Platform
    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.stored_world import Mint
    from session_lab.timing import Clock, Duration, Instant

__all__ = ["ENVIRONMENT", "World"]

_REASONS = {"initial", "continuation", "upgrade", "manual"}


class World(AgentRequests):
    """A deterministic world of sessions and runs.

    Sessions are addressed by external id or by session id. Every request returns its journal
    entry, whose ``reply`` tells status, error and what became of the turn. In every request ``key``
    is either id of the session, and ``environment`` the one whose key was used.

    Parameters
    ----------
    seed : int
        What identifiers and crashes draw on.
    now : str or datetime
        The first instant of its clock.
    policy : RunPolicy, optional
        How runs behave; without one a run lives until it is ended from outside.
    profile : str
        The published state of the API to follow.
    clock : Clock, optional
        Where the time comes from; by default a virtual clock that stands at ``now``.
    agent : ScriptedAgent or what stands for one, optional
        What serves turns; see :attr:`agent`.
    mint : callable, optional
        Makes public tokens, of an environment's id, a session's key and an instant; scripted agents
        hand them out.

    Attributes
    ----------
    clock : Clock
        The world's time.
    trigger_fault : str or None
        ``"svc_error"`` or ``"throw"`` make every trigger of a run fail, as a refusal or a crash.

    Examples
    --------
    >>> world = World(seed=1)
    >>> world.start("chat-1").reply.status_code
    201
    >>> world.start("chat-1").reply.is_cached
    True
    >>> world.close("chat-1").reply.status_code
    200
    >>> world.clock.advance("1h")
    >>> print(world.explain(world.start("chat-1")))
    409: the session was closed at 2026-01-01T00:00:00.000Z; closing is final and the external id \
is spent, so start a new session under another external id
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        now: Instant | int = "2026-01-01T00:00:00Z",
        policy: RunPolicy | None = None,
        platform: Platform | None = None,
        profile: str = "2026-10",
        clock: Clock | None = None,
        agent: object = None,
        mint: Mint | None = None,
    ) -> None:
        self._mint = mint
        self.seed = to_seed(seed)
        self._agent = ScriptedAgent.of(agent)
        if self._agent is not None and policy is None:
            policy = RunPolicy()
        self.policy, self.platform = arguments.run_model(policy, platform)
        self.profile = profile_named(profile)
        self.clock: Clock = VirtualClock(now) if clock is None else clock
        self.trigger_fault: str | None = None
        self._store = self._store_of(State())

    @property
    def agent(self) -> ScriptedAgent | None:
        """What serves turns; can be set to whatever stands for an agent, or None.

        Turns that were accepted before stay as they are. An agent needs runs that go on by
        themselves, so a world without a run policy follows ``RunPolicy()`` from its first one on.
        """
        return self._agent

    @agent.setter
    def agent(self, choice: object) -> None:
        self._agent = ScriptedAgent.of(choice)
        if self._agent is not None and self.policy is None:
            self.policy = RunPolicy()
            self._store = self._store_of(self._store.state)

    def start(
        self,
        external_id: str | None = None,
        *,
        type: str | None = None,
        task_identifier: str | None = None,
        trigger_config: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        expires_at: Instant | int | None = None,
        turn_duration: Duration | None = None,
        environment: str = ENVIRONMENT,
    ) -> Entry:
        """Create the session, or fetch it and make sure that a run lives.

        Answers 201 or 200, or 409 on a closed or expired session.

        Parameters
        ----------
        external_id : str, optional
            The caller's own id. A second start under it finds the first one's session; without it
            every start creates one.
        type, task_identifier, tags, metadata, expires_at
            What is stored when the start creates the session. An expiry in milliseconds since 1970
            can be any that the API stores, those before 1970 included.
        trigger_config : mapping, optional
            What runs are triggered with. A later start replaces it.
        turn_duration : str or timedelta, optional
            Length of the first turn, which a start that creates the session carries. One whose
            ``basePayload`` has a message carries a turn of the policy's length anyway.

        Raises
        ------
        DataError
            The external id is empty or reads like the API's own ids, or the payload says a
            duration of its turn that is none.
        """
        if external_id is not None and (
            not external_id or external_id.startswith(RESERVED_ID_PREFIX)
        ):
            raise arguments.not_an_external_id(external_id)
        now = self.now
        row = Row(
            external_id=external_id,
            created_at=now,
            updated_at=now,
            type=type,
            task_identifier=task_identifier,
            tags=tuple(tags),
            expires_at=expires_at
            if expires_at is None or isinstance(expires_at, int)
            else arguments.expiry(expires_at),
            metadata=None if metadata is None else dict(metadata),
            trigger_config=None if trigger_config is None else dict(trigger_config),
            session_id=self._store.next_session_id(now),
            environment=environment,
        )
        turn = None if turn_duration is None else arguments.turn_length(turn_duration)
        asked = {
            "type": type,
            "task_identifier": task_identifier,
            "tags": list(tags) or None,
            "expires_at": None if row.expires_at is None else date_text(row.expires_at),
            "turn_duration": turn,
        }
        if turn is None and self.policy is not None and carries_turn(row.trigger_config):
            turn = turn_duration_of((row.trigger_config or {}).get("basePayload"))
            asked["turn_duration"] = turn
            if turn is None:
                turn = self._store.first_turn(external_id or row.session_id)
        ordinal = None if external_id is None else self._store.find(external_id, environment)
        answer = None
        if self._agent is not None and turn is not None and ordinal is None:
            answer = self._first_answer(self._agent, row)
            turn = asked["turn_duration"] = answer.duration
        session, timings = self._meet(ordinal, row)
        step = None
        if self.trigger_fault is not None:
            step = failing_start(
                self.trigger_fault, session, row, now, timings, profile=self.profile
            )
        step = step or machine.start(
            session, row, turn, now, timings, profile=self.profile, **_ends(answer)
        )
        key = external_id or row.session_id
        return self._commit(Command("start", key, environment, asked), step, ordinal, answer=answer)

    def message(
        self,
        key: str,
        *,
        turn_duration: Duration | None = None,
        environment: str = ENVIRONMENT,
    ) -> Entry:
        """Send a message, which asks for a turn; its length is the policy's unless it is given.

        Answers 200, 404 without a session, 400 on an expired one, and on a closed one 409
        (in the profile 2026-08: 400).
        """
        turn = None if turn_duration is None else arguments.turn_length(turn_duration)
        ordinal, session, timings = self._look_up(key, environment)
        answer = None
        if session is not None and machine.append_refusal(session, self.now, self.profile) is None:
            answer = self._answer(session, "")
        if answer is not None:
            turn = answer.duration
        step = machine.message(
            session, turn, self.now, timings, profile=self.profile, **_ends(answer)
        )
        if step.reply.error is None and session is not None:
            step = swallowing(self.trigger_fault, session, step, self.now, timings)
        command = Command("message", key, environment, {"turn_duration": turn})
        return self._commit(command, step, ordinal, answer=answer)

    def append(
        self,
        key: str,
        data: str,
        *,
        io: str = "in",
        channel: str | None = None,
        part_id: str | None = None,
        environment: str = ENVIRONMENT,
    ) -> Entry:
        """Append a record to a channel; one on ``in`` is a message unless it says it is a stop.

        Answers as :meth:`message`, its reply with the record's ``seq``; 413 where the
        record is over the store's limit. What goes to a side channel wakes no run.

        Parameters
        ----------
        data : str
            The record's text.
        io : {"in", "out"}
            Which direction.
        channel : str, optional
            The name of a side channel.
        part_id : str, optional
            Makes the append idempotent for five minutes; a repeat stores nothing.
        """
        ordinal, session, timings = self._look_up(key, environment)
        now = self.now
        asked: dict[str, Any] = {"io": io, "channel": channel}
        refusal = machine.append_refusal(session, now, self.profile)
        if session is None or ordinal is None or refusal is not None:
            step = Step(session, refusal or machine.APPEND_MISSING)
            return self._commit(Command("append", key, environment, asked), step, ordinal)
        place = self.stream_key(key, environment, io, channel)
        stream = self._store.stream(place)
        repeat = part_id is not None and stream.is_repeat(part_id, now)
        body = enveloped(data, part_id or self._new_part_id())
        refusal = None if repeat else append_refusal(body, stream.n_bytes)
        duration, answer = None, None
        if channel is not None:
            step = Step(session, WorldReply(200))
        elif io == "in" and refusal is None and not repeat:
            step, duration, answer = self._hear(ordinal, session, data, timings)
        else:
            step = machine.ensure_run(session, WorldReply(200), now, timings)
        if channel is None:
            step = swallowing(self.trigger_fault, session, step, now, timings)
        if refusal is not None:
            step = step._replace(reply=refusal)
        elif not repeat:
            stream = self._store.open_stream(place, now)
            if part_id:
                stream.claims[part_id] = now
            step = step._replace(reply=step.reply._replace(seq=stream.add(body, now)))
        if refusal is None and channel is None:
            self._store.wake(place, data, now)
        asked |= {"part_id": part_id, "turn_duration": duration}
        command = Command("append", key, environment, asked)
        return self._commit(command, step, ordinal, answer=answer)

    def update(
        self, key: str, changes: Mapping[str, Any], *, environment: str = ENVIRONMENT
    ) -> Entry:
        """Replace tags and metadata.

        Answers 200, 404 without a session, or 422 for another external id.

        Parameters
        ----------
        changes : mapping
            Those of ``tags``, ``metadata`` and ``external_id`` that were sent; None is a value.
            The external id can only be repeated.
        """
        ordinal, session, _ = self._look_up(key, environment)
        if "tags" in changes:
            changes = {**changes, "tags": tuple(changes["tags"])}
        step = machine.update(session, changes, self.now)
        asked = {**changes, "tags": list(changes["tags"])} if "tags" in changes else changes
        return self._commit(Command("update", key, environment, dict(asked)), step, ordinal)

    def close(
        self, key: str, *, reason: str | None = None, environment: str = ENVIRONMENT
    ) -> Entry:
        """Close the session for good; a second close changes nothing.

        Answers 200, or 404 without a session.
        """
        ordinal, session, timings = self._look_up(key, environment)
        step = machine.close(session, reason, self.now, timings)
        return self._commit(Command("close", key, environment, {"reason": reason}), step, ordinal)

    def end_and_continue(
        self, key: str, *, calling_run_id: str, reason: str, environment: str = ENVIRONMENT
    ) -> Entry:
        """End the calling run and go on with a new one.

        Answers 200 and whether the new run took over, which it does only from the current
        run; 404 without a session or without the calling run; 400 on a closed or expired
        one.
        """
        ordinal, session, timings = self._look_up(key, environment)
        caller = self.run(calling_run_id, environment=environment)
        refusal = machine.end_and_continue_refusal(
            session, self.now, caller_exists=caller is not None
        )
        if refusal is None and self.trigger_fault is not None:
            refusal = machine.SWAP_FAILED
        if session is None or refusal is not None:
            step = Step(session, refusal or machine.APPEND_MISSING)
        else:
            current = self.current_run(key, environment=environment)
            wins = current is not None and current.run_id == calling_run_id
            recorded = reason if reason in _REASONS else "manual"
            step = machine.end_and_continue(session, recorded, self.now, timings, wins=wins)
        asked = {"calling_run_id": calling_run_id, "reason": reason}
        return self._commit(
            Command("end_and_continue", key, environment, asked), step, ordinal, calling_run_id
        )

    def retrieve(self, key: str, *, environment: str = ENVIRONMENT) -> Entry:
        """Read the session, in whatever state it is.

        Answers 200, or 404 without a session.
        """
        ordinal, session, _ = self._look_up(key, environment)
        return self._commit(
            Command("retrieve", key, environment, {}), machine.retrieve(session), ordinal
        )

    def set_run_status(self, run_id: str, status: str) -> Entry:
        """Force a run into a status, in the platform's internal names.

        A final status ends the run now. A name that the platform does not know counts as alive, as
        it does there.

        Raises
        ------
        SimulationError
            There is no such run, or a policy decides how live runs go on.
        """
        place = self._store.state.run_ids.get(run_id)
        if place is None or self._store.state.runs[place].run.triggered_at > self.now:
            raise SimulationError(f"there is no run {run_id!r} in this world")
        final = status in FINAL_INTERNAL_STATUSES
        if self.policy is not None and not final:
            message = (
                f"under a run policy runs move by themselves and {run_id} cannot be made {status}; "
                f"it can be ended, by one of {', '.join(sorted(FINAL_INTERNAL_STATUSES))}"
            )
            raise SimulationError(message)
        environment = self._store.state.sessions[place[0]].row.environment
        step = self._store.forced(self._store.state.runs[place], status, self.now, final=final)
        command = Command("set_run_status", run_id, environment, {"status": status})
        return self._commit(command, step, place[0])

    def cancel_run(self, run_id: str, *, environment: str = ENVIRONMENT) -> Entry | None:
        """Cancel a run; one that has ended stays as it is.

        Returns
        -------
        Entry or None
            The answer, 200; None when the environment has no such run.
        """
        record = self.run(run_id, environment=environment)
        if record is None:
            return None
        if record.run.status in FINAL_INTERNAL_STATUSES:
            session = self._store.session(record.ordinal)
            step = Step(session, WorldReply(200, run=record.run.number))
        else:
            step = self._store.forced(record, "CANCELED", self.now, final=True)
        return self._commit(Command("cancel_run", run_id, environment, {}), step, record.ordinal)

    def explain(self, entry: Entry) -> str:
        """Explain in a sentence why a request was answered as it was."""
        return explain(entry)

    def digest(self) -> str:
        """Hash everything the world knows (SHA-256); equal worlds have equal digests."""
        return hashlib.sha256(self.snapshot().to_json().encode()).hexdigest()

    def snapshot(self) -> Snapshot:
        """Keep the whole world as a value that can be restored, compared and written to a file."""
        return Snapshot(
            seed=self.seed,
            now=self.now,
            policy=self.policy,
            platform=self.platform,
            profile=self.profile.name,
            trigger_fault=self.trigger_fault,
            state=self._store.state.copy(),
            agent=self._agent,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Become the world of a snapshot, its virtual clock, seed and policy included."""
        self.profile = profile_named(snapshot.profile)
        self.seed = snapshot.seed
        self.policy, self.platform = snapshot.policy, snapshot.platform
        self.trigger_fault = snapshot.trigger_fault
        self._agent = snapshot.agent
        if isinstance(self.clock, VirtualClock):
            self.clock = VirtualClock(snapshot.now)
        self._store = self._store_of(snapshot.state.copy())

    def fork(self) -> World:
        """Return a second world that stands where this one does and goes its own way."""
        other = World(now=self.now, mint=self._mint)
        other.restore(self.snapshot())
        return other

    def diff(self, other: World) -> tuple[Difference, ...]:
        """Return what differs between this world and another: session by session, run by run."""
        return differences(self.snapshot(), other.snapshot())

    def _store_of(self, state: State) -> Store:
        return Store(self.seed, self.policy, self.platform, state, self._mint)

    def __repr__(self) -> str:
        """Show the seed, the instant and how much there is."""
        state = self._store.state
        return (
            f"World(seed={self.seed}, now={instant_text(self.now)!r}, "
            f"{len(state.sessions):,} sessions, {len(state.runs):,} runs, "
            f"{len(state.journal):,} requests)"
        )

    def _hear(
        self, ordinal: int, session: SessionState, record: str, timings: Timings | None
    ) -> tuple[Step, int | None, Answer | None]:
        """Return what a record on ``in`` does to its session, and the turn that it asks for."""
        now = self.now
        if is_stop(record):
            step = machine.ensure_run(session, WorldReply(200), now, timings)
            return self._store.stop(ordinal, step, now), None, None
        if self._agent is not None and is_close(record):
            return machine.leave(session, now, timings), None, None
        answer = self._answer(session, record)
        duration = turn_duration_of(record) if answer is None else answer.duration
        step = machine.message(
            session, duration, now, timings, profile=self.profile, **_ends(answer)
        )
        return step, duration, answer

    def _answer(self, session: SessionState, record: str) -> Answer | None:
        """Return what the agent does in the turn that a record asks for; None without one."""
        if self._agent is None:
            return None
        row = session.row
        ordinal = self._store.state.session_ids[row.session_id]
        turn = turn_of_record(
            record,
            number=session.accepted + 1,
            previous=self._store.last_heard(ordinal),
            external_id=row.external_id,
            session_id=row.session_id,
        )
        return self._agent.answer(turn)

    def _first_answer(self, agent: ScriptedAgent, row: Row) -> Answer:
        turn = turn_of_payload(
            (row.trigger_config or {}).get("basePayload", {}),
            number=1,
            previous="",
            external_id=row.external_id,
            session_id=row.session_id,
        )
        return agent.answer(turn)


def _ends(answer: Answer | None) -> dict[str, bool]:
    """Return how a turn ends its run, as the machine takes it."""
    return {} if answer is None else {"crashes": answer.crashes, "upgrades": answer.upgrades}
