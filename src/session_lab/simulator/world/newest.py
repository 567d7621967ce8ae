"""The sessions of an environment, newest first, without copying them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.store import Store

__all__ = ["NewestSessions"]


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
