"""One simulator in many threads, which are switched as often as can be."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_THREADS = 16
CONFIG = {"base_payload": {}}


@pytest.fixture(autouse=True)
def hurried() -> Iterator[None]:
    """Switch threads every ten microseconds."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@contextmanager
def together() -> Iterator[Callable[[Callable[[int], object]], list[object]]]:
    """Do something in every thread at once; what one raises comes out."""
    with ThreadPoolExecutor(N_THREADS) as pool:
        yield lambda work: list(pool.map(work, range(N_THREADS)))


@pytest.mark.parametrize("clients", ["one", "many"])
def test_every_external_id_is_created_once_and_no_append_is_lost(clients: str):
    sim = sl.Simulator(seed=1, policy=sl.RunPolicy(), platform=sl.Platform(turn_duration="1s"))
    shared = sim.client()
    created: list[str] = []
    told: list[tuple[str, int | None]] = []

    def work(thread: int) -> None:
        client = shared if clients == "one" else sim.client()
        for round_ in range(6):
            chat = f"chat-{round_}"
            session = client.sessions.start(
                type="chat", task_identifier="agent", trigger_config=CONFIG, external_id=chat
            )
            if not session.is_cached:
                created.append(chat)
            reply = client.sessions.append(chat, f"{thread}/{round_}")
            told.append((chat, reply.seq))
            client.sessions.retrieve(chat)
            list(client.sessions.list(limit=3).pages())
            sim.clock.advance("1ms")

    with together() as do:
        do(work)
    chats = [f"chat-{round_}" for round_ in range(6)]
    assert sorted(created) == chats
    assert len(set(told)) == len(told) == 6 * N_THREADS
    for round_, chat in enumerate(chats):
        records = shared.sessions.records(chat, io="in")
        assert sorted(record.data for record in records) == sorted(
            f"{thread}/{round_}" for thread in range(N_THREADS)
        )
    assert [entry.seq for entry in sim.journal] == list(range(len(sim.journal)))
    assert sim.clock.milliseconds() - sim.journal[0].at == 6 * N_THREADS
    assert sl.Simulator().digest() != sim.digest() == sim.fork().digest()


def test_snapshots_faults_and_limits_stay_whole_beside_requests():
    sim = sl.Simulator(seed=2, faults=sl.FaultRule(every=3, status=503), rate_limit=True)
    client = sim.client(max_retries=0)
    outcomes: list[str] = []

    def work(thread: int) -> None:
        for round_ in range(10):
            if thread % 4 == 0:
                sim.snapshot().to_json()
                sim.fork().digest()
                sim.sessions_frame()
                continue
            try:
                client.sessions.start(
                    type="chat",
                    task_identifier="agent",
                    trigger_config=CONFIG,
                    external_id=f"{thread}-{round_}",
                )
                outcomes.append("taken")
            except sl.InternalServerError:
                outcomes.append("failed")

    with together() as do:
        do(work)
    n_calls = 12 * 10
    assert outcomes.count("failed") == n_calls // 3
    assert len(sim.world.sessions) == outcomes.count("taken") == n_calls - n_calls // 3
