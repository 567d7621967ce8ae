"""What can be seen of a world: its sessions, runs, channels and journal."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.channels import Record
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.state import RunRecord
    from session_lab.simulator.world.store import Shown, Store
    from session_lab.timing import Clock

__all__ = ["ENVIRONMENT", "NewestSessions", "Readings"]

ENVIRONMENT = "env_lab"
"""The environment of requests that name none."""


class NewestSessions(Sequence["Row"]):
    """The rows of an environment's sessions as they are stored, newest first.

    Parameters
    ----------
    store : Store
        What holds them; rows are looked up when they are asked for.
    environment : str
        The environment.
    by : int
        The instant by which they were created.
    """

    def __init__(self, store: Store, environment: str, by: int) -> None:
        self._rows = store.state.sessions
        self._ordinals = store.sessions(environment)
        self._n_rows = bisect_right(self._ordinals, by, key=self._created_at)

    def __len__(self) -> int:
        """Count the sessions."""
        return self._n_rows

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        """Return the row at a place, or the rows of a slice."""
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        if not -self._n_rows <= place < self._n_rows:
            raise IndexError(place)
        return self._rows[self._ordinals[(self._n_rows - 1 - place) % self._n_rows]].row

    def _created_at(self, ordinal: int) -> int:
        return self._rows[ordinal].row.created_at


class Readings:
    """What can be seen of a world; nothing here changes it.

    Parameters
    ----------
    clock : Clock
        The world's time.
    store : Store
        What it knows.
    """

    def __init__(self, clock: Clock, store: Store) -> None:
        self.clock: Clock = clock
        self._store = store

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
        self, *, environment: str = ENVIRONMENT, by: int | None = None
    ) -> Iterator[RunRecord]:
        """Iterate over an environment's runs as they are stored, the last triggered first.

        Over those that were triggered by an instant; by default by now. How one stands now is for
        :meth:`seen` to tell.
        """
        return self._store.newest_runs(environment, self.now if by is None else by)

    def seen(self, record: RunRecord) -> RunRecord:
        """Return a stored run as it stands now."""
        return self._store.as_of(record, self.now)

    def records(
        self, key: str, *, io: str = "out", environment: str = ENVIRONMENT
    ) -> tuple[Record, ...]:
        """Return a channel's records; a channel that was never written to is empty."""
        ordinal = self._store.find(key, environment)
        if ordinal is None:
            return ()
        return tuple(self._store.stream(self._store.state.sessions[ordinal].row, io).records)
