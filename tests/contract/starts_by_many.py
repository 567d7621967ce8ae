"""Start many sessions from threads, event loops and children made by fork, all with one client.

Run as a program, since it forks: ``python starts_by_many.py ADDRESS KEY N_STARTS N_CHILDREN``. It
prints, as JSON, what each start was answered, the longest call, and every error that is not ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

import session_lab as sl

DEADLINE = 20.0
N_THREADS = 3
N_TASKS = 5
FASTER = 50
"""Waits between attempts are so much shorter than a client's own."""


def main(address: str, key: str, n_starts: int, n_children: int) -> None:
    """Start sessions everywhere at once, and print what came of it."""
    options: dict[str, Any] = {"max_retries": 30, "deadline": f"{DEADLINE:g}s"}
    client = sl.Client(key, address, sleep=lambda s: time.sleep(s / FASTER), **options)
    asynchronous = sl.AsyncClient(
        key, address, sleep=lambda s: asyncio.sleep(s / FASTER), **options
    )
    client.request("GET", "/api/v1/sessions")  # so that there is a connection to inherit
    workers = n_children + 1
    found = Found()
    background = threading.Thread(target=keep_asking, args=(client, found))
    background.start()  # so that there are locks to inherit
    pipes = []
    for worker in range(1, workers):
        read, write = os.pipe()
        if not os.fork():
            mine = Found()
            work(client, asynchronous, range(worker, n_starts, workers), mine)
            with os.fdopen(write, "w") as out:
                json.dump(vars(mine), out)
            os._exit(0)
        os.close(write)
        pipes.append(read)
    work(client, asynchronous, range(0, n_starts, workers), found)
    for pipe in pipes:
        with os.fdopen(pipe) as whole:
            found.add(json.load(whole))
    for _ in pipes:
        os.wait()
    background.join()
    client.close()
    print(json.dumps(vars(found)))  # noqa: T201  what a program does


class Found:
    """What came of calls."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str, str]] = []
        self.wrong: list[str] = []
        self.longest = 0.0

    def add(self, other: dict[str, Any]) -> None:
        """Add what another process found."""
        self.answers += other["answers"]
        self.wrong += other["wrong"]
        self.longest = max(self.longest, other["longest"])


def keep_asking(client: sl.Client, found: Found) -> None:
    """Be in the middle of a call whenever another thread forks."""
    for _ in range(200):
        try:
            client.request("GET", "/api/v1/sessions")
        except sl.APIError:
            continue
        except BaseException as error:  # noqa: BLE001  what the test looks for
            found.wrong.append(repr(error))


def work(client: sl.Client, asynchronous: sl.AsyncClient, numbers: range, found: Found) -> None:
    """Start sessions from some threads, and from the tasks of an event loop in one more."""
    shares = [numbers[share :: N_THREADS + 1] for share in range(N_THREADS + 1)]
    threads = [
        threading.Thread(target=in_thread, args=(client, share, found)) for share in shares[1:]
    ]
    loop = threading.Thread(target=asyncio.run, args=(in_loop(asynchronous, shares[0], found),))
    for thread in (*threads, loop):
        thread.start()
    for thread in (*threads, loop):
        thread.join()


def arguments(number: int) -> dict[str, Any]:
    """Say how a start is called; every eleventh external id is used by two starts."""
    name = f"chat-{number - 1 if number % 11 == 10 else number}"
    config = {"base_payload": {"chatId": name}}
    return {
        "type": "chat",
        "task_identifier": "agent",
        "trigger_config": config,
        "external_id": name,
    }


def in_thread(client: sl.Client, numbers: range, found: Found) -> None:
    """Start one session after the other."""
    for number in numbers:
        began = time.monotonic()
        try:
            session = client.sessions.start(**arguments(number))
            found.answers.append(
                (arguments(number)["external_id"], session.external_id, session.id)
            )
        except sl.APIError:
            found.answers.append((arguments(number)["external_id"], "", ""))
        except BaseException as error:  # noqa: BLE001  what the test looks for
            found.wrong.append(repr(error))
        found.longest = max(found.longest, time.monotonic() - began)


async def in_loop(client: sl.AsyncClient, numbers: range, found: Found) -> None:
    """Start sessions from several tasks."""

    async def task(share: range) -> None:
        for number in share:
            began = time.monotonic()
            try:
                session = await client.sessions.start(**arguments(number))
                name = arguments(number)["external_id"]
                found.answers.append((name, session.external_id, session.id))
            except sl.APIError:
                found.answers.append((arguments(number)["external_id"], "", ""))
            except BaseException as error:  # noqa: BLE001  what the test looks for
                found.wrong.append(repr(error))
            found.longest = max(found.longest, time.monotonic() - began)

    await asyncio.gather(*(task(numbers[share::N_TASKS]) for share in range(N_TASKS)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
