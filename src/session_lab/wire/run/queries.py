"""What the query API is asked, and what it answers with."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from session_lab.wire.base import OmittingModel, WireModel

__all__ = ["QueryBody", "QueryReply"]


class QueryBody(OmittingModel):
    """The body of ``POST /api/v1/query``; without a window the last seven days are asked."""

    query: str = Field(min_length=1)
    scope: Literal["environment", "project", "organization"] | None = None
    period: str | None = None
    from_: str | None = Field(None, alias="from")
    to: str | None = None
    format: Literal["json", "csv"] | None = None


class QueryReply(WireModel):
    """Rows of a query, under the names of their columns."""

    format: Literal["json"]
    results: list[dict[str, Any]]
