"""Scopes: what a credential may do, and what each endpoint asks for.

A scope is ``action:type`` or ``action:type:id``; an id may hold colons. The rules are those of
``internal-packages/rbac/src/ability.ts`` of the open-source server:

* ``admin`` alone matches everything; ``admin:sessions`` is merely the action ``admin``;
* the action must be equal, or ``*``; the type must be equal, or ``all``;
* without an id a scope matches every id and the type as a whole; with one, that id only.

======================================  =========  ==================================================
endpoint                                action     one of these must match
======================================  =========  ==================================================
``POST /api/v1/sessions``               ``write``  :func:`create_resources`
``GET /api/v1/sessions``                ``read``   :func:`list_resources`
``GET .../{session}``                   ``read``   the session by id and external id
``PATCH .../{session}``, ``.../close``  ``admin``  the session as written in the URL
``.../end-and-continue``                ``write``  as written in the URL, by id and external id
``GET``, ``HEAD`` of a channel          ``read``   by its key (external id, else id; with no session
                                                   the URL's), id and external id
``PUT`` of a channel                    ``write``  as written in the URL
``.../append``                          ``write``  as written in the URL, by id and external id
======================================  =========  ==================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Resource",
    "create_resources",
    "list_resources",
    "session_resources",
    "some_scope_allows",
]


class Resource(NamedTuple):
    """What a scope can match: one thing, or without an id a type as a whole."""

    type: str
    id: str | None = None


_SESSIONS = Resource("sessions")
_TASKS = Resource("tasks")


def create_resources(task_identifier: str) -> list[Resource]:
    """Name what may be asked for to create a session: its task, or all sessions."""
    return [Resource("tasks", task_identifier), _SESSIONS]


def list_resources(task_identifier: str | None) -> list[Resource]:
    """Name what may be asked for to list: sessions, tasks, or the task that is filtered for."""
    types = [_SESSIONS, _TASKS]
    return types if task_identifier is None else [*types, Resource("tasks", task_identifier)]


def session_resources(*ids: str | None) -> list[Resource]:
    """Name one session by those of its ids that it has."""
    return [Resource("sessions", session_id) for session_id in ids if session_id is not None]


def some_scope_allows(scopes: Iterable[str], action: str, resources: Iterable[Resource]) -> bool:
    """Tell whether any scope allows an action on any resource.

    Examples
    --------
    >>> some_scope_allows(["read:sessions:chat:7"], "read", session_resources("chat:7"))
    True
    >>> some_scope_allows(["write:sessions:chat:7"], "write", create_resources("my-agent"))
    False
    """
    wanted = list(resources)
    return any(_allows(scope, action, resource) for scope in scopes for resource in wanted)


def _allows(scope: str, action: str, resource: Resource) -> bool:
    if scope == "admin":
        return True
    granted, _, rest = scope.partition(":")
    kind, _, identifier = rest.partition(":")
    if granted not in {action, "*"}:
        return False
    return kind == "all" or (kind == resource.type and identifier in {"", resource.id})
