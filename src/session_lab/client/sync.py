"""The blocking client: a thin shell over the pure core."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from session_lab.client import paging
from session_lab.client.bind import present, shown_calls
from session_lab.client.config import resolve
from session_lab.client.dry_run import DryRun
from session_lab.client.operations import channels, raw_request, runs, sessions
from session_lab.client.responses import RawResponse
from session_lab.client.retry import Context, exchange
from session_lab.client.sender import Sender
from session_lab.client.streams import Feed, StreamBroken
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Self

    from session_lab.client.requests import Operation
    from session_lab.client.sender import Transport
    from session_lab.timing import Clock, Duration
    from session_lab.wire.channels import ChannelRecord
    from session_lab.wire.sessions import ListPage

__all__ = ["Client", "Listing", "Page", "RawRuns", "RawSessions", "RawView", "Runs", "Sessions"]

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row", bound=paging.Listed)


class _Caller:
    """Does what the core decides: sends, sleeps, sends again."""

    def __init__(self, context: Context, sender: Sender, sleep: Callable[[float], object]) -> None:
        self._context = context
        self._sender = sender
        self._sleep = sleep

    def call(self, operation: Operation[T]) -> RawResponse[T]:
        steps = exchange(operation, self._context)
        attempt = next(steps)
        while True:
            if attempt.wait:
                self._sleep(attempt.wait / 1000)
            try:
                attempt = steps.send(self._sender.send(attempt.request))
            except StopIteration as done:
                return RawResponse(operation, done.value)

    def follow(self, operation: Operation[None]) -> Generator[ChannelRecord, None, None]:
        feed = Feed(operation, self._context)
        while True:
            try:
                with self._sender.open(feed.request()) as (head, source):
                    feed.opened(head)
                    for event in source.iter_sse():
                        yield from feed.receive(event.event, event.data)
            except StreamBroken as broken:
                outcome = broken.outcome
            else:
                return
            self._sleep(feed.wait(outcome) / 1000)


class Page(paging.PageView[Row]):
    """One page of a list, and the way to its neighbours."""

    def __init__(self, listing: Listing[Row], leaf: paging.Leaf[Row]) -> None:
        super().__init__(leaf)
        self._listing = listing

    def next_page(self) -> Page[Row] | None:
        """Fetch the page of older rows; None at the end of the list."""
        return self._listing.page(self._leaf.next_visit())

    def previous_page(self) -> Page[Row] | None:
        """Fetch the page of newer rows; None at the beginning of the list."""
        return self._listing.page(self._leaf.previous_visit())


class Listing(Generic[Row]):
    """The rows of a list, fetched page by page while they are iterated over."""

    def __init__(self, caller: _Caller, plan: paging.ListPlan[Row]) -> None:
        self._caller = caller
        self._plan = plan

    def __repr__(self) -> str:
        """Show what it asks for; nothing is fetched before it is iterated over."""
        return f"{type(self).__name__}({self._plan})"

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows of all pages."""
        for page in self._batches():
            yield from page.data

    def pages(self) -> Iterator[Page[Row]]:
        """Iterate over pages.

        Where filters with several values are merged, a page is the rows that became certain
        together; such pages have no cursors and no neighbours.
        """
        if self._plan.is_merged:
            yield from self._batches()
            return
        page = self.page(self._plan.first_visit)
        while page is not None:
            yield page
            page = self.page(page.onward(back=self._plan.goes_back))

    def plain_pages(self) -> Iterator[paging.PlainPage]:
        """Iterate over pages as the server sent them: the fast way to very many rows.

        Where filters with several values take several requests, the pages of one request follow
        those of another, and a row comes with the first that has it.
        """
        plan = self._plan.plain
        seen: set[str] = set()
        for query in plan.queries:
            visit: paging.Visit | None = paging.Visit(query)
            while visit is not None:
                reply = self._caller.call(plan.ask(visit.query))
                leaf = paging.Leaf[Any].read(visit, reply.parse())
                rows = [row for row in leaf.data if row.get("id") not in seen]
                if plan.is_merged:
                    seen.update(row["id"] for row in rows if "id" in row)
                visit = leaf.onward(back=plan.goes_back)
                cursor = None if visit is None else visit.query.before or visit.query.after
                yield paging.PlainPage(rows, reply.headers, cursor)

    def page(self, visit: paging.Visit | None) -> Page[Row] | None:
        """Fetch one page."""
        return None if visit is None else Page(self, self._fetch(visit))

    def _batches(self) -> Iterator[Page[Row]]:
        merge = paging.Merge(self._plan)
        while (visit := merge.wanted()) is not None:
            merge.receive(self._fetch(visit))
            if rows := list(merge.ready()):
                yield Page(self, paging.Leaf(visit, rows))

    def _fetch(self, visit: paging.Visit) -> paging.Leaf[Row]:
        page = self._caller.call(self._plan.ask(visit.query)).parse()
        return paging.Leaf[Row].read(visit, page)


class _View:
    """A group of calls, and what carries them out."""

    def __init__(self, caller: _Caller) -> None:
        self.caller = caller

    def __repr__(self) -> str:
        """Show which calls there are."""
        return shown_calls(self)


def _call(build: Callable[P, Operation[T]]) -> Callable[Concatenate[_View, P], T]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.caller.call(build(*args, **kwargs)).parse()

    present(method, build, "{}")
    return method


def _raw(build: Callable[P, Operation[T]]) -> Callable[Concatenate[_View, P], RawResponse[T]]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        return self.caller.call(build(*args, **kwargs))

    present(method, build, "RawResponse[{}]")
    return method


def _list(
    build: Callable[P, paging.ListPlan[Row]],
) -> Callable[Concatenate[_View, P], Listing[Row]]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> Listing[Row]:
        return Listing(self.caller, build(*args, **kwargs))

    present(method, build, "Listing[{}]")
    return method


def _raw_page(
    build: Callable[P, paging.ListPlan[Row]],
) -> Callable[Concatenate[_View, P], RawResponse[ListPage[Row]]]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[ListPage[Row]]:
        return self.caller.call(build(*args, **kwargs).first_page())

    present(method, build, "RawResponse[ListPage[{}]]")
    return method


def _follow(
    build: Callable[P, Operation[None]],
) -> Callable[Concatenate[_View, P], Generator[ChannelRecord, None, None]]:
    def method(
        self: _View, /, *args: P.args, **kwargs: P.kwargs
    ) -> Generator[ChannelRecord, None, None]:
        return self.caller.follow(build(*args, **kwargs))

    present(method, build, "Generator[ChannelRecord, None, None]")
    return method


class Sessions(_View):
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


class Runs(_View):
    """Calls on runs."""

    retrieve = _call(runs.retrieve)
    cancel = _call(runs.cancel)
    list = _list(runs.list_)


class RawSessions(_View):
    """Calls on sessions that return the reply with its status and headers."""

    start = _raw(sessions.start)
    retrieve = _raw(sessions.retrieve)
    update = _raw(sessions.update)
    close = _raw(sessions.close)
    end_and_continue = _raw(sessions.end_and_continue)
    list = _raw_page(sessions.list_)
    append = _raw(channels.append)
    records = _raw(channels.records)


class RawRuns(_View):
    """Calls on runs that return the reply with its status and headers."""

    retrieve = _raw(runs.retrieve)
    cancel = _raw(runs.cancel)
    list = _raw_page(runs.list_)


class RawView(_View):
    """Every call with its reply: ``.status_code``, ``.headers``, ``.content``, ``.parse()``."""

    def __init__(self, caller: _Caller) -> None:
        super().__init__(caller)
        self.sessions = RawSessions(caller)
        self.runs = RawRuns(caller)

    request = _raw(raw_request.request)


class Client(_View):
    """Talks to the Sessions API, or to anything that answers like it.

    Use it in a ``with`` block, or call :meth:`close` when done.

    Parameters
    ----------
    api_key : str, optional
        A secret key or a token; by default ``TRIGGER_SECRET_KEY``, then ``TRIGGER_ACCESS_TOKEN``
        from the environment.
    base_url : str, optional
        By default ``TRIGGER_API_URL``, then ``https://api.trigger.dev``.
    preview_branch : str, optional
        By default ``TRIGGER_PREVIEW_BRANCH``, ``VERCEL_GIT_COMMIT_REF`` or ``TRIGGER_DEV_BRANCH``.
    timeout : str or timedelta
        How long one attempt may wait for a connection, or for the next bytes of its reply.
    deadline : str or timedelta
        How long a call may take with all its attempts and the waits between them. No attempt begins
        after it.
    max_retries : int
        Attempts after the first. Connection errors, timeouts and the statuses 408, 429 and 500 and
        above are tried again, unless the server says otherwise (``x-should-retry``); what cannot
        be done twice only where the server surely did nothing.
    transport : optional
        What carries the requests: an ``httpx.HTTPTransport``, such as one with a ``proxy``, an
        ``httpx.MockTransport``, or a simulator's.
    clock : Clock, optional
        Measures the deadline; by default the system's.
    sleep : callable, optional
        Waits for so many seconds; by default ``time.sleep``.
    uniform : callable, optional
        Gives random numbers from 0 up to 1 for waits and part ids; by default the system's.

    Attributes
    ----------
    sessions : Sessions
        ``start``, ``retrieve``, ``update``, ``close``, ``end_and_continue``, ``list``, and the
        channels: ``append``, ``records``, ``stream``.
    runs : Runs
        ``retrieve``, ``cancel``, ``list``.
    with_raw_response : RawView
        The same calls, returning the reply with its status and headers.
    dry_run : DryRun
        The same calls, returning the request that would be sent, also as a ``curl`` command.
    clock, sleep
        What the client was given to tell the time and to wait.

    Raises
    ------
    DataError
        There is no key, or a setting cannot be used.

    Examples
    --------
    >>> with Client("tr_dev_example", "http://127.0.0.1:8787/") as client:
    ...     print(client)
    Client(base_url='http://127.0.0.1:8787')
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
        transport: Transport | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], object] = time.sleep,
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
        self._sender = Sender(self._settings, transport)
        super().__init__(_Caller(context, self._sender, sleep))
        self.sessions = Sessions(self.caller)
        self.runs = Runs(self.caller)
        self.with_raw_response = RawView(self.caller)
        self.dry_run = DryRun(context)

    request = _call(raw_request.request)

    @property
    def environment(self) -> str | None:
        """What its key says it opens: ``"dev"``, ``"stg"``, ``"preview"``, ``"prod"``, or None.

        Only secret keys say so; tokens do not. (Trigger.dev docs: API keys)
        """
        return self._settings.environment

    def close(self) -> None:
        """Close all connections."""
        self._sender.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_details: object) -> None:
        """Close all connections."""
        self.close()

    def __repr__(self) -> str:
        """Show where it talks to, and no key."""
        return f"{type(self).__name__}(base_url={self._settings.base_url!r})"
