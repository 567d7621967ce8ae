"""The list of sessions: filters, pages and cursors, as the server computes them.

The server asks a column store for the ids of one page and one more, then reads those rows from its
database and filters by status once more (``apps/webapp/app/services/sessionsRepository`` of the
open-source server). What looks odd below is what that does.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from session_lab.simulator.api.javascript.dates import LAST_DATE
from session_lab.simulator.api.javascript.numbers import number_text
from session_lab.simulator.api.javascript.periods import period_milliseconds
from session_lab.simulator.world.lists.newest import NewestSessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.wire.listing import SessionStatus

__all__ = ["ListRequest", "Listable", "PageOfSessions", "list_request", "page_of", "status_at"]

_PREFIX = "session_"
_INT64_VALUES = 2**64
_INT64_HALF = 2**63


class Listable(Protocol):
    """What a list needs to know of a session."""

    @property
    def session_id(self) -> str:
        """Its id, with the prefix."""
        ...

    @property
    def created_at(self) -> int:
        """When it was created."""
        ...

    @property
    def type(self) -> str | None:
        """Its type."""
        ...

    @property
    def task_identifier(self) -> str | None:
        """Its task."""
        ...

    @property
    def tags(self) -> Sequence[str]:
        """Its own tags."""
        ...

    @property
    def external_id(self) -> str | None:
        """Its external id."""
        ...

    @property
    def closed_at(self) -> int | None:
        """When it was closed."""
        ...

    @property
    def expires_at(self) -> int | None:
        """When it expires."""
        ...


RowT = TypeVar("RowT", bound=Listable)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What is asked of the list; None and empty cursors and filters differ as the API has it."""

    size: int
    after: str | None = None
    before: str | None = None
    type: str | None = None
    tag: str | None = None
    task_identifier: str | None = None
    external_id: str | None = None
    status: SessionStatus | None = None
    created_from: tuple[int, ...] = ()
    created_to: int | None = None


@dataclass(frozen=True, slots=True)
class PageOfSessions(Generic[RowT]):
    """One page, newest first, with its cursors; an absent cursor is None."""

    rows: list[RowT]
    next: str | None = None
    previous: str | None = None

    @property
    def pagination(self) -> dict[str, str]:
        """The cursors that there are, under their names on the wire."""
        cursors = {"next": self.next, "previous": self.previous}
        return {name: cursor for name, cursor in cursors.items() if cursor}


def list_request(query: Mapping[str, Json], now: int) -> ListRequest:
    """Read what a parsed query asks (see ``LIST_QUERY``).

    The bounds of creation time apply together. A bound of 0 and a period that cannot be read or
    is 0 count as none.

    Raises
    ------
    OverflowError
        A bound has no form that the store can read; the API answers 500.
    """
    period = period_milliseconds(query.get("filter[createdAt][period]", ""))
    earliest = [_store_integer(query.get("filter[createdAt][from]"))]
    if period:
        earliest.append(_store_integer(_instant_before(now, period)))
    size = query["page[size]"]
    return ListRequest(
        size=int(size),
        after=query.get("page[after]"),
        before=query.get("page[before]"),
        type=query.get("filter[type]"),
        tag=query.get("filter[tags]"),
        task_identifier=query.get("filter[taskIdentifier]"),
        external_id=query.get("filter[externalId]") or None,
        status=query.get("filter[status]"),
        created_from=tuple(bound for bound in earliest if bound is not None),
        created_to=_store_integer(query.get("filter[createdAt][to]")),
    )


def _instant_before(now: int, period: float) -> float:
    instant = now - period
    return math.trunc(instant) if abs(instant) <= LAST_DATE else math.nan


def _store_integer(bound: float | None) -> int | None:
    """Pass a bound to the store as text, which reads a 64-bit integer and wraps around."""
    if not bound:
        return None
    digits = number_text(bound)
    if not digits.lstrip("-").isdecimal():
        raise OverflowError(f"{digits} is no 64-bit integer to the store")
    return (int(digits) + _INT64_HALF) % _INT64_VALUES - _INT64_HALF


def status_at(row: Listable, now: int) -> SessionStatus:
    """Return a session's status: closed wins, and at the very instant of expiry it is active."""
    if row.closed_at is not None:
        return "CLOSED"
    return "EXPIRED" if row.expires_at is not None and row.expires_at < now else "ACTIVE"


def _store_status(row: Listable, now: int) -> SessionStatus:
    """Return a session's status as the column store computes it: at the instant of expiry it is expired."""
    expired = row.expires_at is not None and row.expires_at <= now
    return "EXPIRED" if expired and row.closed_at is None else status_at(row, now)


def page_of(rows: Sequence[RowT], asked: ListRequest, now: int) -> PageOfSessions[RowT]:
    """Cut one page out of an environment's sessions.

    A cursor is a session's id without its prefix and is compared as text. A page reached backward
    that is not full has no ``next``; a row whose expiry is this very millisecond is in no page
    filtered by ACTIVE or EXPIRED, and its page is then a row short.

    Parameters
    ----------
    rows : sequence
        The sessions, newest first. Ids rise with creation, so they fall along the rows.
    asked : ListRequest
        What is asked.
    now : int
        The present, in milliseconds since 1970.
    """
    cursor = asked.before if asked.after is None else asked.after
    backward = bool(asked.before)
    places = range(len(rows))
    if cursor:
        older = bisect_left(places, x=True, key=lambda place: _cursor(rows[place]) < cursor)
        newer = bisect_left(places, x=True, key=lambda place: _cursor(rows[place]) <= cursor)
        places = range(newer - 1, -1, -1) if backward else range(older, len(rows))
    found_at = _places(rows, places, asked, now)
    matching = (row for row in map(rows.__getitem__, found_at) if _matches(row, asked, now))
    window = list(islice(matching, asked.size + 1))
    found = [_cursor(row) for row in window]
    has_more = len(found) > asked.size
    if backward:
        next_, previous = _backward_cursors(found[::-1], asked.size, has_more=has_more)
    else:
        next_ = found[asked.size - 1] if has_more else None
        previous = found[0] if cursor and found else None
    shown = sorted(window[: asked.size], key=_age, reverse=True)
    if asked.status is not None:
        shown = [row for row in shown if status_at(row, now) == asked.status]
    return PageOfSessions(shown, next_, previous)


def _places(rows: object, places: range, asked: ListRequest, now: int) -> Iterable[int]:
    """Return the places whose sessions may match, by the indexes of the world if there are some."""
    if not isinstance(rows, NewestSessions) or not places:
        return places
    wanted = {name: getattr(asked, name) for name in ("type", "task_identifier", "tag", "status")}
    return rows.candidates(
        places,
        {name: value for name, value in wanted.items() if value is not None},
        now,
        external_id=asked.external_id,
        earliest=max(asked.created_from, default=None),
        latest=asked.created_to,
    )


def _backward_cursors(
    found: list[str], size: int, *, has_more: bool
) -> tuple[str | None, str | None]:
    """Return the cursors of a backward page from its ids in reverse order of the search."""
    if has_more:
        return found[size], found[1]
    return (found[-1] if len(found) == size else None), None


def _matches(row: Listable, asked: ListRequest, now: int) -> bool:
    return (
        (asked.type is None or asked.type == row.type)
        and (asked.task_identifier is None or asked.task_identifier == row.task_identifier)
        and (asked.external_id is None or asked.external_id == row.external_id)
        and (asked.status is None or asked.status == _store_status(row, now))
        and (asked.tag is None or asked.tag in row.tags)
        and all(row.created_at >= bound for bound in asked.created_from)
        and (asked.created_to is None or row.created_at <= asked.created_to)
    )


def _cursor(row: Listable) -> str:
    return row.session_id.removeprefix(_PREFIX)


def _age(row: Listable) -> tuple[int, str]:
    return row.created_at, row.session_id
