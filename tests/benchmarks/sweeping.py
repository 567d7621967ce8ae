"""A sweep on two dask workers against one."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from distributed import Client, LocalCluster

import session_lab as sl
from tests.benchmarks.harness import Benchmark, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["BENCHMARKS"]

GRID = {
    "idle_timeout": [f"{seconds}s" for seconds in (2, 5, 10, 20, 30, 60, 120, 300)],
    "turn_timeout": [f"{minutes}m" for minutes in (1, 5, 10, 20, 30, 60, 120, 240)],
}
PLATFORM = sl.Platform(boot_time="3s", resume_time="500ms")


@contextmanager
def dask_workers(chats_per_hour: float) -> Iterator[tuple[Side, Side]]:
    """64 policies, from an events frame to the frame of the sweep, on workers of one thread."""
    workload = sl.ChatWorkload(chats_per_hour=chats_per_hour, duration="1h")
    events = sl.traffic.generate(workload, seed=1)
    yield _on_two_and_one(events, f"{len(events):,} events")


@contextmanager
def dask_shards(chats_per_hour: float) -> Iterator[tuple[Side, Side]]:
    """The same of a folder of shards, which the workers read."""
    workload = sl.ChatWorkload(chats_per_hour=chats_per_hour, duration="1h")
    with TemporaryDirectory() as folder:
        sl.traffic.generate_shards(workload, 1, folder, shards=16)
        yield _on_two_and_one(folder, "16 shards")


BENCHMARKS = (
    Benchmark("sweep-dask-shards", partial(dask_shards, 800_000), "B/A", 1.8),
    # Some four million events, as a sweep that is worth a cluster has them.
    Benchmark("sweep-dask-workers", partial(dask_workers, 800_000), "B/A", 1.7),
    # A fourth of that: what dask takes for itself weighs more. Told, not required.
    Benchmark("sweep-dask-workers-small", partial(dask_workers, 200_000), "B/A", None),
)


class _Swept(NamedTuple):
    """The frame of a sweep, and how long it took."""

    frame: pd.DataFrame
    seconds: float


def _on_two_and_one(events: pd.DataFrame | str, what: str) -> tuple[Side, Side]:
    two, one = (
        Side(
            f"sl.sweep of {what} on {name}",
            partial(_sweep, events, n),
            lambda swept: {str(name): column.tolist() for name, column in swept.frame.items()},
            lambda swept: swept.seconds,
        )
        for name, n in (("two dask workers", 2), ("one dask worker", 1))
    )
    return two, one


def _sweep(events: pd.DataFrame | str, workers: int) -> _Swept:
    """Sweep on a cluster that is alone on the machine: one that idles takes a tenth of a core."""
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        sweep = partial(sl.sweep, events, platform=PLATFORM, scheduler=client)
        sweep({"idle_timeout": ["1s"]})  # The workers load and compile what they play with.
        start = time.perf_counter()
        frame = sweep(GRID)
        return _Swept(frame, time.perf_counter() - start)
