"""A bench for clients: the server is a function, and time is virtual."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
import pytest

from session_lab.client import AsyncClient, Client
from session_lab.timing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

KEY = "tr_dev_0123456789abcdefghijklmn"
Answer = httpx.Response | Exception


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "TRIGGER_SECRET_KEY",
        "TRIGGER_ACCESS_TOKEN",
        "TRIGGER_API_URL",
        "TRIGGER_PREVIEW_BRANCH",
        "VERCEL_GIT_COMMIT_REF",
        "TRIGGER_DEV_BRANCH",
    ):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Bench:
    """A client, what it sent, and how long it slept."""

    answer: Callable[[httpx.Request], Answer]
    asynchronous: bool
    options: dict[str, Any]
    clock: VirtualClock = field(default_factory=VirtualClock)
    requests: list[httpx.Request] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        kind = AsyncClient if self.asynchronous else Client
        settings: dict[str, Any] = {
            "transport": httpx.MockTransport(self._handle),
            "clock": self.clock,
            "sleep": self._sleep_async if self.asynchronous else self._sleep,
            "uniform": lambda: 0.5,
        }
        self.client: Any = kind(KEY, **(settings | self.options))

    def run(self, use: Callable[[Any], Any]) -> Any:
        """Make one call, whichever client it is."""
        if not self.asynchronous:
            return use(self.client)

        async def main() -> Any:
            result = use(self.client)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run(main())

    def collect(self, use: Callable[[Any], Any], *, most: int | None = None) -> list[Any]:
        """Iterate over what a call returns, whichever client it is."""
        if not self.asynchronous:
            found = []
            for item in use(self.client):
                found.append(item)
                if len(found) == most:
                    break
            return found

        async def main() -> list[Any]:
            found = []
            async for item in use(self.client):
                found.append(item)
                if len(found) == most:
                    break
            return found

        return asyncio.run(main())

    def sent(self) -> list[tuple[str, str]]:
        """Method and raw path of every request, in order."""
        return [(one.method, one.url.raw_path.decode()) for one in self.requests]

    def sent_json(self) -> Any:
        """The body of the last request."""
        return json.loads(self.requests[-1].content)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        # A reply that was read already may be a test's parameter, which others will use again.
        return copy.deepcopy(answer) if answer.is_closed else answer

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))

    async def _sleep_async(self, seconds: float) -> None:
        self._sleep(seconds)


def _in_turn(answers: Iterable[Answer]) -> Callable[[httpx.Request], Answer]:
    waiting = iter(answers)
    return lambda _request: next(waiting)


@pytest.fixture(params=[False, True], ids=["blocking", "asynchronous"], scope="session")
def connect(request: pytest.FixtureRequest) -> Callable[..., Bench]:
    """Make a bench out of a function from request to answer, or of answers given in turn."""

    def make(answer: Any, **options: Any) -> Bench:
        function = answer if callable(answer) else _in_turn(answer)
        return Bench(function, request.param, options)

    return make


@pytest.fixture(scope="session")
def connect_blocking() -> Callable[[Any], Bench]:
    """Make a bench with a blocking client, for properties of the core that both clients share."""
    return lambda answer: Bench(answer, asynchronous=False, options={})


def session_row(number: int, **changes: object) -> dict[str, Any]:
    """Write a list row; ids rise with their number, three rows to a millisecond."""
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number // 3)
    text = created.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": f"session_c{number:04d}",
        "externalId": None,
        "type": "chat",
        "taskIdentifier": "support",
        "currentRunId": None,
        "tags": [],
        "metadata": None,
        "closedAt": None,
        "closedReason": None,
        "expiresAt": None,
        "createdAt": text,
        "updatedAt": text,
    } | changes


@dataclass
class ListServer:
    """The list route with everything about it that surprises.

    Filters hold one value, and the last of a repeated name; cursors are ids without their prefix
    and are not checked; a page reached backwards that is short has no cursors at all; rows in
    ``unlisted`` are taken off a page after its cursors were made, as the server does with rows
    whose status differs on a second look.
    """

    rows: list[dict[str, Any]]
    unlisted: set[str] = field(default_factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        if "page[after]" in query and "page[before]" in query:
            return httpx.Response(400, json={"error": "Query Error", "details": []})
        rows, pagination = self._page(query, [row for row in self._newest() if _fits(row, query)])
        listed = [row for row in rows if row["id"] not in self.unlisted]
        return httpx.Response(200, json={"data": listed, "pagination": pagination})

    def _newest(self) -> Iterator[dict[str, Any]]:
        return iter(sorted(self.rows, key=_cursor, reverse=True))

    def _page(
        self, query: dict[str, str], rows: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        size = int(query.get("page[size]", "20"))
        if "page[before]" in query:
            above = [row for row in rows if _cursor(row) > query["page[before]"]]
            page = above[-size:]
            pagination = {}
            if len(above) >= size:
                pagination["next"] = _cursor(page[-1])
            if len(above) > size:
                pagination["previous"] = _cursor(page[0])
            return page, pagination
        after = query.get("page[after]")
        below = [row for row in rows if after is None or _cursor(row) < after]
        page = below[:size]
        pagination = {}
        if len(below) > size:
            pagination["next"] = _cursor(page[-1])
        if page and after is not None:
            pagination["previous"] = _cursor(page[0])
        return page, pagination


def _cursor(row: dict[str, Any]) -> str:
    return row["id"].removeprefix("session_")


def _fits(row: dict[str, Any], query: dict[str, str]) -> bool:
    status = "CLOSED" if row["closedAt"] else "ACTIVE"
    return (
        query.get("filter[type]", row["type"]) == row["type"]
        and ("filter[tags]" not in query or query["filter[tags]"] in row["tags"])
        and query.get("filter[status]", status) == status
    )


@pytest.fixture(scope="session")
def list_server() -> type[ListServer]:
    """The class of servers of one list."""
    return ListServer


@pytest.fixture(scope="session")
def row() -> Callable[..., dict[str, Any]]:
    """Make list rows."""
    return session_row
