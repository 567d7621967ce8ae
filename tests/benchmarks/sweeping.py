"""A sweep on two dask workers against one."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster

import session_lab as sl
from tests.benchmarks.harness import Benchmark, Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    with _on_two_and_one(events, f"{len(events):,} events") as sides:
        yield sides


@contextmanager
def dask_shards(chats_per_hour: float) -> Iterator[tuple[Side, Side]]:
    """The same of a folder of shards, which the workers read."""
    workload = sl.ChatWorkload(chats_per_hour=chats_per_hour, duration="1h")
    with TemporaryDirectory() as folder:
        sl.traffic.generate_shards(workload, 1, folder, shards=16)
        with _on_two_and_one(folder, "16 shards") as sides:
            yield sides


BENCHMARKS = (
    Benchmark("sweep-dask-shards", partial(dask_shards, 800_000), "B/A", 1.8),
    # Some four million events, as a sweep that is worth a cluster has them.
    Benchmark("sweep-dask-workers", partial(dask_workers, 800_000), "B/A", 1.7),
    # A fourth of that: what dask takes for itself weighs more. Told, not required.
    Benchmark("sweep-dask-workers-small", partial(dask_workers, 200_000), "B/A", None),
)


@contextmanager
def _on_two_and_one(events: pd.DataFrame | str, what: str) -> Iterator[tuple[Side, Side]]:
    with _workers(2) as two, _workers(1) as one:
        sides = [
            Side(
                f"sl.sweep of {what} on {name}",
                partial(sl.sweep, events, GRID, platform=PLATFORM, scheduler=client),
                _of_frame,
            )
            for name, client in (("two dask workers", two), ("one dask worker", one))
        ]
        yield sides[0], sides[1]


@contextmanager
def _workers(n: int) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=n, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _of_frame(frame: pd.DataFrame) -> Mapping[str, object]:
    return {str(name): column.tolist() for name, column in frame.items()}
