"""What a world can be asked without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator.model.versions import version_at
from session_lab.simulator.world.lists.newest import NewestSessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.model.records import Position, Record, StreamKey
    from session_lab.simulator.model.settings.platform import Platform
    from session_lab.simulator.model.settings.policy import RunPolicy, Timings
    from session_lab.simulator.model.waitpoints import Waitpoint
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.lists.indexes import RunKey
    from session_lab.simulator.world.state import ChatSnapshot, RunRecord
    from session_lab.simulator.world.store import Store
    from session_lab.simulator.world.stored_world import Shown
    from session_lab.simulator.world.turns import ServedTurn
    from session_lab.timing import Clock

__all__ = ["ENVIRONMENT", "WorldReads"]

ENVIRONMENT = "env_lab"
"""The environment of requests that name none."""

_WRITES = {"append", "write"}


class WorldReads:
    """What a world can be asked without changing it.

    Attributes
    ----------
    clock : Clock
        The world's time.
    policy : RunPolicy or None
        How runs behave.
    platform : Platform or None
        What the environment does to them.
    """

    clock: Clock
    policy: RunPolicy | None
    platform: Platform | None
    _store: Store

    @property
    def now(self) -> int:
        """The instant, in milliseconds since 1970."""
        return self.clock.milliseconds()

    @property
    def journal(self) -> Sequence[Entry]:
        """Everything that was asked and answered, in order."""
        return self._store.state.journal

    @property
    def sessions(self) -> list[Row]:
        """The rows of the sessions as they are read now, in order of creation."""
        now = self.now
        return [self._store.row(ordinal, now) for ordinal in range(len(self._store.state.sessions))]

    @property
    def runs(self) -> list[RunRecord]:
        """The runs as they stand now, by session, then in order of trigger."""
        return self._store.runs(self.now)

    def session(self, key: str, *, environment: str = ENVIRONMENT) -> Row | None:
        """Return a session's row as it is read now."""
        ordinal = self._store.find(key, environment)
        return None if ordinal is None else self._store.row(ordinal, self.now)

    def current_run(self, key: str, *, environment: str = ENVIRONMENT) -> RunRecord | None:
        """Return the last run that has claimed a session by now, dead or alive."""
        ordinal = self._store.find(key, environment)
        return None if ordinal is None else self._store.current_run(ordinal, self.now)

    def runs_of(self, key: str, *, environment: str = ENVIRONMENT) -> list[RunRecord]:
        """Return a session's runs as they stand now, in order of trigger."""
        ordinal = self._store.find(key, environment)
        return [] if ordinal is None else self._store.runs_of(ordinal, self.now)

    def run(self, run_id: str, *, environment: str = ENVIRONMENT) -> RunRecord | None:
        """Return a run as it stands now; None when there is none of that id by now."""
        return self._store.run(run_id, environment, self.now)

    def shown(self, key: str, *, environment: str = ENVIRONMENT) -> Shown | None:
        """Return a session's row as it is read now, together with its current run."""
        ordinal = self._store.find(key, environment)
        return None if ordinal is None else self._store.shown(ordinal, self.now)

    def newest_sessions(
        self, *, environment: str = ENVIRONMENT, by: int | None = None
    ) -> NewestSessions:
        """Return the rows of an environment's sessions as they are stored, newest first.

        Of those that were created by an instant; by default by now.
        """
        return NewestSessions(self._store, environment, self.now if by is None else by)

    def newest_runs(
        self,
        *,
        environment: str = ENVIRONMENT,
        by: int | None = None,
        wanted: Mapping[str, Iterable[str]] | None = None,
        beside: RunKey | None = None,
        backward: bool = False,
    ) -> Iterator[RunRecord]:
        """Iterate over an environment's runs as they are stored, the last triggered first.

        Over those that were triggered by an instant; by default by now. :meth:`seen` returns how
        one stands now. How to choose among them, and that more may come than is wanted, says
        :meth:`RunIndex.find`.
        """
        found = self._store.run_index(environment).find(
            self.now if by is None else by,
            wanted=wanted or {},
            beside=beside,
            backward=backward,
        )
        return self._store.stored_runs(found)

    def seen(self, record: RunRecord) -> RunRecord:
        """Return a stored run as it stands now."""
        return self._store.as_of(record, self.now)

    def records(
        self,
        key: str,
        *,
        io: str = "out",
        channel: str | None = None,
        environment: str = ENVIRONMENT,
    ) -> Sequence[Record]:
        """Return a channel's records; a channel that was never written to is empty.

        Those that a trim has removed are gone. Under a policy ``out`` says of each turn that has
        ended that it has.

        Parameters
        ----------
        io : {"in", "out"}
            Which direction.
        channel : str, optional
            The name of a side channel.
        """
        return tuple(self.stream_records(self.stream_key(key, environment, io, channel)))

    def stream_key(
        self, key: str, environment: str, io: str, channel: str | None = None
    ) -> StreamKey:
        """Return the stream of a session's channel, by either id of the session."""
        return self._store.stream_key(key, environment, io, channel)

    def stream_records(
        self, stream: StreamKey, start: int = 0, most: int | None = None
    ) -> Sequence[Record]:
        """Return a stream's records from a number on, at most so many."""
        return self._store.records(stream, self.now, start, most)

    def streams_changed_by(self, entry: Entry) -> Iterator[StreamKey]:
        """Iterate over the streams that a request may have changed."""
        asked = dict(entry.asked)
        if entry.op in _WRITES:
            yield self.stream_key(entry.key, entry.environment, asked["io"], asked.get("channel"))
        if self.policy is not None and entry.session_id is not None:
            # The turns of its runs say on ``out`` when they have ended.
            yield self.stream_key(entry.session_id, entry.environment, "out")

    def tail(self, stream: StreamKey) -> Position:
        """Return where a stream ends: its next number, and when its last record was stored."""
        return self._store.tail(stream, self.now)

    def next_record_at(self, stream: StreamKey) -> int | None:
        """Return when the next record comes into a stream by time alone; None: none does."""
        return self._store.next_record_at(stream, self.now)

    def fence(self, stream: StreamKey) -> str:
        """Return the token that writers to a stream may be asked for; empty until one is set."""
        return self._store.stream(stream).fence

    def turns(self, key: str, *, environment: str = ENVIRONMENT) -> list[ServedTurn]:
        """Return a session's turns under a policy in the order of arrival, those ahead included."""
        ordinal = self._store.find(key, environment)
        return [] if ordinal is None else self._store.turns(ordinal)

    def timings(self, record: RunRecord) -> Timings | None:
        """Return what a run follows, in numbers; None without a policy."""
        return self._store.timings(record.overrides)

    def version(self, record: RunRecord) -> str | None:
        """Return the version of the task that a run executes, where it is known."""
        deploys = () if self.platform is None else self.platform.deploys
        locked: str | None = record.options.get("lockToVersion")
        return locked or version_at(tuple(map(str, deploys)), record.run.triggered_at)

    def waitpoint(self, waitpoint_id: str, *, environment: str = ENVIRONMENT) -> Waitpoint | None:
        """Return what a run waits on; None when the environment has none of that id."""
        found = self._store.state.waitpoints.get(waitpoint_id)
        return None if found is None or found.stream.environment != environment else found

    def chat_snapshot(self, key: str, *, environment: str = ENVIRONMENT) -> ChatSnapshot | None:
        """Return what an agent has kept of a session's chat; None where it has kept nothing.

        Scripted agents keep its messages when a turn has ended.
        """
        ordinal = self._store.find(key, environment)
        return None if ordinal is None else self._store.chat_snapshot(ordinal, self.now)
