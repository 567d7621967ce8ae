"""Names and keywords that are mistyped, answered with what is meant."""

from __future__ import annotations

import functools
import re
from difflib import get_close_matches
from inspect import currentframe, isfunction, signature
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "AnswersMistyped",
    "answer_mistyped",
    "answer_mistyped_fields",
    "level_of_caller",
    "meant",
    "no_attribute",
]

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
    return AttributeError(f"{message}{meant(name, names)}", name=name)


class AnswersMistyped:
    """An object whose attributes and methods' keywords are answered so too.

    Notebooks, and Python before 3.13, do not add what is meant.

    Examples
    --------
    >>> class Kettle(AnswersMistyped):
    ...     def boil(self):
    ...         return 100
    >>> Kettle().bol()
    Traceback (most recent call last):
    ...
    AttributeError: 'Kettle' object has no attribute 'bol'; did you mean 'boil'?
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Have the public methods answer keywords that they do not know."""
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            if name[0] != "_" and isfunction(method) and not hasattr(method, "__wrapped__"):
                setattr(cls, name, answer_mistyped(method))

    if not TYPE_CHECKING:  # To a type checker it would stand for every name.

        def __getattr__(self, name: str) -> object:
            """Raise the error that names what is near."""
            if hasattr(type(self), name):  # A property raised; let it say why, once more.
                return object.__getattribute__(self, name)
            public = () if name.startswith("_") else (n for n in dir(self) if n[0] != "_")
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(f"{message}{meant(name, public)}", name=name, obj=self)


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
            near = meant(found[2], names) or f"; it takes {', '.join(names) or 'none'}"
            raise TypeError(f"{error}{near}") from None

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


def meant(name: object, names: Iterable[object]) -> str:
    """Return what to add to an error about a name: the one that comes near, in any case.

    Examples
    --------
    >>> meant("closed", ["ACTIVE", "CLOSED"]), meant("x", ["ACTIVE"])
    ("; did you mean 'CLOSED'?", '')
    """
    known = {str(one).casefold(): one for one in names}
    near = get_close_matches(str(name).casefold(), known, n=1)
    return f"; did you mean {known[near[0]]!r}?" if near else ""
