"""Error bodies.

Most errors carry ``error`` alone. A failed permission check adds ``code``, ``param`` and ``type``; a
bad query or path adds ``details``; the channel routes add ``ok: false``; the rate limiter and a
missing ``Authorization`` header answer with a problem document (RFC 9457).
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from session_lab.wire.base import WireModel

__all__ = ["ErrorBody", "Problem"]


class ErrorBody(WireModel):
    """What an error of the API says; every member may be missing."""

    error: str | dict[str, Any] | None = None
    code: str | None = None
    param: str | None = None
    type: str | None = None
    details: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    ok: bool | None = None
    closed_reason: str | None = None

    @property
    def message(self) -> str | None:
        """The sentence in ``error``, with the places that ``details`` name."""
        text = self.error.get("message") if isinstance(self.error, dict) else self.error
        if not isinstance(text, str):
            return None
        places = "; ".join(_issue_text(issue) for issue in self.details)
        return f"{text} ({places})" if places else text


def _issue_text(issue: dict[str, Any]) -> str:
    path = issue.get("path")
    place = ".".join(str(step) for step in path) if isinstance(path, list) else str(path)
    return f"{place}: {issue.get('message')}"


class Problem(ErrorBody):
    """A problem document; the rate limiter adds its counts, ``reset`` in epoch milliseconds."""

    title: str
    status: int
    detail: str
    reset: int | None = None
    limit: int | None = None
    remaining: int | None = None
    seconds_until_reset: int | None = None
