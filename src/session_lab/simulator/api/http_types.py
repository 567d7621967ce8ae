"""Requests and responses as plain values, and the forms in which the API answers."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from session_lab.simulator.api.javascript.json_text import Json, render_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.model.records import StreamKey

__all__ = [
    "Follow",
    "Request",
    "Response",
    "json_response",
    "preflight_response",
    "text_response",
    "with_cors",
]

_EXPOSED = {"access-control-expose-headers": "x-trigger-jwt,x-trigger-jwt-claims"}
_BYTE_ORDER_MARK = "\ufeff"
_JSON = {"content-type": "application/json; charset=utf-8"}
_LENGTH = re.compile(r"[0-9]{1,18}")  # A longer number is not a length.
_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
_PREFLIGHT_SECONDS = "300"
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Request(NamedTuple):
    """One HTTP request.

    Attributes
    ----------
    method : str
        In capitals.
    path : str
        As it was sent, still percent-encoded.
    query : str
        As it was sent, without the question mark.
    headers : Mapping of str to str
        Names in lower case.
    body : bytes
        The whole body.
    machine_at : int or None
        When it came by the machine's clock, in milliseconds since 1970; None where no machine is
        involved, so that the world's time is all there is.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = _NO_HEADERS
    body: bytes = b""
    machine_at: int | None = None

    def __repr__(self) -> str:
        """Show what is asked, and neither headers nor body, which hold keys and what users say."""
        return f"Request({self.method!r}, {self.path!r}, {self.query!r})"

    def with_body(self, body: bytes) -> Request:
        """Return the request with its body."""
        return Request(self.method, self.path, self.query, self.headers, body, self.machine_at)

    def taken_at(self, machine_at: int) -> Request:
        """Return the request with the instant at which it came."""
        return Request(self.method, self.path, self.query, self.headers, self.body, machine_at)

    @property
    def content_length(self) -> int | None:
        """The announced length; None where none was, as in a chunked request."""
        announced = self.headers.get("content-length", "")
        return int(announced) if _LENGTH.fullmatch(announced) else None

    @property
    def origin(self) -> str:
        """Scheme and host under which the server was reached."""
        scheme = self.headers.get("x-forwarded-proto", "http")
        return f"{scheme}://{self.headers.get('host', 'localhost')}"

    @property
    def text(self) -> str:
        """The body as text, without a byte order mark and with bad UTF-8 replaced."""
        return self.body.decode("utf-8", "replace").removeprefix(_BYTE_ORDER_MARK)


class Follow(NamedTuple):
    """What an event stream goes on with where connections can be kept open.

    Attributes
    ----------
    stream : StreamKey
        What is followed.
    position : int
        The sequence number of the first record to send.
    patience : int
        How many seconds may pass without a record before the stream ends; with 0 it ends where
        the records do.
    """

    stream: StreamKey
    position: int
    patience: int


class Response(NamedTuple):
    """One HTTP response.

    Attributes
    ----------
    status : int
        The status code.
    headers : Mapping of str to str
        Names in lower case.
    body : bytes
        The whole body.
    follow : Follow or None
        The event stream that is the body instead.
    latency : int
        How many milliseconds after the request it is to arrive.
    """

    status: int
    headers: Mapping[str, str] = _NO_HEADERS
    body: bytes = b""
    follow: Follow | None = None
    latency: int = 0

    def __repr__(self) -> str:
        """Show the status and when it arrives, and neither headers nor body."""
        return f"Response({self.status}, follow={self.follow}, latency={self.latency})"

    def without_body(self) -> Response:
        """Leave the body out, as ``HEAD`` asks for."""
        return self._replace(body=b"", follow=None)

    def delayed(self, latency: int) -> Response:
        """Delay the response."""
        return self._replace(latency=self.latency + latency)

    def with_headers(self, added: Mapping[str, str]) -> Response:
        """Add headers; a value joins one that is there already."""
        there = self.headers
        headers = {**there, **added}
        if len(headers) < len(there) + len(added):
            for name in there.keys() & added.keys():
                headers[name] = f"{there[name]}, {added[name]}"
        return Response(self.status, headers, self.body, self.follow, self.latency)


def json_response(
    value: Json, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON.

    Examples
    --------
    >>> json_response({"ok": True}).body
    b'{"ok":true}'
    """
    return Response(status, {**_JSON, **headers} if headers else _JSON, render_json(value))


def text_response(text: str, status: int) -> Response:
    """Answer with plain text."""
    return Response(status, {"content-type": "text/plain;charset=UTF-8"}, text.encode())


def with_cors(response: Response, request: Request) -> Response:
    """Allow browsers to read a response: echo the request's origin and expose two headers.

    All session routes do this (``apps/webapp/app/utils/apiCors.ts`` of the open-source server).
    """
    origin = _origin_headers(request)
    return response.with_headers({**origin, **_EXPOSED} if origin else _EXPOSED)


def preflight_response(request: Request) -> Response:
    """Answer ``OPTIONS``, which needs no credential."""
    response = json_response({}, headers=_origin_headers(request)).with_headers(
        {"access-control-allow-methods": _METHODS, "vary": "Access-Control-Request-Headers"}
    )
    if asked := request.headers.get("access-control-request-headers"):
        response = response.with_headers({"access-control-allow-headers": asked})
    return response.with_headers({"access-control-max-age": _PREFLIGHT_SECONDS})


def _origin_headers(request: Request) -> dict[str, str]:
    origin = request.headers.get("origin")
    return {"access-control-allow-origin": origin, "vary": "Origin"} if origin else {}
