"""The asynchronous client: a thin shell over the pure core."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar

from session_lab.client import paging
from session_lab.client.bind import present, shown_calls
from session_lab.client.config import resolve
from session_lab.client.dry_run import DryRun
from session_lab.client.operations import channels, raw_request, runs, sessions
from session_lab.client.responses import RawResponse
from session_lab.client.retry import Context, exchange
from session_lab.client.sender import AsyncSender
from session_lab.client.streams import Feed, StreamBroken
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from typing import Self

    from session_lab.client.requests import Operation
    from session_lab.client.sender import AsyncTransport
    from session_lab.timing import Clock, Duration
    from session_lab.wire.channels import ChannelRecord
    from session_lab.wire.sessions import ListPage

__all__ = [
    "AsyncClient",
    "AsyncListing",
    "AsyncPage",
    "AsyncRawRuns",
    "AsyncRawSessions",
    "AsyncRawView",
    "AsyncRuns",
    "AsyncSessions",
]

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row", bound=paging.Listed)


class _Caller:
    """Does what the core decides: sends, sleeps, sends again."""

    def __init__(
        self, context: Context, sender: AsyncSender, sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        self._context = context
        self._sender = sender
        self._sleep = sleep

    async def call(self, operation: Operation[T]) -> RawResponse[T]:
        steps = exchange(operation, self._context)
        attempt = next(steps)
        while True:
            if attempt.wait:
                await self._sleep(attempt.wait / 1000)
            try:
                attempt = steps.send(await self._sender.send(attempt.request))
            except StopIteration as done:
                return RawResponse(operation, done.value)

    async def follow(self, operation: Operation[None]) -> AsyncGenerator[ChannelRecord, None]:
        feed = Feed(operation, self._context)
        while True:
            try:
                async with self._sender.open(feed.request()) as (head, source):
                    feed.opened(head)
                    async with aclosing(source.aiter_sse()) as events:
                        async for event in events:
                            for record in feed.receive(event.event, event.data):
                                yield record
            except StreamBroken as broken:
                outcome = broken.outcome
            else:
                return
            await self._sleep(feed.wait(outcome) / 1000)


class AsyncPage(paging.PageView[Row]):
    """One page of a list, and the way to its neighbours."""

    def __init__(self, listing: AsyncListing[Row], leaf: paging.Leaf[Row]) -> None:
        super().__init__(leaf)
        self._listing = listing

    async def next_page(self) -> AsyncPage[Row] | None:
        """Fetch the page of older rows; None at the end of the list."""
        return await self._listing.page(self._leaf.next_visit())

    async def previous_page(self) -> AsyncPage[Row] | None:
        """Fetch the page of newer rows; None at the beginning of the list."""
        return await self._listing.page(self._leaf.previous_visit())


class AsyncListing(Generic[Row]):
    """The rows of a list, fetched page by page while they are iterated over."""

    def __init__(self, caller: _Caller, plan: paging.ListPlan[Row]) -> None:
        self._caller = caller
        self._plan = plan

    def __repr__(self) -> str:
        """Show what it asks for; nothing is fetched before it is iterated over."""
        return f"{type(self).__name__}({self._plan})"

    async def __aiter__(self) -> AsyncIterator[Row]:
        """Iterate over the rows of all pages."""
        async for page in self._batches():
            for row in page.data:
                yield row

    async def pages(self) -> AsyncIterator[AsyncPage[Row]]:
        """Iterate over pages.

        Where filters with several values are merged, a page is the rows that became certain
        together; such pages have no cursors and no neighbours.
        """
        if self._plan.is_merged:
            async for batch in self._batches():
                yield batch
            return
        page = await self.page(self._plan.first_visit)
        while page is not None:
            yield page
            page = await self.page(page.onward(back=self._plan.goes_back))

    async def page(self, visit: paging.Visit | None) -> AsyncPage[Row] | None:
        """Fetch one page."""
        return None if visit is None else AsyncPage(self, await self._fetch(visit))

    async def _batches(self) -> AsyncIterator[AsyncPage[Row]]:
        merge = paging.Merge(self._plan)
        while (visit := merge.wanted()) is not None:
            merge.receive(await self._fetch(visit))
            if rows := list(merge.ready()):
                yield AsyncPage(self, paging.Leaf(visit, rows))

    async def _fetch(self, visit: paging.Visit) -> paging.Leaf[Row]:
        reply = await self._caller.call(self._plan.ask(visit.query))
        return paging.Leaf[Row].read(visit, reply.parse())


class _View:
    """A group of calls, and what carries them out."""

    def __init__(self, caller: _Caller) -> None:
        self.caller = caller

    def __repr__(self) -> str:
        """Show which calls there are."""
        return shown_calls(self)


def _call(build: Callable[P, Operation[T]]) -> Callable[Concatenate[_View, P], Awaitable[T]]:
    async def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> T:
        reply = await self.caller.call(build(*args, **kwargs))
        return reply.parse()

    present(method, build, "{}")
    return method


def _raw(
    build: Callable[P, Operation[T]],
) -> Callable[Concatenate[_View, P], Awaitable[RawResponse[T]]]:
    async def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        return await self.caller.call(build(*args, **kwargs))

    present(method, build, "RawResponse[{}]")
    return method


def _list(
    build: Callable[P, paging.ListPlan[Row]],
) -> Callable[Concatenate[_View, P], AsyncListing[Row]]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> AsyncListing[Row]:
        return AsyncListing(self.caller, build(*args, **kwargs))

    present(method, build, "AsyncListing[{}]")
    return method


def _raw_page(
    build: Callable[P, paging.ListPlan[Row]],
) -> Callable[Concatenate[_View, P], Awaitable[RawResponse[ListPage[Row]]]]:
    async def method(
        self: _View, /, *args: P.args, **kwargs: P.kwargs
    ) -> RawResponse[ListPage[Row]]:
        return await self.caller.call(build(*args, **kwargs).first_page())

    present(method, build, "RawResponse[ListPage[{}]]")
    return method


def _follow(
    build: Callable[P, Operation[None]],
) -> Callable[Concatenate[_View, P], AsyncGenerator[ChannelRecord, None]]:
    def method(
        self: _View, /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[ChannelRecord, None]:
        return self.caller.follow(build(*args, **kwargs))

    present(method, build, "AsyncGenerator[ChannelRecord, None]")
    return method


class AsyncSessions(_View):
    """Calls on sessions and their channels."""

    start = _call(sessions.start)
    retrieve = _call(sessions.retrieve)
    update = _call(sessions.update)
    close = _call(sessions.close)
    end_and_continue = _call(sessions.end_and_continue)
    list = _list(sessions.list_)
    append = _call(channels.append)
    records = _call(channels.records)
    stream = _follow(channels.stream)


class AsyncRuns(_View):
    """Calls on runs."""

    retrieve = _call(runs.retrieve)
    cancel = _call(runs.cancel)
    list = _list(runs.list_)


class AsyncRawSessions(_View):
    """Calls on sessions that return the reply with its status and headers."""

    start = _raw(sessions.start)
    retrieve = _raw(sessions.retrieve)
    update = _raw(sessions.update)
    close = _raw(sessions.close)
    end_and_continue = _raw(sessions.end_and_continue)
    list = _raw_page(sessions.list_)
    append = _raw(channels.append)
    records = _raw(channels.records)


class AsyncRawRuns(_View):
    """Calls on runs that return the reply with its status and headers."""

    retrieve = _raw(runs.retrieve)
    cancel = _raw(runs.cancel)
    list = _raw_page(runs.list_)


class AsyncRawView(_View):
    """Every call with its reply: ``.status_code``, ``.headers``, ``.content``, ``.parse()``."""

    def __init__(self, caller: _Caller) -> None:
        super().__init__(caller)
        self.sessions = AsyncRawSessions(caller)
        self.runs = AsyncRawRuns(caller)

    request = _raw(raw_request.request)


class AsyncClient(_View):
    """Talks to the Sessions API without blocking; everything else is as in ``Client``.

    Use it in an ``async with`` block, or await :meth:`close` when done.

    Parameters
    ----------
    api_key, base_url, preview_branch, timeout, deadline, max_retries, clock, uniform
        As of ``Client``.
    transport : optional
        What carries the requests: an ``httpx.AsyncHTTPTransport``, an ``httpx.MockTransport``, or a
        simulator's.
    sleep : callable, optional
        Waits for so many seconds when awaited; by default ``asyncio.sleep``.

    Attributes
    ----------
    sessions, runs, with_raw_response, dry_run, clock, sleep
        As of ``Client``.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient("tr_dev_example") as client:
    ...         print(client)
    >>> asyncio.run(main())
    AsyncClient(base_url='https://api.trigger.dev')
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        preview_branch: str | None = None,
        timeout: Duration = "30s",
        deadline: Duration = "2m",
        max_retries: int = 2,
        transport: AsyncTransport | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        uniform: Callable[[], float] | None = None,
    ) -> None:
        self._settings = resolve(
            api_key=api_key,
            base_url=base_url,
            preview_branch=preview_branch,
            timeout=timeout,
            deadline=deadline,
            max_retries=max_retries,
            environ=os.environ,
        )
        self.clock = clock or SystemClock()
        self.sleep = sleep
        context = Context(self._settings, self.clock, uniform or random.SystemRandom().random)
        self._sender = AsyncSender(self._settings, transport)
        super().__init__(_Caller(context, self._sender, sleep))
        self.sessions = AsyncSessions(self.caller)
        self.runs = AsyncRuns(self.caller)
        self.with_raw_response = AsyncRawView(self.caller)
        self.dry_run = DryRun(context)

    request = _call(raw_request.request)

    @property
    def environment(self) -> str | None:
        """What its key says it opens, as of ``Client``."""
        return self._settings.environment

    async def close(self) -> None:
        """Close all connections."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Close all connections."""
        await self.close()

    def __repr__(self) -> str:
        """Show where it talks to, and no key."""
        return f"{type(self).__name__}(base_url={self._settings.base_url!r})"
