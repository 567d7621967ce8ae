"""The trace of a run: what it did, as a tree of timed spans.

Shapes follow ``SpanDetailedSummary`` in ``docs/v3-openapi.yaml``. The names of spans are in
:mod:`session_lab.environment`, which reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from session_lab.wire.base import Moment, WireModel

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Span", "SpanData", "Trace", "TraceReply"]

_NS_PER_MS = 1_000_000


class SpanData(WireModel):
    """What a span says of itself; ``duration`` is in **nanoseconds**.

    While ``is_partial`` the span goes on, and its duration says nothing.
    """

    message: str
    start_time: Moment
    duration: float = 0
    is_error: bool = False
    is_partial: bool = False
    is_cancelled: bool = False
    level: str | None = None
    task_slug: str | None = None
    attempt_number: int | None = None
    properties: dict[str, Any] | None = None
    events: list[Any] = Field(default_factory=list, repr=False)


class Span(WireModel):
    """A span and those within it."""

    id: str
    parent_id: str | None = None
    run_id: str | None = None
    data: SpanData
    children: list[Span] = Field(default_factory=list["Span"], repr=False)

    @property
    def started_at(self) -> int:
        """Milliseconds since 1970."""
        return round(self.data.start_time.timestamp() * 1000)

    @property
    def ended_at(self) -> int | None:
        """Milliseconds since 1970; None while it goes on."""
        if self.data.is_partial:
            return None
        return self.started_at + round(self.data.duration / _NS_PER_MS)

    def property(self, name: str) -> Any:  # noqa: ANN401  JSON
        """Look a property up; None where there is none."""
        return (self.data.properties or {}).get(name)

    def spans(self) -> Iterator[Span]:
        """Iterate over the span and all below it, each before its children."""
        waiting: list[Span] = [self]
        while waiting:
            span = waiting.pop()
            yield span
            waiting.extend(reversed(span.children))


class Trace(WireModel):
    """What a run did; ``is_truncated`` where the API left spans out."""

    trace_id: str
    root_span: Span
    is_truncated: bool = False

    def spans(self) -> Iterator[Span]:
        """Iterate over all spans, each before its children."""
        return self.root_span.spans()


class TraceReply(WireModel):
    """The reply of the trace route."""

    trace: Trace

    @classmethod
    def read(cls, decoded: Any) -> Trace:  # noqa: ANN401  JSON
        """Read the trace out of a reply."""
        return cls.model_validate(decoded).trace
