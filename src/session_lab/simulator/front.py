"""The front of a simulator: the public API, and the control API below ``/_lab`` beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator import control
from session_lab.simulator.api.http_types import Response
from session_lab.simulator.api.stores.append_session import (
    SESSION_TYPE,
    AppendSession,
    is_append_session,
)

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.backend import Backend

__all__ = ["handle"]


def handle(backend: Backend, request: Request) -> Response:
    """Answer a request to either API.

    Raises
    ------
    ConnectionRefused, ConnectionLost
        A fault leaves a request to the public API without a reply: before it had any effect, or
        after.
    """
    if control.is_control(request.path):
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
