"""Names and keywords that are mistyped, answered with what is meant."""

from __future__ import annotations

import functools
import re
from difflib import get_close_matches
from inspect import currentframe, signature
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["answer_mistyped", "answer_mistyped_fields", "level_of_caller", "no_attribute"]

_PACKAGE = str(Path(__file__).parent / "_").removesuffix("_")

P = ParamSpec("P")
R = TypeVar("R")
Kind = TypeVar("Kind")

_UNEXPECTED = re.compile(r"(.*)\(\) got an unexpected keyword argument '(\w+)'$")


def no_attribute(module: str, name: str, names: Iterable[str]) -> AttributeError:
    """Return the error of a module that has no such attribute, with the names that come near.

    Examples
    --------
    >>> raise no_attribute("session_lab", "explor", ["explore", "replay"])
    Traceback (most recent call last):
    ...
    AttributeError: module 'session_lab' has no attribute 'explor'; did you mean 'explore'?
    """
    message = f"module {module!r} has no attribute {name!r}"
    return AttributeError(f"{message}{_meant(name, names)}", name=name)


def answer_mistyped(function: Callable[P, R]) -> Callable[P, R]:
    """Add to the error of an unknown keyword the keywords that come near, or all that there are.

    Examples
    --------
    >>> @answer_mistyped
    ... def brew(*, minutes):
    ...     return minutes
    >>> brew(minuts=3)
    Traceback (most recent call last):
    ...
    TypeError: brew() got an unexpected keyword argument 'minuts'; did you mean 'minutes'?
    """

    @functools.wraps(function)
    def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            # Raised by the call itself, and not by what it calls.
            own = error.__traceback__ is not None and error.__traceback__.tb_next is None
            found = _UNEXPECTED.match(str(error)) if own else None
            if found is None:
                raise
            names = [name for name in signature(function).parameters if name != "self"]
            meant = _meant(found[2], names) or f"; it takes {', '.join(names)}"
            raise TypeError(f"{error}{meant}") from None

    return answered


def answer_mistyped_fields(kind: type[Kind]) -> type[Kind]:
    """Do the same for the fields of a class."""
    kind.__init__ = answer_mistyped(kind.__init__)  # type: ignore[method-assign]
    return kind


def level_of_caller() -> int:
    """Return the ``stacklevel`` with which a warning names the code that called the package.

    A number written down would count what stands around a function, too.
    """
    level = 0
    frame = currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


def _meant(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
