"""What a caller's scopes must reach, endpoint by endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.api.auth import Resource
from session_lab.simulator.model.run_payload import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from session_lab.simulator.api.context import Context

__all__ = [
    "Access",
    "appended_channel",
    "created_session",
    "found_session",
    "listed_runs",
    "listed_sessions",
    "named_run",
    "named_session",
    "opened_channel",
    "queried",
    "read_channel",
    "retrieved_run",
    "session_by_any_name",
]

_SESSIONS = Resource("sessions")
_TASKS = Resource("tasks")


class Access(NamedTuple):
    """What a caller has to be allowed.

    Attributes
    ----------
    action : str
        Such as ``"read"``.
    resources : callable
        Returns groups of resources; a scope must reach one of each group.
    """

    action: str
    resources: Callable[[Context], Sequence[Sequence[Resource]]]

    def is_given(self, context: Context) -> bool:
        """Return whether the caller of a request has it."""
        groups = self.resources(context)
        return all(context.credential.may(self.action, group) for group in groups)


def created_session(context: Context) -> list[list[Resource]]:
    """Return the task of a create's body, or all sessions."""
    return [[Resource("tasks", context.body["taskIdentifier"]), _SESSIONS]]


def listed_sessions(context: Context) -> list[list[Resource]]:
    """Return all sessions, all tasks, or the task that is filtered for."""
    task = context.query.get("filter[taskIdentifier]")
    return [[_SESSIONS, _TASKS, *([] if task is None else [Resource("tasks", task)])]]


def listed_runs(context: Context) -> list[list[Resource]]:
    """Return all runs or all tasks, or each of the tasks that are filtered for."""
    runs = [Resource("runs"), _TASKS]
    tasks = context.query.get("filter[taskIdentifier]", ())
    return [[*runs, Resource("tasks", task)] for task in tasks] or [runs]


def found_session(context: Context) -> list[list[Resource]]:
    """Return the session that was found, by either of its ids."""
    return [_sessions(context.found.session_id, context.found.external_id)]


def named_session(context: Context) -> list[list[Resource]]:
    """Return the session as the path names it, and by no other name."""
    return [_sessions(context.params["session"])]


def session_by_any_name(context: Context) -> list[list[Resource]]:
    """Return the session as the path names it and, where it is there, by either of its ids."""
    row = context.session
    ids = () if row is None else (row.session_id, row.external_id)
    return [_sessions(context.params["session"], *ids)]


def read_channel(context: Context) -> list[list[Resource]]:
    """Return the session of a channel by the channel's key and by either of its ids."""
    row, key = context.found
    ids = () if row is None else (row.session_id, row.external_id)
    return [_channels(context, key, *ids)]


def appended_channel(context: Context) -> list[list[Resource]]:
    """Return the session of a channel by the name in the path and by either of its ids."""
    row = context.session
    ids = () if row is None else (row.session_id, row.external_id)
    return [_channels(context, context.params["session"], *ids)]


def opened_channel(context: Context) -> list[list[Resource]]:
    """Return the session of a channel as the path names it, and by no other name."""
    return [_channels(context, context.params["session"])]


def _channels(context: Context, *ids: str | None) -> list[Resource]:
    """Return sessions, and the parts of them that a scope can be narrowed to."""
    io, channel = context.params["io"], context.params.get("channel")
    parts: tuple[str, ...] = ("",)
    if channel is not None:
        parts = ("", f":channels:{channel}", f":channels:{channel}:{io}")
    elif context.world.profile.side_channels:
        parts = ("", f":{io}")
    return _sessions(*(f"{each}{part}" for each in ids if each is not None for part in parts))


def named_run(context: Context) -> list[list[Resource]]:
    """Return the run as the path names it."""
    return [[Resource("runs", context.params["run"])]]


def queried(_: Context) -> list[list[Resource]]:
    """Return all that can be queried, or all runs."""
    return [[Resource("query"), Resource("runs")]]


def retrieved_run(context: Context) -> list[list[Resource]]:
    """Return the run that was found, its task and its tags."""
    record = context.found
    tags = [Resource("tags", tag) for tag in tags_of(record.options)]
    task = Resource("tasks", record.task_identifier or "")
    return [[Resource("runs", record.run_id), task, *tags]]


def _sessions(*ids: str | None) -> list[Resource]:
    return [Resource("sessions", session_id) for session_id in ids if session_id is not None]
