"""Work that waits until controls rest, and is then done beside whatever comes next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["at_rest", "beside", "can_wait"]

_REST = 0.8
"""Seconds without a move: longer than someone who drags or steps takes from one to the next."""


def can_wait() -> bool:
    """Return whether something can be done later here: in a kernel, not in a script."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def beside(work: Callable[[], object]) -> None:
    """Do some work in a thread of its own, beside whatever comes next; in a script, not at all."""
    if can_wait():
        asyncio.get_running_loop().run_in_executor(None, work)


def at_rest(
    is_wanted: Callable[[], bool], work: Callable[[], object], done: Callable[[], object]
) -> None:
    """Do some work in a thread of its own, if it is still wanted after a while, and then go on.

    What goes wrong with it is not told; who goes on meets it again.
    """
    loop = asyncio.get_running_loop()

    def start() -> None:
        if is_wanted():
            loop.run_in_executor(None, work).add_done_callback(finish)

    def finish(future: asyncio.Future[object]) -> None:
        future.exception()
        done()

    loop.call_later(_REST, start)
