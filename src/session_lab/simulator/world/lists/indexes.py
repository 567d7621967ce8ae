"""What lists look up without a walk through everything: sessions by columns, runs by values.

An index only narrows a search: what it finds is checked against the rows themselves.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.simulator.model.run_payload import tags_of
from session_lab.simulator.model.run_rules import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.model.runs import Run
    from session_lab.simulator.world.state import RunRecord

__all__ = ["RunIndex", "RunKey", "SessionIndex"]

_BLOCK = 65_536
_FEW = 100
_NEVER = 2**63 - 1

RunKey = tuple[int, str]
"""A run's place in the list: its trigger and its id."""


class SessionIndex:
    """The sessions of one environment in order of creation, as columns.

    A position counts them from 0, the first.
    """

    def __init__(self) -> None:
        self.ordinals: list[int] = []
        self.created_at = array("q")
        self._codes: dict[str | None, int] = {}
        self._types, self._tasks = array("l"), array("l")
        self._closed = bytearray()
        self._expires_at = array("q")
        self._tags: dict[str, array[int]] = {}

    def append(self, ordinal: int, row: Row) -> None:
        """Add a session that was created."""
        position = len(self.ordinals)
        self.ordinals.append(ordinal)
        self.created_at.append(row.created_at)
        codes = self._codes
        self._types.append(codes.setdefault(row.type, len(codes)))
        self._tasks.append(codes.setdefault(row.task_identifier, len(codes)))
        self._closed.append(row.closed_at is not None)
        self._expires_at.append(_NEVER if row.expires_at is None else row.expires_at)
        for tag in set(row.tags):
            self._tags.setdefault(tag, array("l")).append(position)

    def change(self, ordinal: int, before: Row, row: Row) -> None:
        """Follow a change of a session's row."""
        if before.closed_at == row.closed_at and before.tags == row.tags:
            return
        position = bisect_left(self.ordinals, ordinal)
        self._closed[position] = row.closed_at is not None
        old, new = set(before.tags), set(row.tags)
        for tag in old - new:
            positions = self._tags[tag]
            del positions[bisect_left(positions, position)]
        for tag in new - old:
            insort(self._tags.setdefault(tag, array("l")), position)

    def find(self, positions: range, wanted: Mapping[str, str | None], now: int) -> Iterator[int]:
        """Iterate over the positions of a range, in its order, whose sessions may be wanted.

        Parameters
        ----------
        positions : range
            In steps of 1 or -1.
        wanted : mapping of str to str
            Those of ``type``, ``task_identifier``, ``tag`` and ``status`` that are asked for.
        now : int
            The present, in milliseconds since 1970, of which the status depends.
        """
        tag = wanted.get("tag")
        tagged = None if tag is None else self._tags.get(tag, array("l"))
        columns = {"type": self._types, "task_identifier": self._tasks}
        codes = [
            (columns[name], self._codes.get(wanted[name])) for name in columns if name in wanted
        ]
        if any(code is None for _, code in codes):
            return
        low, high = sorted((positions.start, positions.stop - positions.step))
        places = range(low, high + 1)
        if tagged is not None:
            places = range(bisect_left(tagged, low), bisect_right(tagged, high))
        starts = range(places.start, places.stop, _BLOCK)
        for start in starts if positions.step > 0 else reversed(starts):
            stop = min(start + _BLOCK, places.stop)
            some = np.arange(start, stop) if tagged is None else np.array(tagged[start:stop])
            some = self._matching(some, codes, wanted.get("status"), now)
            yield from (some if positions.step > 0 else some[::-1]).tolist()

    def _matching(
        self,
        some: NDArray[np.int64],
        codes: list[tuple[array[int], int | None]],
        status: str | None,
        now: int,
    ) -> NDArray[np.int64]:
        if not len(some):
            return some
        first, last = int(some[0]), int(some[-1]) + 1
        places = some - first
        fits = np.ones(len(some), dtype=bool)
        for column, code in codes:
            fits &= np.array(column[first:last])[places] == code
        if status is not None:
            closed = np.frombuffer(bytes(self._closed[first:last]), dtype=bool)[places]
            expired = np.array(self._expires_at[first:last])[places] <= now
            fits &= {"CLOSED": closed, "EXPIRED": expired & ~closed}.get(status, ~expired & ~closed)
        return some[fits]


class RunIndex:
    """The runs of one environment in order of trigger, all together and by their values.

    Parameters
    ----------
    has_policy : bool
        Whether runs go on by themselves, so that only some statuses can be looked up.
    """

    def __init__(self, *, has_policy: bool) -> None:
        self._has_policy = has_policy
        self._all = _Sorted()
        self._by_value: dict[tuple[str, str], _Sorted] = {}

    def append(self, record: RunRecord) -> None:
        """Add a run that was triggered, or will be."""
        key = record.run.triggered_at, record.run_id
        self._all.add(key)
        for status in self._statuses(record.run):
            self._under("status", status).add(key)
        if record.task_identifier is not None:
            self._under("taskIdentifier", record.task_identifier).add(key)
        if record.options:
            for name, value in _values(record.options):
                self._under(name, value).add(key)

    def change(self, before: RunRecord, run: Run) -> None:
        """Follow a change of a run, whose trigger and id stay."""
        old, new = self._statuses(before.run), self._statuses(run)
        key = run.triggered_at, before.run_id
        for status in old - new:
            self._by_value["status", status].remove(key)
        for status in new - old:
            self._under("status", status).add(key)

    def _under(self, name: str, value: str) -> _Sorted:
        keys = self._by_value.get((name, value))
        if keys is None:
            keys = self._by_value[name, value] = _Sorted()
        return keys

    def _statuses(self, run: Run) -> set[str]:
        """Return the status that a run has, and those that it may come to have by itself."""
        if run.status == "EXPIRED":
            return {"EXPIRED", "PENDING"}
        if run.status or not self._has_policy:
            return {run.status or "PENDING"}
        return {_BAD_ENDS.get(run.end_cause, _GOES_ON)}

    def find(
        self,
        by: int,
        *,
        wanted: Mapping[str, Iterable[str]],
        beside: RunKey | None = None,
        backward: bool = False,
    ) -> Iterator[str]:
        """Iterate over the ids of runs that may be wanted, the last triggered first.

        Parameters
        ----------
        by : int
            The last trigger, in milliseconds since 1970.
        wanted : mapping of str to iterable of str
            The values that are asked for, by the name of the filter; others are passed over.
        beside : tuple of (int, str), optional
            Only runs that stand behind this one, or, going backward, before it.
        backward : bool
            From there on towards the newest.
        """
        pieces = [
            map(keys.__getitem__, _places(keys, by, beside, backward=backward))
            for keys in self._narrowest(wanted)
        ]
        previous = None
        for key in pieces[0] if len(pieces) == 1 else heapq.merge(*pieces, reverse=not backward):
            if key != previous:
                yield key[1]
            previous = key

    def _narrowest(self, wanted: Mapping[str, Iterable[str]]) -> list[list[RunKey]]:
        """Return the shortest lists that together hold every run that is wanted."""
        choices = [[self._all]]
        goes_on = self._has_policy and not _OWN_STATUSES.isdisjoint(wanted.get("status", ()))
        for name in _INDEXED:
            if name in wanted and not (name == "status" and goes_on):
                found = (self._by_value.get((name, value)) for value in wanted[name])
                choices.append([keys for keys in found if keys is not None])
        shortest = min(choices, key=lambda lists: sum(map(len, lists)))
        return [keys.items() for keys in shortest]


def _places(keys: list[RunKey], by: int, beside: RunKey | None, *, backward: bool) -> range:
    """Return where to look in a sorted list, and in which order."""
    stop = bisect_right(keys, (by + 1, ""))
    if backward and beside is not None:
        return range(bisect_right(keys, beside), stop)
    return range((stop if beside is None else min(stop, bisect_left(keys, beside))) - 1, -1, -1)


_INDEXED = ("taskIdentifier", "tag", "queue", "region", "machine", "version", "status")
_BAD_ENDS = {"max_duration": "TIMED_OUT", "crash": "CRASHED", "cancelled": "CANCELED"}
_GOES_ON = ""
_OWN_STATUSES = frozenset(STATUSES) - set(_BAD_ENDS.values())
"""Those that runs under a policy come to by themselves as time passes."""


def _values(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for tag in set(tags_of(options)):
        yield "tag", tag
    if "queue" in options:
        yield "queue", options["queue"]["name"]
    for name, option in _OPTIONS:
        if option in options:
            yield name, options[option]


_OPTIONS = (("region", "region"), ("machine", "machine"), ("version", "lockToVersion"))


class _Sorted:
    """Keys that mostly come in order; those that do not are put in their places when asked for."""

    def __init__(self) -> None:
        self._keys: list[RunKey] = []
        self._late: list[RunKey] = []

    def __len__(self) -> int:
        return len(self._keys) + len(self._late)

    def add(self, key: RunKey) -> None:
        keys = self._late if self._keys and key < self._keys[-1] else self._keys
        keys.append(key)

    def remove(self, key: RunKey) -> None:
        keys = self.items()
        del keys[bisect_left(keys, key)]

    def items(self) -> list[RunKey]:
        if len(self._late) > _FEW:
            self._keys += self._late
            self._keys.sort()
        else:
            for key in self._late:
                insort(self._keys, key)
        self._late.clear()
        return self._keys
