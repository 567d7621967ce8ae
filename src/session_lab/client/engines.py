"""What carries out the calls of the views that every client has beside its plain calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from session_lab.client.requests import prepare

if TYPE_CHECKING:
    from session_lab.client.requests import Operation, Request
    from session_lab.client.retry import CallContext

__all__ = ["DryRunEngine", "RawEngine", "first_operation"]


class _Calling(Protocol):
    def call(self, operation: Operation[Any]) -> Any: ...  # noqa: ANN401  as the client's own


def first_operation(kind: str, built: Any) -> Operation[Any]:  # noqa: ANN401  one type per kind
    """Return the operation that a call begins with."""
    if kind == "list":
        return built.first_page()  # type: ignore[no-any-return]  # a ListPlan's
    return next(built) if kind == "collect" else built


class RawEngine:
    """Returns replies with their status and headers, of whichever client."""

    results: ClassVar[dict[str, str]] = {
        "call": "RawResponse[{}]",
        "collect": "RawResponse[Any]",
        "list": "RawResponse[ListPage[{}]]",
    }

    def __init__(self, caller: _Calling) -> None:
        self._caller = caller

    def perform(self, kind: str, built: Any) -> Any:  # noqa: ANN401  as the client's own call
        """Send the first request of a call, and its retries."""
        return self._caller.call(first_operation(kind, built))


class DryRunEngine:
    """Returns the requests that would be sent; the key is not in them."""

    results: ClassVar[dict[str, str]] = dict.fromkeys(
        ("call", "collect", "list", "stream"), "Request"
    )

    def __init__(self, context: CallContext) -> None:
        self._context = context

    def perform(self, kind: str, built: Any) -> Request:  # noqa: ANN401  one type per kind
        """Make the first request of a call."""
        operation = first_operation(kind, built)
        return prepare(operation, self._context.settings, self._context.uniform)
