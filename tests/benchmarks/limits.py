"""What it takes to play runs that wait for slots: processor time an event, in one thread.

``python -m tests.benchmarks.limits`` prints a table; ``--events 10000000`` plays larger logs.
"""

from __future__ import annotations

import argparse
import time
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import session_lab as sl
from session_lab.replays.sweep import GroupedSweep
from session_lab.simulator import profile_named
from session_lab.traffic.columnar.kernel import RUN_FIELDS, play_sessions
from session_lab.traffic.columnar.layout import Answers, RunColumns, SessionColumns
from session_lab.traffic.coupled.look_first import fits, no_demand
from session_lab.traffic.coupled.play import Play
from session_lab.traffic.coupled.state import LONGEST, PEAK
from session_lab.traffic.engine.engine_result import NAT, OPS, EngineResult
from session_lab.traffic.engine.limited_engine import play_limited
from session_lab.traffic.engine.slots import SlotLimits
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.kernel import columns
from tests.benchmarks.logs import chats
from tests.benchmarks.replays import as_log
from tests.oracles.simpy_model import Limits, Policy, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from session_lab.traffic.columnar import GroupedLog
    from session_lab.traffic.columnar.layout import Demand

__all__ = ["BENCHMARKS", "main"]

PROFILE = profile_named("2026-10")
PLAIN = sl.RunPolicy().timings(sl.Platform(boot_time="2s800ms", resume_time="700ms"))
SLOW = Policy(boot_time=2_800, resume_time=700)
CHUNK = 1 << 16


@contextmanager
def readable_against_simpy(n_chats: int = 2_000, limit: int = 8) -> Iterator[tuple[Side, Side]]:
    """The readable engine and a SimPy model, where runs wait for slots."""
    events = chats(n_chats)
    log, slots = as_log(events, SLOW), SlotLimits.of_one_task(limit, len(events))
    play = partial(play_limited, log, slots, PROFILE, until=None, progress=lambda _: None)
    model = partial(simulate, events, SLOW, limits=Limits(limit, {"": limit}))
    label = f"readable engine, {len(events):,} events, limit {limit}"
    yield Side(label, play, of_readable), Side("SimPy", model, of_simpy)


def of_readable(made: EngineResult) -> dict[str, object]:
    assert made.queued is not None
    assert made.run_queued is not None
    queued = made.queued[made.queued != NAT]
    return {"queued": int(queued.sum()), "runs": int(made.run_queued.sum())}


def of_simpy(made: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> dict[str, object]:
    operations, runs = made
    queued = sum(row["queued"] or 0 for row in operations)
    return {"queued": queued, "runs": sum(row["queued"] for row in runs)}


BENCHMARKS = (Benchmark("limits-simpy", readable_against_simpy, "B/A", 1.5),)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    rows = []
    for n in options.events:
        rows += measured(n, options.rounds)
    table = pd.DataFrame(rows, columns=["what", "ns an event", "ratio", "required"])
    print(table.to_string(index=False))
    print(swept(min(options.events[-1], 1_000_000)))


def measured(n: int, rounds: int) -> list[tuple[str, float, float, str]]:
    """Measure the kernels on a day of ``n`` events."""
    log = columns(n, n // 10).grouped()
    small = columns(2_000, 200).grouped()
    at_most = {100_000: 110, 1_000_000: 150}.get(n, 300)
    apart(small, None)
    apart(small, no_demand(small, SlotLimits.of_one_task(1, 2_000)))
    coupled(small, 5)
    alone = cpu(lambda: apart(log, None), n, rounds)
    peak = int(coupled(log, 2**30).room.clock[PEAK])
    rows = [(f"{n:,} events, peak {peak:,}: apart", alone, 1.0, "")]
    for name, limit in {
        "no limit": 2**30,
        "0.9 of peak": peak * 9 // 10,
        "peak / 4": peak // 4,
    }.items():
        longest = int(coupled(log, limit).room.clock[LONGEST])
        took = cpu(partial(coupled, log, limit), n, rounds)
        ratio = took / alone
        what = f"coupled, {name}" + (f", longest line {longest:,}" if longest else "")
        rows.append((what, took, ratio, f"<= {at_most}, ratio <= 4"))
    slots = SlotLimits.of_one_task(2**30, n)

    def look() -> None:
        demand = no_demand(log, slots)
        apart(log, demand)
        assert fits(demand, slots)

    took = cpu(look, n, rounds)
    rows.append(("look first, limit not reached", took, took / alone, "ratio <= 1.35"))
    one = cpu(partial(coupled, log, peak * 9 // 10), n, rounds)
    for tasks in (2, 8):
        took = cpu(partial(coupled, log, peak * 9 // 10, tasks), n, rounds)
        rows.append((f"coupled, {tasks} tasks", took, took / one, "ratio to one task <= 1.5"))
    return rows


def apart(log: GroupedLog, demand: Demand | None) -> None:
    """Play sessions apart: the kernel alone."""
    made, book = log.prepared([PLAIN], PROFILE, None)
    n, n_sessions = len(made.at), len(log.created_by)
    answers, sessions = Answers.empty(n), SessionColumns.empty(n_sessions)
    cuts = np.searchsorted(made.bounds, np.arange(0, made.bounds[-1], CHUNK), side="left")
    edges = np.unique([*cuts.tolist(), n_sessions]).tolist()
    most = max(int(made.bounds[b] - made.bounds[a]) for a, b in pairwise(edges))
    runs, run = (
        np.empty((most, len(RunColumns._fields)), np.int64),
        np.empty(RUN_FIELDS, np.int64),
    )
    for first, last in pairwise(edges):
        play_sessions(first, last, made, book, answers, sessions, runs, None, run, demand, 0)


def coupled(log: GroupedLog, limit: int, tasks: int = 1) -> Play:
    """Play sessions together: the kernel alone."""
    made, book = log.prepared([PLAIN], PROFILE, None)
    n = len(made.at)
    slots = SlotLimits.of_one_task(limit, n)
    if tasks > 1:
        task = np.zeros(n, np.int64)
        task[log.created_by] = np.arange(len(log.created_by)) % tasks
        own = (max(1, limit * 3 // (2 * tasks)),) * tasks
        slots = slots._replace(of_task=own, task=task)
    play = Play(log, made, book, slots, tells=False)
    play.run(lambda _: None)
    return play


def cpu(job: Callable[[], object], n: int, rounds: int) -> float:
    """Return the processor time of one run, in ns an event: the median of several."""
    taken = []
    for _ in range(rounds):
        began = time.thread_time()
        job()
        taken.append(time.thread_time() - began)
    return round(float(np.median(taken)) / n * 1e9, 1)


def swept(n: int) -> str:
    """Time a sweep of ten limits."""
    log = columns(n, n // 10)
    events = pd.DataFrame(
        {
            "at": pd.to_datetime(log.at, unit="ms", utc=True),
            "op": pd.Categorical.from_codes(log.op, list(OPS)),
            "external_id": pd.Series(log.chat).astype(str),
            "turn_duration": pd.to_timedelta(
                pd.Series(np.where(log.turn_duration == NAT, 0, log.turn_duration)), unit="ms"
            ),
        }
    )
    grouped = GroupedSweep(events)
    platform = sl.Platform(boot_time="2s800ms", resume_time="700ms")
    grid = {"concurrency_limit": [100, 150, 200, 250, 300, 350, 400, 450, 500, None]}
    grouped.sweep({"concurrency_limit": [5]}, platform=platform)
    began, busy = time.perf_counter(), time.process_time()
    frame = grouped.sweep(grid, platform=platform)
    took, busy = time.perf_counter() - began, time.process_time() - busy
    waited = (frame["waited_for_slot"] > 0).sum()
    return f"sweep of 10 limits x {n:,} events, {waited} of them reached: {took:.2f} s, {busy:.2f} s of processor time"


if __name__ == "__main__":
    main()
