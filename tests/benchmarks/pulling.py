"""Many sessions from a server to analyses, with the time per page and the peak of memory.

``python -m tests.benchmarks.pulling --sessions 1000000`` fills a simulated world, serves it over
HTTP on a free port of this machine, and lets a process of its own pull all of it with
``session-lab pull``, read the file again, and estimate survival, incidence and the distribution of
tags. Said are the rows, the bytes a row of the frame takes, what each step took, and the peak of
that process's memory; of the pages, how long the first and the last tenth took, which stay alike as
long as a page costs the same wherever it lies.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.simulator import World

__all__ = ["main"]

KEY = "tr_dev_simulated"
PROBE = """
import json, sys, time
from pathlib import Path
import session_lab as sl
from session_lab.cli.app import app

out, url, observed_at = sys.argv[1:]
started = time.perf_counter()
app(["pull", out, "--base-url", url, "--observed-at", observed_at], standalone_mode=False)
pulled = time.perf_counter()
frame = sl.read_sessions(out)
read = time.perf_counter()
curves = sl.lifetimes.survival(frame, by="task_identifier")
ends = sl.lifetimes.incidence(frame)
tags = sl.tags.distribution(frame)
done = time.perf_counter()
# Not ru_maxrss, which a process takes over from the one that started it.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak = int(status["VmHWM"].split()[0])
print(json.dumps({
    "rows": len(frame),
    "tags": len(tags.to_frame()),
    "surviving_at_12_hours": {
        name: round(curves[name].at(["12h"])["survival"].item(), 4) for name in curves
    },
    "closed": round(ends.at(["1d"], "closed")["incidence"].item(), 4),
    "bytes_a_row": round(frame.memory_usage(deep=True).sum() / max(len(frame), 1)),
    "seconds_to_pull_and_save": round(pulled - started, 2),
    "seconds_to_read": round(read - pulled, 2),
    "seconds_to_analyse": round(done - read, 2),
    "peak_mebibytes": round(peak / 1024),
}))
"""


def main() -> None:
    """Run it and print the findings as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    n = parser.parse_args().sessions
    lab = sl.Simulator()
    _fill(lab.world, n)
    lab.clock.advance("1d")
    with served(lab) as (url, seconds), tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "sessions.parquet")
        environ = os.environ | {"TRIGGER_SECRET_KEY": KEY}
        command = [sys.executable, "-c", PROBE, out, url, lab.clock.now.isoformat()]
        run = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, text=True)
        found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        found["mebibytes_of_file"] = round(Path(out).stat().st_size / 2**20, 1)
    tenth = max(len(seconds) // 10, 1)
    for name, part in (("first", seconds[:tenth]), ("last", seconds[-tenth:])):
        found[f"milliseconds_a_page_{name}_tenth"] = round(1000 * sum(part) / len(part), 2)
    print(json.dumps(found, indent=2))  # noqa: T201


def _fill(world: World, n: int) -> None:
    """Start a session each 80 ms, and close some when twice as many have started."""
    for number in range(n):
        world.clock.advance("80ms")
        world.start(
            f"chat-{number}",
            task_identifier="agent" if number % 3 else "sales",
            tags=[f"plan:{number % 3}", f"lang:{number % 5}"],
            metadata={"seats": number % 9} if number % 2 else None,
        )
        if number % 4 == 0:
            world.close(f"chat-{number // 2}", reason="done")


@contextmanager
def served(lab: sl.Simulator) -> Iterator[tuple[str, list[float]]]:
    """Serve a world over HTTP, and time each page that it is asked for."""
    seconds: list[float] = []
    app: Any = lab.app

    async def timed(scope: Any, receive: Any, send: Any) -> None:
        begun = time.perf_counter()
        await app(scope, receive, send)
        if scope.get("path") == "/api/v1/sessions":
            seconds.append(time.perf_counter() - begun)

    config = uvicorn.Config(timed, port=0, access_log=False, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        httpx.get(f"{url}/_lab/clock").raise_for_status()
        yield url, seconds
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
