"""The blocking client: a thin shell over the pure core."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from session_lab.client.base import BaseClient
from session_lab.client.calls import Blocking, BlockingRaw
from session_lab.client.config import MAX_CONNECTIONS, MAX_REPLY_BYTES, resolve
from session_lab.client.engines import RawEngine
from session_lab.client.pages.listing import Listing
from session_lab.client.responses import RawResponse
from session_lab.client.retry import CallContext, exchange
from session_lab.client.streams import Feed, StreamBroken
from session_lab.client.transport import Sender
from session_lab.client.views import CallView
from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Self

    from session_lab.client.config import KeySource
    from session_lab.client.requests import Operation, Steps
    from session_lab.client.transport import Transport
    from session_lab.timing import Clock, Duration
    from session_lab.wire.channels import ChannelRecord

__all__ = ["Client", "check_client"]

T = TypeVar("T")


class _Caller:
    """Does what the core decides: sends, sleeps, sends again."""

    results: ClassVar[dict[str, str]] = {
        "call": "{}",
        "collect": "{}",
        "list": "Listing[{}]",
        "stream": "Generator[ChannelRecord, None, None]",
    }

    def __init__(
        self, context: CallContext, sender: Sender, sleep: Callable[[float], object]
    ) -> None:
        self._context = context
        self._sender = sender
        self._sleep = sleep

    def perform(self, kind: str, built: Any) -> Any:  # noqa: ANN401  see the kinds of calls
        if kind == "call":
            return self.call(built).parse()
        if kind == "list":
            return Listing(self, built)
        return self.follow(built) if kind == "stream" else self.collect(built)

    def call(self, operation: Operation[T]) -> RawResponse[T]:
        steps = exchange(operation, self._context)
        attempt = next(steps)
        while True:
            if attempt.wait:
                self._sleep(attempt.wait / 1000)
            outcome = self._sender.send(attempt.request)
            try:
                attempt = steps.send(outcome)
            except StopIteration as done:
                return RawResponse(operation, done.value)

    def collect(self, steps: Steps[T]) -> T:
        operation = next(steps)
        while True:
            result = self.call(operation).parse()
            try:
                operation = steps.send(result)
            except StopIteration as done:
                return cast("T", done.value)

    def follow(self, operation: Operation[None]) -> Generator[ChannelRecord, None, None]:
        feed = Feed(operation, self._context)
        while True:
            try:
                with self._sender.open(feed.request()) as (head, source):
                    feed.opened(head)
                    for event in source.iter_sse():
                        yield from feed.receive(event.event, event.data)
                        if feed.is_done():
                            break
            except StreamBroken as broken:
                outcome = broken.outcome
            else:
                return
            self._sleep(feed.wait(outcome) / 1000)


@answer_mistyped_fields
class Client(BaseClient[Blocking]):
    r"""Talks to the Sessions API, or to anything that answers like it.

    Use it in a ``with`` block, or call :meth:`close` when done. Threads may share a client. A
    process made by ``fork`` may go on with its parent's client and gets connections of its own; a
    pickle or a copy of a client is another client of the same settings. A pickle holds the key,
    unless a function gives it.

    Parameters
    ----------
    api_key : str or callable, optional
        A secret key or a token, or a function that is asked for it before each request, for keys
        that expire; by default ``TRIGGER_SECRET_KEY``, then ``TRIGGER_ACCESS_TOKEN`` from the
        environment.
    base_url : str, optional
        By default ``TRIGGER_API_URL``, then ``https://api.trigger.dev``. The proxy that the
        environment names for it is used.
    preview_branch : str, optional
        By default ``TRIGGER_PREVIEW_BRANCH``, ``VERCEL_GIT_COMMIT_REF`` or ``TRIGGER_DEV_BRANCH``.
    timeout : str or timedelta
        How long one attempt may wait for a connection, or for the next bytes of its reply.
    deadline : str or timedelta
        How long a call may take with all its attempts and the waits between them, the reading of
        the reply included. A stream has to be open by then.
    max_retries : int
        Attempts after the first. Connection errors, timeouts and the statuses 408, 429 and 500 and
        above are tried again, unless the server says otherwise (``x-should-retry``); what cannot
        be done twice only where the server surely did nothing.
    max_connections : int
        Connections at once. An open stream has one for itself; a call that finds none free in
        time raises a ConnectionLimitError.
    max_reply_bytes : int
        The longest reply that is read, counted after decompression as well; of a stream, the
        longest event.
    transport : optional
        What carries the requests: an ``httpx.HTTPTransport``, such as one with a ``proxy``, an
        ``httpx.MockTransport``, or a simulator's. It has its own limit of connections.
    clock : Clock, optional
        Measures the deadline; by default the system's.
    sleep : callable, optional
        Waits for so many seconds; by default ``time.sleep``.
    uniform : callable, optional
        Gives random numbers from 0 up to 1 for waits and part ids; by default the system's.

    Attributes
    ----------
    sessions
        ``start``, ``retrieve``, ``update``, ``close``, ``end_and_continue``, ``list``, and the
        channels: ``append``, ``records``, ``stream``.
    runs
        ``retrieve``, ``cancel``, ``list``, ``trace``.
    with_raw_response
        The same calls, returning the reply: ``.status_code``, ``.headers``, ``.content``,
        ``.parse()``.
    dry_run
        The same calls, returning the request that would be sent, also as a ``curl`` command; the
        key is not in it.
    clock, sleep
        What the client was given to tell the time and to wait.

    Raises
    ------
    DataError
        There is no key, or a setting, of the environment too, cannot be used.

    Examples
    --------
    >>> with Client("tr_dev_example", "http://127.0.0.1:8787/") as client:
    ...     print(client)
    Client(base_url='http://127.0.0.1:8787')
    >>> print(client.dry_run.sessions.close("chat-1").curl())
    curl --request POST http://127.0.0.1:8787/api/v1/sessions/chat-1/close \
      --header "authorization: Bearer $TRIGGER_SECRET_KEY" \
      --header 'accept: application/json' \
      --header 'user-agent: session-lab/...' \
      --header 'x-trigger-api-version: 2025-07-16' \
      --header 'content-type: application/json' \
      --data-raw '{}'
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
        transport: Transport | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], object] = time.sleep,
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
        self._sender = Sender(settings, transport)
        caller = _Caller(context, self._sender, sleep)
        given = {"transport": transport, "clock": clock, "sleep": sleep, "uniform": uniform}
        self._show(caller, context, given)
        self.sleep = sleep
        self.with_raw_response: CallView[BlockingRaw] = CallView(
            RawEngine(caller), self._raw_origin
        )

    def close(self) -> None:
        """Close all connections; further calls are refused."""
        self._sender.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_details: object) -> None:
        """Close all connections."""
        self.close()


def check_client(given: object) -> None:
    """Refuse what is not a client that answers at once, such as an asynchronous one.

    Raises
    ------
    DataError
        It is something else.

    Examples
    --------
    >>> check_client("tr_dev_key")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: client: str is not a Client; sl.Client(), or .client() of a \
simulator, makes one
    """
    if not isinstance(given, Client):
        message = "is not a Client; sl.Client(), or .client() of a simulator, makes one"
        raise DataError(f"{type(given).__name__} {message}", column="client")
