"""Requests as rules about requests see them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

__all__ = ["IncomingCall"]


class IncomingCall(NamedTuple):
    """One request, as rules about requests see it.

    Attributes
    ----------
    name : str or None
        Its name in :data:`session_lab.wire.endpoints.ENDPOINTS`; None where it has none.
    method, path : str
        As they were sent.
    at : int
        When, in milliseconds since 1970.
    """

    name: str | None
    method: str
    path: str
    at: int

    def matches(self, pattern: str) -> bool:
        """Return whether a pattern means this call.

        A pattern is a name, or a path with or without a method before it; ``*`` stands for any
        text, slashes included, and alone for every call. Preflights (``OPTIONS``) are not calls.

        Examples
        --------
        >>> call = IncomingCall("sessions.close", "POST", "/api/v1/sessions/chat-1/close", at=0)
        >>> call.matches("sessions.*"), call.matches("GET /api/*"), call.matches("/api/*/chat-1/*")
        (True, False, True)
        """
        if self.method == "OPTIONS":
            return False
        if "/" in pattern:
            method, _, path = pattern.rpartition(" ")
            return method in {"", self.method} and fnmatchcase(self.path, path)
        return pattern == "*" or (self.name is not None and fnmatchcase(self.name, pattern))
