"""How a list is walked: which page to ask for next, and in which order rows come out. Pure.

The API's pages have two traps. A page can be short, or empty, before the list ends: only a missing
cursor is the end. And a page reached backwards onto the list's beginning has no cursor at all when
it is short, so there would be no way forward again: a :class:`Visit` remembers where it came from.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import unquote

from session_lab.client.requests import operation_on
from session_lab.errors import APIResponseError, DataError
from session_lab.wire.endpoints import ENDPOINTS
from session_lab.wire.listing import encode_query
from session_lab.wire.sessions import ListPage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from session_lab.client.requests import Operation
    from session_lab.wire.listing import ListQuery

__all__ = ["Leaf", "ListPlan", "Listed", "Merge", "PageView", "PlainPage", "Visit", "Walk"]


class Listed(Protocol):
    """What a row needs to take its place among others."""

    @property
    def id(self) -> str:
        """The row's own id."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was created."""
        ...


Row = TypeVar("Row", bound=Listed)


@dataclass(frozen=True)
class ListPlan(Generic[Row]):
    """A list and the questions that together make up what was asked of it.

    Attributes
    ----------
    name : str
        Of the list's endpoint.
    page : type of ListPage
        The model of its pages.
    queries : tuple of ListQuery
        One, or one for each combination of filter values.
    """

    name: str
    page: type[ListPage[Row]]
    queries: tuple[ListQuery, ...]

    def __str__(self) -> str:
        """Show the route and what is asked of it, as a person would write it."""
        asked = [unquote(encode_query(query.pairs())) for query in self.queries]
        return f"GET {ENDPOINTS[self.name].path}{' and '.join(f'?{one}' for one in asked if one)}"

    @property
    def is_merged(self) -> bool:
        """Whether rows of several queries are merged."""
        return len(self.queries) > 1

    @property
    def goes_back(self) -> bool:
        """Whether it is walked towards newer rows."""
        return self.queries[0].before is not None

    @property
    def plain(self) -> ListPlan[Any]:
        """The same list, its rows as the JSON they came in."""
        return ListPlan(self.name, ListPage[dict[str, Any]], self.queries)

    def ask(self, query: ListQuery) -> Operation[ListPage[Row]]:
        """Ask for one page."""
        return operation_on(self.name, self.page.model_validate, query=tuple(query.pairs()))

    def walk(self, query: ListQuery) -> Walk:
        """Begin to walk over the pages of one of its queries."""
        return Walk(query, back=self.goes_back)

    def first_page(self) -> Operation[ListPage[Row]]:
        """Ask for the first page, where one request can."""
        if self.is_merged:
            message = (
                "several values for one filter take several requests; give one value here, "
                "or iterate over the plain list()"
            )
            raise DataError(message)
        return self.ask(self.queries[0])


@dataclass(frozen=True)
class Visit:
    """A step onto a page: the question that brings it, and the neighbour it is reached from."""

    query: ListQuery
    older: ListQuery | None = None
    newer: ListQuery | None = None


@dataclass(frozen=True)
class Leaf(Generic[Row]):
    """One page in its place.

    Attributes
    ----------
    visit : Visit
        What brought this page.
    data : list
        Its rows, newest first.
    next_cursor, previous_cursor : str or None
        The server's cursors towards older and towards newer rows.
    """

    visit: Visit
    data: list[Row]
    next_cursor: str | None = None
    previous_cursor: str | None = None

    @classmethod
    def read(cls, visit: Visit, page: ListPage[Row]) -> Leaf[Row]:
        """Put a page into its place."""
        return cls(visit, page.data, page.pagination.next, page.pagination.previous)

    def next_visit(self) -> Visit | None:
        """Step towards older rows; None at the end of the list."""
        query = self.visit.older
        if self.next_cursor is not None:
            query = self.visit.query.page_after(self.next_cursor)
        return None if query is None else Visit(query, newer=self.visit.query)

    def previous_visit(self) -> Visit | None:
        """Step towards newer rows; None at the beginning of the list."""
        query = self.visit.newer
        if self.previous_cursor is not None:
            query = self.visit.query.page_before(self.previous_cursor)
        return None if query is None else Visit(query, older=self.visit.query)

    def onward(self, *, back: bool) -> Visit | None:
        """Step on in the direction of a walk."""
        return self.previous_visit() if back else self.next_visit()


class Walk:
    """A walk over the pages of one query, in one direction.

    Attributes
    ----------
    visit : Visit or None
        The page to fetch next; None at the end.
    """

    def __init__(self, query: ListQuery, *, back: bool) -> None:
        self.visit: Visit | None = Visit(query)
        self._back = back
        self._followed = {query.cursor}

    @property
    def cursor(self) -> str | None:
        """Where a later walk goes on; None at the end."""
        return None if self.visit is None else self.visit.query.cursor

    def receive(self, leaf: Leaf[Any]) -> None:
        """Step on from the page that was fetched.

        Raises
        ------
        APIResponseError
            Its cursor was followed before, so the walk would never end.
        """
        self.visit = leaf.onward(back=self._back)
        if self.visit is None:
            return
        cursor = self.visit.query.cursor
        if cursor in self._followed:
            message = f"the list does not move on: it leads to cursor {cursor!r} again"
            raise APIResponseError(message, status_code=HTTPStatus.OK, body="")
        self._followed.add(cursor)


@dataclass(frozen=True)
class PlainPage:
    """A page as the server sent it, without a model for each row.

    Attributes
    ----------
    rows : list of dict
        JSON objects under the names of the wire.
    headers : Mapping of str to str
        The reply's headers, names in lower case.
    cursor : str or None
        What ``after`` goes on from (``before``, where the walk goes back); None at the end.
    """

    rows: list[dict[str, Any]]
    headers: Mapping[str, str]
    cursor: str | None


class PageView(Generic[Row]):
    """What a page shows, without the way to its neighbours.

    Attributes
    ----------
    data : list
        The rows, newest first.
    """

    def __init__(self, leaf: Leaf[Row]) -> None:
        self._leaf = leaf
        self.data = leaf.data

    def __repr__(self) -> str:
        """Show the number of rows and the cursors."""
        return (
            f"{type(self).__name__}({len(self.data)} rows, next_cursor={self.next_cursor!r}, "
            f"previous_cursor={self.previous_cursor!r})"
        )

    @property
    def next_cursor(self) -> str | None:
        """The server's cursor towards older rows, for ``after`` in a later call."""
        return self._leaf.next_cursor

    @property
    def previous_cursor(self) -> str | None:
        """The server's cursor towards newer rows, for ``before`` in a later call."""
        return self._leaf.previous_cursor


@dataclass
class _Lane(Generic[Row]):
    """One of several walks that are merged, and its rows that were not yet given out."""

    walk: Walk
    rows: deque[Row]


class Merge(Generic[Row]):
    """The rows of a listing, in order and without duplicates.

    It moves in a circle: ``wanted`` names a page without which the next row is not known,
    ``receive`` takes that page, ``ready`` gives out what has become certain.
    """

    def __init__(self, plan: ListPlan[Row]) -> None:
        self._lanes = [_Lane[Row](plan.walk(query), deque()) for query in plan.queries]
        self._back = plan.goes_back
        self._seen: set[str] = set()

    def wanted(self) -> Visit | None:
        """Name the page to fetch next; None when the list is over."""
        lane = self._starving()
        return None if lane is None else lane.walk.visit

    def receive(self, leaf: Leaf[Row]) -> None:
        """Return the page that was wanted."""
        lane = next(lane for lane in self._lanes if lane.walk.visit is leaf.visit)
        lane.rows.extend(reversed(leaf.data) if self._back else leaf.data)
        lane.walk.receive(leaf)

    def ready(self) -> Iterator[Row]:
        """Give out rows up to where another page is needed."""
        while self._starving() is None:
            filled = [lane for lane in self._lanes if lane.rows]
            if not filled:
                return
            pick = min if self._back else max
            row = pick(filled, key=_head).rows.popleft()
            if row.id not in self._seen:
                if len(self._lanes) > 1:
                    self._seen.add(row.id)
                yield row

    def _starving(self) -> _Lane[Row] | None:
        hungry = (lane for lane in self._lanes if not lane.rows and lane.walk.visit is not None)
        return next(hungry, None)


def _head(lane: _Lane[Row]) -> tuple[datetime, str]:
    row = lane.rows[0]
    return row.created_at, row.id
