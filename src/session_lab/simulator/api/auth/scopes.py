"""Scopes: what a credential may do.

A scope is ``action:type`` or ``action:type:id``; an id may hold colons. The rules are those of
``internal-packages/rbac/src/ability.ts`` of the open-source server:

* ``admin`` alone matches everything; ``admin:sessions`` is merely the action ``admin``;
* the action must be equal, or ``*``; the type must be equal, or ``all``;
* without an id a scope matches every id and the type as a whole; with one, that id only.

What each endpoint asks for is in :mod:`session_lab.simulator.api.access`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Resource", "some_scope_allows"]


class Resource(NamedTuple):
    """What a scope can match: one thing, or without an id a type as a whole."""

    type: str
    id: str | None = None


def some_scope_allows(scopes: Iterable[str], action: str, resources: Iterable[Resource]) -> bool:
    """Return whether any scope allows an action on any resource.

    Examples
    --------
    >>> some_scope_allows(["read:sessions:chat:7"], "read", [Resource("sessions", "chat:7")])
    True
    >>> some_scope_allows(["write:sessions:chat:7"], "write", [Resource("sessions")])
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
