"""What the query API answers with."""

from __future__ import annotations

from typing import Any, Literal

from session_lab.wire.base import WireModel

__all__ = ["QueryReply"]


class QueryReply(WireModel):
    """Rows of a query, under the names of their columns."""

    format: Literal["json"]
    results: list[dict[str, Any]]
