"""One request that got past the checks, with what its handler needs to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.api.database_limits import stored_text
from session_lab.simulator.api.session_list import status_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from session_lab.simulator.api.auth import Credential, Resource
    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.store import Shown
    from session_lab.simulator.world.world import World

__all__ = ["ENTRY_HEADER", "Exchange", "journaled"]

ENTRY_HEADER = "x-session-lab-entry"
"""Where in the world's journal the answer to a request is explained."""


class Exchange(NamedTuple):
    """One request that got past the checks.

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
    """

    request: Request
    world: World
    credential: Credential
    now: int
    params: Mapping[str, str]
    query: Mapping[str, Json]
    body: Json
    list_lag: int = 0

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

    @property
    def session_ids(self) -> tuple[str | None, ...]:
        """The session's names: as the path has it and, where it is there, its two ids."""
        row, written = self.session, self.params["session"]
        return (written,) if row is None else (written, row.session_id, row.external_id)

    def shown(self, session_id: str | None) -> Shown | None:
        """Return a session as it is read now, with its current run."""
        if session_id is None:
            return None
        return self.world.shown(session_id, environment=self.environment)

    def is_open(self, row: Row) -> bool:
        """Tell whether a session is neither closed nor expired."""
        return status_at(row, self.now) == "ACTIVE"

    def may(self, action: str, resources: Iterable[Resource]) -> bool:
        """Tell whether the caller may do something with any of some resources."""
        return self.credential.may(action, resources)


def journaled(response: Response, entry: Entry) -> Response:
    """Note in a response where the journal explains it."""
    return response.with_headers({ENTRY_HEADER: str(entry.seq)})
