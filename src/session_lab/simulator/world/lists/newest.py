"""The sessions of an environment, newest first, without copying them."""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        self._index = store.session_index(environment)
        self._find = functools.partial(store.find, environment=environment)
        self._n_rows = bisect_right(self._index.created_at, by)

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
        return self._rows[self._index.ordinals[(self._n_rows - 1 - place) % self._n_rows]].row

    def candidates(
        self,
        places: range,
        wanted: Mapping[str, str | None],
        now: int,
        *,
        external_id: str | None = None,
        earliest: int | None = None,
        latest: int | None = None,
    ) -> Iterator[int]:
        """Iterate over the places of a range, in its order, whose sessions may be wanted.

        Parameters
        ----------
        places : range
            In steps of 1 or -1.
        wanted : mapping of str to str
            What :meth:`SessionIndex.find` takes.
        now : int
            The present, in milliseconds since 1970.
        external_id : str, optional
            Whose session is asked for.
        earliest, latest : int, optional
            Between which instants it was created.
        """
        last, index = self._n_rows - 1, self._index
        low, high = sorted((last - places.start, last - (places.stop - places.step)))
        if external_id is not None:
            ordinal = self._find(external_id)
            low = high + 1 if ordinal is None else max(low, bisect_left(index.ordinals, ordinal))
            high = min(high, low)
        if earliest is not None:
            low = max(low, bisect_left(index.created_at, earliest))
        if latest is not None:
            high = min(high, bisect_right(index.created_at, latest) - 1)
        if low > high:
            return
        positions = range(low, high + 1) if places.step < 0 else range(high, low - 1, -1)
        for position in index.find(positions, wanted, now):
            yield last - position
