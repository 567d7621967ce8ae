"""Every call of the API, listed once; both clients, their raw views and the dry run show these."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from session_lab.client.calls import Call, CollectCall, Group, ListCall, StreamCall
from session_lab.client.operations import channels, query, raw_request, runs, sessions

if TYPE_CHECKING:
    from session_lab.client.calls import Engine, Origin

__all__ = ["CallView", "Runs", "Sessions"]

Mode = TypeVar("Mode")


class Sessions(Group[Mode]):
    """Calls on sessions and their channels."""

    start = Call(sessions.start)
    retrieve = Call(sessions.retrieve)
    update = Call(sessions.update)
    close = Call(sessions.close)
    end_and_continue = Call(sessions.end_and_continue)
    list = ListCall(sessions.list_)
    append = Call(channels.append)
    records = Call(channels.records)
    stream = StreamCall(channels.stream)


class Runs(Group[Mode]):
    """Calls on runs."""

    retrieve = Call(runs.retrieve)
    cancel = Call(runs.cancel)
    trace = Call(runs.trace)
    list = ListCall(runs.list_)


class CallView(Group[Mode]):
    """All calls, in one way of carrying them out."""

    def __init__(self, engine: Engine, origin: Origin) -> None:
        super().__init__(engine, origin)
        self.sessions: Sessions[Mode] = Sessions(engine, origin.inner("sessions"))
        self.runs: Runs[Mode] = Runs(engine, origin.inner("runs"))

    request = Call(raw_request.request)
    query = CollectCall(query.query)
