"""One request that is being handled, with what its endpoint needs to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.simulator.api.lists.database_limits import stored_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.api.auth import Credential
    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.world import World

__all__ = ["ENTRY_HEADER", "Context", "entry_header", "journaled"]

ENTRY_HEADER = "x-session-lab-entry"
"""Where in the world's journal the answer to a request is explained."""


class Context(NamedTuple):
    """One request that is being handled.

    Attributes
    ----------
    request : Request
        As it came.
    world : World
        The world that it is about.
    credential : Credential
        Who asks.
    now : int
        The present, in milliseconds since 1970.
    params : Mapping of str to str
        What the path names.
    query, body : JSON
        In their parsed forms; empty where the endpoint takes none.
    list_lag : int
        For how many milliseconds lists do not show what is new.
    found : object
        What the route's ``find`` has found.
    """

    request: Request
    world: World
    credential: Credential
    now: int
    params: Mapping[str, str]
    query: Mapping[str, Json]
    body: Json
    list_lag: int = 0
    found: Any = None

    @property
    def environment(self) -> str:
        """The id of the caller's environment."""
        return self.credential.environment.id

    @property
    def session_key(self) -> str:
        """The session as the path names it.

        Raises
        ------
        StoreError
            No session can have that name, and the server fails when it looks.
        """
        return stored_text(self.params["session"])

    @property
    def session(self) -> Row | None:
        """The session that the path names, if there is one."""
        return self.world.session(self.session_key, environment=self.environment)


def entry_header(entry: Entry) -> dict[str, str]:
    """Return the header that says where the journal explains a response."""
    return {ENTRY_HEADER: str(entry.seq)}


def journaled(response: Response, entry: Entry) -> Response:
    """Return a response that says where the journal explains it."""
    return response.with_headers(entry_header(entry))
