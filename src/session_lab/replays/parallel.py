"""The same job for many items, side by side: in threads, or on the workers of a dask cluster."""

from __future__ import annotations

import os
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any, TypeVar

from session_lab.errors import DataError, SessionLabError
from session_lab.extras import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["as_done", "in_order"]

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Made = TypeVar("Made")

_ROUNDS = 5


def in_order(
    job: Callable[[Shared, Item], Made],
    shared: Shared,
    items: Sequence[Item],
    *,
    scheduler: Any = None,  # noqa: ANN401 (dask is optional, and its client has no types)
    progress: Callable[[int], object],
) -> list[Made]:
    """Do the job for every item, as :func:`as_done`, and list what is made in the items' order."""
    made: dict[int, Made] = {}
    for place, one in as_done(job, shared, items, scheduler=scheduler):
        made[place] = one
        progress(1)
    return [made[place] for place in range(len(items))]


def as_done(
    job: Callable[[Shared, Item], Made],
    shared: Shared,
    items: Sequence[Item],
    *,
    scheduler: Any = None,  # noqa: ANN401 (dask is optional, and its client has no types)
) -> Iterator[tuple[int, Made]]:
    """Do the job for every item, and yield the place of each with what is made of it when it is done.

    Without a scheduler there are as many threads as processors; what they make is not kept.

    Raises
    ------
    DataError
        The scheduler is not a client of ``dask.distributed``, or is asynchronous.
    SessionLabError
        Workers die again and again.
    """
    if scheduler is not None:
        yield from _on_dask(scheduler, job, shared, items)
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(job, shared, item): place for place, item in enumerate(items)}
        try:
            for future in as_completed(list(futures)):
                yield futures.pop(future), future.result()
                del future
        finally:
            # After an error or an interrupt nobody waits for what has not begun.
            for future in futures:
                future.cancel()


def _on_dask(
    client: Any,  # noqa: ANN401
    job: Callable[[Shared, Item], Made],
    shared: Shared,
    items: Sequence[Item],
) -> Iterator[tuple[int, Made]]:
    """Send ``shared`` to each of the workers once.

    The scheduler gives the jobs of a worker that died to others. What was shared has no recipe that
    would bring it back when all that held it are gone; then it is sent again, for the items that
    are left.
    """
    distributed = require("distributed", extra="scale", feature="a sweep on a scheduler")
    if not isinstance(client, distributed.Client) or client.asynchronous:
        message = f"{client!r} is not a blocking client of dask.distributed"
        raise DataError(message, column="scheduler")
    left = set(range(len(items)))
    for _ in range(_ROUNDS):
        try:
            sent = client.scatter(shared, broadcast=True, hash=False)
        except OSError:  # A worker died while it was sent to.
            continue
        futures = {client.submit(job, sent, items[place], pure=False): place for place in left}
        for future in distributed.as_completed(futures):
            try:
                made = future.result()
            except (CancelledError, distributed.KilledWorker):
                continue
            left.discard(futures[future])
            yield futures[future], made
        if not left:
            return
    message = (
        f"dask's workers died {_ROUNDS} times over; {len(left)} of {len(items)} items are not done"
    )
    raise SessionLabError(message)
