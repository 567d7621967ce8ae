"""The API's calls: the name, method and path of each, for whoever sends, serves or recognises them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENDPOINTS", "Endpoint", "endpoint_of"]

_SESSION = "/api/v1/sessions/{session}"
_CHANNEL = "/realtime/v1/sessions/{session}/{io}"
_SIDE_CHANNEL = "/realtime/v1/sessions/{session}/channels/{channel}/{io}"


class Endpoint(NamedTuple):
    """One call of the API.

    Attributes
    ----------
    name : str
        Its name: that of the client's method, where the client has one.
    method : str
        In capitals.
    path : str
        With parameters in braces.

    Examples
    --------
    >>> ENDPOINTS["sessions.close"].path_for(session="chat-1")
    '/api/v1/sessions/chat-1/close'
    """

    name: str
    method: str
    path: str

    def path_for(self, **ids: str) -> str:
        """Return the path with its parameters filled in, which must be percent-encoded already.

        Raises
        ------
        KeyError
            A parameter of the path is missing.
        """
        return self.path.format_map(ids)


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        name: Endpoint(name, method, path)
        for name, method, path in (
            ("sessions.start", "POST", "/api/v1/sessions"),
            ("sessions.list", "GET", "/api/v1/sessions"),
            ("sessions.retrieve", "GET", _SESSION),
            ("sessions.update", "PATCH", _SESSION),
            ("sessions.close", "POST", f"{_SESSION}/close"),
            ("sessions.end_and_continue", "POST", f"{_SESSION}/end-and-continue"),
            ("sessions.append", "POST", f"{_CHANNEL}/append"),
            ("sessions.records", "GET", f"{_CHANNEL}/records"),
            ("sessions.stream", "GET", _CHANNEL),
            ("runs.list", "GET", "/api/v1/runs"),
            ("runs.retrieve", "GET", "/api/v3/runs/{run}"),
            ("runs.cancel", "POST", "/api/v2/runs/{run}/cancel"),
            ("runs.trace", "GET", "/api/v1/runs/{run}/trace"),
            ("query", "POST", "/api/v1/query"),
            # What agents and their tools ask for, and the client has no method for.
            ("channels.open", "PUT", _CHANNEL),
            ("side_channels.append", "POST", f"{_SIDE_CHANNEL}/append"),
            ("side_channels.records", "GET", f"{_SIDE_CHANNEL}/records"),
            ("side_channels.stream", "GET", _SIDE_CHANNEL),
            ("side_channels.open", "PUT", _SIDE_CHANNEL),
            ("sessions.transcript", "GET", f"{_SESSION}/transcript"),
            ("snapshots.read", "GET", f"{_SESSION}/snapshot-url"),
            ("snapshots.write", "PUT", f"{_SESSION}/snapshot-url"),
            ("runs.wait", "POST", "/api/v1/runs/{run}/session-streams/wait"),
            ("waitpoints.retrieve", "GET", "/api/v1/waitpoints/tokens/{waitpoint}"),
            (
                "waitpoints.block",
                "POST",
                "/engine/v1/runs/{run}/waitpoints/tokens/{waitpoint}/wait",
            ),
            ("tokens.claims", "POST", "/api/v1/auth/jwt/claims"),
            # The stores beside the API, where it sends them.
            ("streams.append", "POST", "/v1/streams/{stream}/records"),
            ("objects.read", "GET", "/packets/{environment}/sessions/{session}/snapshot.json"),
            ("objects.write", "PUT", "/packets/{environment}/sessions/{session}/snapshot.json"),
        )
    }
)
"""Every call by its name."""

_PATTERNS: Final = tuple(
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", endpoint.path)), endpoint)
    for endpoint in ENDPOINTS.values()
)


def endpoint_of(method: str, path: str) -> Endpoint | None:
    """Return the endpoint that a request is for; ``HEAD`` counts as ``GET``.

    Parameters
    ----------
    method : str
        In capitals.
    path : str
        As it was sent, still percent-encoded.

    Examples
    --------
    >>> endpoint_of("POST", "/realtime/v1/sessions/chat-1/in/append").name
    'sessions.append'
    >>> endpoint_of("GET", "/api/v1/batches") is None
    True
    """
    sent = "GET" if method == "HEAD" else method
    return next(
        (
            endpoint
            for pattern, endpoint in _PATTERNS
            if endpoint.method == sent and pattern.fullmatch(path)
        ),
        None,
    )
