"""Recorded calls of the Sessions API: whose they are, and which of them are events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from session_lab.frames import join_events, table_of_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from session_lab.traffic.parsing.text_rows import BadRows

__all__ = ["RecordedCall", "SessionNames", "never_reached", "to_events"]

_ID_PREFIX: Final = "session_"

_NEVER_REACHED: Final = frozenset({401, 403, 405, 413, 414, 415, 429, 431})
_BAD_REQUEST: Final = 400


def never_reached(op: str, status: int | None) -> bool:
    """Check whether a status says that the API refused a call before it looked at a session.

    A bad request does for a start, whose body is wrong; a message is also answered so where its
    session has ended.
    """
    return status in _NEVER_REACHED or (op == "start" and status == _BAD_REQUEST)


class SessionNames:
    """What sessions are called among events, whichever of their two ids a request was made by.

    The caller's own id where there is one, else the platform's without its prefix, which events do
    not allow.
    """

    def __init__(self) -> None:
        self._own: dict[str, str] = {}

    def learn(self, session_id: object, external_id: object) -> None:
        """Note that the two ids are of one session."""
        if isinstance(session_id, str) and isinstance(external_id, str) and external_id:
            self._own.setdefault(session_id, external_id)

    def of(self, key: str) -> str:
        """Return the external id of a session by an id of either kind."""
        return self._own.get(key, key).removeprefix(_ID_PREFIX)


class RecordedCall(NamedTuple):
    """A call that is an event.

    Attributes
    ----------
    row : int
        Where it stands in the recording.
    event : dict
        Its values by column, which include ``external_id`` and ``recorded_status``.
    part_id : str or None
        Of an append: the id under which the API keeps what is sent only once.
    """

    row: int
    event: dict[str, Any]
    part_id: str | None = None


def to_events(calls: Sequence[RecordedCall], bad: BadRows) -> pd.DataFrame:
    """Make an events frame of recorded calls, one event for what was asked once.

    What the API refused before it looked at a session is left out. Appends of one part id are
    attempts at one message, which comes when the first of them did, with the answer to the last.
    Both are counted.

    Parameters
    ----------
    calls : sequence of RecordedCall
        In order of the recording.
    bad : BadRows
        Is told how many were left out.

    Returns
    -------
    DataFrame
        In order of time. The index holds the place of each among the calls.
    """
    order = sorted(range(len(calls)), key=lambda place: calls[place].event["at"])
    kept: dict[object, int] = {}
    events: dict[int, dict[str, Any]] = {}
    refused = attempts = 0
    for place in order:
        call = calls[place]
        if never_reached(call.event["op"], call.event.get("recorded_status")):
            refused += 1
            continue
        one = place if call.part_id is None else (call.event["external_id"], call.part_id)
        first = kept.setdefault(one, place)
        if first == place:
            events[place] = dict(call.event)
        else:
            attempts += 1
            events[first]["recorded_status"] = call.event.get("recorded_status")
    bad.leave_out(refused, "calls that the API refused before it looked at a session")
    bad.leave_out(attempts, "further attempts at messages that are there already")
    return join_events([table_of_rows(list(events.values()))]).set_axis(_ranks(events))


def _ranks(places: Iterable[int]) -> list[int]:
    """Return the place of each among those that are left.

    Examples
    --------
    >>> _ranks([7, 2, 5])
    [2, 0, 1]
    """
    left = list(places)
    rank = {place: number for number, place in enumerate(sorted(left))}
    return [rank[place] for place in left]
