"""A deterministic world of sessions and runs.

A world takes requests one after the other at the instant its clock shows. Nothing in it depends on
the machine: the same seed and the same requests give the same identifiers, replies, journal and
digest, byte for byte.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from session_lab.errors import SimulationError
from session_lab.simulator import machine
from session_lab.simulator import runs as run_model
from session_lab.simulator.diff import Difference, differences
from session_lab.simulator.explain import explain
from session_lab.simulator.ids import IdScheme
from session_lab.simulator.journal import Entry, RunEvent
from session_lab.simulator.machine import Row, Step
from session_lab.simulator.profiles import profile_named
from session_lab.simulator.snapshot import Snapshot
from session_lab.simulator.state import RunRecord, SessionRecord, State
from session_lab.timing import VirtualClock, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.policy import RunPolicy, Timings
    from session_lab.timing import Duration, Instant

__all__ = ["World"]


class World:
    """A deterministic world of sessions and runs.

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

    Attributes
    ----------
    clock : VirtualClock
        The world's time; it stands still until it is advanced.

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
        now: Instant = "2026-01-01T00:00:00Z",
        policy: RunPolicy | None = None,
        profile: str = "2026-10",
    ) -> None:
        self.seed = seed
        self.policy = policy
        self.profile = profile_named(profile)
        self.clock = VirtualClock(now)
        self._scheme = IdScheme.from_seed(seed)
        self._timings: Timings | None = None if policy is None else policy.timings(seed)
        self._state = State()

    def __repr__(self) -> str:
        """Show the seed, the instant and how much there is."""
        state = self._state
        return (
            f"World(seed={self.seed}, now={instant_text(self.clock.milliseconds())!r}, "
            f"{len(state.sessions):,} sessions, {len(state.runs):,} runs, "
            f"{len(state.journal):,} requests)"
        )

    @property
    def journal(self) -> tuple[Entry, ...]:
        """Everything that was asked and answered, in order."""
        return tuple(self._state.journal)

    @property
    def sessions(self) -> tuple[SessionRecord, ...]:
        """The sessions, in order of creation."""
        return tuple(self._state.sessions.values())

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """The runs as they stand now, by session, then in order of trigger."""
        now, timings = self.clock.milliseconds(), self._timings
        records = sorted(self._state.runs.items())
        return tuple(
            record._replace(run=run_model.as_of(record.run, now, timings))
            for _, record in records
            if record.run.triggered_at <= now
        )

    def start(
        self,
        external_id: str,
        *,
        type: str | None = None,
        task_identifier: str | None = None,
        tags: Sequence[str] = (),
        expires_at: Instant | None = None,
        turn_duration: Duration | None = None,
    ) -> Entry:
        """Create the session, or fetch it and make sure that a run lives.

        Parameters
        ----------
        external_id : str
            The caller's own id. A second start under it finds the first one's session.
        type, task_identifier, tags, expires_at
            What is stored when the start creates the session.
        turn_duration : str or timedelta, optional
            Length of the first turn, which a start that creates the session carries.

        Returns
        -------
        Entry
            The answer, as the journal keeps it: 201 or 200, or 409 on a closed or expired session.
        """
        now = self.clock.milliseconds()
        expiry = None if expires_at is None else to_instant(expires_at, name="expires_at")
        row = Row(external_id, now, now, type, task_identifier, tuple(tags), expiry)
        turn = _duration(turn_duration)
        session = self._session(external_id)
        step = machine.start(session, row, turn, now, self._timings, self.profile)
        asked = {
            "type": type,
            "task_identifier": task_identifier,
            "tags": list(tags) or None,
            "expires_at": None if expiry is None else instant_text(expiry),
            "turn_duration": turn,
        }
        return self._commit("start", external_id, asked, step)

    def message(self, external_id: str, *, turn_duration: Duration | None = None) -> Entry:
        """Send a message, which asks for a turn; its length is the policy's unless it is given.

        Returns
        -------
        Entry
            The answer: 200, 404 without a session, 400 on an expired one, and on a closed one 409
            (in the profile 2026-08: 400).
        """
        turn = _duration(turn_duration)
        session, now = self._session(external_id), self.clock.milliseconds()
        step = machine.message(session, turn, now, self._timings, self.profile)
        return self._commit("message", external_id, {"turn_duration": turn}, step)

    def close(self, external_id: str, *, reason: str | None = None) -> Entry:
        """Close the session for good; a second close changes nothing.

        Returns
        -------
        Entry
            The answer: 200, or 404 without a session.
        """
        session, now = self._session(external_id), self.clock.milliseconds()
        step = machine.close(session, reason, now, self._timings)
        return self._commit("close", external_id, {"reason": reason}, step)

    def retrieve(self, external_id: str) -> Entry:
        """Read the session, in whatever state it is.

        Returns
        -------
        Entry
            The answer: 200, or 404 without a session.
        """
        return self._commit(
            "retrieve", external_id, {}, machine.retrieve(self._session(external_id))
        )

    def explain(self, entry: Entry) -> str:
        """Say in a sentence why a request was answered as it was."""
        return explain(entry)

    def digest(self) -> str:
        """Hash everything the world knows (SHA-256); equal worlds have equal digests."""
        return hashlib.sha256(self.snapshot().to_json().encode()).hexdigest()

    def snapshot(self) -> Snapshot:
        """Keep the whole world as a value that can be restored, compared and written to a file."""
        return Snapshot(
            seed=self.seed,
            now=self.clock.milliseconds(),
            policy=self.policy,
            profile=self.profile.name,
            state=self._state.copy(),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Become the world of a snapshot, its clock, seed and policy included."""
        self.seed = snapshot.seed
        self.policy = snapshot.policy
        self.profile = profile_named(snapshot.profile)
        self.clock = VirtualClock(snapshot.now)
        self._scheme = IdScheme.from_seed(snapshot.seed)
        self._timings = None if self.policy is None else self.policy.timings(self.seed)
        self._state = snapshot.state.copy()

    def fork(self) -> World:
        """Return a second world that stands where this one does and goes its own way."""
        other = World()
        other.restore(self.snapshot())
        return other

    def diff(self, other: World) -> tuple[Difference, ...]:
        """Tell what differs between this world and another, session by session, run by run."""
        return differences(self.snapshot(), other.snapshot())

    def _session(self, external_id: str) -> machine.Session | None:
        ordinal = self._state.external_ids.get(external_id)
        return None if ordinal is None else self._state.sessions[ordinal].session

    def _commit(self, op: str, external_id: str, asked: dict[str, Any], step: Step) -> Entry:
        """Take a step into the state and into the journal."""
        state, now = self._state, self.clock.milliseconds()
        before = self._session(external_id)
        session_id, run_id, events = None, None, ()
        if step.session is not None:
            if before is None:
                self._insert(external_id, step.session)
            ordinal = state.external_ids[external_id]
            session_id = state.sessions[ordinal].session_id
            state.sessions[ordinal] = SessionRecord(session_id, step.session)
            newest = () if step.session.run is None else (step.session.run,)
            events = tuple(
                event for run in (*step.superseded, *newest) for event in self._keep(ordinal, run)
            )
            if step.reply.run is not None:
                run_id = state.runs[ordinal, step.reply.run].run_id
        entry = Entry(
            seq=len(state.journal),
            at=now,
            op=op,
            external_id=external_id,
            asked=tuple((name, value) for name, value in asked.items() if value is not None),
            reply=step.reply,
            session_id=session_id,
            run_id=run_id,
            before=None if before is None else before.row,
            events=events,
        )
        state.journal.append(entry)
        return entry

    def _insert(self, external_id: str, session: machine.Session) -> None:
        """Give a new session its ordinal and its id."""
        state, now = self._state, self.clock.milliseconds()
        ordinal = len(state.sessions)
        newest = state.sessions.get(ordinal - 1)
        same_instant = newest is not None and newest.session.row.created_at == now
        state.rank = state.rank + 1 if same_instant else 0
        session_id = self._scheme.session(ordinal, created_at=now, rank=state.rank)
        state.external_ids[external_id] = ordinal
        state.sessions[ordinal] = SessionRecord(session_id, session)

    def _keep(self, ordinal: int, run: run_model.Run) -> list[RunEvent]:
        """Store a run as it is now, and tell what is new about it."""
        known = self._state.runs.get((ordinal, run.number))
        events = []
        if known is None:
            run_id = self._scheme.run(ordinal, number=run.number, triggered_at=run.triggered_at)
            events.append(RunEvent("run_triggered", run_id, run.triggered_at, run.reason))
        else:
            run_id = known.run_id
        if run.ended_at is not None and (known is None or known.run.ended_at is None):
            events.append(RunEvent("run_ends", run_id, run.ended_at, run.end_cause))
        self._state.runs[ordinal, run.number] = RunRecord(run_id, ordinal, run)
        return events


def _duration(value: Duration | None) -> int | None:
    return None if value is None else to_milliseconds(value, name="turn_duration")
