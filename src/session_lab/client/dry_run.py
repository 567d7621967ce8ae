"""The view of a client that sends nothing: each call returns the request that would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from session_lab.client.bind import present, shown_calls
from session_lab.client.operations import channels, raw_request, runs, sessions
from session_lab.client.requests import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.client.paging import ListPlan
    from session_lab.client.requests import Operation, Request
    from session_lab.client.retry import Context

__all__ = ["DryRun", "DryRuns", "DrySessions"]

P = ParamSpec("P")


class _View:
    """A group of calls that are shown and not sent."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __repr__(self) -> str:
        """Show which calls there are."""
        return shown_calls(self)

    def show(self, operation: Operation[object]) -> Request:
        """Make the request of an operation."""
        return prepare(operation, self._context.settings, self._context.uniform)


def _call(
    build: Callable[P, Operation[object]],
) -> Callable[Concatenate[_View, P], Request]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> Request:
        return self.show(build(*args, **kwargs))

    present(method, build, "Request")
    return method


def _page(build: Callable[P, ListPlan[Any]]) -> Callable[Concatenate[_View, P], Request]:
    def method(self: _View, /, *args: P.args, **kwargs: P.kwargs) -> Request:
        return self.show(build(*args, **kwargs).first_page())

    present(method, build, "Request")
    return method


class DrySessions(_View):
    """Calls on sessions, not sent."""

    start = _call(sessions.start)
    retrieve = _call(sessions.retrieve)
    update = _call(sessions.update)
    close = _call(sessions.close)
    end_and_continue = _call(sessions.end_and_continue)
    list = _page(sessions.list_)
    append = _call(channels.append)
    records = _call(channels.records)
    stream = _call(channels.stream)


class DryRuns(_View):
    """Calls on runs, not sent."""

    retrieve = _call(runs.retrieve)
    cancel = _call(runs.cancel)
    list = _page(runs.list_)


class DryRun(_View):
    r"""Every call as a request that is shown and not sent; the key is not in it.

    Examples
    --------
    >>> from session_lab.client import Client
    >>> print(Client("tr_dev_example").dry_run.sessions.close("chat-1").curl())
    curl --request POST https://api.trigger.dev/api/v1/sessions/chat-1/close \
      --header "authorization: Bearer $TRIGGER_SECRET_KEY" \
      --header 'accept: application/json' \
      --header 'user-agent: session-lab/...' \
      --header 'x-trigger-api-version: 2025-07-16' \
      --header 'content-type: application/json' \
      --data-raw '{}'
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.sessions = DrySessions(context)
        self.runs = DryRuns(context)

    request = _call(raw_request.request)
