"""Compilation to machine code, as the functions of the kernel want it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["allocating", "compiled", "inlined", "prefetch"]

Function = TypeVar("Function", bound="Callable[..., Any]")


def compiled(function: Function) -> Function:
    """Compile a function on its first call; it runs without the interpreter lock.

    It may fill arrays, but not make any: then numba need not count references, which takes longer
    than what the function does, and makes threads wait for each other.
    """
    return _compiled(function, _nrt=False)


def inlined(function: Function) -> Function:
    """Compile a function, as :func:`compiled` does, into each of its callers.

    What it takes and returns, such as all that is known of a run, then stays in registers.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def allocating(function: Function) -> Function:
    """Compile a function that makes arrays."""
    return _compiled(function)


def _compiled(function: Function, **options: object) -> Function:
    """Compile, and keep the machine code beside the module or in the user's cache.

    So only the first process pays the seconds of compilation. Where neither place can be written,
    each process compiles anew.
    """
    njit: Any = numba.njit
    try:
        return cast("Function", njit(nogil=True, cache=True, **options)(function))
    except RuntimeError:
        return cast("Function", njit(nogil=True, **options)(function))


def _type_prefetch(_: Any, array: Any, place: Any) -> Any:  # noqa: ANN401  numba's own types
    """Begin to fetch a value of an array from memory, and do not wait for it."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        llvm: Any = cgutils
        ir, bytes_at, flag = llvm.ir, llvm.voidptr_t, llvm.int32_t
        kind = ir.FunctionType(ir.VoidType(), [bytes_at, flag, flag, flag])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [bytes_at], kind)
        address = builder.bitcast(builder.gep(data, [given[1]]), bytes_at)
        # To be read, soon and often, as data.
        builder.call(fetch, [address, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, place), generate


prefetch: Any = intrinsic(_type_prefetch)
