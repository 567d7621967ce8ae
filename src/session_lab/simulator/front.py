"""The front of a simulator: the public API, and the control API below ``/_lab`` beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator import control
from session_lab.simulator.api.http_types import Response
from session_lab.simulator.api.stores.append_session import SESSION_TYPE, AppendSession
from session_lab.simulator.api.stores.stream_store import is_for_stream_store

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.backend import Backend

__all__ = ["handle", "is_append_session", "is_control"]


def is_control(path: str) -> bool:
    """Return whether a path is one of the control API.

    Examples
    --------
    >>> is_control("/_lab/clock"), is_control("/api/v1/runs")
    (True, False)
    """
    return path.startswith(control.BELOW) or path == f"/{control.ROOT}"


def is_append_session(request: Request) -> bool:
    """Return whether a request is one to write to the stream store in frames."""
    is_framed = request.headers.get("content-type", "").startswith(SESSION_TYPE)
    return is_framed and request.method == "POST" and is_for_stream_store(request.path)


def handle(backend: Backend, request: Request) -> Response:
    """Answer a request to either API.

    Raises
    ------
    ConnectionRefused, ConnectionLost
        A fault leaves a request to the public API without a reply: before it had any effect, or
        after.
    """
    if is_control(request.path):
        with backend.lock:
            return control.answer(backend, request)
    if is_append_session(request):
        return _append_all(backend, request)
    return backend.handle(request)


def _append_all(backend: Backend, request: Request) -> Response:
    """Answer an append session whose whole body is there already."""
    refused = backend.store_refusal(request)
    if refused is not None:
        return refused
    session = AppendSession(request)
    frames = [session.acknowledge(backend.handle(one)) for one in session.requests(request.body)]
    frames.append(session.problem(at_end=True))
    return Response(200, {"content-type": SESSION_TYPE}, b"".join(frames))
