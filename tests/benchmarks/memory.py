"""The peak memory of the kernel, measured in processes of its own and held against its bounds.

``python -m tests.benchmarks.memory`` plays logs as :mod:`tests.benchmarks.kernel` makes them and
allows, beyond the log itself, 24 bytes an event, 64 a session and 64 a run. With ``--shards`` it
also writes 100,000,000 events of 10,000,000 sessions into 16 Parquet files, plays them on two
workers, and allows the whole process one gibibyte. It ends with status 1 if a bound is exceeded. It
needs Linux, which tells the peak of a process in ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import session_lab as sl
from session_lab.traffic.played_shards import play_shards
from tests.benchmarks.kernel import BUSY, FRAIL, PLAIN, columns, write_shards

__all__ = ["bound", "main", "measured"]

POLICIES = {"plain": PLAIN, "busy": BUSY, "frail": FRAIL}
LOGS = ((3_000_000, 300_000), (3_000_000, 30_000), (2_000_000, 2_000_000))
GIBIBYTE = 2**30
PER_EVENT, PER_SESSION, PER_RUN = 24, 64, 64
# Without the first two the allocator of the C library keeps what is freed, and the peak would count
# what the log was made with. NumPy asks for huge pages, which the system gives when it has some at
# hand: an array that is written in part then takes up to two megabytes more, or not.
EXACTLY = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}


def bound(found: dict[str, int]) -> int:
    """Return the bytes that are allowed for a log of so many events, sessions and runs."""
    return PER_EVENT * found["events"] + PER_SESSION * found["sessions"] + PER_RUN * found["runs"]


def measured(job: str, *arguments: object) -> dict[str, int]:
    """Let a process of its own do a job of this module, and return what it found."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--job", job]
    run = subprocess.run(
        [*command, *map(str, arguments)],
        env=os.environ | EXACTLY,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, int] = json.loads(run.stdout)
    return found


def play_log(n_events: str, n_chats: str, policy: str) -> dict[str, int]:
    """Play a log once, after the code was compiled, and tell the peak beyond the log itself."""
    timings = [POLICIES[policy]]
    columns(1_000, 100).grouped().play(timings, once=True)
    log = columns(int(n_events), int(n_chats))
    # From here on the peak is that of what follows.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _memory("VmRSS")
    played = log.grouped().play(timings, once=True)
    peak = _memory("VmHWM") - before
    sizes = len(played.status_code), len(played.created_by), len(played.owner)
    return {**dict(zip(("events", "sessions", "runs"), sizes, strict=True)), "peak": peak}


def play_folder(folder: str) -> dict[str, int]:
    """Play shards, and tell the peak of the whole process."""
    outcome = play_shards(folder, sl.RunPolicy(), workers=2)
    return {
        "events": outcome.events,
        "sessions": outcome.sessions,
        "runs": outcome.runs,
        "peak": _memory("VmHWM"),
    }


def _memory(name: str) -> int:
    # Not ru_maxrss, which a process takes over from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(rf"{name}:\s*(\d+)", status)[0]) * 1024


JOBS: dict[str, Any] = {"log": play_log, "shards": play_folder}


def main() -> int:
    """Measure, print a line for each log, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", action="store_true", help="also play 100,000,000 events")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, *arguments = options.job
        print(json.dumps(JOBS[name](*arguments)))
        return 0
    is_met = True
    for sizes in LOGS:
        for policy in POLICIES:
            found = measured("log", *sizes, policy)
            is_met &= _said(f"log, {policy}", found, bound(found))
    if options.shards:
        with TemporaryDirectory() as folder:
            write_shards(Path(folder), 100_000_000, 10_000_000, 16)
            is_met &= _said("shards", measured("shards", folder), GIBIBYTE)
    return 0 if is_met else 1


def _said(name: str, found: dict[str, int], allowed: int) -> bool:
    sizes = ", ".join(f"{found[each]:,} {each}" for each in ("events", "sessions", "runs"))
    share = found["peak"] / allowed
    verdict = "" if share <= 1 else ", EXCEEDED"
    print(f"{name}: {sizes}: {found['peak']:,} of {allowed:,} bytes ({share:.2f}){verdict}")
    return share <= 1


if __name__ == "__main__":
    sys.exit(main())
