"""Methods made of the functions in :mod:`~session_lab.client.operations`.

Each call is written once, with its arguments and its documentation. Both clients and their views
turn it into a method with one line; this module makes such a method look hand-written.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["present", "shown_calls"]

_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def present(method: Callable[..., Any], build: Callable[..., Any], result: str) -> None:
    """Give a method the name, documentation and signature of the function it is made of.

    Parameters
    ----------
    method : callable
        What to dress up.
    build : callable
        The pure function.
    result : str
        What the method returns, where ``{}`` stands for the result of the operation.
    """
    signature = inspect.signature(build)
    # The annotation is text, such as "Operation[Session]".
    inner = signature.return_annotation.partition("[")[2].removesuffix("]")
    method.__doc__ = build.__doc__
    method.__name__ = method.__qualname__ = build.__name__.removesuffix("_")
    vars(method)["__signature__"] = signature.replace(
        parameters=[_SELF, *signature.parameters.values()], return_annotation=result.format(inner)
    )


def shown_calls(view: object) -> str:
    """Write a group of calls with the names of the calls, and of the groups within it.

    Examples
    --------
    >>> from session_lab.client import Client
    >>> Client("tr_dev_example").runs
    Runs(cancel, list, retrieve)
    """
    calls = {name for name, value in vars(type(view)).items() if callable(value)}
    names = sorted(name for name in calls | set(vars(view)) if not name.startswith("_"))
    return f"{type(view).__name__}({', '.join(name for name in names if name != 'caller')})"
