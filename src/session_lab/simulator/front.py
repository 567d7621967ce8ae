"""The front of a simulator: the public API, and the control API below ``/_lab`` beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.simulator import control

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Request, Response
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
    return backend.handle(request)
