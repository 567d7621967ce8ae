"""What can be asked of the two lists, and how the questions are written into a query.

The sessions list takes **one value per filter**: a list joined with commas is one literal value to
the server and a repeated name keeps only its last. A :class:`SessionQuery` with several values
therefore splits into several queries. The runs list does take values joined with commas.
(``apps/webapp/app/routes/api.v1.sessions.ts``, ``api.v1.runs.ts``)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args
from urllib.parse import quote

from session_lab.errors import DataError
from session_lab.wire.limits import MAX_PAGE_SIZE, RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

__all__ = [
    "ListQuery",
    "RunQuery",
    "SessionQuery",
    "SessionStatus",
    "encode_query",
    "percent_encode",
]

SessionStatus = Literal["ACTIVE", "CLOSED", "EXPIRED"]
"""What the list filter and the dashboard call the state of a session; replies do not carry it."""

Pairs = list[tuple[str, str]]

_ID_PREFIXES = (RESERVED_ID_PREFIX, "run_")


def percent_encode(text: str, *, name: str) -> str:
    """Percent-encode everything but unreserved characters, slashes and brackets included.

    Raises
    ------
    DataError
        The text holds half a surrogate pair and cannot be written as UTF-8.

    Examples
    --------
    >>> percent_encode("a/b c", name="id")
    'a%2Fb%20c'
    """
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise DataError(f"{text!r} is not valid Unicode", column=name) from None


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query string.

    Examples
    --------
    >>> encode_query([("filter[tags]", "a,b"), ("page[size]", "20")])
    'filter%5Btags%5D=a%2Cb&page%5Bsize%5D=20'
    """
    return "&".join(
        f"{percent_encode(name, name=name)}={percent_encode(value, name=name)}"
        for name, value in pairs
    )


def _is_page_size(limit: object) -> bool:
    if isinstance(limit, bool) or not isinstance(limit, Integral):
        return False
    return 1 <= int(limit) <= MAX_PAGE_SIZE


def _check_cursor(cursor: object, name: str) -> None:
    """Refuse what the API would misread in silence: it never answers that a cursor is wrong."""
    if cursor is not None and not isinstance(cursor, str):
        kind = type(cursor).__name__
        raise DataError(f"a cursor is text that a page gives, not {kind}", column=name)
    if cursor == "":
        message = "an empty cursor is not a cursor to the API; leave it out"
        raise DataError(message, column=name)
    if cursor is not None and cursor.startswith(_ID_PREFIXES):
        message = (
            f"{cursor!r} is an id and not a cursor; cursors are next_cursor and previous_cursor "
            "of the pages that list(...).pages() iterates over"
        )
        raise DataError(message, column=name)


@dataclass(frozen=True, kw_only=True)
class ListQuery:
    """What both lists understand: a window of creation times, a page size and a cursor.

    Attributes
    ----------
    period : str or None
        How far back from now, such as ``"7d"``.
    from_, to : int or None
        First and last creation time, milliseconds since 1970, inclusive.
    limit : int or None
        Rows per page.
    after, before : str or None
        Cursor of the page asked for: towards older rows, or towards newer ones.
    """

    period: str | None = None
    from_: int | None = None
    to: int | None = None
    limit: int | None = None
    after: str | None = None
    before: str | None = None

    _names: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        """Refuse what the API would refuse, ignore or misread."""
        if self.after is not None and self.before is not None:
            message = "give after or before, not both: a page lies on one side of a cursor"
            raise DataError(message, column="before")
        for name in ("after", "before"):
            _check_cursor(getattr(self, name), name)
        if self.limit is not None and not _is_page_size(self.limit):
            message = f"a page holds 1 to {MAX_PAGE_SIZE} rows, not {self.limit!r}"
            raise DataError(message, column="limit")
        for name in self._names:
            if "" in getattr(self, name):
                raise DataError("an empty filter value is not a filter to the API", column=name)

    @property
    def cursor(self) -> str | None:
        """The cursor of the page asked for; None for the first page."""
        return self.before or self.after

    def page_after(self, cursor: str) -> Self:
        """Ask for the rows older than a cursor."""
        return replace(self, after=cursor, before=None)

    def page_before(self, cursor: str) -> Self:
        """Ask for the rows newer than a cursor."""
        return replace(self, after=None, before=cursor)

    def pairs(self) -> Pairs:
        """Write the query as names and values of the wire, not yet percent-encoded."""
        return [*self._filters(), *self._window(), *self._page()]

    def _filters(self) -> Pairs:
        return [
            (f"filter[{wire}]", self._one_value(name))
            for name, wire in self._names.items()
            if getattr(self, name)
        ]

    def _one_value(self, name: str) -> str:
        values: tuple[str, ...] = getattr(self, name)
        return ",".join(values)

    def _window(self) -> Pairs:
        # Zero is not a bound to the API; one millisecond is, and nothing was created between them.
        bounds = {
            "period": self.period,
            "from": None if self.from_ is None else max(self.from_, 1),
            "to": None if self.to is None else max(self.to, 1),
        }
        return [
            (f"filter[createdAt][{name}]", str(value))
            for name, value in bounds.items()
            if value is not None
        ]

    def _page(self) -> Pairs:
        page = {"size": self.limit, "after": self.after, "before": self.before}
        return [(f"page[{name}]", str(value)) for name, value in page.items() if value is not None]


@dataclass(frozen=True, kw_only=True)
class SessionQuery(ListQuery):
    """A question to the sessions list."""

    type: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    task_identifier: tuple[str, ...] = ()
    external_id: tuple[str, ...] = ()
    status: tuple[str, ...] = ()

    _names: ClassVar[dict[str, str]] = {
        "type": "type",
        "tag": "tags",
        "task_identifier": "taskIdentifier",
        "external_id": "externalId",
        "status": "status",
    }

    def __post_init__(self) -> None:
        """Refuse what the API would refuse, ignore or misread."""
        super().__post_init__()
        known = get_args(SessionStatus)
        for status in self.status:
            if status not in known:
                message = f"{status!r} is not a status of a session; those are {', '.join(known)}"
                raise DataError(message, column="status")

    def split(self) -> list[SessionQuery]:
        """Split into queries with one value per filter, as the API takes them."""
        several = [name for name in self._names if len(getattr(self, name)) > 1]
        choices = itertools.product(*(getattr(self, name) for name in several))
        queries: list[SessionQuery] = []
        for choice in choices:
            one_each: dict[str, Any] = {
                name: (value,) for name, value in zip(several, choice, strict=True)
            }
            queries.append(replace(self, **one_each))
        return queries

    def _one_value(self, name: str) -> str:
        value, *others = getattr(self, name)
        if others:
            message = (
                "the API takes one value per filter and request; ask for each value by itself, "
                "or iterate over list(), which does"
            )
            raise DataError(message, column=name)
        return str(value)


@dataclass(frozen=True, kw_only=True)
class RunQuery(ListQuery):
    """A question to the runs list.

    With neither ``period`` nor ``from_`` nor ``to`` the API looks back seven days only.
    """

    status: tuple[str, ...] = ()
    task_identifier: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    bulk_action: str | None = None
    schedule: str | None = None
    batch: str | None = None
    error: str | None = None
    is_test: bool | None = None

    _names: ClassVar[dict[str, str]] = {
        "status": "status",
        "task_identifier": "taskIdentifier",
        "version": "version",
        "tag": "tag",
        "queue": "queue",
        "region": "region",
        "machine": "machine",
    }

    def __post_init__(self) -> None:
        """Refuse what the API would refuse, ignore or misread."""
        super().__post_init__()
        if self.period is not None and (self.from_ is not None or self.to is not None):
            message = "give period, or from_ and to: beside a period the API ignores them"
            raise DataError(message, column="period")
        for name in self._names:
            if any("," in value for value in getattr(self, name)):
                message = "a value with a comma cannot be asked for: the API splits at commas"
                raise DataError(message, column=name)

    def _filters(self) -> Pairs:
        one_each = {
            "bulkAction": self.bulk_action,
            "schedule": self.schedule,
            "batch": self.batch,
            "error": self.error,
            "isTest": None if self.is_test is None else str(self.is_test).lower(),
        }
        return [
            *super()._filters(),
            *((f"filter[{name}]", value) for name, value in one_each.items() if value is not None),
        ]
