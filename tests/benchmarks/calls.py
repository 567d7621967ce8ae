"""Calls inside one process: a simulator's client against the same client over mocked httpx.

Both sides make the same calls with the same `Client`. Ours are answered by a new simulator, by the
rules; theirs by a mock of httpx, which gives every call the same answer. Nothing is required of the
ratio: it says what it costs to be answered by rules instead of by a constant.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import respx

import session_lab as sl
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.mocks import BASE_URL, STARTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.wire import StartedSession

__all__ = ["BENCHMARKS", "against_pytest_httpx", "against_respx", "start_each"]

N_CALLS = 500
PYTEST = ("-m", "pytest", "--quiet", "--capture", "no", "--noconftest", "-p", "no:cacheprovider")
MOCKED = Path(__file__).with_name("mocked_by_pytest_httpx.py")


class Timed(NamedTuple):
    """What a process of its own reports of its calls."""

    seconds: float
    is_cached: list[bool]


@contextmanager
def against_respx(n_calls: int = N_CALLS) -> Iterator[tuple[Side, Side]]:
    """Start sessions, answered by the simulator and by a route of respx."""
    with (
        respx.mock(base_url=BASE_URL, assert_all_called=False) as router,
        sl.Client(api_key="tr_dev_made_up", base_url=BASE_URL) as client,
    ):
        router.post("/api/v1/sessions").respond(201, json=STARTED)
        yield (
            _ours(n_calls),
            Side(
                f"the same {n_calls:,} calls mocked with respx",
                partial(_started_by_mock, client, router, n_calls),
                _outcome,
            ),
        )


@contextmanager
def against_pytest_httpx(n_calls: int = N_CALLS) -> Iterator[tuple[Side, Side]]:
    """Start sessions, answered by the simulator and by the fixture of pytest-httpx.

    The fixture lives in a test, so each turn of theirs is a run of pytest that times its calls.
    """
    yield (
        _ours(n_calls),
        Side(
            f"the same {n_calls:,} calls mocked with pytest-httpx",
            partial(_timed_by_pytest, n_calls),
            lambda timed: {"is_cached": timed.is_cached},
            lambda timed: timed.seconds,
        ),
    )


BENCHMARKS = (
    Benchmark("calls-respx", against_respx, "B/A", None),
    Benchmark("calls-pytest-httpx", against_pytest_httpx, "B/A", None),
)


def start_each(client: sl.Client, n_calls: int) -> list[StartedSession]:
    """Start one session after the other, each under a name of its own."""
    return [
        client.sessions.start(
            type="chat.agent",
            task_identifier="support-chat",
            external_id=f"chat-{number:05}",
            trigger_config={"base_payload": {"chatId": f"chat-{number:05}"}},
            tags=[f"chat:chat-{number:05}"],
        )
        for number in range(n_calls)
    ]


def _ours(n_calls: int) -> Side:
    return Side(
        f"{n_calls:,} calls of sl.Simulator().client().sessions.start",
        lambda: start_each(sl.Simulator().client(), n_calls),
        _outcome,
    )


def _started_by_mock(
    client: sl.Client, router: respx.MockRouter, n_calls: int
) -> list[StartedSession]:
    sessions = start_each(client, n_calls)
    # The mock keeps every call; left in memory, they would slow the other side's turn.
    router.reset()
    return sessions


def _timed_by_pytest(n_calls: int) -> Timed:
    command = [sys.executable, *PYTEST, "-c", os.devnull, "--rootdir", str(MOCKED.parent)]
    given = json.dumps({"n_calls": n_calls, "base_url": BASE_URL, "answer": STARTED})
    ended = subprocess.run(
        [*command, str(MOCKED)], check=True, capture_output=True, text=True, input=given
    )
    report = next(line for line in ended.stdout.splitlines() if line.startswith("{"))
    return Timed(**json.loads(report))


def _outcome(sessions: list[StartedSession]) -> dict[str, Any]:
    return {"is_cached": [session.is_cached for session in sessions]}
