"""The asynchronous client: a thin shell over the pure core."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from session_lab.client.base import BaseClient
from session_lab.client.calls import Asynchronous, AsynchronousRaw
from session_lab.client.config import MAX_CONNECTIONS, MAX_REPLY_BYTES, resolve
from session_lab.client.engines import RawEngine
from session_lab.client.pages.listing import AsyncListing
from session_lab.client.responses import RawResponse
from session_lab.client.retry import CallContext, exchange
from session_lab.client.streams import Feed, StreamBroken
from session_lab.client.transport import AsyncSender
from session_lab.client.views import CallView
from session_lab.mistyped import answer_mistyped_fields
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from typing import Self

    from session_lab.client.config import KeySource
    from session_lab.client.requests import Operation, Steps
    from session_lab.client.transport import AsyncTransport
    from session_lab.timing import Clock, Duration
    from session_lab.wire.channels import ChannelRecord

__all__ = ["AsyncClient"]

T = TypeVar("T")


class _Caller:
    """Does what the core decides: sends, sleeps, sends again."""

    results: ClassVar[dict[str, str]] = {
        "call": "{}",
        "collect": "{}",
        "list": "AsyncListing[{}]",
        "stream": "AsyncGenerator[ChannelRecord, None]",
    }

    def __init__(
        self, context: CallContext, sender: AsyncSender, sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        self._context = context
        self._sender = sender
        self._sleep = sleep

    def perform(self, kind: str, built: Any) -> Any:  # noqa: ANN401  see the kinds of calls
        if kind == "call":
            return self._parsed(built)
        if kind == "list":
            return AsyncListing(self, built)
        return self.follow(built) if kind == "stream" else self.collect(built)

    async def _parsed(self, operation: Operation[T]) -> T:
        return (await self.call(operation)).parse()

    async def call(self, operation: Operation[T]) -> RawResponse[T]:
        steps = exchange(operation, self._context)
        attempt = next(steps)
        while True:
            if attempt.wait:
                await self._sleep(attempt.wait / 1000)
            outcome = await self._sender.send(attempt.request)
            try:
                attempt = steps.send(outcome)
            except StopIteration as done:
                return RawResponse(operation, done.value)

    async def collect(self, steps: Steps[T]) -> T:
        operation = next(steps)
        while True:
            reply = await self.call(operation)
            try:
                operation = steps.send(reply.parse())
            except StopIteration as done:
                return cast("T", done.value)

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
                            if feed.is_done():
                                break
            except StreamBroken as broken:
                outcome = broken.outcome
            else:
                return
            await self._sleep(feed.wait(outcome) / 1000)


@answer_mistyped_fields
class AsyncClient(BaseClient[Asynchronous]):
    """Talks to the Sessions API without blocking; everything else is as in ``Client``.

    Use it in an ``async with`` block, or await :meth:`close` when done. Each event loop, like each
    process, gets connections of its own, which end with it.

    Parameters
    ----------
    api_key : str or callable, optional
        As of ``Client``; the function may also return an awaitable.
    base_url, preview_branch, timeout, deadline, max_retries, max_connections, max_reply_bytes
        As of ``Client``.
    transport : optional
        What carries the requests: an ``httpx.AsyncHTTPTransport``, an ``httpx.MockTransport``, or a
        simulator's.
    clock, uniform
        As of ``Client``.
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
        api_key: KeySource | None = None,
        base_url: str | None = None,
        *,
        preview_branch: str | None = None,
        timeout: Duration = "30s",
        deadline: Duration = "2m",
        max_retries: int = 2,
        max_connections: int = MAX_CONNECTIONS,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        transport: AsyncTransport | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        uniform: Callable[[], float] | None = None,
    ) -> None:
        settings = resolve(
            api_key=api_key,
            base_url=base_url,
            preview_branch=preview_branch,
            timeout=timeout,
            deadline=deadline,
            max_retries=max_retries,
            max_connections=max_connections,
            max_reply_bytes=max_reply_bytes,
            environ=os.environ,
        )
        context = CallContext(
            settings, clock or SystemClock(), uniform or random.SystemRandom().random
        )
        self._sender = AsyncSender(settings, transport)
        caller = _Caller(context, self._sender, sleep)
        given = {"transport": transport, "clock": clock, "sleep": sleep, "uniform": uniform}
        self._show(caller, context, given)
        self.sleep = sleep
        self.with_raw_response: CallView[AsynchronousRaw] = CallView(
            RawEngine(caller), self._raw_origin
        )

    async def close(self) -> None:
        """Close all connections; further calls are refused."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Close all connections."""
        await self.close()
