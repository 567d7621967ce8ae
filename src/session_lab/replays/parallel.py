"""The same job for many items, side by side: in threads, or on the workers of a dask cluster."""

from __future__ import annotations

import os
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from session_lab.errors import DataError, SessionLabError
from session_lab.extras import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["on_dask", "on_threads"]

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Made = TypeVar("Made")

_ROUNDS = 5


def on_threads(
    job: Callable[[Shared, Item], Made],
    shared: Shared,
    items: Sequence[Item],
    progress: Callable[[int], object],
) -> list[Made]:
    """Do the job for every item, in as many threads as there are processors."""
    made: list[Made] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(lambda item: job(shared, item), items):
            made.append(one)
            progress(1)
    return made


def on_dask(
    client: Any,  # noqa: ANN401 (dask is optional, and its client has no types)
    job: Callable[[Shared, Item], Made],
    shared: Shared,
    items: Sequence[Item],
    progress: Callable[[int], object],
) -> list[Made]:
    """Do the job for every item on dask's workers, each of which is sent ``shared`` once.

    The scheduler gives the jobs of a worker that died to others. What was shared has no recipe that
    would bring it back when all that held it are gone; then it is sent again, for the items that
    are left.

    Raises
    ------
    DataError
        The client is not one of ``dask.distributed``, or is asynchronous.
    SessionLabError
        Workers die again and again.
    """
    distributed = require("distributed", extra="scale", feature="a sweep on a scheduler")
    if not isinstance(client, distributed.Client) or client.asynchronous:
        message = f"{client!r} is not a blocking client of dask.distributed"
        raise DataError(message, column="scheduler")
    made: dict[int, Made] = {}
    for _ in range(_ROUNDS):
        sent = client.scatter(shared, broadcast=True, hash=False)
        futures = {
            client.submit(job, sent, item, pure=False): place
            for place, item in enumerate(items)
            if place not in made
        }
        for future in distributed.as_completed(futures):
            try:
                made[futures[future]] = future.result()
            except (CancelledError, distributed.KilledWorker):
                continue
            progress(1)
        if len(made) == len(items):
            return [made[place] for place in range(len(items))]
    lost = len(items) - len(made)
    message = f"dask's workers died {_ROUNDS} times over; {lost} of {len(items)} items are not done"
    raise SessionLabError(message)
