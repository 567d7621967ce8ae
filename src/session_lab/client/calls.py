"""Methods made of the functions in :mod:`~session_lab.client.operations`, for every view at once.

A call is written once, as a function from arguments to an :class:`Operation`, and listed once, in
:mod:`~session_lab.client.views`. What its method returns follows from the view it is asked on: the
result, an awaitable of it, the reply with its headers, or the request that would be sent. Each view
is a :class:`Group` over an engine; the engine's class is named by one of the marker types here.
"""

from __future__ import annotations

import inspect
import operator
from types import FunctionType, MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeVar,
    overload,
)

from session_lab.client.pages.paging import Listed
from session_lab.mistyped import AnswersMistyped, answer_mistyped

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from session_lab.client.pages.listing import AsyncListing, Listing
    from session_lab.client.pages.paging import ListPlan
    from session_lab.client.requests import Operation, Request
    from session_lab.client.responses import RawResponse
    from session_lab.wire.channels import ChannelRecord
    from session_lab.wire.sessions import ListPage

__all__ = [
    "Asynchronous",
    "AsynchronousRaw",
    "Blocking",
    "BlockingRaw",
    "Call",
    "CollectCall",
    "DryRun",
    "Engine",
    "Group",
    "ListCall",
    "Origin",
    "StreamCall",
]

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row", bound=Listed)
Mode = TypeVar("Mode")


class Blocking:
    """Calls block and return their result."""


class Asynchronous:
    """Calls return an awaitable of their result."""


class BlockingRaw:
    """Calls block and return the reply with its status and headers."""


class AsynchronousRaw:
    """Calls return an awaitable of the reply with its status and headers."""


class DryRun:
    """Calls return the request that would be sent."""


class Engine(Protocol):
    """What carries out the calls of a view.

    Attributes
    ----------
    results : dict of str to str
        For each kind of call how its result is written in a signature, ``{}`` standing for the
        operation's own; a kind that is missing has no method in the view.
    """

    results: ClassVar[dict[str, str]]

    def perform(self, kind: str, built: Any) -> Any:  # noqa: ANN401  the overloads below say what
        """Carry out what the function of a call returned."""
        ...


class Origin(NamedTuple):
    """Which view of which client a group of calls is."""

    make_client: Callable[[], object]
    path: str

    def inner(self, name: str) -> Origin:
        """Return the origin of a view inside this one."""
        return self._replace(path=f"{self.path}.{name}".removeprefix("."))


def _view(origin: Origin) -> object:
    return operator.attrgetter(origin.path)(origin.make_client())


class Group(AnswersMistyped, Generic[Mode]):
    """Some calls, and what carries them out."""

    def __init__(self, engine: Engine, origin: Origin | None = None) -> None:
        self.engine = engine
        self._origin = origin

    def __reduce__(self) -> tuple[object, ...]:
        """Make the same view of the same client again, which is how a bound call is pickled."""
        return _view, (self._origin,)

    def __dir__(self) -> list[str]:
        """List what can be called in this view."""
        missing = {
            name
            for name, call in inspect.getmembers_static(type(self))
            if isinstance(call, _Method) and call.kind not in self.engine.results
        }
        return [name for name in super().__dir__() if name not in missing]

    def __repr__(self) -> str:
        """Show which calls there are.

        Examples
        --------
        >>> from session_lab.client import Client
        >>> Client("tr_dev_example").runs
        Runs(cancel, list, retrieve, trace)
        """
        hidden = {"engine", *vars(Group)}
        names = (name for name in dir(self) if name not in hidden and not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(names)})"


class _Method(Generic[P]):
    """A call as an attribute of its group: a bound method, as the group's engine has it."""

    kind: str

    def __init__(self, build: Callable[P, Any]) -> None:
        self._build = build
        self._functions: dict[str, FunctionType] = {}
        self.__doc__ = build.__doc__

    def _bind(self, group: Group[Any] | None) -> Callable[..., Any]:
        if group is None:
            return self._function("{}")
        result = group.engine.results.get(self.kind)
        if result is None:
            message = f"{self._build.__name__} is not offered by {type(group).__name__} here"
            raise AttributeError(message)
        return MethodType(self._function(result), group)

    def _function(self, result: str) -> FunctionType:
        if result not in self._functions:
            self._functions[result] = _dressed(self.kind, self._build, result)
        return self._functions[result]


def _dressed(kind: str, build: Callable[..., Any], result: str) -> FunctionType:
    """Make a method that looks like the function it is made of."""
    answered = answer_mistyped(build)

    def method(self: Group[Any], /, *args: object, **kwargs: object) -> object:
        return self.engine.perform(kind, answered(*args, **kwargs))

    signature = inspect.signature(build)
    # The annotation is text, such as "Operation[Session]".
    inner = str(signature.return_annotation).partition("[")[2].removesuffix("]")
    self_ = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__doc__ = build.__doc__
    method.__name__ = method.__qualname__ = build.__name__.removesuffix("_")
    method.__module__ = build.__module__
    vars(method)["__signature__"] = signature.replace(
        parameters=[self_, *signature.parameters.values()], return_annotation=result.format(inner)
    )
    return method  # type: ignore[return-value]  # a function is a FunctionType


class Call(_Method[P], Generic[P, T]):
    """A call that is one request."""

    kind = "call"

    def __init__(self, build: Callable[P, Operation[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, group: Group[Blocking], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, group: Group[Asynchronous], owner: object) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, group: Group[BlockingRaw], owner: object) -> Callable[P, RawResponse[T]]: ...
    @overload
    def __get__(
        self, group: Group[AsynchronousRaw], owner: object
    ) -> Callable[P, Awaitable[RawResponse[T]]]: ...
    @overload
    def __get__(self, group: Group[DryRun], owner: object) -> Callable[P, Request]: ...
    @overload
    def __get__(self, group: None, owner: object) -> Callable[..., Any]: ...
    def __get__(self, group: Group[Any] | None, owner: object) -> Callable[..., Any]:
        """Return the method of a group."""
        return self._bind(group)


class CollectCall(_Method[P], Generic[P, T]):
    """A call that may take several requests, one after the other, for one result."""

    kind = "collect"

    def __init__(self, build: Callable[P, Generator[Operation[Any], Any, T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, group: Group[Blocking], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, group: Group[Asynchronous], owner: object) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(
        self, group: Group[BlockingRaw], owner: object
    ) -> Callable[P, RawResponse[Any]]: ...
    @overload
    def __get__(
        self, group: Group[AsynchronousRaw], owner: object
    ) -> Callable[P, Awaitable[RawResponse[Any]]]: ...
    @overload
    def __get__(self, group: Group[DryRun], owner: object) -> Callable[P, Request]: ...
    @overload
    def __get__(self, group: None, owner: object) -> Callable[..., Any]: ...
    def __get__(self, group: Group[Any] | None, owner: object) -> Callable[..., Any]:
        """Return the method of a group."""
        return self._bind(group)


class ListCall(_Method[P], Generic[P, Row]):
    """A call that iterates over the pages of a list."""

    kind = "list"

    def __init__(self, build: Callable[P, ListPlan[Row]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, group: Group[Blocking], owner: object) -> Callable[P, Listing[Row]]: ...
    @overload
    def __get__(
        self, group: Group[Asynchronous], owner: object
    ) -> Callable[P, AsyncListing[Row]]: ...
    @overload
    def __get__(
        self, group: Group[BlockingRaw], owner: object
    ) -> Callable[P, RawResponse[ListPage[Row]]]: ...
    @overload
    def __get__(
        self, group: Group[AsynchronousRaw], owner: object
    ) -> Callable[P, Awaitable[RawResponse[ListPage[Row]]]]: ...
    @overload
    def __get__(self, group: Group[DryRun], owner: object) -> Callable[P, Request]: ...
    @overload
    def __get__(self, group: None, owner: object) -> Callable[..., Any]: ...
    def __get__(self, group: Group[Any] | None, owner: object) -> Callable[..., Any]:
        """Return the method of a group."""
        return self._bind(group)


class StreamCall(_Method[P], Generic[P]):
    """A call that follows an event stream; it has no raw reply."""

    kind = "stream"

    def __init__(self, build: Callable[P, Operation[None]]) -> None:
        super().__init__(build)

    @overload
    def __get__(
        self, group: Group[Blocking], owner: object
    ) -> Callable[P, Generator[ChannelRecord, None, None]]: ...
    @overload
    def __get__(
        self, group: Group[Asynchronous], owner: object
    ) -> Callable[P, AsyncGenerator[ChannelRecord, None]]: ...
    @overload
    def __get__(self, group: Group[DryRun], owner: object) -> Callable[P, Request]: ...
    @overload
    def __get__(self, group: None, owner: object) -> Callable[..., Any]: ...
    def __get__(self, group: Group[Any] | None, owner: object) -> Callable[..., Any]:
        """Return the method of a group."""
        return self._bind(group)
