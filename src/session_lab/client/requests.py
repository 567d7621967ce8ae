"""From an API call to the request that is sent: pure, and without the key.

A :class:`Request` can be shown to anybody. Where its ``authorization`` header stands, the key is
put in at the moment of sending.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from session_lab._version import __version__
from session_lab.wire.endpoints import ENDPOINTS
from session_lab.wire.listing import encode_query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from session_lab.client.config import Settings

__all__ = ["PART_ID_LENGTH", "Operation", "Request", "Steps", "operation_on", "prepare"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PART_ID_LENGTH = 21

_API_VERSION = "2025-07-16"
"""The version whose names for the statuses of runs this package knows."""

_AUTHORIZATION = "Bearer $TRIGGER_SECRET_KEY"
_PART_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[T_co]):
    """One API call, before any setting is applied to it.

    Attributes
    ----------
    method, path, query, headers, content
        The request; the path is percent-encoded already.
    read : callable
        Makes the result out of the decoded JSON of the reply.
    idempotent : bool
        Whether doing it twice is the same as doing it once.
    makes_part_id : bool
        Whether each call carries a fresh ``X-Part-Id``, the same on all its retries.
    silence : int
        Milliseconds for which the server may send nothing by agreement.
    follows : bool
        Whether an event stream goes on with what has yet to come.
    """

    method: str
    path: str
    read: Callable[[Any], T_co]
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    idempotent: bool = True
    makes_part_id: bool = False
    silence: int = 0
    follows: bool = True


def operation_on(
    name: str,
    read: Callable[[Any], T],
    ids: Mapping[str, str] | None = None,
    **request: Any,  # noqa: ANN401  the other fields of an Operation
) -> Operation[T]:
    """Make the operation of one of the API's endpoints.

    Parameters
    ----------
    name : str
        Of the endpoint, such as ``"sessions.close"``.
    read : callable
        Makes the result out of the decoded JSON of the reply.
    ids : mapping, optional
        The parameters of its path, percent-encoded.
    **request
        The other attributes of an :class:`Operation`.
    """
    endpoint = ENDPOINTS[name]
    path = endpoint.path_for(**ids or {})
    return Operation(method=endpoint.method, path=path, read=read, **request)


Steps = Generator[Operation[Any], Any, T]
"""Operations one after the other, each sent the result of the one before; in the end the result."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it is sent, but for the key: that shows as ``$TRIGGER_SECRET_KEY``.

    Attributes
    ----------
    method, url, headers, content
        Names of headers are in lower case.
    timeout, read_timeout : int
        Milliseconds to wait for a connection, and for the next bytes of the reply.
    deadline : int
        Milliseconds for the whole attempt.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    timeout: int
    read_timeout: int
    deadline: int

    def curl(self) -> str:
        """Write the request as a command for a POSIX shell; the key comes from the environment."""
        parts = [f"curl --request {self.method} {shlex.quote(self.url)}"]
        for name, value in self.headers.items():
            header = f"{name}: {value}"
            # Double quotes, so that the shell puts the key in.
            quoted = f'"{header}"' if value == _AUTHORIZATION else shlex.quote(header)
            parts.append(f"--header {quoted}")
        if self.content is not None:
            parts.append(f"--data-raw {shlex.quote(self.content.decode())}")
        return " \\\n  ".join(parts)


def prepare(
    operation: Operation[object], settings: Settings, uniform: Callable[[], float]
) -> Request:
    """Make the request of a call."""
    headers = {
        "authorization": _AUTHORIZATION,
        "accept": "application/json",
        "user-agent": f"session-lab/{__version__}",
        "x-trigger-api-version": _API_VERSION,
    }
    if settings.preview_branch is not None:
        headers["x-trigger-branch"] = settings.preview_branch
    if operation.content is not None:
        headers["content-type"] = "application/json"
    if operation.makes_part_id:
        headers["x-part-id"] = _part_id(uniform)
    query = f"?{encode_query(operation.query)}" if operation.query else ""
    return Request(
        method=operation.method,
        url=f"{settings.base_url}{operation.path}{query}",
        headers=headers | dict(operation.headers),
        content=operation.content,
        timeout=settings.timeout,
        read_timeout=settings.timeout + operation.silence,
        deadline=settings.deadline,
    )


def _part_id(uniform: Callable[[], float]) -> str:
    size = len(_PART_ID_ALPHABET)
    return "".join(_PART_ID_ALPHABET[int(uniform() * size)] for _ in range(PART_ID_LENGTH))
