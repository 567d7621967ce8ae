"""Compilation to machine code, as every function of the kernel wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled", "inlined"]

Function = TypeVar("Function", bound="Callable[..., Any]")


def compiled(function: Function) -> Function:
    """Compile a function on its first call; it runs without the interpreter lock.

    The machine code is kept on disk beside the module or in the user's cache, so that only the
    first process ever pays the seconds of compilation; where neither can be written, every process
    compiles anew.
    """
    try:
        return cast("Function", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        return cast("Function", numba.njit(nogil=True)(function))


def inlined(function: Function) -> Function:
    """Compile a function into its callers.

    This is for functions that take tuples of arrays: every true call would count a reference to
    each of the arrays up and down, which takes longer than what the function does.
    """
    return cast("Function", numba.njit(nogil=True, inline="always")(function))
