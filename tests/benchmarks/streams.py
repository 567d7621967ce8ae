"""Streams under load, measured on a server in a process of its own and held against bounds.

``python -m tests.benchmarks.streams`` (Linux, which tells processor time and memory in ``/proc``):

* *idle readers*: the server's processor time for an append, with 0, 100 and 500 readers of another
  session, in turns, without what those get at rest; it may grow by a tenth.
* *fan-out*: 1,000 readers of one stream; how long an append takes to reach them, in the median, and
  what the server's memory grows by for each. Beside it the same of a stream in a list, written by
  hand in Starlette (``plain.py``).
* *unread*: 12 readers that never read, with 54 MB before them; what the server's memory grows by,
  which may be 64 MiB, and how long an unrelated request takes meanwhile, which may be 50 ms.

It ends with status 1 if a bound is exceeded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from tests.benchmarks.load import create_body
from tests.benchmarks.plain import SECRET_KEY
from tests.benchmarks.serving import HEADERS, PATH, a_server, our_server, plain_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main"]

STREAM = "/realtime/v1/sessions/stream/out"
MEBIBYTE = 1024 * 1024
FILES = 8192
READERS = 1_000
UNREAD = 12
UNREAD_SECONDS = 6
REST_SECONDS = 10
"""As long as it is between two pings."""
PIECE = "x" * 1_000_000
N_PIECES = 54


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.streams")
    parser.add_argument("--appends", type=int, default=2_000, help="in each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    # Servers inherit this: a reader is an open file.
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    rows = [
        *idle_readers(options.appends, options.rounds),
        *fan_out("session-lab serve", our_server()),
        *fan_out("plain Starlette stream", a_server(plain_server), bounded=False),
        *unread(),
    ]
    for row in rows:
        bound = "" if row["bound"] is None else f"  (at most {row['bound']:g})"
        print(f"{row['name']:<64}{row['value']:>10.3f} {row['unit']}{bound}")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(any(row["bound"] is not None and row["value"] > row["bound"] for row in rows))


def _row(name: str, value: float, unit: str, bound: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "bound": bound}


def idle_readers(n_appends: int, rounds: int) -> list[dict[str, Any]]:
    """Measure what an append costs the server while others read another session."""
    counts = (0, 100, 500)
    costs: dict[int, list[float]] = {n: [] for n in counts}
    rates: dict[int, list[float]] = {n: [] for n in counts}
    with our_server() as url:
        pid = _listening(url)
        for name in ("stream", "other"):
            _create(url, name)
        with httpx.Client(base_url=url, headers=HEADERS) as client:
            for _ in range(rounds):
                for n_readers in counts:
                    with _readers(url, "/realtime/v1/sessions/other/out", n_readers):
                        before, began = _processor_seconds(pid), time.perf_counter()
                        for _ in range(n_appends):
                            client.post(f"{STREAM}/append", content=b"{}").raise_for_status()
                        taken, seconds = (
                            _processor_seconds(pid) - before,
                            time.perf_counter() - began,
                        )
                        taken -= seconds * _at_rest(pid)
                        costs[n_readers].append(taken / n_appends)
                        rates[n_readers].append(n_appends / seconds)
    plain = median(costs[0])
    return [
        *(
            _row(f"idle readers: appends a second, {n} readers elsewhere", median(rates[n]), "1/s")
            for n in counts
        ),
        *(
            _row(f"idle readers: processor time of an append, {n}", 1e3 * median(costs[n]), "ms")
            for n in counts
        ),
        *(
            _row(
                f"idle readers: growth with {n} readers elsewhere",
                median(costs[n]) / plain,
                "",
                1.1,
            )
            for n in counts[1:]
        ),
    ]


def _at_rest(pid: int) -> float:
    """Return what a server spends in a second in which nobody asks: its readers get pings."""
    before = _processor_seconds(pid)
    time.sleep(REST_SECONDS)
    return (_processor_seconds(pid) - before) / REST_SECONDS


def fan_out(label: str, server: Any, *, bounded: bool = True) -> list[dict[str, Any]]:
    """Measure how an append reaches many readers of one stream."""
    with server as url:
        pid = _listening(url)
        if bounded:
            _create(url, "stream")
        before = _memory(pid)
        delays = asyncio.run(_delays(url, appends=20))
        grown = (_memory(pid) - before) / READERS / 1024
    return [
        _row(f"fan-out: {label}, median delay of {READERS} readers", 1e3 * median(delays), "ms"),
        _row(f"fan-out: {label}, longest delay", 1e3 * max(delays), "ms"),
        _row(f"fan-out: {label}, memory for a reader", grown, "KiB"),
    ]


def unread() -> list[dict[str, Any]]:
    """Measure what readers that never read cost the server and others."""
    with our_server() as url:
        pid = _listening(url)
        _create(url, "stream")
        with httpx.Client(base_url=url, headers=HEADERS, timeout=30) as client:
            for _ in range(N_PIECES):
                client.post(f"{STREAM}/append", content=PIECE).raise_for_status()
            undisturbed, _ = _waits(client, pid)
            before = _memory(pid)
            with _readers(url, STREAM, UNREAD, wait=False):
                waits, most = _waits(client, pid)
    grown = (most - before) / MEBIBYTE
    return [
        _row(f"unread: growth of memory, {UNREAD} readers, {N_PIECES} MB", grown, "MiB", 64),
        _row("unread: an unrelated request, median without them", 1e3 * median(undisturbed), "ms"),
        _row("unread: an unrelated request, longest without them", 1e3 * max(undisturbed), "ms"),
        _row("unread: an unrelated request, median", 1e3 * median(waits), "ms"),
        _row("unread: an unrelated request, longest", 1e3 * max(waits), "ms", 50),
    ]


def _waits(client: httpx.Client, pid: int) -> tuple[list[float], int]:
    """Return how long requests take for some seconds, and the most memory that the server has."""
    waits, most = [], 0
    until = time.perf_counter() + UNREAD_SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        client.get(f"{PATH}/stream").raise_for_status()
        waits.append(time.perf_counter() - began)
        most = max(most, _memory(pid))
        time.sleep(0.02)
    return waits, most


def _create(url: str, name: str) -> None:
    httpx.post(url + PATH, headers=HEADERS, json=create_body(name)).raise_for_status()


def _asked(url: str, path: str) -> tuple[tuple[str, int], bytes]:
    parts = urlsplit(url)
    head = f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {SECRET_KEY}\r\n"
    address = str(parts.hostname), int(parts.port or 0)
    return address, f"{head}timeout-seconds: 600\r\n\r\n".encode()


@contextmanager
def _readers(url: str, path: str, count: int, *, wait: bool = True) -> Iterator[None]:
    """Open streams, and read no more than that they began."""
    address, request = _asked(url, path)
    sockets = []
    try:
        for _ in range(count):
            reader = socket.create_connection(address)
            reader.sendall(request)
            if wait:
                while b"event: ping" not in reader.recv(4096, socket.MSG_PEEK):
                    time.sleep(0.001)
            sockets.append(reader)
        yield
    finally:
        for reader in sockets:
            reader.close()


async def _delays(url: str, *, appends: int) -> list[float]:
    """Return how long each append took to reach each of many readers, in seconds."""
    address, request = _asked(url, STREAM)
    sent: list[float] = []
    delays: list[float] = []
    ready, arrived = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def read() -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        await reader.readuntil(b"event: ping")
        ready.release()
        for number in range(appends):
            await reader.readuntil(b"event: batch")
            delays.append(time.perf_counter() - sent[number])
            arrived.release()
        writer.close()

    tasks = []
    for _ in range(READERS):
        tasks.append(asyncio.ensure_future(read()))
        await ready.acquire()
    async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=60) as client:
        for _ in range(appends):
            sent.append(time.perf_counter())
            (await client.post(f"{STREAM}/append", content=b"{}")).raise_for_status()
            for _ in range(READERS):
                await arrived.acquire()
    await asyncio.gather(*tasks)
    return delays


def _listening(url: str) -> int:
    """Return the process that listens at an address."""
    port = urlsplit(url).port
    found = subprocess.run(
        ["ss", "-Hltnp", f"sport = :{port}"], check=True, capture_output=True, text=True
    )
    match = re.search(r"pid=(\d+)", found.stdout)
    if match is None:
        raise RuntimeError(f"no process of ours listens on port {port}")
    return int(match[1])


def _processor_seconds(pid: int) -> float:
    """Return the time that the one thread of a server has spent on a processor."""
    nanoseconds = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]
    return int(nanoseconds) / 1e9


def _memory(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main())
