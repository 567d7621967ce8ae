"""The API's calls under their names in the client, as the simulator tells them apart."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.api.http_types import Request

__all__ = ["CALLS", "Call", "call_of"]

_SESSION = "/api/v1/sessions/{session}"
_CHANNEL = "/realtime/v1/sessions/{session}/{io}"

CALLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "runs.cancel": "POST /api/v2/runs/{run}/cancel",
        "runs.list": "GET /api/v1/runs",
        "runs.retrieve": "GET /api/v3/runs/{run}",
        "sessions.append": f"POST {_CHANNEL}/append",
        "sessions.close": f"POST {_SESSION}/close",
        "sessions.end_and_continue": f"POST {_SESSION}/end-and-continue",
        "sessions.list": "GET /api/v1/sessions",
        "sessions.records": f"GET {_CHANNEL}/records",
        "sessions.retrieve": f"GET {_SESSION}",
        "sessions.start": "POST /api/v1/sessions",
        "sessions.stream": f"GET {_CHANNEL}",
        "sessions.update": f"PATCH {_SESSION}",
    }
)
"""Method and path of each call, by its name."""

_SHAPES: Final = {
    name: re.compile(re.sub(r"\{\w+\}", "[^/]+", request)) for name, request in CALLS.items()
}


class Call(NamedTuple):
    """One request, as rules about requests see it.

    Attributes
    ----------
    name : str or None
        Its name in the client; None where the client has no such call.
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
        """Tell whether a pattern means this call.

        A pattern is a name, or a path with or without a method before it; ``*`` stands for any
        text, slashes included, and alone for every call. Preflights (``OPTIONS``) are no calls.

        Examples
        --------
        >>> call = Call("sessions.close", "POST", "/api/v1/sessions/chat-1/close", at=0)
        >>> call.matches("sessions.*"), call.matches("GET /api/*"), call.matches("/api/*/chat-1/*")
        (True, False, True)
        """
        if self.method == "OPTIONS":
            return False
        if "/" in pattern:
            method, _, path = pattern.rpartition(" ")
            return method in {"", self.method} and fnmatchcase(self.path, path)
        return pattern == "*" or (self.name is not None and fnmatchcase(self.name, pattern))


def call_of(request: Request, now: int) -> Call:
    """Name the call that a request makes; ``HEAD`` counts as ``GET``.

    Examples
    --------
    >>> from session_lab.simulator.api.http_types import Request
    >>> call_of(Request("POST", "/realtime/v1/sessions/chat-1/in/append"), now=0).name
    'sessions.append'
    """
    method = "GET" if request.method == "HEAD" else request.method
    asked = f"{method} {request.path}"
    name = next((name for name, shape in _SHAPES.items() if shape.fullmatch(asked)), None)
    return Call(name, request.method, request.path, now)
